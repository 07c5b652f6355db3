"""The project's own files hold together."""

import gzip
import lzma
import re
import subprocess
import sys
import tomllib

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support import ROOT, run_ste

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONSTRAINTS = {
    canonicalize_name(one.name): one
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
    for one in [Requirement(line)]
}
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_every_dependency_has_one_exact_version():
    wanted = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]
    for text in wanted:
        requirement = Requirement(text)
        pinned = CONSTRAINTS[canonicalize_name(requirement.name)]
        (version,) = pinned.specifier
        assert version.operator == "==" and requirement.specifier.contains(version.version), text


def test_environment_says_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, _, pip = environment["dependencies"]
    assert python == "python=3.11" and PROJECT["requires-python"] == ">=3.11"
    assert pip["pip"] == ["-c constraints.txt", "-e .[test]", *PROJECT["dependencies"]]


def test_nothing_names_a_machine_or_a_registry():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    registries = "|".join(("pypi" + r"\.org", "pythonhosted" + r"\.org", r"registry\.npmjs"))
    home = "(?:/root" + "/|/home/[a-z])"
    anywhere = re.compile(f"{registries}|{home}")
    # An archive holds what models wrote, and a model makes up the home folders of users:
    # there, only a home folder that holds this project or an installation is a fault.
    packed = re.compile(rf"{registries}|{home}[^\s\"]*(?:ste_core|results/|\.venv|site-packages)")
    for name in filter(None, tracked):
        path = ROOT / name
        if path.is_file() and path.suffix not in (".png", ".safetensors"):
            unpack = {".gz": gzip.decompress, ".xz": lzma.decompress}.get(path.suffix)
            data = unpack(path.read_bytes()) if unpack else path.read_bytes()
            assert not (packed if unpack else anywhere).search(data.decode("utf-8")), name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_clean_and_parameterised(path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert notebook.cells[0].source.startswith("# ") and notebook.cells[0].source.splitlines()[0].endswith("?")
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in notebook.cells) == 1
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None
            assert len(cell.source.splitlines()) <= 20, "logic belongs into the package"
    assert any("not show" in cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_style():
    for command in (["check", "."], ["format", "--check", "."]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("study", ["full", "micro", "gold"])
def test_a_study_that_no_test_runs_can_be_planned(study, tmp_path):
    done = run_ste("run", study, "--dry-run", STE_RESULTS=tmp_path)
    assert done.returncode == 0 and re.search(r"^total +\d+$", done.stdout, re.MULTILINE), done.stderr


def test_readme_links_resolve():
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        links = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
        assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("study", ["full"])
def test_reviewers_are_shown_the_headline_as_the_study_left_it(study):
    page = (ROOT / "docs" / "reviewing.md").read_text(encoding="utf-8")
    shown = re.search(rf"<!-- headline: {study} -->\n```text\n(.*?)```\n<!-- end -->", page, re.DOTALL)
    assert shown and shown[1] == (ROOT / "results" / study / "headline.txt").read_text(encoding="utf-8")
