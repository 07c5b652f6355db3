"""What a job depends on beside its data: code, prompts, the world of its study, weights. Found, not kept by hand.

>>> found = Sources(root).reached(notebook=root / "notebooks/40_icl.ipynb")                       # doctest: +SKIP
>>> [path.name for path in found.files]                                                           # doctest: +SKIP
['retrieve.py', 'predict.py', ...]
>>> found.uses("ste_core.pipeline.resources", "toolbox")        # then the study's world counts too  # doctest: +SKIP
True

An import graph of modules is too coarse for this: `stages` imports the trainer, so all that distils would depend on it.
Followed are the names that code uses: from a notebook's calls to functions, from these to what they use, and so on,
imports inside functions included. A module counts as a whole once one of its names is reached. Annotations of functions
do not count; what is called by a name that is only known at run time (`getattr`) is not seen, so a study's models and
tools are taken from the study.
"""

import ast
import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ste_core.core import prompting, store
from ste_core.core.config import LocalModel, ServedModel, Study
from ste_core.models.weight_table import TABLE

PROMPTING = "ste_core.core.prompting"
RESOURCES = "ste_core.pipeline.resources"
PROMPTS = "ste_core/core/prompts"

#: a name in a module; "" for no more than the module's import, None for all of it
Symbol = tuple[str, str | None]

#: what stands for the statements of a module that define nothing: its import runs them
REST = ""


@dataclass(frozen=True)
class Module:
    """A module's source in short.

    Attributes:
        uses: for each name that the module defines, and `REST`: what its statements use, as dotted names of the project
            or of this module (`.name`).
        texts: likewise, the short texts that stand there: names of files, of prompts.
        imports: what names stand for that the module imports.
    """

    path: Path
    uses: dict[str, list[str]]
    texts: dict[str, list[str]]
    imports: dict[str, str]


@dataclass
class Reached:
    """What was found from some code on.

    Attributes:
        symbols: each with the one that led to it.
        data: files that code names, such as its tables.
    """

    symbols: dict[Symbol, Symbol | None] = field(default_factory=dict)
    modules: dict[str, Path] = field(default_factory=dict)
    data: set[Path] = field(default_factory=set)
    prompts: set[str] = field(default_factory=set)

    @property
    def files(self) -> list[Path]:
        return sorted({*self.modules.values(), *self.data})

    def uses(self, module: str, *names: str) -> bool:
        """Whether one of these names of a module is reached."""
        return any((module, name) in self.symbols for name in (*names, None))

    def why(self, module: str) -> list[Symbol]:
        """The way to a module, from its end."""
        step: Symbol | None = next((one for one in self.symbols if one[0] == module), None)
        way = []
        while step is not None:
            way.append(step)
            step = self.symbols[step]
        return way


class Sources:
    """The code of a project, by the names it uses."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._modules: dict[str, Module | None] = {}
        self._prompts = {path.stem for path in (root / PROMPTS).rglob("*.*")}

    def module(self, name: str) -> Module | None:
        """A module of the project; None if there is no such file in it."""
        if name not in self._modules:
            stem = self.root.joinpath(*name.split("."))
            path = next((one for one in (stem.with_suffix(".py"), stem / "__init__.py") if one.is_file()), None)
            self._modules[name] = None if path is None else module_summary(name, path, path.read_text(encoding="utf-8"))
        return self._modules[name]

    def reached(
        self,
        *,
        notebook: Path | None = None,
        modules: Iterable[str] = (),
        names: Iterable[str] = (),
        without: Iterable[str] = (),
    ) -> Reached:
        """All that a notebook, whole modules, or names in modules depend on.

        Args:
            names: as `microworld.tools.toolbox`.
            without: likewise modules and names that are not followed, because the job has no use for them.
        """
        found, never = Reached(), {self._symbol(one) for one in without}
        todo: list[tuple[Symbol, Symbol | None]] = [((name, None), None) for name in modules]
        todo += [(self._symbol(name), None) for name in names]
        if notebook is not None:
            cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]  # nbformat takes seconds to import
            source = "\n".join("".join(one["source"]) for one in cells if one["cell_type"] == "code")
            code = module_summary("", notebook, source)
            todo += [(self._symbol(one), None) for used in code.uses.values() for one in used if one[0] != "."]
        while todo:
            asked, parent = todo.pop()
            passed: dict[str, Path] = {}
            symbol = self._home(asked, passed)
            if symbol is None or symbol in found.symbols or never & {asked, symbol, (symbol[0], ""), (asked[0], "")}:
                continue
            found.modules.update(passed)
            found.symbols[symbol] = parent
            name, part = symbol
            module = self.module(name)
            assert module is not None
            parts = list(module.uses) if part is None else [part]
            found.modules[name] = module.path
            parts.append(REST)
            for one in parts:
                todo += [(self._symbol(use, name), symbol) for use in module.uses.get(one, ())]
                self._texts(module, name, one, found)
        return found

    def _symbol(self, dotted: str, inside: str = "") -> Symbol:
        """What a dotted name stands for: the longest module in it, and the name after that."""
        if dotted[0] == ".":
            return inside, dotted[1:]
        words = dotted.split(".")
        for number in range(len(words), 0, -1):
            name = ".".join(words[:number])
            if self.module(name) is not None:
                return name, words[number] if number < len(words) else ""
        return dotted, ""

    def _home(self, symbol: Symbol, passed: dict[str, Path]) -> Symbol | None:
        """Where a name is defined, through modules that only pass it on; None outside the project."""
        for _ in range(20):
            name, part = symbol
            module = self.module(name)
            if module is None:
                return None
            if not part or part in module.uses or part not in module.imports:
                return symbol
            passed[name] = module.path
            symbol = self._symbol(module.imports[part], name)
        return None

    def _texts(self, module: Module, name: str, part: str, found: Reached) -> None:
        for text in module.texts.get(part, ()):
            if text in self._prompts:
                found.prompts.add(text)
            path = module.path.parent / text
            if path.suffix and path.is_file():
                found.data.add(path)


def module_summary(name: str, path: Path, source: str) -> Module:
    """A module's names and what they use."""
    tree = ast.parse(source)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    parts: dict[str, list[ast.stmt]] = {REST: []}
    imports: dict[str, str] = {}
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name=defined) | ast.AsyncFunctionDef(name=defined) | ast.ClassDef(name=defined):
                parts.setdefault(defined, []).append(statement)
            case ast.Import() | ast.ImportFrom():
                imports |= _imports(statement, package)
            case ast.Assign() | ast.AnnAssign() if targets := _targets(statement):
                for target in targets:
                    parts.setdefault(target, []).append(statement)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                pass
            case _:
                parts[REST].append(statement)
    uses, texts = {}, {}
    for defined, statements in parts.items():
        nodes = [node for statement in statements for node in _walk(statement)]
        known = dict(imports)
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                known |= _imports(node, package)
        used = set()
        for node in nodes:
            chain = _chain(node)
            if chain and chain[0] in known:
                used.add(".".join((known[chain[0]], *chain[1:])))
            elif chain and chain[0] in parts:
                used.add(f".{chain[0]}")
        uses[defined] = sorted(used)
        texts[defined] = sorted(_texts(name, statements, nodes, known))
    return Module(path, uses, texts, imports)


