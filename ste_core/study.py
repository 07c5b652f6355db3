"""A study: one YAML file, validated, its seeds, and where its artefacts lie.

>>> study = load("audit")                                                # doctest: +SKIP
>>> study.tables / "correctness.csv"                                     # doctest: +SKIP
PosixPath('/.../results/audit/tables/correctness.csv')
"""

import difflib
import importlib
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, StringConstraints, ValidationError

from ste_core.errors import UserError
from ste_core.records import TestItem
from ste_core.store import read_jsonl

if TYPE_CHECKING:  # the audit needs no tools, and their schemas take a second to import
    from ste_core.toolbox import Toolbox


class Section(BaseModel):
    """A part of a study file: unknown keys and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Statistics(Section):
    """How uncertain figures are."""

    level: float = Field(0.95, gt=0.5, lt=1)
    resamples: int = Field(9_999, ge=99)


class Audit(Section):
    """The audit of the authors' release."""

    allow_altered: bool = False  # score files that differ from the released ones, and say so in the results


class World(Section):
    """The tools of a study and the queries they are tested with."""

    tools: Annotated[str, StringConstraints(pattern=r"^[\w.]+:\w+$")]  # module:function that gives a Toolbox
    test_set: str  # JSON Lines of TestItem, relative to the project
    dev_set: str


class Study(Section):
    """A validated study file.

    Artefacts lie under `results/<name>/` (tables, executed notebooks, `run.json`) and `figures/`; both roots can be
    moved by `STE_RESULTS` and `STE_FIGURES`, so that a trial run leaves the committed results alone.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    seed: int = Field(0, ge=0)
    statistics: Statistics = Statistics()
    audit: Audit | None = None
    world: World | None = None

    _root: Path = PrivateAttr(default_factory=Path)

    @property
    def results(self) -> Path:
        return Path(os.environ.get("STE_RESULTS") or self._root / "results") / self.name

    @property
    def tables(self) -> Path:
        return self.results / "tables"

    @property
    def figures(self) -> Path:
        return Path(os.environ.get("STE_FIGURES") or self._root / "figures")

    def toolbox(self) -> "Toolbox":
        """The study's tools.

        Raises:
            UserError: the study names none, or what it names cannot be imported.
        """
        if self.world is None:
            raise UserError(f"study '{self.name}': world: missing; name the tools there")
        module, function = self.world.tools.split(":")
        try:
            return getattr(importlib.import_module(module), function)()
        except (ImportError, AttributeError) as error:
            raise UserError(f"study '{self.name}': world.tools: {self.world.tools}: {error}") from None

    def items(self, split: Literal["test", "dev"]) -> list[TestItem]:
        """The items of the study's test or development set.

        Raises:
            UserError: the study names none, or the file is not there or not of that kind.
        """
        if self.world is None:
            raise UserError(f"study '{self.name}': world: missing; name the test set there")
        path = self._root / (self.world.test_set if split == "test" else self.world.dev_set)
        if not path.is_file():
            raise UserError(f"study '{self.name}': world.{split}_set: {path}: no such file")
        return read_jsonl(path, TestItem)

    def rng(self, *label: object) -> np.random.Generator:
        """A generator of its own for each labelled use, so that no figure depends on the order of computation."""
        return np.random.default_rng([self.seed, zlib.crc32("/".join(map(str, label)).encode("utf-8"))])


def project_root() -> Path:
    """The project's folder: the nearest one above the working directory that holds `study/`, else that of the code."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[1]):
        if (folder / "study").is_dir() and (folder / "notebooks").is_dir():
            return folder
    raise UserError(f"{here}: not inside the project (no folder with study/ and notebooks/ above it)")


def path_of(study: str | os.PathLike[str]) -> Path:
    """The file of a study given by name or path."""
    path = Path(study)
    return path if path.suffix in (".yaml", ".yml") else project_root() / "study" / f"{path}.yaml"


def load(study: str | os.PathLike[str]) -> Study:
    """A study by name (`audit` is `study/audit.yaml`) or by path.

    Raises:
        UserError: no such file, not YAML, an unknown key or a wrong type, in one line that names the key.
    """
    root, path = project_root(), path_of(study)
    shown = os.path.relpath(path, root) if path.is_relative_to(root) else str(path)
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(one.stem for one in (root / "study").glob("*.yaml")))
        raise UserError(f"{shown}: no such study; there are: {known}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{shown}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{shown}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(value, dict):
        raise UserError(f"{shown}: expected keys and values, found {type(value).__name__}")
    try:
        loaded = Study.model_validate(value)
    except ValidationError as error:
        raise UserError(f"{shown}: {explain(error, Study)}") from None
    loaded._root = root
    return loaded


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem of a validation in one line: the key, what is wrong, and the nearest key for a misspelt one."""
    first = error.errors()[0]
    keys = list(map(str, first["loc"]))
    name = ".".join(keys)
    if first["type"] == "extra_forbidden":
        known = _keys(model, keys[:-1])
        close = difflib.get_close_matches(keys[-1], known, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}"
        return f"{name}: no such key; {hint}"
    if first["type"] == "missing":
        return f"{name}: missing"
    return f"{name}: {first['msg'][0].lower()}{first['msg'][1:]}, not {_shorten(first['input'])}"


def _keys(model: Any, path: list[str]) -> list[str]:
    """The keys of the section at `path` of a model."""
    for key in path:
        kinds = [model.model_fields[key].annotation]
        kinds += getattr(kinds[0], "__args__", ())
        model = next(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
    return list(model.model_fields)


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
