"""The site: executed notebooks as pages, a gallery, explored trials and changed verdicts to read; `make site`.

>>> build(Path("site"))                                                  # doctest: +SKIP

Static and self-contained: it opens from disk, asks no other host for anything, and any web server can serve it. A study
appears with the executed notebooks under `results/<study>/notebooks/`; nothing is computed here but what tables hold.
A page may show what a model or a tool wrote: it is cleaned (`reading.safe`) or inserted as text, and a policy in each
page forbids scripts and connections other than the site's own.
"""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape, unescape
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import matplotlib.pyplot as plt
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from pygments.formatters import HtmlFormatter

from ste_core.core import config, store
from ste_core.core.config import Study
from ste_core.core.errors import UserError
from ste_core.report import figures, places, plots
from ste_core.report.site import browsing, reading, tools

#: a study that shows nothing to a reader
LEFT_OUT = {"smoke"}

ASSETS = ("icon.svg", "style.css", "page.js", "trajectories.js", "verdicts.js", "tools.js")

#: a tag with links, as cleaned HTML writes it (text has no "<" there)
_TAG = re.compile(r'<(a|img)((?:\s+[\w-]+="[^"]*")+)\s*/?>')

#: the list of the files that a build wrote: what a later build may delete, and how it knows a folder for a site
MANIFEST = ".ste-site"


@dataclass(slots=True)
class Page:
    """A page: its path in the site, its title, its body, the project's file that it comes from."""

    path: str
    title: str
    body: str
    source: str | None = None
    label: str = ""  # of several copies of one notebook: which
    wide: bool = False


@dataclass(slots=True)
class Chapter:
    """Some pages under one heading, in reading order, grouped where they are copies of one notebook."""

    title: str
    about: str
    groups: list[list[Page]] = field(default_factory=list)

    @property
    def pages(self) -> list[Page]:
        return [page for group in self.groups for page in group]


@dataclass(slots=True)
class Built:
    """What a build made: the site's folder, its pages by path, and what was left out, with the reason."""

    folder: Path
    pages: list[str]
    left_out: list[str]


def build(out: Path) -> Built:
    """Build the site into a folder; files that did not change are not touched, files of an earlier build that are no
    longer part of it go.

    Raises:
        UserError: the folder holds something else, or a file of the results is not what it should be.
    """
    old = _manifest(out)
    site = _Site(config.project_root())
    site.collect()
    files: dict[str, bytes] = {path: text.encode("utf-8") for path, text in site.texts.items()} | site.copies
    for asset in ASSETS:
        files[f"assets/{asset}"] = resources.files("ste_core.report.site").joinpath("assets", asset).read_bytes()
    files["assets/code.css"] = HtmlFormatter(style="xcode").get_style_defs(".highlight").encode("utf-8")
    files[".nojekyll"] = b""
    for path, data in files.items():
        _write(out / path, data)
    for path in old - files.keys():
        (out / path).unlink(missing_ok=True)
    store.write_text(out / MANIFEST, json.dumps(sorted(files), indent=0) + "\n")
    pages = sorted(path for path in files if path.endswith(".html"))
    return Built(out, pages, site.left_out)


