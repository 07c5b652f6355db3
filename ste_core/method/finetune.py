"""Fine-tuning on what exploration found out: supervised, on the responses only, full or by LoRA.

>>> options = Finetuning(base="microworld/checkpoint", learning_rate=1e-3, batch=32, threads=1)
>>> finetune(examples, options, Path("results/full/tuned/seed0"))                                 # doctest: +SKIP
Finetuned(kind='model', steps=438, loss=0.012, validation_loss=0.31, ...)
>>> model = load_tuned(Path("results/full/tuned/seed0"))                                                # doctest: +SKIP

The command line, for several processes, is `ste_core.pipeline.finetune_job`.

Runs on transformers' Trainer with accelerate: CPU, one GPU, several (DDP, FSDP). Which rows make a batch, and their
loss (the sum over response tokens, by their number in the whole batch), do not depend on the number of processes, so
neither does the loss curve, but for rounding (and dropout). A killed run goes on from its last checkpoint; the output
folder is complete or not there; a finished one is not made again. Needs torch, transformers and accelerate; LoRA: peft.

The defaults are the release's (METHOD, "Exploitation"). Departures: rows are batched by length instead of padded to
2,048 tokens; tool tokens are off by default (a small model needs the words of a name); weights stay in float32 beside
bfloat16 arithmetic. Packing puts rows one behind another with positions that start anew; models whose layers look
across such borders (Lfm2's convolutions do) are refused, since a run checks for that before it starts.
"""

import contextlib
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from ste_core.core import store
from ste_core.core.config import Finetuning, explain
from ste_core.core.errors import UserError, one_line, tell
from ste_core.core.records import Example, Record
from ste_core.method.training_data import GeneralTask, conversations
from ste_core.models import weights
from ste_core.models.quiet import quiet_transformers

if TYPE_CHECKING:
    from ste_core.models.local import LocalChat

M = TypeVar("M", bound=BaseModel)

RECORD = "finetune.json"

#: options that change how fast a run is, not what it makes; and the list of seeds, one of which is a run's `seed`
NOT_THE_RESULT = frozenset({"seeds", "device_tokens", "device", "threads", "save_steps", "launch"})

#: what in a folder makes a model
MODEL_FILES = ("*.safetensors", "*.bin", "*.json", "*.jinja", "*.model")

#: raised when fine-tuning comes to mean something else: what an earlier version made is then not taken for this one's
METHOD = 1

#: packages whose versions can move a result, beside those of `store.PACKAGES`
PACKAGES = ("torch", "transformers", "accelerate", "peft", "tokenizers")


class Finetuned(Record):
    """The record of a fine-tuning, `finetune.json`.

    Attributes:
        kind: what the folder holds, a whole model or an adapter to `options.base`.
        fingerprint: of the options that matter, the base and the data; the same again is not trained again.
        base_sha256: of the base's files; None for a hub name, whose commit is `base_commit`.
        data_sha256: of examples, general tasks and their order.
        rows: number of training rows by kind, and of those "held_out", "too_long" and "special" (see `encode`).
        steps: of the optimiser.
        loss, validation_loss: at the last step and at the end; None without validation rows. Curves: `loss.csv`,
            `validation.csv`.
        tokens, response_tokens: of all steps, padding not counted.
        seconds, tokens_per_second: of the last session (`resumed_at` is its first step; 0 if none was killed before).
    """

    kind: Literal["model", "adapter"]
    fingerprint: str
    options: dict[str, JsonValue]
    base_sha256: str | None
    base_commit: str | None
    data_sha256: str
    rows: dict[str, int]
    tool_tokens: list[str]
    steps: int
    loss: float
    validation_loss: float | None
    tokens: int
    response_tokens: int
    resumed_at: int
    seconds: float
    tokens_per_second: float
    processes: int
    accumulation: int
    device: str
    dtype: str
    provenance: dict[str, JsonValue]


