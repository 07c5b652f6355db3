"""Replies of a model to many conversations at once: the exam's way to ask, and the only place that knows how.

>>> replies(load("microworld/checkpoint"), [[{"role": "user", "content": "Copy: red lamp"}]])    # doctest: +SKIP
['red lamp']
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from ste_core.core.records import Message


@dataclass(frozen=True, slots=True)
class Speaker:
    """A model with its tokenizer."""

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast


def load(folder: str | Path) -> Speaker:
    """A checkpoint, in its own precision, on a GPU where there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").to(device).eval()
    return Speaker(network, AutoTokenizer.from_pretrained(folder))


@torch.no_grad()
def replies(
    speaker: Speaker,
    conversations: Sequence[Sequence[Message]],
    *,
    max_tokens: int = 96,
    temperature: float = 0.0,
    seed: int = 0,
    batch: int = 128,
) -> list[str]:
    """One reply to each conversation, greedy at temperature 0; batched by length, padded on the left."""
    texts = [
        speaker.tokenizer.apply_chat_template(one, tokenize=False, add_generation_prompt=True) for one in conversations
    ]
    found = [""] * len(texts)
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    torch.manual_seed(seed)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        inputs = speaker.tokenizer(
            [texts[row] for row in rows], return_tensors="pt", padding=True, add_special_tokens=False
        )
        sampling = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
        output = speaker.network.generate(**inputs.to(speaker.network.device), max_new_tokens=max_tokens, **sampling)
        new = output[:, inputs["input_ids"].shape[1] :]
        for row, text in zip(rows, speaker.tokenizer.batch_decode(new, skip_special_tokens=True), strict=True):
            found[row] = text
    return found