def _manifest(out: Path) -> set[str]:
    """The files of an earlier build; none if there was none."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: a file stands there; name a folder by --out")
    if not out.exists() or not any(out.iterdir()):
        return set()
    try:
        names = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        return {str(name) for name in names if (out / str(name)).resolve().is_relative_to(out.resolve())}
    except (OSError, ValueError, TypeError):
        raise UserError(f"{out}: holds files, and no site that was built here; name another folder by --out") from None


def _write(path: Path, data: bytes) -> None:
    try:
        if path.exists() and path.read_bytes() == data:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        beside.write_bytes(data)
        os.replace(beside, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None


class _Site:
    """The site under construction: texts and copies by path."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.texts: dict[str, str] = {}
        self.copies: dict[str, bytes] = {}
        self.left_out: list[str] = []
        self.pages: dict[str, Page] = {}  # by the project's file
        self.alts = {spec.alt: name for name, spec in figures.FIGURES.items()}
        self.studies = [
            study
            for path in sorted((root / "study").glob("*.yaml"))
            for study in [config.load(path)]
            if study.name not in LEFT_OUT
        ]

    def collect(self) -> None:
        """Everything the site has."""
        chapters = sorted(
            (chapter for study in self.studies for chapter in [self._chapter(study)] if chapter.groups),
            key=lambda one: one.groups[0][0].path.rsplit("/")[-1],
        )
        readme, rest = _split((self.root / "README.md").read_text(encoding="utf-8"))
        documents = [self._document(path) for path in sorted((self.root / "docs").glob("*.md"))]
        documents += [self._document(path) for path in self.root.glob("CONTRIBUTING.md")]
        how = "How to run it and carry on"
        run = Page("run.html", how, reading.markdown(f"# {how}\n\n{rest}"), "README.md")
        self.pages[str(self.root / "README.md")] = run
        look = Chapter(
            "Look closer", "", [[self._gallery()], [self._tools()], [self._trajectories()], [self._verdicts()]]
        )
        docs = Chapter("Judge it, use it", "", [[run], *([page] for page in documents)])
        index = Page("index.html", "What this study found", self._index(readme, chapters), "README.md")
        self.chapters = [*chapters, look, docs]
        order = [index, *(page for chapter in self.chapters for page in chapter.pages)]
        done: set[str] = set()
        while order:  # a page may link to documents that are not yet pages
            page = order.pop(0)
            if page.path not in done:
                done.add(page.path)
                self._finish(page)
                order += [one for one in self.pages.values() if one.path not in done and one not in order]

    # --- pages ---

    def _chapter(self, study: Study) -> Chapter:
        title, about = describe((self.root / "study" / f"{study.name}.yaml").read_text(encoding="utf-8"), study.name)
        chapter = Chapter(title, about)
        sources = [path.stem for path in (self.root / "notebooks").glob("*.ipynb")]
        groups: dict[str, list[Page]] = {}
        for path in sorted((study.results / "notebooks").glob("*.ipynb")):
            read = reading.notebook(path, self._figure)
            if read.failed:
                self.left_out.append(f"{_shown(path, self.root)}: the notebook failed")
                continue
            for image in read.images:
                self.copies[f"images/{image.name}"] = image.data
            stem = max((one for one in sources if path.stem == one or path.stem.startswith(f"{one}_")), key=len,
                       default=path.stem)  # fmt: skip
            label = path.stem[len(stem) + 1 :].replace("_", " ")
            page = Page(f"{study.name}/{path.stem}.html", read.title, read.body, f"notebooks/{stem}.ipynb", label)
            groups.setdefault(stem, []).append(page)
            self.pages[os.path.realpath(path)] = page
        chapter.groups = list(groups.values())
        return chapter

    def _document(self, path: Path) -> Page:
        """A Markdown file of the project as a page."""
        text = path.read_text(encoding="utf-8")
        heading = re.search(r"(?m)^# +(.+)", text)
        inside = path.resolve().relative_to(self.root)
        name = "docs/" + "-".join(inside.with_suffix("").parts).removeprefix("docs-") + ".html"
        page = Page(name, reading.plain_line(heading[1]) if heading else path.stem, reading.markdown(text), str(inside))
        self.pages[os.path.realpath(path)] = page
        return page

    def _index(self, readme: str, chapters: Sequence[Chapter]) -> str:
        claims = []
        for study in self.studies:
            if study.audit is not None and (study.tables / "claims.csv").exists():
                table = store.read_table(study.tables / "claims.csv")
                worded = table[table["part"] == "as worded"]
                claims = [
                    (row.claim, f"The {row.wording}: {row.hypothesis}", row.verdict, row.evidence)
                    for row in worded.itertuples()
                ]
        answer = next((page.path for one in chapters for page in one.pages if "_claims" in page.path), None)
        body = reading.markdown(readme) + _template("index.html").render(
            claims=claims, answer=answer, chapters=chapters
        )
        return body

    def _gallery(self) -> Page:
        shown = []
        for name, spec in figures.FIGURES.items():
            study = places.study_of(name)
            if study in LEFT_OUT:
                continue
            folder = config.load(self.root / "study" / f"{study}.yaml").figures
            files = {kind: folder / f"{name}.{kind}" for kind in ("png", "svg", "csv")}
            if not all(path.exists() for path in files.values()):
                self.left_out.append(f"figure {name}: the study {study} has not run here")
                continue
            for kind, path in files.items():
                self.copies[f"figures/{name}.{kind}"] = path.read_bytes()
            width, height = reading.png_size(self.copies[f"figures/{name}.png"])
            shown.append(
                {"name": name, "title": title_of(name, pd.read_csv(files["csv"])), "alt": spec.alt, "width": width,
                 "height": height, "study": study}
            )  # fmt: skip
        return Page("figures.html", "Every figure, with its data", _template("gallery.html").render(figures=shown))

    def _tools(self) -> Page:
        """The tools of the study that readers see, else of the first one here that explored some."""
        first = sorted(self.studies, key=lambda one: one.name != places.EMBEDDED)
        found = ((one.name, rows) for one in first if (rows := tools.tool_rows(one)))
        name, rows = next(found, (places.EMBEDDED, []))
        body = _template("tools.html").render(study=name, tools=rows)
        return Page("tools.html", "Tools: what was known, tried and learnt of each", body)

    def _trajectories(self) -> Page:
        titles = [
            (study, describe((self.root / "study" / f"{study.name}.yaml").read_text(encoding="utf-8"), study.name)[0])
            for study in self.studies
        ]
        catalogue = browsing.write_trials(titles, self.texts)
        self.texts["data/catalogue.js"] = browsing.script("catalogue", catalogue)
        body = _template("trajectories.html").render(catalogue=catalogue)
        return Page("trajectories.html", "Trajectories: trial and error, word by word", body, wide=True)

    def _verdicts(self) -> Page:
        rows: list[dict[str, Any]] = []
        for study in self.studies:
            if study.audit is not None and (study.tables / "verdict_changes.csv").exists():
                rows += browsing.changed_verdicts(store.read_table(study.tables / "verdict_changes.csv"))
        self.texts["data/verdicts.js"] = browsing.script("verdicts", rows)
        return Page("verdicts.html", "Verdicts that change on re-scoring", _template("verdicts.html").render(rows=rows),
                    wide=True)  # fmt: skip

    # --- a page made whole ---

    def _figure(self, image: reading.Image) -> str:
        width, height = reading.png_size(image.data)
        name = self.alts.get(image.alt)
        more = (
            f'<figcaption><a href="site:figures.html#{name}">Data, vector file and command</a></figcaption>'
            if name
            else ""
        )
        return (
            f'<figure><img src="site:images/{image.name}" alt="{escape(image.alt)}" width="{width}" height="{height}">'
            f"{more}</figure>"
        )

    def _finish(self, page: Page) -> None:
        """Put a page into the layout, its links resolved."""
        up = "../" * page.path.count("/")
        body = page.body
        if page.source is not None:
            base = (self.root / page.source).parent
            body = _TAG.sub(lambda tag: self._links(tag, page, base), body)
        body = reading.reachable(body)
        flat = [one for chapter in self.chapters for one in chapter.pages]
        place = flat.index(page) if page in flat else -1
        self.texts[page.path] = _template("layout.html").render(
            page=page, body=body, up=up, chapters=self.chapters,
            before=flat[place - 1] if place > 0 else None,
            after=flat[place + 1] if 0 <= place < len(flat) - 1 else None,
        )  # fmt: skip

    def _links(self, tag: re.Match[str], page: Page, base: Path) -> str:
        """A tag with its links as they are on the page; a picture that is elsewhere becomes its words."""
        attributes = re.sub(
            r'\b(href|src)="([^"]*)"', lambda one: self._link(one[1], unescape(one[2]), page, base), tag[2]
        )
        if tag[1] == "img" and " src=" not in attributes:
            alt = re.search(r'\balt="([^"]*)"', attributes)
            return f"({alt[1] if alt and alt[1] else 'a picture that is not here'})"
        return f"<{tag[1]}{attributes}>"

    def _link(self, attribute: str, target: str, page: Page, base: Path) -> str:
        """A link as it is on the page: a project's file becomes its page, or a copy of it in the site."""
        up = "../" * page.path.count("/")
        if target.startswith("site:"):
            return f'{attribute}="{escape(up + target.removeprefix("site:"))}"'
        name, mark, anchor = target.partition("#")
        if not name or re.match(r"[a-z]+:|//", name):
            if attribute == "src":
                return f'data-missing="{escape(name)}"'
            return f'{attribute}="{escape(target)}"'
        path = Path(os.path.realpath(base / name))
        if not path.is_relative_to(self.root) or not path.is_file():
            return f'data-missing="{escape(name)}"'
        if path.suffix == ".md" and str(path) not in self.pages:
            self._document(path)
        if str(path) in self.pages:
            there, anchor = self.pages[str(path)].path, reading.slug(unquote(anchor))
        else:
            inside = path.relative_to(self.root)
            there = str(inside) if inside.parts[0] == "figures" else f"files/{inside}"
            self.copies[there] = path.read_bytes()
        return f'{attribute}="{escape(up + there + mark + anchor)}"'