def finetune(
    examples: Sequence[Example],
    options: Finetuning,
    output: Path,
    *,
    general: Sequence[GeneralTask] = (),
    tools: Collection[str] | None = None,
    done: Callable[[int, int, float], object] = lambda step, steps, loss: None,
) -> Finetuned:
    """Fine-tune a model into a folder, which `load_tuned` and `LocalChat.load` read.

    Args:
        examples: what to learn, in any order (another order is another run).
        output: the folder to make; a hidden one beside it holds an unfinished run.
        general: tasks in normal mode, learned with them.
        tools: the toolbox's names; None if examples may call any.
        done: called after each step with the step, their number and the loss (in the first process only).

    Returns:
        The record; at once if `output` holds this very run.

    Raises:
        UserError: `output` holds something else, another process is at it, a wrong base or option, nothing to learn
            from (see `training_data`), a loss that is no number, no memory or no space left. What was there, stays.
    """
    output = Path(output)
    found = conversations(
        examples, general, answer_rows=options.answer_rows, tool_tokens=options.tool_tokens, tools=tools
    )
    _check(options)
    base_sha256, base_commit = identity(options.base)
    data_sha256 = _digest_of(examples, general)
    chosen = options.model_dump(exclude=set(NOT_THE_RESULT))
    if options.tool_format == "react":  # as it was before there was a choice
        chosen.pop("tool_format")
    if base_sha256 is not None:
        chosen.pop("base")  # by its content, wherever it lies
    version = [] if METHOD == 1 else [METHOD]  # earlier runs did not note it
    fingerprint = store.digest([chosen, base_sha256, base_commit, data_sha256, *version])
    finished = _finished(output, options, fingerprint, base_sha256)
    if finished is not None:
        return finished
    part = output.with_name(f".{output.name}.{fingerprint[:16]}.part")
    with _writing(output), _alone(output), _quiet(options.threads):
        from ste_core.method.training_run import Run

        run = Run(options, part, found, {one.call.tool for one in examples}, done)
        trained = run.train()
        kind: Literal["model", "adapter"] = (
            "adapter" if options.method == "lora" and not (options.merge or options.tool_tokens) else "model"
        )
        run.save(part / "final", merge=options.method == "lora" and kind == "model")
        if run.first:
            record = Finetuned(
                kind=kind, fingerprint=fingerprint, options=options.model_dump(), base_sha256=base_sha256,
                base_commit=base_commit, data_sha256=data_sha256, provenance=_provenance(), **trained,
            )  # fmt: skip
            _put_in_place(part / "final", record, output)
        run.trainer.accelerator.wait_for_everyone()
    return read_record(output)


def clear(
    examples: Sequence[Example], options: Finetuning, output: Path, *, general: Sequence[GeneralTask] = ()
) -> None:
    """Make room for `finetune` where the folder holds what the same options made of other data, and say so.

    For callers whose folder stands for a place in a study, whose examples become more. What other options made, stays.

    Raises:
        UserError: the folder's record cannot be read, or another process is at it.
    """
    if not (output / RECORD).exists():
        return
    there = read_record(output)
    if there.data_sha256 == _digest_of(examples, general) or _changed(there, options, identity(options.base)[0]):
        return
    tell(f"{output}: was fine-tuned on other examples; fine-tuned anew")
    with _writing(output), _alone(output):
        gone = output.with_name(f".{output.name}.gone.part")
        shutil.rmtree(gone, ignore_errors=True)
        os.replace(output, gone)  # at once, so that no half of a model is ever found
        shutil.rmtree(gone)


def _changed(there: Finetuned, options: Finetuning, base_sha256: str | None) -> list[str]:
    """The options that differ from those of a run; a base counts by its content, if that is known."""
    alike = NOT_THE_RESULT | ({"base"} if base_sha256 is not None and base_sha256 == there.base_sha256 else set())
    before = {key: field.default for key, field in Finetuning.model_fields.items()} | there.options
    return [key for key, value in options.model_dump().items() if key not in alike and before[key] != value]


def _digest_of(examples: Sequence[Example], general: Sequence[GeneralTask]) -> str:
    data = hashlib.sha256()
    for record in (*examples, *general):
        data.update(record.model_dump_json().encode() + b"\n")
    return data.hexdigest()


def _provenance() -> dict[str, JsonValue]:
    provenance = store.provenance({})
    provenance["packages"] |= {name: _version(name) for name in PACKAGES}
    provenance.pop("configuration")  # stands beside
    return provenance


def _put_in_place(final: Path, record: Finetuned, output: Path) -> None:
    store.write_text(final / RECORD, record.model_dump_json(indent=1) + "\n")
    os.replace(final, output)
    for leftover in output.parent.glob(f".{output.name}.*.part"):  # no other run can be finished into it now
        shutil.rmtree(leftover, ignore_errors=True)


def read_record(folder: Path) -> Finetuned:
    """The record of a finished fine-tuning.

    Raises:
        UserError: the folder holds none.
    """
    try:
        return validated(Path(folder) / RECORD, Finetuned)
    except OSError:
        raise UserError(f"{folder}: holds no fine-tuned model (no {RECORD})") from None


