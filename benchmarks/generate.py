"""Answers by the model in this process against a bare `generate` loop of transformers at the same batch.

    python -m benchmarks.generate [--profile tiny|quick|full]

The same prompts (queries of the development set with four documented tools), the same weights, the same number of
threads, greedy; both sides read texts in and give texts out. The bare loop takes the prompts in the order they come, so
many at a time, padded on the left. The texts of both are compared: equal but for rounding. Besides, sampled answers,
which the bare loop draws from one common generator and ours each from its own; and our bfloat16 against its float32.
"""

import sys
from collections.abc import Sequence

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.harness import Row, main, pair
from benchmarks.work import BASE, items, prompts
from ste_core.core import aio
from ste_core.core.records import Message
from ste_core.method.finetune import _quiet
from ste_core.models.base import gather
from ste_core.models.local import LocalChat

#: prompts at each batch size, new tokens at most, rounds
PLANS = {
    "tiny": ({1: 2, 4: 4}, 8, 2),
    "quick": ({1: 12, 16: 96, 64: 192}, 64, 5),
    "full": ({1: 48, 16: 384, 64: 768}, 64, 7),
}

#: texts of both sides that may differ by rounding, in greedy answers
ROUNDING = 0.03


class Bare:
    """What one writes without this project: a loop over batches with `generate`."""

    def __init__(self, folder: str) -> None:
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    @torch.inference_mode()
    def answer(self, asked: Sequence[list[Message]], batch: int, tokens: int, sample: bool) -> list[str]:
        texts: list[str] = []
        for start in range(0, len(asked), batch):
            some = asked[start : start + batch]
            rendered = [
                self.tokenizer.apply_chat_template(one, tokenize=False, add_generation_prompt=True) for one in some
            ]
            inputs = self.tokenizer(rendered, return_tensors="pt", padding=True, add_special_tokens=False)
            drawn = {"do_sample": True, "temperature": 1.0, "top_k": 0} if sample else {"do_sample": False}
            given = self.model.generate(
                input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=tokens,
                pad_token_id=self.tokenizer.pad_token_id, **drawn,
            )  # fmt: skip
            new = given[:, inputs["input_ids"].shape[1] :]
            texts += self.tokenizer.batch_decode(new, skip_special_tokens=True)
        return texts


def ours(model: LocalChat, asked: Sequence[list[Message]], tokens: int, sample: bool) -> list[str]:
    async def all_at_once() -> list[str]:
        temperature = 1.0 if sample else 0.0
        work = [model.complete(one, temperature=temperature, max_tokens=tokens, seed=n) for n, one in enumerate(asked)]
        return [one.text for one in await gather(work)]

    return aio.run(all_at_once())


def measure(plan: tuple[dict[int, int], int, int], command: str) -> list[Row]:
    sizes, tokens, rounds = plan
    torch.set_num_threads(1)
    rows = []
    largest, most = max(sizes.items())
    cases = [(batch, count, "greedy") for batch, count in sizes.items()]
    cases += [(largest, most, "sampled"), (largest, most, "greedy, bfloat16")]
    with _quiet(1):
        bare = Bare(BASE)
        for batch, count, how in cases:
            asked, sample = prompts(items(count)), how == "sampled"
            model = LocalChat.load(BASE, batch_size=batch, dtype="bfloat16" if "bfloat16" in how else "float32")
            bare.answer(asked[:2], batch, 2, sample)  # what the first one alone takes
            ours(model, asked[:2], 2, sample)
            differing: list[int] = []

            def same(own: list[str], other: list[str], differing: list[int] = differing, how: str = how) -> bool:
                differing.append(sum(a.strip() != b.strip() for a, b in zip(own, other, strict=True)))
                return how != "greedy" or differing[-1] <= max(1, ROUNDING * len(own))

            found = pair(
                lambda: ours(model, asked, tokens, sample),  # noqa: B023
                lambda: bare.answer(asked, batch, tokens, sample),  # noqa: B023
                rounds=rounds, same=same,
            )  # fmt: skip
            texts = "" if sample else f", {max(differing)} texts differ by rounding"
            what = f"generation in process, {how}, batch {batch}, against a bare generate loop"
            detail = f"processor time, {count} prompts, at most {tokens} tokens{texts}"
            rows.append(found.row(what, ">= 1", detail))
    return rows


if __name__ == "__main__":
    sys.exit(main("generate", PLANS, measure, __doc__))
