"""Numbers in prose come from somewhere: what the code knows, a linked table, the paper's claims; else they are stray.

A number in `README.md`, `CONTRIBUTING.md`, `docs/*.md` or a notebook's Markdown passes if it is

- the number of a notebook that exists, or the year of a reference;
- a *fact*: the words around it say what it counts, and the code, asked here, gives that number (`FACTS`);
- in a page (not in a notebook, where computed prose goes through `say`): the printed rounding of a cell of a table that
  its own paragraph links or names (directly, or by a figure or notebook made of it), in a row that the paragraph names.

Code, link targets, versions, names with digits and generated blocks are not prose. Shares in words ("two of the nine
gates") are looked up in `SHARES`. `microworld/language/README.md` is left out: it is a dated log of training runs, most
of which left no results file.
"""

import functools
import json
import re
import subprocess
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import get_args

import nbformat
import pandas as pd
import pytest
import yaml
from support import ROOT

from benchmarks import page
from microworld.language import card
from ste_core.analysis import claims
from ste_core.core import config
from ste_core.core.config import Exam, Exploration, Finetuning, LocalModel, Statistics
from ste_core.models import weights
from ste_core.pipeline import plan
from ste_core.release import paper
from ste_core.report import figures, places

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

#: parts of pages between `<!-- name -->` and `<!-- end -->` that a command writes and a test here compares
GENERATED_PARTS = ("model", "skills")

NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"


# --- finding ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """A number in prose: where it is, the paragraph as written and as plain words, its place in the latter."""

    page: str
    raw: str
    plain: str
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.plain[self.start : self.end]

    @property
    def value(self) -> float:
        return float(self.text.replace(",", ""))

    def __str__(self) -> str:
        around = " ".join(self.plain[max(0, self.start - 60) : self.end + 40].split())
        return f"{self.page}: {self.text} in '... {around} ...'"


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs, list items and table rows of a Markdown text, without code blocks and generated parts."""
    parts = "|".join(GENERATED_PARTS)
    text = re.sub(rf"<!-- ({parts}) -->.*?<!-- end -->", "", text, flags=re.DOTALL)
    text = re.sub(r"^ *(```+|~~~+).*?^ *\1", "\n\n", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    yield from filter(str.strip, re.split(r"\n\s*\n|\n(?=\s*(?:[-*|#]|\d+\. ))", text))


def plain(paragraph: str) -> str:
    """A paragraph's words: link texts without their targets, no code, no names that hold digits, no versions."""
    text = re.sub(r"^\s*(#+ )?(\d+\. )?", "", paragraph)  # numbers of headings and of lists
    text = re.sub(r"(`+).+?\1", " ` ", text, flags=re.DOTALL)
    text = re.sub(r"!?\[((?:[^\[\]]|\[[^\]]*\])*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"<?https?://\S+|\b\dxx\b|\b24-hour\b", " ", text)
    text = re.sub(r"\b[A-Za-z]\w*(?:[-./_:]\w+)*\b", lambda one: " " if re.search(r"\d", one[0]) else one[0], text)
    return " ".join(text.replace("**", "").split())


def numbers(page: str, text: str) -> Iterator[Found]:
    """Every number in the prose of a page."""
    for paragraph in paragraphs(text):
        words = plain(paragraph)
        for one in re.finditer(rf"(?<![\w.]){NUMBER}", words):
            yield Found(page, paragraph, words, one.start(), one.end())


def prose() -> Iterator[tuple[str, str]]:
    """Every page and notebook by name, with its Markdown."""
    for path in PAGES:
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        cells = nbformat.read(path, 4).cells
        yield f"notebooks/{path.name}", "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


# --- what the code knows ----------------------------------------------------------------------------------------------


@functools.cache
def gold(split: str) -> tuple[str, ...]:
    """The gold tools of a test set's items."""
    lines = (ROOT / "microworld" / "test_set" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line)["gold"]["tool"] for line in lines)


