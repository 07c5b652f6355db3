"""How fast fine-tuning is: against rows padded to 2,048 tokens as released, a bare loop, and TRL's packing.

    python benchmarks/finetune_packing.py [--base microworld/checkpoint] [--rows 1000]

One model, the same rows, one thread, useful tokens (padding not counted) per second of processor time, which a shared
machine disturbs less than wall-clock. TRL is measured if it can be imported; it is no dependency of this project:
`pip install --target trl --no-deps trl datasets pyarrow dill multiprocess xxhash`, then `PYTHONPATH=trl`.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from ste_core.finetune import Finetuning, _quiet
from ste_core.records import Example, TestItem
from ste_core.store import read_jsonl
from ste_core.trainer import pad
from ste_core.training_data import Row, conversations
from ste_core.training_run import Run

ROOT = Path(__file__).resolve().parents[1]
LENGTH = 2_048  # what the release pads to


def examples(count: int) -> list[Example]:
    """Examples of the length that exploration makes, from the microworld's development set."""
    items = read_jsonl(ROOT / "microworld/test_set/dev.jsonl", TestItem)
    chosen = random.Random(0).choices(items, k=count)
    return [
        Example(
            tool=one.gold.tool, episode=number, trial=0, paraphrase=0, query=one.query, call=one.gold,
            observation=json.dumps(one.result)[:200], answer=f"It is {json.dumps(one.result)[:60]}.",
        )
        for number, one in enumerate(chosen)
    ]  # fmt: skip


def rate(tokens: int, work: Callable[[], object]) -> tuple[float, float]:
    """Tokens per second of processor time, and of wall-clock."""
    processor, wall = time.process_time(), time.perf_counter()
    work()
    return tokens / (time.process_time() - processor), tokens / (time.perf_counter() - wall)


def plain_steps(base: str, batches: list[list[Row]], *, padded: bool) -> tuple[float, float]:
    """A loop without Trainer; `padded` as released: every row to `LENGTH`, a mask, logits at all positions."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step(rows: list[Row]) -> None:
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
    return rate(sum(len(row.ids) for rows in batches for row in rows), lambda: [step(rows) for rows in batches])


def trl_packing(base: str, run: Run, batch: int) -> tuple[float, float] | None:
    """TRL's SFTTrainer with packing on the same tokens, losses on completions only.

    Its packing that keeps rows apart refuses Lfm2 without CUDA kernels, so rows run into each other here: the same
    matrices to multiply, and no padding at all.
    """
    try:
        import datasets
        import pyarrow
        from trl import SFTConfig, SFTTrainer
    except ImportError as error:
        print(f"TRL is not measured: {error}")
        return None
    rows = [
        {"input_ids": row.ids, "completion_mask": [int(place >= row.prompt) for place in range(len(row.ids))]}
        for row in run.rows
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
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        table = datasets.table.InMemoryTable(pyarrow.Table.from_pylist(rows))
        data = datasets.Dataset(table, fingerprint="rows")  # or it would pickle them, which some versions cannot
        trainer = SFTTrainer(model, args=arguments, train_dataset=data, processing_class=run.tokenizer)
        return rate(sum(run.lengths), trainer.train)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", default=str(ROOT / "microworld/checkpoint"))
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--batch", type=int, default=32)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    options = Finetuning(base=chosen.base, epochs=1, batch=chosen.batch, learning_rate=1e-4, validation=0.0, threads=1)
    found = conversations(examples(chosen.rows // 2))
    with _quiet(1), tempfile.TemporaryDirectory() as folder:
        run = Run(options, Path(folder), found, [], lambda *_: None)
        batches = [[run.rows[row] for row in step] for step in run.steps]
        mean = sum(run.lengths) / len(run.lengths)
        filled = sum(run.lengths) / sum(len(rows) * max(len(row.ids) for row in rows) for rows in batches)
        print(f"{len(run.rows):,} rows of {mean:.0f} tokens, {100 * (1 - filled):.0f} % padding")
        few = random.Random(0).sample(run.rows, 8)
        ours = show("ours", rate(sum(run.lengths), run.train), None)
        bare = plain_steps(chosen.base, batches, padded=False)
        show("bare loop, same batches, all logits", bare, ours)
        show(f"padded to {LENGTH:,}, as released", plain_steps(chosen.base, [few[:4], few[4:]], padded=True), ours)
        show("TRL with packing", trl_packing(chosen.base, run, chosen.batch), ours)


def show(name: str, speed: tuple[float, float] | None, ours: float | None) -> float | None:
    """Print a line; returns the tokens per second of processor time."""
    if speed is None:
        return None
    compared = "" if ours is None else f", ours is {ours / speed[0]:.1f} x"
    print(f"{name:<40}{speed[0]:>8,.0f} tokens/s of processor time ({speed[1]:,.0f} wall){compared}", flush=True)
    return speed[0]


if __name__ == "__main__":
    main()
