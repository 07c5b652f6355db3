"""Fine-tuning as a job of its own: by a command line, and started by another command than ours (several GPUs, FSDP).

    python -m ste_core.pipeline.finetune_job --config job.json                  # {"finetuning": {...}, "examples": ...}
    accelerate launch --num_processes 4 --use_fsdp -m ste_core.pipeline.finetune_job --config job.json
    torchrun --standalone --nproc_per_node 2 -m ste_core.pipeline.finetune_job --config job.json             # over gloo

>>> options = Finetuning(base="org/model-7b", launch=["accelerate", "launch", "--num_processes", "4", "--use_fsdp"])
>>> launch(examples, options, Path("results/paper/models/full/seed0"))                              # doctest: +SKIP

The command's words come from `finetuning.launch` of a study, `-m` and this module are put behind them. The job file and
its data stand in a hidden folder beside the output while it runs. What it makes is the same run to `method.finetune`,
which then only reads it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from ste_core.core import store
from ste_core.core.config import Finetuning, Section
from ste_core.core.errors import UserError
from ste_core.core.records import Example, Record
from ste_core.method.finetune import Finetuned, finetune, validated
from ste_core.method.training_data import GeneralTask
from ste_core.pipeline import processes


def launch(
    examples: Sequence[Example],
    options: Finetuning,
    output: Path,
    *,
    general: Sequence[GeneralTask] = (),
    tools: Collection[str] | None = None,
) -> None:
    """Fine-tune by the command in `options.launch`; arguments as of `ste_core.method.finetune.finetune`.

    A finished output is left to `ste_core.method.finetune` to compare and read.

    Raises:
        UserError: the command is not there, or fails; its last line says why.
    """
    if output.exists():
        return
    job = output.with_name(f".{output.name}.job")
    for name, records in (("examples", examples), ("general", general)):
        _write(job / f"{name}.jsonl", records)
    plain = options.model_copy(update={"launch": None})
    value = {
        "finetuning": plain.model_dump(exclude_none=True), "examples": str(job / "examples.jsonl"),
        "general": str(job / "general.jsonl"), "output": str(output), "tools": None if tools is None else list(tools),
    }  # fmt: skip
    store.write_text(job / "job.json", json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    command = [*(options.launch or ()), "-m", "ste_core.pipeline.finetune_job", "--config", str(job / "job.json")]
    beside = Path(sys.executable).parent / command[0]  # .venv need not be activated
    command[0] = str(beside) if beside.exists() else command[0]
    with (job / "log.txt").open("w", encoding="utf-8") as log:
        try:
            code = subprocess.call(command, stdout=log, stderr=subprocess.STDOUT, env=_environment())
        except OSError as error:
            raise UserError(f"finetuning.launch: {command[0]}: {error.strerror}") from None
    if code:
        lines = (job / "log.txt").read_text(encoding="utf-8", errors="replace").split("\n")
        said = [line for line in lines if line.startswith("ste: ")] or [line for line in lines if line.strip()]
        why = said[-1].removeprefix("ste: ")[:300] if said else f"exit code {code}"
        raise UserError(f"finetuning.launch: {command[0]}: {why} (all of it: {job / 'log.txt'})")
    shutil.rmtree(job, ignore_errors=True)


def _write(path: Path, records: Sequence[Record]) -> None:
    store.write_text(path, "".join(one.model_dump_json() + "\n" for one in records))


def _environment() -> dict[str, str]:
    """Ours, with this package to be found from wherever the command starts it."""
    root = str(Path(__file__).resolve().parents[2])
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}


# --- the command ------------------------------------------------------------------------------------------------------


class Job(Section):
    """A job file: what to fine-tune on what, and where to. Paths are relative to the working directory."""

    finetuning: Finetuning
    examples: str  # JSON Lines of Example
    output: str
    general: str | None = None  # JSON Lines of GeneralTask
    tools: list[str] | None = None  # the toolbox's names


def run_job(path: Path, done: Callable[[int, int, float], object] = lambda step, steps, loss: None) -> Finetuned:
    """Run a job file.

    Raises:
        UserError: as `finetune`, or the file cannot be read.
    """
    try:
        job = validated(path, Job)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    for name in filter(None, (job.examples, job.general)):
        if not Path(name).is_file():
            raise UserError(f"{path}: {name}: no such file")
    return finetune(
        store.read_jsonl(Path(job.examples), Example), job.finetuning, Path(job.output),
        general=store.read_jsonl(Path(job.general), GeneralTask) if job.general else (), tools=job.tools, done=done,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ste_core.pipeline.finetune_job", description="Fine-tune a model.")
    parser.add_argument("--config", required=True, type=Path, metavar="FILE.json")
    path = parser.parse_args(arguments).config
    first = os.environ.get("RANK", "0") == "0"
    processes.end_with_run()
    from tqdm import tqdm

    try:
        with tqdm(unit="step", disable=not (first and sys.stderr.isatty())) as bar:

            def done(step: int, steps: int, loss: float) -> None:
                bar.total = steps
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                bar.update(step - bar.n)

            record = run_job(path, done)
    except UserError as error:
        if first:
            print(f"ste: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        if first:
            print("ste: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    if first:
        held = "" if record.validation_loss is None else f", {record.validation_loss:.4f} held out"
        print(f"{record.steps:,} steps, loss {record.loss:.4f}{held}, {record.tokens_per_second:,.0f} tokens/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
