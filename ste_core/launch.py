"""Fine-tuning started by another command than ours: several processes, several GPUs, FSDP.

>>> options = Finetuning(base="org/model-7b", launch=["accelerate", "launch", "--num_processes", "4", "--use_fsdp"])
>>> finetune(examples, options, Path("results/paper/models/full/seed0"))                            # doctest: +SKIP

The command's words come from `finetuning.launch` of a study; `-m ste_core.finetune --config JOB` is put behind them.
The job file and its data stand in a hidden folder beside the output while it runs. What it makes is the same run to
`ste_core.finetune`, which then only reads it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from ste_core import store
from ste_core.errors import UserError
from ste_core.records import Example, Record
from ste_core.study import Finetuning
from ste_core.training_data import GeneralTask


def finetune(
    examples: Sequence[Example],
    options: Finetuning,
    output: Path,
    *,
    general: Sequence[GeneralTask] = (),
    tools: Collection[str] | None = None,
) -> None:
    """Fine-tune by the command in `options.launch`; arguments as of `ste_core.finetune.finetune`.

    A finished output is left to `ste_core.finetune` to compare and read.

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
    command = [*(options.launch or ()), "-m", "ste_core.finetune", "--config", str(job / "job.json")]
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
    root = str(Path(__file__).resolve().parents[1])
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
