"""Token by token: a batch of rows, its key-value cache, and a choice of tokens that does not depend on the batch.

>>> batch = decoder.read([AnswerRow(prompt, Sampling(0.7, top_k=20), noise_key(1, 0, prompt))])         # doctest: +SKIP
>>> tokens, logprobs = decoder.choose(batch)                                                      # doctest: +SKIP

What `ste_core.models.local` runs on; torch is imported when a model is.
"""

import ctypes
import hashlib
import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer, LinearAttentionLayer

from ste_core.models.constrained import Constraint
from ste_core.models.prefix_cache import Known, PrefixCache, shared_beginnings
from ste_core.models.sampling import TIE, Sampling, draw, gumbel

_GREEDY = Sampling(0.0)

#: columns that all rows of a batch leave empty before they are cut off
SLACK = 16

#: columns that keys and values get ready for tokens to come
ROOM = 32

#: share of a batch's places that may stand free for rows to come
FREE = 0.25


@dataclass(eq=False, slots=True)
class AnswerRow:
    """One answer in the making.

    Attributes:
        prompt: its tokens.
        sampling: how tokens are drawn.
        key: where its noise comes from.
        constraint: what holds it to a form; None for free text.
        goes_on: whether its prompt is one that may go on.
        tokens: the answer so far; `logprobs` are theirs, 0 for those that the form forces at the beginning.
    """

    prompt: list[int]
    sampling: Sampling
    key: tuple[int, int]
    constraint: Constraint | None = None
    goes_on: bool = False
    request: Any = None
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)

    @property
    def text(self) -> list[int]:
        """All tokens, of the prompt and the answer."""
        return self.prompt + self.tokens


class Roomy(DynamicLayer):
    """Keys and values with room behind them: a new token is written there, where `DynamicLayer` copies all tokens.

    At 64 rows of 220 tokens that copy was half of the time of a step.
    """

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `DynamicLayer.update`."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = _roomy(key_states), _roomy(value_states)
        else:
            self.keys, self.values = _behind(self.keys, key_states), _behind(self.values, value_states)
        return self.keys, self.values


def _roomy(states: torch.Tensor, before: int = 0, room: int = ROOM) -> torch.Tensor:
    """A copy of (B, H, L, D) states behind `before` empty columns, in memory with `room` columns more."""
    rows, heads, length, size = states.shape
    memory = states.new_zeros(rows, heads, before + length + room, size)  # zeros: what is masked must be a number
    memory[:, :, before : before + length] = states
    return memory[:, :, : before + length]


def _behind(states: torch.Tensor, more: torch.Tensor) -> torch.Tensor:
    """States with `more` columns, in the same memory where that has room; all are the work of `_roomy`, or dense."""
    rows, heads, length, size = states.shape
    new = more.shape[2]
    if states.storage_offset() // size + length + new > states.stride(1) // size:
        states = _roomy(states, room=max(ROOM, new))
    states = states.as_strided((rows, heads, length + new, size), states.stride(), states.storage_offset())
    states[:, :, length:] = more
    return states


