"""A GGUF file as a folder that `transformers` loads, calls and trains like any other.

>>> convert(Path("SmolLM2-135M-Instruct.Q4_1.gguf"), Path("smollm2"))                           # doctest: +SKIP

`transformers` de-quantises the weights to float32, once; from then on the model is an ordinary one. The weights are
written in float32, which keeps them exactly, or in bfloat16 for models from `LARGE` parameters on, where float32 would
take gigabytes: that rounds by at most 2^-8 of a value, by 0.16 % in the root mean square.

Three things are mended that the reading of GGUF leaves out: the digits that SmolLM2's tokenizer takes one by one before
it looks at blanks; sampling recommended in the file (`general.sampling.*`) or by the caller, which goes into
`generation_config.json`; and entries that would make the folder pass for a quantised model.
"""

import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ste_core.core.errors import UserError, one_line
from ste_core.models.quiet import quiet_transformers

#: goes up when the same file is converted into another folder
CONVERSION = 1

#: parameters from which on the weights are written in bfloat16
LARGE = 3e8

#: what a finished folder holds beside the model: where it came from, and the size of each file
RECORD = "converted_from.json"

#: keys of a GGUF file's recommended sampling, and what `generation_config.json` calls them
SAMPLING = {"temp": "temperature", "top_k": "top_k", "top_p": "top_p", "min_p": "min_p",
            "penalty_repeat": "repetition_penalty"}  # fmt: skip


def convert(
    source: Path, folder: Path, *, generation: Mapping[str, Any] | None = None, origin: Mapping[str, Any] | None = None
) -> None:
    """Write a GGUF file's model, tokenizer and settings into a folder, which is made.

    Args:
        generation: entries of `generation_config.json`, beside those that the file recommends.
        origin: what `RECORD` says of the source.

    Raises:
        UserError: the file is no GGUF, of a kind that `transformers` cannot read, or has no tokenizer.
        OSError: the folder cannot be written.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with _quiet():
        try:
            fields = _fields(source)
            model = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
            tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        except Exception as error:  # each layer below has errors of its own for a damaged or unknown file
            raise UserError(f"{source}: cannot be read as a GGUF model: {one_line(error)}") from None
        model.hf_quantizer = None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        if fields.get("tokenizer.ggml.pre") == "smollm":
            _digits_first(tokenizer)
        wanted = {name: fields[f"general.sampling.{key}"] for key, name in SAMPLING.items()
                  if f"general.sampling.{key}" in fields} | dict(generation or {})  # fmt: skip
        if wanted:
            model.generation_config.update(**{"do_sample": True} | wanted)
        if sum(one.numel() for one in model.parameters()) >= LARGE:
            model.to(torch.bfloat16)
        folder.mkdir(parents=True)
        try:
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        except OSError:
            raise
        except Exception as error:  # safetensors and tokenizers say in words of their own what the disk said
            raise OSError(errno.EIO, one_line(error)) from None
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    record = {**(origin or {}), "conversion": CONVERSION, "files": sizes}
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    for path in folder.iterdir():  # a power cut must not leave a folder whose files are empty
        with path.open("rb") as file:
            os.fsync(file.fileno())


def is_complete(folder: Path) -> bool:
    """Whether a folder is one that `convert` finished, with every file of its size."""
    try:
        files = json.loads((folder / RECORD).read_text(encoding="utf-8"))["files"]
        return all((folder / name).stat().st_size == size for name, size in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _fields(source: Path) -> dict[str, Any]:
    """The scalar entries of a GGUF file's header."""
    from gguf import GGUFReader

    reader = GGUFReader(source)
    return {name: field.contents() for name, field in reader.fields.items() if len(field.types) == 1}


def _digits_first(tokenizer: Any) -> None:
    """Split off each digit before blanks are joined to what follows them, as the model's own tokenizer does.

    Without it two blanks before a number are read as two tokens, not as one: `x  12`.
    """
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    parts = [Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(parts)


@contextmanager
def _quiet() -> Iterator[None]:
    """No remarks of `transformers` while it reads and writes, and bars only where someone looks."""
    watched = sys.stderr.isatty()  # one bar cannot be switched off, only not be shown where no one sees it move
    with quiet_transformers(), contextlib.nullcontext() if watched else contextlib.redirect_stderr(io.StringIO()):
        yield