def load_tuned(folder: Path, **options: Any) -> "LocalChat":
    """The fine-tuned model of a folder; see `LocalChat.load` for the options.

    Raises:
        UserError: the folder holds none, or it cannot be loaded.
    """
    from ste_core.models.local import LocalChat

    record = read_record(folder)
    if record.kind == "model":
        return LocalChat.load(folder, **options)
    base = weights.folder(str(record.options["base"]))
    if Path(base).is_dir() and identity(base)[0] != record.base_sha256:
        raise UserError(f"{folder}: an adapter to another model than {base} holds now; fine-tune again")
    return LocalChat.load(base, adapter=folder, **options)


# --- before and after -------------------------------------------------------------------------------------------------


def _check(options: Finetuning) -> None:
    """What no single field can know."""
    if options.method == "full" and options.load_in is not None:
        raise UserError("finetuning.load_in: a quantised model cannot be trained in full; set method: lora")
    for package, wanted in (
        ("torch", True), ("accelerate", True), ("peft", options.method == "lora"),
        ("bitsandbytes", options.load_in is not None),
    ):  # fmt: skip
        if wanted and not _version(package):
            raise UserError(f"finetuning: needs the package {package}: pip install {package}")
    base = Path(weights.folder(options.base))
    beside = len(base.parts) == 2 and base.parent.is_dir()
    if (base.is_absolute() or len(base.parts) > 2 or beside) and not base.is_dir():  # surely no hub name
        raise UserError(f"finetuning.base: {base}: no such folder")
    if (base / "adapter_config.json").exists():
        raise UserError(f"finetuning.base: {base} is an adapter; make it with merge: true to go on from it")


def identity(base: str) -> tuple[str | None, str | None]:
    """The digest of a model's files, or the commit of a hub model."""
    folder = Path(weights.folder(base))
    if folder.is_dir():
        digest = hashlib.sha256()
        for path in sorted({path for pattern in MODEL_FILES for path in folder.glob(pattern)}):
            if path.name != RECORD:  # it holds times
                with path.open("rb") as file:
                    digest.update(f"{path.name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        return digest.hexdigest(), None
    from transformers import AutoConfig

    try:
        return None, AutoConfig.from_pretrained(base)._commit_hash
    except Exception as error:  # the hub, the cache and the file have errors of their own
        raise UserError(f"finetuning.base: {base}: cannot be loaded: {one_line(error)}") from None


def validated(path: Path, kind: type[M]) -> M:
    """A JSON file as a model of that kind.

    Raises:
        OSError: it cannot be read.
        UserError: it is not one, in one line that names the key.
    """
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON: {one_line(error)}") from None
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise UserError(f"{path}: {explain(error, kind)}") from None


def _finished(output: Path, options: Finetuning, fingerprint: str, base_sha256: str | None) -> Finetuned | None:
    """The record of a run that is done already.

    Raises:
        UserError: the folder holds something else.
    """
    if not output.exists():
        return None
    if not (output / RECORD).exists():
        raise UserError(f"{output}: is there and holds no fine-tuned model; name another folder, or remove it")
    there = read_record(output)
    if there.fingerprint == fingerprint:
        return there
    what = ", ".join(_changed(there, options, base_sha256)) or "the base model or the data"
    raise UserError(f"{output}: holds another fine-tuning ({what} differ); name another folder, or remove it")


@contextlib.contextmanager
def _alone(output: Path) -> Iterator[None]:
    """Only one run at a time makes a folder; processes of one run come in together."""
    if int(os.environ.get("RANK", 0)):
        yield
        return
    busy = f"{output}: another run is at work on it; wait for it, or stop it"
    with store.alone(output.with_name(f".{output.name}.lock"), busy, remove=True):
        yield


@contextlib.contextmanager
def _writing(output: Path) -> Iterator[None]:
    """What can go wrong with disk and memory, in one line."""
    import torch
    from safetensors import SafetensorError

    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        yield
    except torch.OutOfMemoryError:
        raise UserError("finetuning: out of memory; lower device_tokens, or set gradient_checkpointing: true") from None
    except (OSError, SafetensorError) as error:
        raise UserError(f"{output}: cannot be written: {one_line(error)}") from None
    except RuntimeError as error:  # torch's file writer
        if "PytorchStreamWriter" not in str(error) and "write" not in str(error):
            raise
        raise UserError(f"{output}: cannot be written: {one_line(error)}") from None


@contextlib.contextmanager
def _quiet(threads: int | None) -> Iterator[None]:
    """No bars and no hints of the libraries; so many of torch's threads, for now."""
    import logging

    import torch

    before = torch.get_num_threads()
    logging.getLogger("transformers.integrations.hub_kernels").setLevel(logging.ERROR)
    torch.set_num_threads(threads or before)
    try:
        with quiet_transformers(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of one library to another
            warnings.filterwarnings("ignore", category=UserWarning, module="peft")
            yield
    finally:
        torch.set_num_threads(before)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
