"""transformers' Trainer for rows whose responses are learned: planned batches, one loss for any number of processes.

>>> pad([Row([5, 6, 7], 1, "call", ""), Row([8, 9], 1, "call", "")], 0)["labels"].tolist()
[[-100, 6, 7], [-100, 9, -100]]
>>> pack_rows([Row([5, 6, 7], 1, "call", ""), Row([8, 9], 1, "call", "")], 0)["position_ids"].tolist()
[[0, 1, 2, 0, 1]]

What `method.finetune` runs on. The plan of all epochs is one pass for the Trainer, so that resuming only skips what
is done. Padding stands on the right, where no causal layer sees it, so no mask is needed. Only positions that predict a
response token reach the output layer: with large vocabularies that is much of the time and most of the memory.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from ste_core.core.errors import UserError
from ste_core.method.training_data import IGNORED, TrainingRow, accumulation, deal

Inputs = dict[str, torch.Tensor]

#: the file that says that a checkpoint is whole
COMPLETE = "complete"


def pad(rows: Sequence[TrainingRow], filler: int) -> Inputs:
    """Rows below each other: ids and labels (B, L), filled up on the right. No rows: one that counts nothing."""
    rows = rows or [TrainingRow([filler, filler], 2, "call", "")]
    width = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), width), filler)
    labels = torch.full((len(rows), width), IGNORED)
    for number, row in enumerate(rows):
        line = torch.tensor(row.ids)
        ids[number, : len(line)] = line
        labels[number, row.prompt : len(line)] = line[row.prompt :]
    return {"input_ids": ids, "labels": labels}


def pack_rows(rows: Sequence[TrainingRow], filler: int) -> Inputs:
    """Rows behind each other: ids, labels and positions (1, L), which start anew with each row."""
    parts = [pad([row], filler) for row in rows] or [pad([], filler)]
    found = {key: torch.cat([part[key] for part in parts], 1) for key in parts[0]}
    positions = torch.cat([torch.arange(part["input_ids"].shape[1]) for part in parts])
    return found | {"position_ids": positions[None]}


@torch.no_grad()
def leaks(model: PreTrainedModel, rows: Sequence[TrainingRow]) -> bool:
    """Whether in this model a packed row depends on the row before it."""
    model.eval()
    second = rows[-1].ids[:64]
    seen = []
    for first in (rows[0].ids[:64], rows[0].ids[:64][::-1]):
        inputs = pack_rows([TrainingRow(first, 0, "", ""), TrainingRow(second, 0, "", "")], 0)
        inputs.pop("labels")
        inputs = {key: value.to(model.device) for key, value in inputs.items()}
        seen.append(model(**inputs, use_cache=False).logits[0, len(first) :].float())
    return not torch.allclose(seen[0], seen[1], rtol=0, atol=1e-3 * seen[0].abs().max().item())


class _Head:
    """Lets only chosen positions through to a model's output layer."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.places: torch.Tensor | None = None  # (N,) of the B * L positions; None lets all through
        head = model.get_output_embeddings()
        if head is not None:
            head.register_forward_pre_hook(self._choose)

    def _choose(self, head: torch.nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if self.places is None:
            return None
        return (arguments[0].flatten(0, -2)[self.places], *arguments[1:])


class ResponseTrainer(Trainer):
    """A Trainer over planned batches of rows.

    Args:
        rows, held: rows to train on and those held out.
        steps: the rows of each step, over all processes and all epochs (`training_data.plan_batches`).
        packing: put rows behind each other instead of padding them.
        tokens: padded tokens a process runs at once, in evaluation (in training the accumulation sees to it).

    The loss is the sum over response tokens by their number in the whole batch, over processes and accumulated parts.
    """

    loss_is_scaled_for_ga = True

    def __init__(
        self,
        model: Any,
        arguments: TrainingArguments,
        tokenizer: PreTrainedTokenizerBase,
        *,
        rows: list[TrainingRow],
        steps: Sequence[Sequence[int]],
        held: list[TrainingRow],
        packing: bool,
        tokens: int,
        callbacks: list[TrainerCallback],
    ) -> None:
        filler = tokenizer.pad_token_id or 0
        self._steps, self._tokens = steps, tokens
        self._join: Callable[[Sequence[TrainingRow]], Inputs] = lambda chosen: (pack_rows if packing else pad)(
            chosen, filler
        )
        self._head = _Head(model)
        super().__init__(
            model=model, args=arguments, train_dataset=rows, eval_dataset=held or None, processing_class=tokenizer,
            callbacks=callbacks,
        )  # fmt: skip
        self.model_accepts_loss_kwargs = True  # or the tokens of the whole batch would not be counted
        self.remove_callback(PrinterCallback)

    def get_train_dataloader(self) -> DataLoader:
        return self._loader(self.train_dataset, self._steps, self.args.gradient_accumulation_steps)

    def _loader(self, rows: list[TrainingRow], steps: Sequence[Sequence[int]], accumulated: int) -> DataLoader:
        """This process's parts of each step, in order."""
        processes, lengths = self.args.world_size, [len(row.ids) for row in rows]
        parts = [
            part
            for step in steps
            for part in deal(step, lengths, processes * accumulated)[self.args.process_index :: processes]
        ]
        return DataLoader(rows, batch_sampler=parts, collate_fn=self._join, pin_memory=self.args.dataloader_pin_memory)  # type: ignore[arg-type]

    def compute_loss(
        self, model: Any, inputs: Inputs, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        total, _, _ = self._sums(model, inputs)
        return total * (self.accelerator.num_processes / num_items_in_batch)  # what processes hold is averaged later

    def _sums(self, model: Any, inputs: Inputs) -> tuple[torch.Tensor, int, torch.Tensor]:
        """Of a batch: the sum of the response tokens' losses, their number, and how many are the likeliest token."""
        labels = inputs.pop("labels")
        wanted = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=IGNORED).flatten()
        places = (wanted != IGNORED).nonzero().squeeze(1)
        self._head.places = places
        try:
            logits = model(**inputs, use_cache=False).logits
        finally:
            self._head.places = None
        if logits.ndim == 3:  # a model without an output layer of its own
            logits = logits.flatten(0, 1)[places]
        logits, wanted = logits.float(), wanted[places]
        return cross_entropy(logits, wanted, reduction="sum"), len(wanted), (logits.argmax(-1) == wanted).sum()

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Loss and accuracy of the held-out rows' response tokens, the same for any number of processes."""
        rows: list[TrainingRow] = self.eval_dataset
        order = sorted(range(len(rows)), key=lambda row: len(rows[row].ids))
        size = self.args.per_device_train_batch_size
        steps = [order[at : at + size] for at in range(0, len(order), size)]
        lengths = [len(row.ids) for row in rows]
        parts = accumulation(steps, lengths, processes=self.args.world_size, tokens=self._tokens)
        sums = torch.zeros(3, dtype=torch.float64, device=self.args.device)
        self.model_wrapped.eval()
        with torch.no_grad():
            for inputs in self._loader(rows, steps, parts):
                total, count, right = self._sums(self.model_wrapped, self._prepare_inputs(inputs))
                sums += torch.stack([total.double(), total.new_tensor(count).double(), right.double()])
        loss, count, right = self.accelerator.reduce(sums, "sum").tolist()
        metrics = {"eval_loss": loss / count, "eval_accuracy": right / count}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def floating_point_ops(self, inputs: Inputs) -> int:
        return 0  # counting the parameters anew at each step takes longer than a small model's layers


class CompleteCheckpoints(TrainerCallback):
    """Marks a checkpoint when all of it is written, for `last_checkpoint`."""

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE).touch()


def last_checkpoint(folder: Path) -> Path | None:
    """The last checkpoint in a folder that is whole."""
    found = [path.parent for path in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return max(found, key=step_of, default=None)


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was written."""
    return int(checkpoint.name.rpartition("-")[2])


class LossReport(TrainerCallback):
    """Tells each step's loss, and ends a run whose loss or gradient is no number."""

    def __init__(self, done: Callable[[int, int, float], object]) -> None:
        self.done = done

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, float], **_: Any
    ) -> None:
        if "loss" not in logs:
            return
        for name in ("loss", "grad_norm"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise UserError(
                    f"finetuning: the {'loss' if name == 'loss' else 'gradient'} of step {state.global_step} is no "
                    f"number; lower learning_rate"
                )
        if state.is_world_process_zero:
            self.done(state.global_step, state.max_steps, logs["loss"])