@dataclass(eq=False, slots=True)
class Batch:
    """Rows that take their next token together.

    Attributes:
        rows: B rows; None where one has gone and its place is free for another.
        cache: what the model keeps of their tokens.
        mask: (B, L) 1 where the cache holds a token, 0 where it is padded on the left.
        logits: (B, V) for the next token.
    """

    rows: list[AnswerRow | None]
    cache: DynamicCache
    mask: torch.Tensor
    logits: torch.Tensor

    @property
    def open(self) -> bool:
        """Whether rows may join: only caches of plain attention and short convolutions can be put together."""
        return all(type(layer) in (Roomy, LinearAttentionLayer) for layer in self.cache.layers)

    @property
    def here(self) -> list[AnswerRow]:
        """The rows without the free places."""
        return [row for row in self.rows if row is not None]

    def keep(self, numbers: Sequence[int]) -> None:
        """Let the rows at all other places go; one must stay. To close the gaps copies all, so some are left."""
        gone = sorted({number for number, row in enumerate(self.rows) if row is not None} - {*numbers})
        if not gone:
            return
        if len(numbers) <= (1 - FREE) * len(self.rows):
            self.rows = [self.rows[number] for number in numbers]
            chosen = torch.tensor(numbers, device=self.mask.device)
            self.cache.reorder_cache(chosen)
            self.mask = self.mask[chosen]
            self.logits = self.logits[chosen]
        else:
            self.rows = [None if number in gone else row for number, row in enumerate(self.rows)]
            self.mask[gone] = 0
        used = max(len(row.prompt) + len(row.tokens) - 1 for row in self.here)
        if self.open and (empty := self.mask.shape[1] - used) >= SLACK:
            self.mask = self.mask[:, empty:]
            for layer in self.cache.layers:
                if isinstance(layer, Roomy):
                    layer.keys, layer.values = layer.keys[..., empty:, :], layer.values[..., empty:, :]

    def join(self, other: "Batch") -> None:
        """Take another batch's rows in, into free places first."""
        pad = torch.nn.functional.pad
        wider = other.mask.shape[1] - self.mask.shape[1]
        lack, spare = max(wider, 0), max(-wider, 0)
        places = [number for number, row in enumerate(self.rows) if row is None][: len(other.rows)]
        for number, row in zip(places, other.rows, strict=False):
            self.rows[number] = row
        self.rows += other.rows[len(places) :]

        def put(mine: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
            mine[places] = theirs[: len(places)]
            return torch.cat([mine, theirs[len(places) :]]) if len(places) < len(theirs) else mine

        self.logits = put(self.logits, other.logits)
        self.mask = put(pad(self.mask, (lack, 0)), pad(other.mask, (spare, 0)))
        for mine, theirs in zip(self.cache.layers, other.cache.layers, strict=True):
            if isinstance(mine, Roomy):
                for name in ("keys", "values"):
                    states = getattr(mine, name)
                    states = _roomy(states, lack) if lack else states
                    setattr(mine, name, put(states, pad(getattr(theirs, name), (0, 0, spare, 0))))
            else:
                for held, more in ((mine.conv_states, theirs.conv_states),
                                   (mine.recurrent_states, theirs.recurrent_states)):  # fmt: skip
                    held.update({key: put(state, more[key]) for key, state in held.items() if state is not None})
        _give_back()


@cache
def _trim() -> Callable[[int], int]:
    """glibc's `malloc_trim`; elsewhere nothing."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return lambda _: 0


def _give_back() -> None:
    """Give freed memory back to the system: caches that grow leave holes that none of the later ones fits in, and a
    process of 2 GB had 12."""
    _trim()(0)


def _can_go_on(model: PreTrainedModel) -> bool:
    """Whether all that a model keeps of its tokens is a column each: plain attention and Lfm2's short convolutions."""
    kinds = {type(layer) for layer in DynamicCache(config=model.config).layers}
    short = hasattr(model.config, "conv_L_cache")
    return kinds <= ({DynamicLayer, LinearAttentionLayer} if short else {DynamicLayer})


class Decoder:
    """Runs a causal model; all calls from one thread, in `torch.inference_mode`.

    Args:
        model: in evaluation mode.
        vocabulary: tokens that may be chosen (a model may have more, to round its size).
    """

    def __init__(self, model: PreTrainedModel, vocabulary: int) -> None:
        self.model = model
        self._vocabulary = vocabulary
        self._takes = inspect.signature(model.forward).parameters
        head = model.get_output_embeddings()
        if head is not None and _in_one_piece not in head._forward_pre_hooks.values():
            head.register_forward_pre_hook(_in_one_piece)
        self._exact = model.dtype == torch.float32
        self._cache = PrefixCache() if _can_go_on(model) else None

    def read(self, rows: Sequence[AnswerRow], tokens: int) -> Batch:
        """A batch that has read rows' texts, each from where it is not known; what they share is read once.

        All rows, or some of them where the model's cache cannot be put together from parts.

        Args:
            tokens: padded tokens read at once, at most (a longer text is read alone).
        """
        texts = [row.text for row in rows]
        if self._cache is not None:
            for level in shared_beginnings(texts):
                for some in self._together(level, tokens):
                    self._read([AnswerRow(list(level[one]), _GREEDY, (0, 0), goes_on=True) for one in some])
                    _give_back()
        batch: Batch | None = None
        for some in self._together(texts, tokens):
            read = self._read([rows[one] for one in some])
            if batch is None:
                batch = read
            else:
                batch.join(read)
            if not batch.open:  # the others have to wait
                break
        assert batch is not None
        return batch

    def _together(self, texts: Sequence[Sequence[int]], tokens: int) -> Iterator[list[int]]:
        """Which texts are read at once, by number: those that lack about as much, as many as may be read."""
        known = [0] * len(texts) if self._cache is None else [self._cache.match(one).length for one in texts]
        lack = [max(len(one) - length, 1) for one, length in zip(texts, known, strict=True)]
        some: list[int] = []
        for number in sorted(range(len(texts)), key=lambda one: lack[one]):
            wider = some and lack[number] > 2 * lack[some[0]] + 8 and self._cache is not None
            if some and (wider or (len(some) + 1) * lack[number] > tokens):
                yield some
                some = []
            some.append(number)
        yield some

    def _read(self, rows: Sequence[AnswerRow]) -> Batch:
        """Read what is not known of each row's text, all to the width of what most is lacking; keep what goes on."""
        texts = [row.text for row in rows]
        before = [None if self._cache is None else self._cache.match(text) for text in texts]
        width = max(len(text) - min(one.length if one else 0, len(text) - 1)
                    for text, one in zip(texts, before, strict=True))  # fmt: skip
        # Who lacks less than the width reads a little of what is known again.
        past = [max(len(text) - width, 0) for text in texts]
        most = max(past)
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        mask = torch.zeros(len(rows), most + width, dtype=torch.long)
        for number, (text, length) in enumerate(zip(texts, past, strict=True)):
            rest = text[length:]
            ids[number, width - len(rest) :] = torch.tensor(rest)
            mask[number, most + width - len(text) :] = 1
        mask, cache = mask.to(self.model.device), DynamicCache(config=self.model.config)
        cache.layers = [Roomy() if type(layer) is DynamicLayer else layer for layer in cache.layers]
        if most:
            self._fill(cache, before, past, width)
        convolutions = [layer for layer in cache.layers if type(layer) is LinearAttentionLayer]
        keeps = self._cache is not None and any(row.goes_on for row in rows)
        for layer in convolutions if keeps else ():
            layer.activate_past_recording()
        batch = Batch([*rows], cache, mask, self._forward(ids, mask, cache)[:, -1])
        if keeps:
            for number, (row, text, known) in enumerate(zip(rows, texts, before, strict=True)):
                if row.goes_on:
                    self._cache.insert(text, known, self._columns(cache, number, len(text) - known.length))
            for layer in convolutions:  # back to what the next token needs
                size, seen = layer.conv_kernel_size[0], layer.conv_states[0]
                seen = torch.nn.functional.pad(seen, (max(size - seen.shape[2], 0), 0))
                layer.conv_states[0] = seen[:, :, -size:].clone()
                layer.record_past = False
        return batch

    def _fill(self, cache: DynamicCache, before: Sequence[Known], past: Sequence[int], width: int) -> None:
        """Put the first `past` tokens of what is known into an empty cache, padded on the left, with room for more."""
        most = max(past)
        kept_of = next(known.node for known, length in zip(before, past, strict=True) if length)
        for at, layer in enumerate(cache.layers):
            kept = kept_of.layers[at]
            if isinstance(layer, Roomy):
                rows, heads, size = len(before), kept[0].shape[1], kept[0].shape[3]
                memory = [kept[0].new_zeros(rows, heads, most + width + ROOM, size) for _ in kept]
                for number, (known, length) in enumerate(zip(before, past, strict=True)):
                    for kind, states in enumerate(memory):
                        known.copy(at, kind, 0, states[number : number + 1, :, most - length : most])
                layer.lazy_initialization(*memory)
                layer.keys, layer.values = (states[:, :, :most] for states in memory)
            else:
                size = self.model.config.conv_L_cache
                ends = kept[0].new_zeros(len(before), kept[0].shape[1], size)
                for number, (known, length) in enumerate(zip(before, past, strict=True)):
                    seen = min(length, size)
                    known.copy(at, 0, length - seen, ends[number : number + 1, :, size - seen :])
                layer.update_conv_state(ends, conv_kernel_size=size)

    @staticmethod
    def _columns(cache: DynamicCache, number: int, new: int) -> list[tuple[torch.Tensor, ...]]:
        """What the cache of a batch holds of a row's last `new` tokens, of each layer."""
        return [
            tuple(
                states[number : number + 1, :, states.shape[2] - new :]
                for states in ((layer.keys, layer.values) if isinstance(layer, Roomy) else (layer.conv_states[0],))
            )
            for layer in cache.layers
        ]

    def keep(self, batch: Batch, number: int) -> None:
        """Keep what a row's answer added, as far as it was read: a conversation goes on from there.

        Short convolutions keep no more than the next token needs, so of such models only prompts are kept.
        """
        row = batch.rows[number]
        if self._cache is None or row is None or not row.goes_on:
            return
        if any(not isinstance(layer, Roomy) for layer in batch.cache.layers):
            return
        text = row.text[: int(batch.mask[number].sum())]
        known = self._cache.match(text)
        if 0 < known.length < len(text):
            self._cache.insert(text, known, self._columns(batch.cache, number, len(text) - known.length))

    def advance(self, batch: Batch) -> None:
        """Read each row's last token."""
        ids = torch.tensor([[0 if row is None else row.tokens[-1]] for row in batch.rows])
        batch.mask = torch.nn.functional.pad(batch.mask, (0, 1), value=1)
        batch.logits = self._forward(ids, batch.mask, batch.cache)[:, -1]

    def choose(self, batch: Batch) -> tuple[list[int], list[float]]:
        """Each row's next token, and its log-probability at temperature 1 and without constraint; at free places, any.

        Rounding can only change the order of scores that almost tie, and what truncation keeps at its border. Such rows
        are run alone and in full: then the choice depends on the row's tokens only, so it is the same in any company.
        """
        tokens = [0] * len(batch.rows)
        logits = batch.logits.cpu().numpy()
        for number, row in enumerate(batch.rows):
            if row is None:
                continue
            tokens[number], sure = _pick(row, logits[number])
            if not sure and self._exact:
                alone = self._forward(torch.tensor([row.text]))[0, -1].cpu().numpy()
                tokens[number], _ = _pick(row, alone)
        taken = torch.tensor(tokens, device=batch.logits.device)
        logprobs = batch.logits.gather(1, taken[:, None])[:, 0] - batch.logits.logsumexp(1)
        return tokens, logprobs.tolist()

    def score(self, texts: Sequence[list[int]], start: int) -> list[float]:
        """The log-probability of each text's tokens from `start` on, given those before."""
        width = max(map(len, texts))
        ids = torch.tensor([text + [0] * (width - len(text)) for text in texts])
        logprobs = self._forward(ids, keep=width - start + 1)[:, :-1].log_softmax(-1)
        taken = logprobs.gather(2, ids[:, start:, None].to(logprobs.device))[..., 0].tolist()
        return [sum(row[: len(text) - start]) for row, text in zip(taken, texts, strict=True)]

    def _forward(
        self, ids: torch.Tensor, mask: torch.Tensor | None = None, cache: DynamicCache | None = None, keep: int = 1
    ) -> torch.Tensor:
        """(B, keep, V) logits of the last `keep` positions."""
        options: dict[str, Any] = {"use_cache": cache is not None, "past_key_values": cache, "attention_mask": mask}
        if mask is not None and "position_ids" in self._takes:
            options["position_ids"] = (mask.cumsum(1) - 1).clamp_min(0)[:, -ids.shape[1] :]
        if "logits_to_keep" in self._takes:
            options["logits_to_keep"] = keep
        with _grouped_attention(self.model.device):
            logits = self.model(input_ids=ids.to(self.model.device), **options).logits
        return logits[:, -keep:, : self._vocabulary].float()


@contextmanager
def _grouped_attention(device: torch.device) -> Iterator[None]:
    """On a CPU, query heads share keys and values where they lie; transformers copies them for each head wherever there
    is a mask. A step of 64 rows and 900 tokens takes 9 ms a layer instead of 78; the numbers are the same but for
    rounding.
    """
    before = os.environ.get(_GROUPED)
    if device.type == "cpu":
        os.environ[_GROUPED] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_GROUPED, None)
        else:
            os.environ[_GROUPED] = before