def _texts(name: str, statements: list[ast.stmt], nodes: list[ast.AST], known: dict[str, str]) -> set[str]:
    """Texts that may be names: of files anywhere, of prompts where they are asked for, or a table of them stands."""
    keys = {id(one) for node in nodes if isinstance(node, ast.Subscript) for one in ast.walk(node.slice)}
    asked = {id(one) for one in nodes if name == PROMPTING}
    if PROMPTING in known.values():
        for node in nodes:
            chain = _chain(node.func) if isinstance(node, ast.Call) else ()
            if (isinstance(node, ast.Assign) and node in statements) or (chain and known.get(chain[0]) == PROMPTING):
                asked |= {id(one) for one in ast.walk(node)}
    return {
        node.value for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        and _NAME.fullmatch(node.value) and ("." in node.value or id(node) in asked - keys)
    }  # fmt: skip


_NAME = re.compile(r"[\w-]{1,60}(\.\w{1,10})?")


def _targets(statement: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]


def _imports(statement: ast.Import | ast.ImportFrom, package: str) -> dict[str, str]:
    """The names that an import binds, and what they stand for."""
    if isinstance(statement, ast.Import):
        return {one.asname or one.name.split(".")[0]: one.name if one.asname else one.name.split(".")[0]
                for one in statement.names}  # fmt: skip
    base = statement.module or ""
    if statement.level:
        above = package.split(".")
        base = ".".join(filter(None, (*above[: len(above) - statement.level + 1], base)))
    return {one.asname or one.name: f"{base}.{one.name}" for one in statement.names}


def _chain(node: ast.AST) -> tuple[str, ...]:
    """The words of `a.b.c`; none if it does not begin with a name."""
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    return (node.id, *reversed(words)) if isinstance(node, ast.Name) else ()


def _walk(statement: ast.stmt) -> Iterator[ast.AST]:
    """As `ast.walk`, without docstrings, without annotations but those of a class, and `a.b.c` as one."""
    todo: list[tuple[ast.AST, bool]] = [(statement, isinstance(statement, ast.AnnAssign))]
    while todo:
        node, inside = todo.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        yield node
        if isinstance(node, ast.Attribute) and _chain(node):
            continue
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for name, value in ast.iter_fields(node):
            if name == "returns" or (name == "annotation" and (inside or isinstance(node, ast.arg))):
                continue
            todo += [(one, inside or function) for one in (value if isinstance(value, list) else [value])
                     if isinstance(one, ast.AST)]  # fmt: skip


# --- of a study -------------------------------------------------------------------------------------------------------