def title_of(figure: str, data: pd.DataFrame) -> str:
    """What a figure states: its title, which is computed from its data when it is drawn."""
    with plots.style():
        drawn = figures.FIGURES[figure].draw(data)
        title = drawn.get_suptitle() or next((axes.get_title(loc="left") for axes in drawn.axes), "")
        plt.close(drawn)
    return " ".join(title.split()) or figure.replace("_", " ")


def describe(study_file: str, name: str) -> tuple[str, str]:
    """Title and description of a study, from the comment that opens its file.

    >>> describe("# The audit: predictions, questioned.\\n# Needs no model.\\nname: audit", "audit")
    ('The audit', 'Predictions, questioned. Needs no model.')
    """
    lines = []
    for line in study_file.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").strip())
    text = " ".join(lines)
    title, colon, about = text.partition(": ")
    if not colon or len(title) > 90:
        return name.capitalize(), text
    return title, about[:1].upper() + about[1:]


def _split(readme: str) -> tuple[str, str]:
    """The README's top (what this is, what it found) and the rest (how to use it), cut at the second of its parts."""
    parts = [found.start() for found in re.finditer(r"(?m)^## ", readme)]
    cut = parts[1] if len(parts) > 1 else len(readme)
    return readme[:cut], readme[cut:]


def _shown(path: Path, root: Path) -> str:
    return os.path.relpath(path, root) if path.is_relative_to(root) else str(path)


def _template(name: str) -> Any:
    environment = Environment(
        loader=PackageLoader("ste_core.report.site"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(name)
