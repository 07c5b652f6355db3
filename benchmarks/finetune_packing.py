"""How fast fine-tuning is: against rows padded to 2,048 tokens as released, a bare loop, and TRL's packing.

    python -m benchmarks.finetune_packing [--profile tiny|quick|full]

One model, the same rows, one thread, useful tokens (padding not counted) per second of processor time. Each round
measures all sides in turn, each from the base on. Rows padded to 2,048 tokens are so slow that only a few are run.
TRL is measured if it can be imported; it is no dependency of this project:
`pip install --target trl --no-deps trl datasets pyarrow dill multiprocess xxhash`, then `PYTHONPATH=trl`.
"""

import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from benchmarks.harness import Row, main, measured, missing, row
from benchmarks.work import BASE, examples
from ste_core.method.finetune import Finetuning, _quiet
from ste_core.method.trainer import pad
from ste_core.method.training_data import TrainingRow, conversations
from ste_core.method.training_run import Run

LENGTH = 2_048  # what the release pads to

#: examples (two rows each), rows a step, rows padded as released, rounds
PLANS = {"tiny": (4, 4, 2, 2), "quick": (96, 32, 4, 5), "full": (500, 32, 8, 7)}


def plain_steps(batches: list[list[TrainingRow]], *, padded: bool) -> float:
    """Useful tokens per second of a loop without Trainer; `padded` as released: rows to `LENGTH`, logits everywhere."""
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step(rows: list[TrainingRow]) -> None:
        inputs = pad(rows, 0)
        if padded:
            wide = LENGTH - inputs["input_ids"].shape[1]
            ids = torch.nn.functional.pad(inputs["input_ids"], (0, wide))
            labels = torch.nn.functional.pad(inputs["labels"], (0, wide), value=-100)
            loss = model(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels, use_cache=False).loss
        else:
            loss = model(**inputs, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()

    step(batches[0][:2])  # what the first one alone takes
    return _rate(sum(len(one.ids) for rows in batches for one in rows), lambda: [step(rows) for rows in batches])


def trl_packing(run: Run, batch: int) -> float:
    """Useful tokens per second of TRL's SFTTrainer with packing on the same tokens, losses on completions only.

    Its packing that keeps rows apart refuses Lfm2 without CUDA kernels, so rows run into each other here: the same
    matrices to multiply, and no padding at all.
    """
    import datasets
    import pyarrow
    from trl import SFTConfig, SFTTrainer

    rows = [
        {"input_ids": one.ids, "completion_mask": [int(place >= one.prompt) for place in range(len(one.ids))]}
        for one in run.rows
    ]
    packed = 512  # tokens a packed sequence: rows of a batch of ours, about
    mean = sum(run.lengths) / len(run.lengths)
    with tempfile.TemporaryDirectory() as folder:
        arguments = SFTConfig(
            output_dir=folder, num_train_epochs=1, per_device_train_batch_size=max(1, round(batch * mean / packed)),
            packing=True, packing_strategy="wrapped", max_length=packed, use_cpu=True, bf16=False,
            gradient_checkpointing=False, report_to=[], disable_tqdm=True, save_strategy="no",
            logging_steps=1, dataset_kwargs={"skip_prepare_dataset": False}, completion_only_loss=True,
            optim="adamw_torch_fused", learning_rate=1e-4, dataloader_pin_memory=False,
        )  # fmt: skip
        model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
        table = datasets.table.InMemoryTable(pyarrow.Table.from_pylist(rows))
        data = datasets.Dataset(table, fingerprint="rows")  # or it would pickle them, which some versions cannot
        trainer = SFTTrainer(model, args=arguments, train_dataset=data, processing_class=run.tokenizer)
        return _rate(sum(run.lengths), trainer.train)


def _rate(tokens: int, work: Callable[[], Any]) -> float:
    return tokens / measured(work)[0]


def measure(plan: tuple[int, int, int, int], command: str) -> list[Row]:
    count, batch, few, rounds = plan
    torch.set_num_threads(1)
    options = Finetuning(
        base=BASE, epochs=1, batch=batch, learning_rate=1e-4, validation=0.0, threads=1, save_steps=10**6
    )
    found = conversations(examples(count))
    rates: dict[str, list[float]] = {"ours": [], "bare": [], "padded": [], "trl": []}
    no_trl = ""
    with _quiet(1), tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            run = Run(options, Path(folder) / str(number), found, set(), lambda *_: None)
            batches = [[run.rows[one] for one in step] for step in run.steps]
            chosen = random.Random(number).sample(run.rows, few)
            half = len(chosen) // 2

            def ours(run: Run = run) -> float:
                return _rate(sum(run.lengths), run.train)

            def bare(batches: list = batches) -> float:
                return plain_steps(batches, padded=False)

            def padded(chosen: list = chosen, half: int = half) -> float:
                return plain_steps([chosen[:half], chosen[half:]], padded=True)

            sides = {"ours": ours, "bare": bare, "padded": padded}
            for name in sides if number % 2 == 0 else reversed(sides):
                rates[name].append(sides[name]())
            if not no_trl:
                try:
                    rates["trl"].append(trl_packing(run, batch))
                except ImportError as error:
                    no_trl = f"TRL cannot be imported ({error})"
        mean = sum(run.lengths) / len(run.lengths)
    detail = f"useful tokens/s of processor time, {len(run.rows):,} rows of {mean:.0f} tokens"
    rows = []
    for name, against, limit in (
        ("padded", f"rows padded to {LENGTH:,} as released", ">= 10"),
        ("bare", "a bare loop over the same batches", ">= 0.9"),
        ("trl", "TRL's SFTTrainer with packing", ">= 1"),
    ):
        what = f"fine-tuning, against {against}"
        if rates[name]:
            ratios = [own / other for own, other in zip(rates["ours"], rates[name], strict=True)]
            middle = {side: sorted(rates[side])[rounds // 2] for side in ("ours", name)}
            rows.append(row(what, ratios, "x", limit, f"{middle['ours']:,.0f} against {middle[name]:,.0f} {detail}"))
        else:
            rows.append(missing(what, "x", limit, no_trl))
    return rows


if __name__ == "__main__":
    sys.exit(main("finetune_packing", PLANS, measure, __doc__))