def unused(study: Study) -> list[str]:
    """Modules that a study has no use for, though its jobs could reach them: other kinds of models and of tools."""
    kinds, world = {type(one) for one in study.models.values()}, study.world
    needs = {
        "ste_core.models.openai": ServedModel in kinds,
        "ste_core.models.local": LocalModel in kinds or study.finetuning is not None,
        "ste_core.models.cache": any(one.cache for one in study.models.values()),
        "ste_core.tools.mcp": world is not None and world.mcp is not None,
        "ste_core.tools.toolbench": world is not None and world.toolbench is not None,
    }
    return [name for name, needed in needs.items() if not needed]


def prompt_files(sources: Sources, found: Reached, study: Study) -> list[Path]:
    """The texts of the prompts that are asked, in the styles of the study's models."""
    folder = sources.root / PROMPTS
    styles = {one.style for one in study.models.values()} or {"small"}
    files: set[Path] = set()
    for style in styles:
        places = [folder / place for place in (*prompting.folders(style), prompting.LATER)]
        if style != "small" and found.uses(PROMPTING, "texts"):  # asked of such a style only: all are noted with trials
            files.update(path for place in places[:-1] for path in place.iterdir() if path.is_file())
        for name in found.prompts:
            files.update(next(filter(None, ([*place.glob(f"{name}.*")] for place in places)), []))
    return sorted(files)


def world_files(sources: Sources, study: Study) -> list[Path]:
    """The code and the tables of a study's tools, as far as they are files."""
    world, root = study.world, sources.root
    if world is None:
        return []
    if world.toolbench is not None:
        return _inside(root / world.toolbench.descriptions)
    if world.mcp is not None:
        words = world.mcp.command or []
        files = [root / word for word in words if (root / word).is_file()]
        modules = [word for flag, word in itertools.pairwise(words) if flag == "-m"]
        return sorted({*files, *(path for name in modules for path in _code(sources, name))})
    if world.tools is not None:
        return _code(sources, world.tools)
    named = world.functions or ""
    return _inside(root / named) if named.endswith(".py") else _code(sources, named)


def _code(sources: Sources, place: str) -> list[Path]:
    """What a `module:name` or a module uses; and all that lies in its folder if that is a package, as tables do."""
    name, _, part = place.partition(":")
    module = sources.module(name)
    if module is None:
        return []  # installed
    found = sources.reached(names=[f"{name}.{part}"]) if part else sources.reached(modules=[name])
    if module.path.name != "__init__.py":
        return found.files
    package = _inside(module.path.parent)
    inside = [path.relative_to(module.path.parent).with_suffix("") for path in package if path.suffix == ".py"]
    imported = sources.reached(names=[".".join((name, *path.parts, "")) for path in inside if path.name[0] != "_"])
    return sorted({*found.files, *imported.files, *package})


def _inside(place: Path) -> list[Path]:
    """A file, or the files of a folder; none if it is not there."""
    if place.is_file():
        return [place]
    return sorted(path for path in place.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def of_notebook(sources: Sources, notebook: Path, study: Study, without: Iterable[str] = ()) -> list[Path]:
    """The files that executing a notebook for a study depends on: code, prompts, its world's code, tables and sets.

    Args:
        without: names that the notebook's calls could reach, but do not as they are made.
    """
    found = sources.reached(notebook=notebook, without=[*unused(study), *without])
    files = {*found.files, *prompt_files(sources, found, study)}
    if found.uses(RESOURCES, "toolbox", "listing"):
        files.update(world_files(sources, study))
    if study.world is not None and found.uses(RESOURCES, "items"):
        learnt = study.gold is not None or study.of_dev_set()
        for name in (study.world.test_set, study.world.dev_set if learnt else None):
            if name is not None and ":" in name:
                files.update(_code(sources, name))
            elif name is not None and "$" not in name:
                files.update(_inside(sources.root / name))
    if study.world is not None and study.world.general is not None and found.uses(RESOURCES, "general_tasks"):
        files.update(_code(sources, study.world.general))
    return sorted(files)


def weights(study: Study, names: Iterable[str], noted: Path) -> list[str]:
    """What models are, by checksum: `name sha256`, a line each; that of our table's is pinned; of a hub's, the name.

    Args:
        names: models by path or hub name, as the study has them.
        noted: a file that keeps checksums, by size, inode and times of change: weights are read once, not every run.
    """
    known: dict[str, str] = {}
    with suppress(OSError, ValueError):
        known = json.loads(noted.read_text(encoding="utf-8"))
    before, lines = dict(known), []
    for name in sorted(set(names)):
        digest = hashlib.sha256()
        files = _inside(study.root / name)
        for path in files:
            stat = path.stat()
            key = f"{path}:{stat.st_size}:{stat.st_ino}:{stat.st_mtime_ns}:{stat.st_ctime_ns}"
            if key not in known:
                with path.open("rb") as file:
                    known[key] = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{os.path.relpath(path, study.root)} {known[key]}\n".encode())
        pinned = f"{name} {TABLE[name].sha256}" if name in TABLE else name
        lines.append(f"{name} {digest.hexdigest()}" if files else pinned)
    if known != before:
        store.write_text(noted, json.dumps(known, indent=1) + "\n")
    return lines
