"""The rooms of `ste_core`: which there are, and that imports run one way, those inside functions included."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support import ROOMS, ROOT

ORDER, CIRCLES, WORLD = "a room imports only rooms below it", "no circles", "ste_core knows no world"


def run(code: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A process of its own that imports what lies in `root`."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=os.environ | {"PYTHONPATH": str(root), "COLUMNS": "200"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """What import-linter says of the packages of a project."""
    return run(
        "import sys, importlinter.cli; sys.argv[1:] = ['--no-cache']; importlinter.cli.lint_imports_command()", root
    )


def test_imports_run_one_way() -> None:
    done = lint(ROOT)
    assert done.returncode == 0 and "3 kept, 0 broken" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "said"),
    [
        ("core/store.py", "from ste_core.pipeline import plan", f"{ORDER} BROKEN"),
        ("method/distill.py", "def later():\n    from ste_core.release import paper", f"{ORDER} BROKEN"),
        ("models/base.py", "def later():\n    import ste_core.models.local", f"{CIRCLES} BROKEN"),
        ("tools/open.py", "def later():\n    from microworld import tools", f"{WORLD} BROKEN"),
        ("in_no_room.py", "import json", "ste_core.in_no_room"),
    ],
)
def test_a_module_out_of_order_is_found(tmp_path: Path, module: str, line: str, said: str) -> None:
    for name in ("ste_core", "microworld", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "checkpoint"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "ste_core" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n\n{line}\n")
    done = lint(tmp_path)
    assert done.returncode == 1 and said in done.stdout, done.stdout + done.stderr


def test_rooms_are_described_and_load_nothing() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    assert contracts[0]["layers"] == ["__main__", "cli", *reversed(ROOMS)]
    assert {path.parent.name for path in (ROOT / "ste_core").glob("*/__init__.py")} == set(ROOMS)
    for room in ROOMS:
        source = (ROOT / "ste_core" / room / "__init__.py").read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(source)), room
    rooms = "; ".join(f"import ste_core.{room}" for room in ROOMS)
    code = f"import sys; before = set(sys.modules); {rooms}; print(sorted(set(sys.modules) - before))"
    assert run(code).stdout.strip() == str(sorted(["ste_core", *(f"ste_core.{room}" for room in ROOMS)]))


def test_the_audit_loads_no_model_and_no_tools() -> None:
    code = (
        "import sys; from ste_core import cli; from ste_core.core.config import load;"
        "from ste_core.analysis import claims; from ste_core.release import audit, paper;"
        "from ste_core.report import figures;"
        "print([name for name in ('torch', 'transformers', 'openai', 'mcp', 'sklearn') if name in sys.modules])"
    )
    done = run(code)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