#: transformers' own switch, read at each layer (`integrations/sdpa_attention.py`)
_GROUPED = "TRANSFORMERS_SDPA_FORCE_GQA"


def _in_one_piece(module: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """The last positions of several rows are a view with gaps, for which torch multiplies row by row: measured with
    37 rows, 152,000 tokens and bfloat16, 82 s instead of 0.07."""
    return given[0].contiguous(), *given[1:]


def _pick(row: AnswerRow, logits: np.ndarray) -> tuple[int, bool]:
    """A row's next token by its (V,) logits, and whether rounding could not have changed it."""
    sampling, position = row.sampling, len(row.tokens)
    if row.constraint is not None:
        mask = row.constraint.mask()
        if mask is None:
            return _first_allowed(row, row.constraint, logits)
        if mask.any():  # else no token fits: any
            logits = np.where(mask, logits, -np.inf)
    if sampling.temperature > 0:
        return draw(logits, sampling, row.key, position)
    best = int(logits.argmax())
    rival = max(logits[:best].max(initial=-np.inf), logits[best + 1 :].max(initial=-np.inf))
    return best, bool(logits[best] - rival > TIE)


def _first_allowed(row: AnswerRow, constraint: Constraint, logits: np.ndarray) -> tuple[int, bool]:
    """As `_pick`, where only single tokens can be asked about: the best scores first. Nothing is truncated then."""
    scores = logits.astype(np.float64)
    if row.sampling.temperature > 0:
        scores += row.sampling.temperature * gumbel(row.key, len(row.tokens), np.arange(len(logits)))
    order = np.argsort(-scores, kind="stable")
    place = constraint.first(order.tolist())
    if place is None:
        return int(order[0]), True
    near = [one for one in order[place + 1 :][scores[order[place + 1 :]] > scores[order[place]] - TIE].tolist()]
    return int(order[place]), constraint.first(near) is None


def weights_digest(model: PreTrainedModel) -> str:
    """A digest of a model's weights, names and types included."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
