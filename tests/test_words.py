"""The field's terms: no page and no text of a notebook has a word that CONTRIBUTING's table replaces."""

import re

import nbformat
import pytest
from support import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def section(text: str) -> tuple[str, str]:
    """CONTRIBUTING's section on words, and the page without it."""
    start = text.index("## Words")
    end = text.index("\n## ", start)
    return text[start:end], text[:start] + text[end:]


def avoided() -> list[str]:
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", section((ROOT / "CONTRIBUTING.md").read_text())[0], re.MULTILINE)
    return [word.strip() for row in rows[1:] for word in row.split(",") if not set(row) <= set("-| ")]


def flagged(text: str) -> list[str]:
    prose = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", " ", text, flags=re.DOTALL)
    words = "|".join(map(re.escape, sorted(avoided(), key=len, reverse=True)))
    return re.findall(rf"\b(?:{words})\b", " ".join(prose.split()), re.IGNORECASE)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_use_the_fields_terms(path):
    text = path.read_text(encoding="utf-8")
    assert flagged(section(text)[1] if path.name == "CONTRIBUTING.md" else text) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_use_the_fields_terms(path):
    cells = nbformat.read(path, 4).cells
    assert flagged("\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")) == []


def test_a_word_of_our_own_is_found():
    assert len(avoided()) >= 8
    assert flagged("It meets one\ngate, held to the form.") == ["gate", "held to the form"]
    assert flagged("`gate` and investigate") == []
