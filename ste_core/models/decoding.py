"""Token by token: a batch of rows, its key-value cache, and a choice of tokens that does not depend on the batch.

>>> batch = decoder.read([Row(prompt, noise(seed=1, choice=0, prompt=prompt), temperature=1.0)])  # doctest: +SKIP
>>> tokens, logprobs = decoder.choose(batch)                                                      # doctest: +SKIP

What `ste_core.models.local` runs on; torch is imported when a model is.
"""

import hashlib
import inspect
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer, LinearAttentionLayer

from ste_core.models.prefix_cache import SHARED, Known, Prefixes

#: Scores closer than this (in logits) are settled alone. Batches of one model differ by about 1e-5 in float32.
TIE = 1e-3

#: of a row held to a form, so many of the likeliest tokens are tried before all are
LIKELY = 32

#: columns that all rows of a batch leave empty before they are cut off
SLACK = 16

#: columns that keys and values get ready for tokens to come
ROOM = 32

#: share of a batch's places that may stand free for rows to come
FREE = 0.25


@dataclass(eq=False, slots=True)
class Row:
    """One answer in the making: its prompt, where its noise comes from (None at temperature 0), the pattern it is held
    to (compiled by `regex`, None for free text), whether its prompt is one that may go on, tokens so far."""

    prompt: list[int]
    noise: np.random.Generator | None
    temperature: float
    form: Any = None
    goes_on: bool = False
    request: Any = None
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


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

    rows: list[Row | None]
    cache: DynamicCache
    mask: torch.Tensor
    logits: torch.Tensor

    @property
    def open(self) -> bool:
        """Whether rows may join: only caches of plain attention and short convolutions can be put together."""
        return all(type(layer) in (Roomy, LinearAttentionLayer) for layer in self.cache.layers)

    @property
    def here(self) -> list[Row]:
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
        self._exact = model.dtype == torch.float32
        # Nothing is kept where texts depend on the company anyway, or where reading is quick beside copying.
        kept = self._exact and model.device.type == "cpu" and _can_go_on(model)
        self._prefixes = Prefixes() if kept else None

    def read(self, rows: list[Row]) -> Batch:
        """A batch that has read its rows' prompts."""
        return self._read(rows, max(len(row.prompt) for row in rows), [None] * len(rows))

    def resume(self, rows: list[Row], tokens: int) -> Batch | None:
        """A batch of those rows whose prompts go on from earlier ones, read from there; None if there are none.

        Args:
            tokens: padded tokens read at once, at most.
        """
        if self._prefixes is None:
            return None
        found = [(row, known) for row in rows if (known := self._prefixes.longest(row.prompt)) is not None]
        found.sort(key=lambda one: len(one[0].prompt) - len(one[1].prompt))
        batch: Batch | None = None
        while found:  # together those that lack about as much; who lacks less reads a little of what is known again
            lack = len(found[0][0].prompt) - len(found[0][1].prompt)
            width, count, shortest = lack, 1, len(found[0][0].prompt)
            for row, known in found[1:]:
                wider, shortest = len(row.prompt) - len(known.prompt), min(shortest, len(row.prompt))
                if wider > 2 * lack + 8 or (count + 1) * wider > tokens or shortest - wider < SHARED // 2:
                    break
                width, count = wider, count + 1
            rows, before = zip(*found[:count], strict=True)
            read = self._read(rows, width, before)
            if batch is not None:
                batch.join(read)
            batch = batch or read
            del found[:count]
        return batch

    def _read(self, rows: Sequence[Row], width: int, before: Sequence[Known | None]) -> Batch:
        """Read the last `width` tokens of each prompt behind what is known of it, which is nothing or the rest."""
        past = [0 if known is None else len(row.prompt) - width for row, known in zip(rows, before, strict=True)]
        most = max(past)
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        mask = torch.zeros(len(rows), most + width, dtype=torch.long)
        for number, row in enumerate(rows):
            rest = row.prompt[past[number] :]
            ids[number, width - len(rest) :] = torch.tensor(rest)
            mask[number, most + width - len(row.prompt) :] = 1
        mask, cache = mask.to(self.model.device), DynamicCache(config=self.model.config)
        cache.layers = [Roomy() if type(layer) is DynamicLayer else layer for layer in cache.layers]
        if most:
            self._fill(cache, [known for known in before if known is not None], past, width)
        convolutions = [layer for layer in cache.layers if type(layer) is LinearAttentionLayer]
        keeps = self._prefixes is not None and any(row.goes_on for row in rows)
        for layer in convolutions if keeps else ():
            layer.activate_past_recording()
        batch = Batch([*rows], cache, mask, self._forward(ids, mask, cache)[:, -1])
        if self._prefixes is not None and keeps:
            for number, (row, known) in enumerate(zip(rows, before, strict=True)):
                self._prefixes.keep(self._known(batch, number, row.prompt, known, past[number]))
            for layer in convolutions:  # back to what the next token needs
                size, seen = layer.conv_kernel_size[0], layer.conv_states[0]
                seen = torch.nn.functional.pad(seen, (max(size - seen.shape[2], 0), 0))
                layer.conv_states[0] = seen[:, :, -size:].clone()
                layer.record_past = False
        return batch

    def _fill(self, cache: DynamicCache, before: Sequence[Known], past: Sequence[int], width: int) -> None:
        """Put the first `past` tokens of what is known into an empty cache, padded on the left, with room for more."""
        most = max(past)
        for at, layer in enumerate(cache.layers):
            kept = before[0].layers[at]
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
                    known.copy(at, 0, length - size, ends[number : number + 1])
                layer.update_conv_state(ends, conv_kernel_size=size)

    def _known(self, batch: Batch, number: int, prompt: list[int], known: Known | None, past: int) -> Known:
        """What a batch that was just read has made of a row's prompt."""
        new = len(prompt) - past
        layers = [
            tuple(
                states[number : number + 1, :, states.shape[2] - new :].clone()
                for states in ((layer.keys, layer.values) if isinstance(layer, Roomy) else (layer.conv_states[0],))
            )
            for layer in batch.cache.layers
        ]
        return Known(prompt, past, known, layers)

    def advance(self, batch: Batch) -> None:
        """Read each row's last token."""
        ids = torch.tensor([[0 if row is None else row.tokens[-1]] for row in batch.rows])
        batch.mask = torch.nn.functional.pad(batch.mask, (0, 1), value=1)
        batch.logits = self._forward(ids, batch.mask, batch.cache)[:, -1]

    def choose(self, batch: Batch, allows: Callable[[Row, int], bool] | None = None) -> tuple[list[int], list[float]]:
        """Each row's next token, and its log-probability at temperature 1; at free places, any.

        Args:
            allows: whether a row that is held to a form may take a token.
        """
        scores = self._scores(batch)
        best = scores.topk(2)
        tokens = best.indices[:, 0]
        if self._exact:
            # Rounding can only change the order of scores that almost tie. Those rows are run alone and in full: then
            # the score depends on the row's tokens only, so the row takes the same token in any company.
            for number in (best.values[:, 0] - best.values[:, 1] < TIE).nonzero().flatten().tolist():
                row = batch.rows[number]
                if row is not None and row.form is None:
                    tokens[number] = self._alone(row, scores[number] - batch.logits[number]).argmax()
        held = [number for number, row in enumerate(batch.rows) if row is not None and row.form is not None]
        if held and allows is not None:
            likely = scores[held].topk(min(LIKELY, scores.shape[1])).indices.tolist()
            for number, order in zip(held, likely, strict=True):
                row = batch.rows[number]
                assert row is not None  # a free place is held to nothing
                tokens[number] = self._held(row, scores[number], batch.logits[number], order, allows)
        logprobs = batch.logits.gather(1, tokens[:, None])[:, 0] - batch.logits.logsumexp(1)
        return tokens.tolist(), logprobs.tolist()

    def _alone(self, row: Row, noise: torch.Tensor) -> torch.Tensor:
        """(V,) scores of a row run by itself and in full."""
        return self._forward(torch.tensor([row.prompt + row.tokens]))[0, -1] + noise

    def _held(
        self, row: Row, scores: torch.Tensor, logits: torch.Tensor, order: list[int], allows: Callable[[Row, int], bool]
    ) -> int:
        """The best token that a row held to a form may take; the best of all where none may (no token fits).

        `order` has the likeliest tokens, best first; all others are looked at only where none of these may be taken.
        """
        place = next((at for at, token in enumerate(order) if allows(row, token)), None)
        if place is None:
            order = scores.argsort(descending=True).tolist()
            place = next((at for at, token in enumerate(order) if allows(row, token)), None)
            if place is None:
                return order[0]
        best = order[place]
        if self._exact:
            least = scores[best].item() - TIE
            near = itertools.takewhile(lambda token: scores[token].item() > least, order[place + 1 :])
            if rivals := [token for token in near if allows(row, token)]:
                again = self._alone(row, scores - logits)
                best = max([best, *rivals], key=lambda token: again[token].item())
        return best

    def score(self, texts: Sequence[list[int]], start: int) -> list[float]:
        """The log-probability of each text's tokens from `start` on, given those before."""
        width = max(map(len, texts))
        ids = torch.tensor([text + [0] * (width - len(text)) for text in texts])
        logprobs = self._forward(ids, keep=width - start + 1)[:, :-1].log_softmax(-1)
        taken = logprobs.gather(2, ids[:, start:, None].to(logprobs.device))[..., 0].tolist()
        return [sum(row[: len(text) - start]) for row, text in zip(taken, texts, strict=True)]

    def _scores(self, batch: Batch) -> torch.Tensor:
        """(B, V) logits, with Gumbel noise times temperature where a row samples: the largest is then a sample of the
        softmax."""
        sampling = [(number, row) for number, row in enumerate(batch.rows) if row is not None and row.noise is not None]
        if not sampling:
            return batch.logits
        noise = np.empty((len(sampling), self._vocabulary), dtype=np.float32)
        for drawn, (_, row) in zip(noise, sampling, strict=True):
            row.noise.standard_exponential(dtype=np.float32, out=drawn)
        temperatures = torch.tensor([[-row.temperature] for _, row in sampling])
        smallest = float(np.finfo(np.float32).tiny)
        gumbel = (torch.from_numpy(noise).clamp_min_(smallest).log_() * temperatures).to(self.model.device)
        if len(sampling) == len(batch.rows):
            return batch.logits + gumbel
        scores = batch.logits.clone()
        scores[[number for number, _ in sampling]] += gumbel
        return scores

    def _forward(
        self, ids: torch.Tensor, mask: torch.Tensor | None = None, cache: DynamicCache | None = None, keep: int = 1
    ) -> torch.Tensor:
        """(B, keep, V) logits of the last `keep` positions."""
        options: dict[str, Any] = {"use_cache": cache is not None, "past_key_values": cache, "attention_mask": mask}
        if mask is not None and "position_ids" in self._takes:
            options["position_ids"] = (mask.cumsum(1) - 1).clamp_min(0)[:, -ids.shape[1] :]
        if "logits_to_keep" in self._takes:
            options["logits_to_keep"] = keep
        logits = self.model(input_ids=ids.to(self.model.device), **options).logits
        return logits[:, -keep:, : self._vocabulary].float()


def noise(seed: int | None, choice: int, prompt: Sequence[int]) -> np.random.Generator:
    """The source of a row's noise. The prompt has its part, so that one seed for many prompts draws independently."""
    if seed is None:
        return np.random.default_rng()
    digest = hashlib.sha256(np.asarray(prompt, dtype="<i8").tobytes()).digest()
    return np.random.default_rng([seed % 2**64, choice, int.from_bytes(digest, "little")])


def weights_digest(model: PreTrainedModel) -> str:
    """A digest of a model's weights, names and types included."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