def counts() -> list[float]:
    """Items of the test and the development set, and how many of each tool; the paper's test set has the same."""
    return [number for one in (gold("test"), gold("dev")) for number in (len(one), len(one) // len(set(one)))]


def apis() -> list[float]:
    """All, those that the string rule judges, and the others."""
    return [len(set(gold("test"))), len(paper.STRING_RULE_APIS), len(set(gold("test"))) - len(paper.STRING_RULE_APIS)]


def claimed() -> list[float]:
    """The figures in the wording of the claims under test."""
    said = (text for wordings in claims.CLAIMS.values() for text in wordings.values())
    return [float(one) for text in said for one in re.findall(NUMBER, plain(text))]


def cited() -> list[float]:
    notes = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["references"][0]["notes"]
    return [float(notes.removeprefix("arXiv:"))]


def python() -> list[float]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return [float(re.search(r'requires-python = ">=([\d.]+)"', text)[1])]


def replayed() -> list[float]:
    """The shares that the studies' continual arms replay, percent."""
    plans = [config.load(path).continual for path in sorted((ROOT / "study").glob("*.yaml"))]
    return [100 * arm.replay for plan in plans if plan for arm in plan.arms]


def curve_items() -> list[float]:
    """Items of each skill on the learning curve: the shares in it are multiples of 1 / n."""
    shares = pd.read_csv(card.CHECKPOINT / "learning_curve.csv")["copy"]
    return [n for n in range(1, 100) if ((shares * n - (shares * n).round()).abs() < 0.001 * n).all()][:1]


def questions() -> range:
    return range(1, 1 + len(re.findall(r"^## \d+\. ", (ROOT / "docs/open_questions.md").read_text("utf-8"), re.M)))


def load_in() -> object:
    """The type of the key that says how many bits quantised weights have."""
    return LocalModel.model_fields["load_in"].annotation


#: Tflops of an A100 in bf16, by its data sheet
A100 = 312

PACKAGES = "|".join(
    [
        "TRL",
        "CUDA",
        "datasets",
        *(line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().split() if "==" in line),
    ]
)

#: words around a number (#), and what it then must be (None: anything); the first pattern that fits decides
FACTS: list[tuple[str, Callable[[], Collection[float]] | None]] = [
    (rf"\b(?:{PACKAGES}) #", None),  # versions
    (r"\bPython #", python),
    (r"\b(?:after|HTTP) (?=[45]\d\d\b)#", lambda: list(HTTPStatus)),
    (r"\barXiv #", cited),
    (r"(?:\b[A-Z][\w-]+|et al\.),? \(?(?=(?:19|20)\d\d\b)#", lambda: range(1950, 2030)),  # the year of a reference
    (r"\b(?:in|[Tt]he) (?=(?:19|20)\d\d\b)#", lambda: range(1950, 2030)),
    (r"#B\b", lambda: [float(one) for name, _ in paper.FILES.values() for one in re.findall(r"-(\d+)B\b", name)]),
    (r"#(?: and \d+)? bit\b", lambda: [float(one[0]) for one in get_args(get_args(load_in())[0])]),
    (r"\d and # bit\b", lambda: [float(one[0]) for one in get_args(get_args(load_in())[0])]),
    (r"weights \(# GB\)", lambda: [round(sum(one.bytes for one in weights.TABLE.values()) / 1e9, 1)]),
    (r"# is linear\b", lambda: [1]),  # of a fitted exponent
    (r"# % of the queries held out", lambda: [100 * Finetuning.model_fields["validation"].default]),
    (r"\(default: an at # %\)", lambda: [round(100 * plan.Assumptions().gpu_tflops / A100)]),
    (r"(?i)\bnotebooks? #", lambda: {int(path.name[:2]) for path in NOTEBOOKS}),
    (r"(?i)\bnotebooks? \d+(?: to |-|, | and )#", lambda: {int(path.name[:2]) for path in NOTEBOOKS}),
    (r"(?i)\bquestions? #", questions),
    (r"(?i)\bquestions? \d+(?: to |-|, | and )#", questions),
    (r"(?i)\bclaims? #", lambda: claims.CLAIMS),
    (r"(?i)\bround #", lambda: range(1 + config.Continual.model_fields["batches"].default)),
    (r"\bpaper\b[^.]* # episodes", lambda: [Exploration.model_fields["episodes"].default]),
    (r"\bpaper\b[^.]* # trials", lambda: [Exploration.model_fields["trials"].default]),
    (r"\btemperature #", lambda: [0, Exploration.model_fields["temperature"].default]),
    (r"# % (?:confidence )?interval", lambda: [100 * Statistics().level]),
    (r"\bp < #", lambda: [round(1 - Statistics().level, 6)]),
    (r"\breplaying # %|# % of (?:their|its|the earlier|the|a few) examples", replayed),
    (r"\bgain of # points|\"# % correct\"", claimed),
    (r"# items of each skill", curve_items),
    (r"# items a skill", lambda: [Exam().items]),
    (r"# (?:test |development )?(?:items|queries)\b|# more\b|# (?:for each of|a tool\b)", counts),
    (r"# (?:APIs|tools)\b|\bthe other #", apis),
    (r"\b# of (?:the|its) \d+ APIs", apis),
]


def fact(one: Found) -> bool | None:
    """Whether a number is what the code knows of it; None where no pattern says what it counts."""
    for pattern, known in FACTS:
        for match in re.finditer(pattern.replace("#", rf"(?<![\d.,])({NUMBER})(?![\d]|[.,]\d)"), one.plain):
            if (one.start, one.end) in [match.span(group) for group in range(1, match.re.groups + 1)]:
                return known is None or any(abs(one.value - value) < 1e-9 for value in known())
    return None


# --- what tables hold -------------------------------------------------------------------------------------------------


@functools.cache
def tables() -> dict[str, pd.DataFrame]:
    """Every table that is committed or would be, by path."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "results", "ste_core/release"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    places = r"(results/(\w+/tables|bench)|ste_core/release)/\w+\.csv"
    kept = [name for name in names if re.fullmatch(places, name)]
    return {name: pd.read_csv(ROOT / name) for name in kept if (ROOT / name).exists()}


def linked(paragraph: str) -> set[str]:
    """The tables that a paragraph links or names: themselves, or by a figure or a notebook that is made of them."""
    found: set[str] = set()
    for name in re.findall(r"([\w./-]+\.csv)", paragraph):
        found |= {path for path in tables() if f"/{path}".endswith("/" + name.lstrip("./"))}
    for name in re.findall(r"figures/(\w+)\.(?:svg|png)", paragraph):
        if name in figures.FIGURES:
            spec = figures.FIGURES[name]
            found |= {f"results/{places.study_of(name)}/tables/{table}.csv" for table in spec.tables} & tables().keys()
    for where, name in re.findall(r"(?:results/(\w+)/)?notebooks/(\w+)\.ipynb", paragraph):
        if (ROOT / "notebooks" / f"{name}.ipynb").exists():
            cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4).cells
            code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
            of = where or re.search(r'^study = "(\w+)"', code, re.MULTILINE)[1]
            names = re.findall(r"\b(\w+)\.csv\b", code)
            found |= {f"results/{of}/tables/{table}.csv" for table in names} & tables().keys()
    return found


def words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text.lower()))


def printed(one: Found, paths: set[str]) -> bool:
    """Whether a number is the rounding of a cell of one of the tables, in a row that the paragraph names.

    A row is named by a cell of words, all of which the paragraph has, and which not too many rows share.
    """
    decimals = len(one.text.partition(".")[2])
    said = words(one.raw)
    for path in paths:
        table = tables()[path]
        named = pd.Series(False, table.index)
        for column in table.select_dtypes(exclude="number"):
            share = table[column].map(table[column].value_counts(normalize=True))
            telling = table[column].map(lambda cell: bool(words(str(cell))) and words(str(cell)) <= said)
            named |= telling.astype(bool) & ((share <= 1 / 3) | (len(table) < 4)) & table[column].notna()
        cells = table[named].select_dtypes("number").to_numpy().ravel()
        if any(f"{abs(cell):.{decimals}f}" == one.text.replace(",", "") for cell in cells):
            return True
    return False


def stray(page: str, text: str) -> list[str]:
    """The numbers in a page's prose that come from nowhere, each with its place."""
    of_code = page.endswith(".ipynb")
    return [
        str(one) for one in numbers(page, text)
        if not fact(one) and (of_code or not printed(one, linked(one.raw)))
    ]  # fmt: skip


# --- shares in words --------------------------------------------------------------------------------------------------

UNITS = "one two three four five six seven eight nine ten eleven twelve".split()
_UNIT = "|".join(["none", *UNITS])
SHARE = re.compile(
    rf"\b(half(?!-)|(?:an?|one|two|three) (?:third|quarter|fifth|tenth)s?|one(?: \w+)? in (?:{_UNIT}|twenty|a hundred)|"
    rf"(?!one )(?:{_UNIT}) of the (?:{_UNIT}))\b", re.IGNORECASE,
)  # fmt: skip


def cell(path: str, column: str, **row: str) -> float:
    table = tables()[f"results/{path}.csv"]
    for name, value in row.items():
        table = table[table[name] == value]
    (value,) = table[column]
    return float(value)


def met() -> str:
    number, asked = card.thresholds(pd.read_csv(card.SKILLS))
    return f"{['none', *UNITS][number]} of the {UNITS[asked - 1]}"


def rescued() -> float:
    """What share of ToolLLaMA's correct calls exists only by mapping made-up names."""
    row = {"system": "ToolLLaMA-v2", "setting": "baseline"}
    right = cell("audit/tables/correctness", "correct_rule", **row, split="all")
    return cell("audit/tables/judge_noise", "percent", **row, measure="rescued_correct") / right


def by_words(metric: str) -> float:
    """What naming the tool by its nearest documentation reaches."""
    return cell("microworld/tables/reference", "value", system="nearest documentation", metric=metric) / 100


#: a sentence with a share in words -> whether the tables agree
SHARES: list[tuple[str, Callable[[re.Match[str]], bool]]] = [
    (r"meets ((?:\w+) of the (?:\w+)) (?:gates|thresholds)", lambda found: found[1] == met()),
    (r"Two thirds of ToolLLaMA's correct calls", lambda _: abs(rescued() - 2 / 3) < 0.05),
    (r"selects the tool in half of the cases", lambda _: abs(by_words("api_match_all") - 0.5) < 0.05),
    (r"gets one result in ten right", lambda _: abs(by_words("correct_execution") - 0.1) < 0.02),
]


def stray_shares(page: str, text: str) -> list[str]:
    """The shares in words that no entry of `SHARES` vouches for, or that tables contradict."""
    found = []
    for paragraph in paragraphs(text):
        said = plain(paragraph)
        vouched = [match.span() for pattern, agrees in SHARES for match in re.finditer(pattern, said) if agrees(match)]
        for one in SHARE.finditer(said):
            if not any(start <= one.start() and one.end() <= end for start, end in vouched):
                found.append(f"{page}: '{said[max(0, one.start() - 50) : one.end() + 40]}'")
    return found


# --- the pages as they are --------------------------------------------------------------------------------------------

#: pages that a command writes from tables whole, details included; what they say is what the command would write
WRITTEN = {"docs/measured.md": page.text}
PROSE = {name: text for name, text in prose() if name not in WRITTEN}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_written_page_is_what_its_command_writes(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == WRITTEN[name](), "run its command again"


@pytest.mark.parametrize("page", PROSE)
def test_every_number_comes_from_somewhere(page: str) -> None:
    assert stray(page, PROSE[page]) == [], "compute it (say), link the table it is from, or add what it counts to FACTS"


@pytest.mark.parametrize("page", PROSE)
def test_every_share_in_words_is_looked_up(page: str) -> None:
    assert stray_shares(page, PROSE[page]) == [], "say it in a number from a linked table, or add it to SHARES"


def test_the_model_card_is_what_its_command_writes() -> None:
    page = card.CARD.read_text(encoding="utf-8")
    assert card.card(page) == page, "run python -m microworld.language.card"


# --- the finder itself ------------------------------------------------------------------------------------------------

CORRECTNESS = "[table](results/audit/tables/correctness.csv)"


@pytest.mark.parametrize(
    "text",
    [
        "It reaches 83.7 %.",
        "**83.7 %** of calls",
        "It rose by 83.7 points, as [the paper](https://example.org/83.7) says.",
        "- a list\n- with 12 in it",
        "| a table | 83.7 |",
        "![correct in 83.7 %](figures/audit_correctness.png)",
        f"Mistral-Instruct-7B reaches 83.7 % with FT ({CORRECTNESS}).",
        "751 test items",
        "the string rule judges 32 APIs",
        "a 90 % interval",
        "see notebook 23",
        "p < 0.01",
        "it is 6.6x faster",
        "between 12-17 %",
        "arXiv 2403.04747",
        "the gain of 46.8 points",
    ],
)
def test_an_invented_figure_is_found(text: str) -> None:
    assert stray("README.md", text)


@pytest.mark.parametrize(
    "text",
    [
        "750 test items, 15 for each of 50 APIs; 31 APIs by rule, the other 19 by a model",
        "`83.7` and\n```\n83.7\n```\n",
        "[the file](results/83.7.csv), GPT-3.5-turbo-16k-0613, Lfm2 and Llama-2-Chat-7B",
        "1. first\n2. second",
        "as Chaudhry et al. 2018 do (Lopez-Paz & Ranzato 2017)",
        "every 95 % interval; p < 0.05",
        "## 3. What feedback helps?",
        "<!-- skills -->83.7<!-- end -->",
    ],
)
def test_what_is_no_figure_or_known_passes(text: str) -> None:
    assert stray("README.md", text) == []


def test_a_figure_needs_its_table_its_row_and_a_page_that_is_no_notebook() -> None:
    value = cell("audit/tables/correctness", "correct_rule", system="Mistral-Instruct-7B", setting="FT", split="all")
    said = f"Mistral-Instruct-7B, fine-tuned, reaches {value:.1f} %"
    assert stray("README.md", f"{said} ({CORRECTNESS}).") == []
    assert stray("README.md", f"{said} ([figure](figures/audit_correctness.png)).") == []
    assert stray("README.md", f"{said} ([notebook](results/audit/notebooks/10_audit_verdicts.ipynb)).") == []
    assert stray("README.md", f"{said}.")
    assert stray("README.md", f"{said}.\n\nSee {CORRECTNESS}."), "the link is in another paragraph"
    assert stray("README.md", f"{said} ([table](results/audit/tables/release.csv)).")
    assert stray("README.md", f"Some system reaches {value:.1f} % ({CORRECTNESS})."), "no row is named"
    assert stray("notebooks/10_audit_verdicts.ipynb", f"{said} ({CORRECTNESS}).")


@pytest.mark.parametrize("page", ["README.md", "docs/data_cards.md", "notebooks/16_audit_claims.ipynb"])
def test_no_paragraph_hides_an_invented_figure(page: str) -> None:
    for paragraph in paragraphs(PROSE[page]):
        spoilt = f"{paragraph.rstrip()} That is 83.7 %, or 7,391 calls."
        found = [one for one in stray(page, spoilt) if one.startswith((f"{page}: 83.7 ", f"{page}: 7,391 "))]
        assert len(found) == 2, spoilt


def test_a_wrong_share_in_words_is_found() -> None:
    assert stray_shares("p", f"It meets {met()} gates.") == []
    assert stray_shares("p", f"It meets {UNITS[11]} of the {UNITS[8]} gates.")
    assert stray_shares("p", "Two thirds of all calls are right.") and stray_shares("p", "one call in ten")
    assert stray_shares("p", "One of the two commands; three of them; the other half-dozen") == []
