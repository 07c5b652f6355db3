"""One name, one thing; no import needs an alias; no function is too long, or takes too much, without a reason."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from support import ROOT

#: aliases that everybody uses
CUSTOMARY = {
    "pandas": "pd", "numpy": "np", "matplotlib.pyplot": "plt", "seaborn": "sns", "datetime": "dt",
    "torch.distributed": "dist", "hypothesis.strategies": "st",
}  # fmt: skip

#: names that several modules of `ste_core` give to a public function or class, and why it is one meaning
SHARED = {
    "main": "the entry of a command line",
}

LINES, PARAMETERS = 60, 10
#: functions beyond that, and why
LONG = {
    "method.predict.predict": "a prediction is asked for, read, counted and kept in one loop that can be interrupted",
    "models.local.LocalChat.load": "every option of a local model, with what each means",
    "method.explore.explore_tool": "the method's amounts and switches, each named where it is used",
    "models.base.ChatModel.complete": "the options of one request, as servers know them",
    "models.cache.CachedChat.complete": "the options of one request, as servers know them",
    "models.openai.OpenAIChat.complete": "the options of one request, as servers know them",
    "models.local.LocalChat.complete": "the options of one request, as servers know them",
    "models.openai.OpenAIChat.__init__": "a server's address, limits and habits, each with its default",
    "analysis.claims.Statements.add": "a keyword a column of the row that it adds",
}


def sources() -> Iterator[tuple[str, str]]:
    """Every piece of Python in the project by its place, notebooks included."""
    for folder in ("ste_core", "microworld", "benchmarks", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, 4).cells
        yield path.name, "\n".join(cell.source for cell in cells if cell.cell_type == "code")


def modules(root: Path = ROOT) -> Iterator[tuple[str, ast.Module]]:
    """The modules of `ste_core` by their names within it."""
    for path in sorted((root / "ste_core").rglob("*.py")):
        name = ".".join(path.relative_to(root / "ste_core").with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def aliases(source: str) -> list[str]:
    """The imports that give another name, but for the customary ones."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for one in node.names:
                full = one.name if isinstance(node, ast.Import) else f"{node.module}.{one.name}"
                if one.asname and CUSTOMARY.get(full) != one.asname:
                    found.append(f"{full} as {one.asname}")
    return found


def shared(parsed: Iterator[tuple[str, ast.Module]]) -> dict[str, list[str]]:
    """Public functions and classes that stand in several modules."""
    homes = defaultdict(list)
    for module, tree in parsed:
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_":
                homes[node.name].append(module)
    return {name: found for name, found in homes.items() if len(found) > 1}


def long(parsed: Iterator[tuple[str, ast.Module]]) -> set[str]:
    """Functions and methods of more lines or parameters than there should be."""
    found = set()
    for module, tree in parsed:
        inside = [(module, node) for node in tree.body]
        while inside:
            place, node = inside.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                taken = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
                parameters = len(taken) - (taken[:1] in (["self"], ["cls"]))
                if node.end_lineno - node.lineno >= LINES or parameters > PARAMETERS:
                    found.add(f"{place}.{node.name}")
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inside += [(f"{place}.{node.name}", one) for one in node.body]
    return found


def test_no_import_needs_an_alias() -> None:
    found = {place: own for place, source in sources() if (own := aliases(source))}
    assert found == {}, "name the module as its users do, or use its name"


def test_a_public_name_means_one_thing() -> None:
    found = shared(modules())
    assert set(found) == set(SHARED), {name: homes for name, homes in found.items() if name not in SHARED}


def test_functions_are_short_or_say_why_not() -> None:
    found = long(modules())
    assert found == set(LONG), f"new: {sorted(found - set(LONG))}; no longer: {sorted(set(LONG) - found)}"


@pytest.mark.parametrize(
    ("line", "found"),
    [("import pandas as pd", 0), ("import pandas as p", 1), ("from ste_core.core import store as disk", 1),
     ("def later():\n    from ste_core.core import store as disk", 1)],
)  # fmt: skip
def test_an_alias_is_found(line: str, found: int) -> None:
    assert len(aliases(line)) == found


def test_a_second_meaning_and_a_long_function_are_found(tmp_path: Path) -> None:
    room = tmp_path / "ste_core" / "core"
    room.mkdir(parents=True)
    (room / "a.py").write_text("def load(): ...\n\n\nclass Row:\n    def fill(self):\n" + "        pass\n" * LINES)
    names = ", ".join(f"p{number}" for number in range(PARAMETERS + 1))
    (room / "b.py").write_text(f"def load({names}): ...\n\n\ndef _load({names[4:]}): ...\n")
    assert shared(modules(tmp_path)) == {"load": ["core.a", "core.b"]}
    assert long(modules(tmp_path)) == {"core.a.Row.fill", "core.b.load"}
