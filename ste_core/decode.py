"""Token by token: a batch of rows, its key-value cache, and a choice of tokens that does not depend on the batch.

>>> batch = decoder.read([Row(prompt, noise(seed=1, choice=0, prompt=prompt), temperature=1.0)])  # doctest: +SKIP
>>> tokens, logprobs = decoder.choose(batch)                                                      # doctest: +SKIP

What `ste_core.local` runs on; torch is imported when a model is.
"""

import hashlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer, LinearAttentionLayer

#: Scores closer than this (in logits) are settled alone. Batches of one model differ by about 1e-5 in float32.
TIE = 1e-3

#: columns that all rows of a batch leave empty before they are cut off
SLACK = 16


@dataclass(eq=False, slots=True)
class Row:
    """One answer in the making: its prompt, where its noise comes from (None at temperature 0), tokens so far."""

    prompt: list[int]
    noise: np.random.Generator | None
    temperature: float
    request: Any = None
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Batch:
    """Rows that take their next token together.

    Attributes:
        rows: B rows.
        cache: what the model keeps of their tokens.
        mask: (B, L) 1 where the cache holds a token, 0 where it is padded on the left.
        logits: (B, V) for the next token.
    """

    rows: list[Row]
    cache: DynamicCache
    mask: torch.Tensor
    logits: torch.Tensor

    @property
    def open(self) -> bool:
        """Whether rows may join: only caches of plain attention and short convolutions can be put together."""
        return all(type(layer) in (DynamicLayer, LinearAttentionLayer) for layer in self.cache.layers)

    def keep(self, numbers: Sequence[int]) -> None:
        """Let all other rows go; one must stay."""
        if len(numbers) == len(self.rows):
            return
        self.rows = [self.rows[number] for number in numbers]
        chosen = torch.tensor(numbers, device=self.mask.device)
        self.cache.reorder_cache(chosen)
        self.mask = self.mask[chosen]
        self.logits = self.logits[chosen]
        used = max(len(row.prompt) + len(row.tokens) - 1 for row in self.rows)
        if self.open and (empty := self.mask.shape[1] - used) >= SLACK:
            self.mask = self.mask[:, empty:]
            for layer in self.cache.layers:
                if isinstance(layer, DynamicLayer):
                    layer.keys, layer.values = layer.keys[..., empty:, :], layer.values[..., empty:, :]

    def join(self, other: "Batch") -> None:
        """Take another batch's rows in."""
        width = max(self.mask.shape[1], other.mask.shape[1])
        pad = torch.nn.functional.pad
        both = [(one, width - one.mask.shape[1]) for one in (self, other)]
        self.rows = self.rows + other.rows
        self.logits = torch.cat([self.logits, other.logits])
        self.mask = torch.cat([pad(one.mask, (lack, 0)) for one, lack in both])
        for mine, theirs in zip(self.cache.layers, other.cache.layers, strict=True):
            if isinstance(mine, DynamicLayer):
                layers = [(layer, lack) for layer, (_, lack) in zip((mine, theirs), both, strict=True)]
                mine.keys, mine.values = (
                    torch.cat([pad(getattr(layer, name), (0, 0, lack, 0)) for layer, lack in layers])
                    for name in ("keys", "values")
                )
            else:
                for states, more in ((mine.conv_states, theirs.conv_states),
                                     (mine.recurrent_states, theirs.recurrent_states)):  # fmt: skip
                    states.update({key: torch.cat([state, more[key]]) for key, state in states.items()
                                   if state is not None})  # fmt: skip


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

    def read(self, rows: list[Row]) -> Batch:
        """A batch that has read its rows' prompts."""
        width = max(len(row.prompt) for row in rows)
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for number, row in enumerate(rows):
            ids[number, width - len(row.prompt) :] = torch.tensor(row.prompt)
            mask[number, width - len(row.prompt) :] = 1
        mask = mask.to(self.model.device)
        cache = DynamicCache(config=self.model.config)
        return Batch(rows, cache, mask, self._forward(ids, mask, cache)[:, -1])

    def advance(self, batch: Batch) -> None:
        """Read each row's last token."""
        ids = torch.tensor([row.tokens[-1:] for row in batch.rows])
        batch.mask = torch.nn.functional.pad(batch.mask, (0, 1), value=1)
        batch.logits = self._forward(ids, batch.mask, batch.cache)[:, -1]

    def choose(self, batch: Batch) -> tuple[list[int], list[float]]:
        """Each row's next token, and its log-probability at temperature 1."""
        scores = batch.logits + self._noise(batch)
        best = scores.topk(2)
        tokens = best.indices[:, 0]
        if self._exact:
            # Rounding can only change the order of scores that almost tie. Those rows are run alone and in full: then
            # the score depends on the row's tokens only, so the row takes the same token in any company.
            for number in (best.values[:, 0] - best.values[:, 1] < TIE).nonzero().flatten().tolist():
                row = batch.rows[number]
                logits = self._forward(torch.tensor([row.prompt + row.tokens]))[0, -1]
                tokens[number] = (logits + (scores[number] - batch.logits[number])).argmax()
        logprobs = batch.logits.gather(1, tokens[:, None])[:, 0] - batch.logits.logsumexp(1)
        return tokens.tolist(), logprobs.tolist()

    def score(self, texts: Sequence[list[int]], start: int) -> list[float]:
        """The log-probability of each text's tokens from `start` on, given those before."""
        width = max(map(len, texts))
        ids = torch.tensor([text + [0] * (width - len(text)) for text in texts])
        logprobs = self._forward(ids, keep=width - start + 1)[:, :-1].log_softmax(-1)
        taken = logprobs.gather(2, ids[:, start:, None].to(logprobs.device))[..., 0].tolist()
        return [sum(row[: len(text) - start]) for row, text in zip(taken, texts, strict=True)]

    def _noise(self, batch: Batch) -> torch.Tensor:
        """(B, V) Gumbel noise times temperature: the largest sum of logit and noise is a sample of the softmax."""
        noise = np.ones((len(batch.rows), self._vocabulary), dtype=np.float32)
        for number, row in enumerate(batch.rows):
            if row.noise is not None:
                row.noise.standard_exponential(dtype=np.float32, out=noise[number])
        temperatures = torch.tensor([[-row.temperature] for row in batch.rows])
        smallest = float(np.finfo(np.float32).tiny)
        return (torch.from_numpy(noise).clamp_min_(smallest).log_() * temperatures).to(self.model.device)

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
