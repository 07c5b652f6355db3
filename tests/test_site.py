"""The site as readers meet it: built from results, opened from disk in a real browser, fed hostile text."""

import asyncio
import html
import json
import os
import re
import shutil
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from support import ROOT, one_line, run_ste
from test_explore import Scripted, plan

from ste_core.core import store
from ste_core.core.config import load
from ste_core.core.errors import UserError
from ste_core.method.explore import explore_tool
from ste_core.pipeline import explore_run
from ste_core.report import figures, site
from ste_core.report.site import browsing, reading
from ste_core.tools.base import ToolError
from ste_core.tools.functions import FunctionToolbox

HOSTILE = "<script>window.harmed=1</script><img src='https://example.org/x.png' onerror='window.harmed=2'>"
WIDTHS = (400, 1600)


def look_up(word: str) -> str:
    """What a word means."""
    if word == "none":
        raise ToolError(f"word: none, {HOSTILE}")
    return f"meaning of {word}: {HOSTILE}"


def recite(line: int) -> str:
    """A line of a poem."""
    return "la " * line


def hostile_notebook() -> nbformat.NotebookNode:
    """What a notebook may hold that shows what models wrote, or that somebody tampered with."""
    cell = f'<td class="data row0 col0" onclick="window.harmed=3">{HOSTILE}</td>'
    table = f"<style>td {{}}</style><table><tr>{cell}</tr></table>"
    outputs = [
        new_output("display_data", {"text/html": table, "text/plain": "table"}),
        new_output("display_data", {"text/markdown": f"Says {HOSTILE} [go](javascript:window.harmed=4)"}),
        new_output("display_data", {"application/javascript": "window.harmed=5"}),
        new_output("display_data", {"image/svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg'>{HOSTILE}</svg>"}),
        new_output("display_data", {"image/png": "not base64 of a picture"}),
        new_output("stream", name="stdout", text=HOSTILE + "x" * 3000),
    ]
    cells = [new_markdown_cell(f"# Is *it* safe?\n\n{HOSTILE}"), new_code_cell("1", outputs=outputs)]
    return new_notebook(cells=cells)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Iterator[Path]:
    """The committed results, and beside them a study with hostile text: explored by a scripted model."""
    folder = tmp_path_factory.mktemp("results")
    for name in ("audit", "micro", "microworld"):
        shutil.copytree(ROOT / "results" / name, folder / name)
    before = os.environ.get("STE_RESULTS")
    os.environ["STE_RESULTS"] = str(folder)
    study = load("quick")
    box = FunctionToolbox([look_up, recite])
    for variant, seed, tool, call in (
        ("full", 0, "look_up", 'Action: look_up\nAction Input: {"word": "none"}'),
        ("full", 0, "recite", 'Action: recite\nAction Input: {"line": 2}'),
        ("no_feedback", 1, "look_up", 'Action: look_up\nAction Input: {"word": "old"}'),
    ):
        model = Scripted(
            imagine=("Query {n} " + HOSTILE,),
            attempt=(
                f"Thought: {HOSTILE}\n{call}",
                'Action: look_up\nAction Input: {"word": "sea"}',
                "Final Answer: x",
            ),
            reflect=("Yes", f"No. {HOSTILE}"),
        )
        asyncio.run(explore(study, model, box, tool, variant, seed))
    notebooks = study.results / "notebooks"
    notebooks.mkdir(parents=True)
    nbformat.write(hostile_notebook(), notebooks / "32_exploration.ipynb")
    for seed in (0, 1):
        nbformat.write(hostile_notebook(), notebooks / f"34_distill_full_seed{seed}.ipynb")
    failed = new_notebook(
        cells=[new_code_cell("x", outputs=[new_output("error", ename="E", evalue="e", traceback=["E"])])]
    )
    nbformat.write(failed, notebooks / "40_icl_full_seed0.ipynb")
    yield folder
    os.environ.pop("STE_RESULTS")
    os.environ.update({} if before is None else {"STE_RESULTS": before})


async def explore(study, model, box, tool, variant, seed):
    path = explore_run.trials_file(study, variant, seed, tool)
    wanted = plan(episodes=2, trials=3, memory_lines=2)
    async for trial in explore_tool(box.tools[tool], model, box, wanted, variant=variant, seed=seed):
        store.append_jsonl(path, [trial])


@pytest.fixture(scope="module")
def built(results, tmp_path_factory) -> site.Built:
    return site.build(tmp_path_factory.mktemp("site") / "out")


def test_what_was_kept_is_read_where_nothing_was_explored(results, built, tmp_path, monkeypatch):
    study = load("quick")
    path = explore_run.keep(study)
    first = path.read_bytes()
    assert explore_run.keep(study).read_bytes() == first
    shown = json.loads(built.folder.joinpath("data/catalogue.js").read_text()[len("STE.catalogue(") : -len(");\n")])
    monkeypatch.setenv("STE_RESULTS", str(tmp_path / "elsewhere"))
    again = load("quick")
    again.results.mkdir(parents=True)
    explore_run.kept_file(again).write_bytes(first)
    files: dict[str, str] = {}
    parts = browsing.write_trials([(again, "t")], files)[0]["parts"]
    seed = [one for one in shown[0]["parts"] if one["seed"] == study.exploration.seeds[0]]
    assert [one["variant"] for one in parts] == [
        one["variant"] for one in seed if one["variant"] in study.exploration.variants
    ]
    assert all(
        files[one["file"]] == (built.folder / one["file"]).read_text() for part in parts for one in part["tools"]
    )
    explore_run.kept_file(again).write_bytes(first[:-40])
    with pytest.raises(UserError, match="damaged"):
        browsing.write_trials([(again, "t")], files)
    path.unlink()


@pytest.fixture(scope="module")
def browser(results):  # after what runs an event loop: the browser's own keeps running
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium: install one (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        yield browser
        browser.close()


class Reader:
    """A browser window that keeps what goes wrong and what is asked of other hosts."""

    def __init__(self, browser, built, width=1600):
        self.built = built
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.set_default_timeout(60_000)
        self.problems, self.requests = [], []
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("requestfailed", self._failed)
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _failed(self, request):
        left = request.failure == "net::ERR_ABORTED" and request.url.endswith("/icon.svg")
        if not left:  # else the page was left before its icon was there
            self.problems.append(f"failed: {request.url}: {request.failure}")

    def open(self, path):
        self.page.goto("about:blank")  # else another fragment of one page is no new page
        self.page.goto((self.built.folder / path.partition("#")[0]).as_uri() + "".join(path.partition("#")[1:]))
        return self.page

    def check(self):
        assert self.problems == []
        assert [url for url in self.requests if not url.startswith(("file://", "about:"))] == []
        assert self.page.evaluate("window.harmed") is None


@pytest.fixture
def reader(browser, built):
    reader = Reader(browser, built)
    yield reader
    reader.page.close()


# --- every page -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_opens_from_disk(browser, built, width):
    assert len(built.pages) >= 15
    reader = Reader(browser, built, width)
    for path in built.pages:
        page = reader.open(path)
        page.evaluate("for (const one of document.images) one.loading = 'eager'")
        page.evaluate("Promise.all([...document.images].map((one) => one.decode().catch(() => null)))")
        images = page.evaluate("[...document.images].map((one) => [one.src, one.naturalWidth, one.alt])")
        assert all(width and alt for _, width, alt in images), images
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{path} is {overflow} px wider than {width}"
        assert page.locator("h1").count() == 1, path
        reader.check()
    reader.page.close()


def test_every_link_resolves(built):
    pages = {path: (built.folder / path).read_text(encoding="utf-8") for path in built.pages}
    for path, text in pages.items():
        for link in re.findall(r'\b(?:href|src)="([^"]*)"', text):
            if link.startswith(("https://", "http://")):
                continue
            name, _, anchor = urllib.parse.unquote(html.unescape(link)).partition("#")
            there = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
            assert (built.folder / there).is_file(), f"{path}: {link}"
            if "=" in anchor:  # what the form of a page shows: it fills itself in
                assert there == "trajectories.html" and "study=quick" in anchor, f"{path}: {link}"
                continue
            assert not anchor or there not in pages or f'id="{anchor}"' in pages[there], f"{path}: {link}"
        assert "data-missing" not in text, path


def test_from_the_first_page_to_the_answer(reader):
    page = reader.open("index.html")
    claims = pd.read_csv(ROOT / "results" / "audit" / "tables" / "claims.csv").query("part == 'as worded'")
    assert page.locator(".claims .verdict").all_text_contents() == claims["verdict"].tolist()
    assert page.locator("h2", has_text="What was found").count() == 1
    assert page.locator("h2", has_text="Two commands").count() == 0
    page.get_by_role("link", name="Statement by statement", exact=True).click()
    assert page.url.endswith("audit/16_audit_claims.html")
    page.locator("#contents").get_by_role("link", name="Trajectories").click()
    assert page.url.partition("#")[0].endswith("trajectories.html")  # the page names what it shows behind a #
    reader.check()


def test_hostile_notebook_is_text(built, reader):
    page = reader.open("quick/32_exploration.html")
    assert page.title().startswith("Is it safe?") and page.locator("main script, main style, main svg").count() == 0
    assert "javascript:" not in page.content() and "onclick" not in page.content().split("<main", 1)[1]
    assert "window.harmed=1</script>" in page.locator("main pre").last.inner_text()
    reader.check()
    assert built.left_out[0].endswith("40_icl_full_seed0.ipynb: the notebook failed")


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_shuts_a_reader_out(browser, built, width):
    """axe-core's rules of accessibility (WCAG 2, and its own of good practice) on every page, code unfolded."""
    reader = Reader(browser, built, width)
    found = []
    for path in built.pages:
        page = reader.open(path)
        if path == "trajectories.html":
            page.wait_for_selector(".trial")
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        broken = Axe().run(page).response["violations"]
        found += [f"{path}: {one['id']}: {one['nodes'][0]['html'][:120]}" for one in broken]
    reader.page.close()
    assert found == []


# --- tools ------------------------------------------------------------------------------------------------------------


def test_tools_are_searched_and_lead_to_their_trials(reader):
    page = reader.open("tools.html")
    tools = page.locator("section.tool")
    assert tools.count() == 50 + 2, "those of the study, and two that were explored"
    said = page.locator("#look_up").inner_text()
    assert f"6 × Error: word: none, {HOSTILE}" in said and "6 trials, in 6 a call ran" in said
    page.get_by_label("Search").fill("ADD_days first")
    visible = [one.get_attribute("id") for one in tools.all() if one.is_visible()]
    assert "add_days" in visible and "look_up" not in visible, "its convention: the day first"
    assert page.locator("#count").inner_text() == f"{len(visible)} of {tools.count()} tools"
    page.get_by_label("Search").fill("")
    page.get_by_role("link", name="Read them: recite").click()
    page.wait_for_selector(".trial")
    assert page.locator("#count").inner_text() == "6 of 6 trials of recite"
    reader.check()


# --- trajectories and verdicts ----------------------------------------------------------------------------------------


def test_trajectories_are_read_trial_by_trial(reader):
    page = reader.open("trajectories.html")
    page.wait_for_selector(".trial")
    assert page.locator("#count").inner_text() == "6 of 6 trials of look_up"
    (data,) = [one for one in reader.requests if "/data/quick/" in one]
    assert data.endswith("full/seed0/look_up.js")
    page.locator(".episode > summary").nth(1).click()
    last = page.locator(".trial").last
    assert last.locator("h2 .verdict").inner_text() == "model says not solved"
    assert last.locator(".memory summary").inner_text() == (
        "Memory shown: short-term, at most trials 1 to 2; long-term, 2 of 5 lines"
    )
    last.locator(".memory summary").click()
    assert last.locator(".memory li").all_inner_texts() == [
        f"Query 3 {HOSTILE} (unsolved)",
        f"Query 4 {HOSTILE} (solved)",
    ]
    assert last.locator(".query .text").inner_text() == f"Query 5 {HOSTILE}"
    first = page.locator(".trial").first
    assert HOSTILE in first.locator(".observation .text").first.inner_text()
    assert first.locator(".reply b").first.inner_text() == "Thought:"
    assert page.locator("#episodes script, #episodes img").count() == 0
    page.select_option("[name=show]", "unsolved")
    assert page.locator("#count").inner_text() == "3 of 6 trials of look_up"
    assert set(page.locator(".trial .verdict").all_inner_texts()) == {"model says not solved"}
    page.select_option("[name=show]", "all")
    from playwright.sync_api import expect

    page.select_option("[name=tool]", "recite")
    expect(page.locator("#count")).to_have_text("6 of 6 trials of recite")
    page.select_option("[name=variant]", "no_feedback")
    expect(page.locator(".trial .verdict").first).to_have_text("no verdict")
    assert page.locator("[name=seed]").input_value() == "1"
    assert "withheld" in page.locator(".trial .note").first.inner_text()
    reader.check()


def test_two_explorations_of_a_tool_stand_side_by_side(reader):
    from playwright.sync_api import expect

    page = reader.open("trajectories.html#study=quick&variant=full&seed=0&tool=look_up")
    page.wait_for_selector(".trial")
    names = page.locator("[name=beside] option").evaluate_all("(all) => all.map((one) => one.value)")
    assert names == ["", "quick/no_feedback/1"] and page.locator(".sides").count() == 0
    page.select_option("[name=beside]", names[1])
    page.wait_for_selector(".sides")
    assert page.locator("#count").inner_text() == "6 of 6 trials of look_up; beside them 6 of 6 trials"
    left, right = page.locator(".sides").first.locator("> div").all()
    assert left.locator(".note").first.inner_text().endswith("full, seed 0")
    assert right.locator(".note").first.inner_text().endswith("no feedback, seed 1")
    assert left.locator(".trial").count() == right.locator(".trial").count() == 3
    assert right.locator(".trial .verdict").first.inner_text() == "no verdict"
    page.select_option("[name=show]", "solved")
    assert page.locator("#count").inner_text().endswith("beside them 0 of 6 trials")
    address = page.url
    page = reader.open("trajectories.html#" + address.partition("#")[2])
    page.wait_for_selector(".sides")
    page.select_option("[name=tool]", "recite")
    expect(page.locator("#count")).to_have_text("3 of 6 trials of recite")
    assert page.locator("[name=beside]").input_value() == "" and page.locator(".sides").count() == 0
    reader.check()


def test_a_trajectory_has_an_address(reader):
    page = reader.open("trajectories.html#study=quick&variant=full&seed=0&tool=recite&show=solved")
    page.wait_for_selector(".trial")
    assert page.locator("#count").inner_text() == "3 of 6 trials of recite"
    page = reader.open("trajectories.html#study=gone&variant=__proto__&tool=%3Cb%3E")
    page.wait_for_selector(".trial")
    reader.check()


def test_changed_verdicts(reader):
    rows = pd.read_csv(ROOT / "results" / "audit" / "tables" / "verdict_changes.csv")
    page = reader.open("verdicts.html")
    assert page.locator("tbody tr").count() == len(rows)
    page.select_option("[name=judged_by]", "model")
    assert page.locator("tbody tr").count() == (rows["judged_by"] == "model").sum()
    page.locator("[name=text]").fill("ENERGY storage")
    words = rows["query"].str.cat([rows["gold"], rows["prediction"]], sep=" ", na_rep="").str.lower()
    wanted = (rows["judged_by"] == "model") & words.str.contains("energy storage")
    assert page.locator("tbody tr").count() == wanted.sum() > 0
    reader.check()


# --- the gallery ------------------------------------------------------------------------------------------------------


def test_gallery_has_every_figure_with_its_data_and_command(built, reader, tmp_path):
    page = reader.open("figures.html")
    names = page.eval_on_selector_all("section.figure", "all => all.map((one) => one.id)")
    there = [name for name in figures.FIGURES if (ROOT / "figures" / f"{name}.png").exists()]
    assert names == there and names
    titles = page.locator("section.figure h2").all_inner_texts()
    assert all(title != name and len(title) > 20 for title, name in zip(titles, names, strict=True))
    alts = page.eval_on_selector_all("section.figure img", "all => all.map((one) => one.alt)")
    assert alts == [figures.FIGURES[name].alt for name in names]
    command = page.locator("section.figure code").nth(1).inner_text().split()
    assert command[:2] == [".venv/bin/ste", "figures"]
    done = run_ste(*command[1:], STE_FIGURES=tmp_path)
    assert done.returncode == 0, done.stderr
    for kind in ("csv", "png", "svg"):
        assert (tmp_path / f"{names[0]}.{kind}").read_bytes() == (
            built.folder / "figures" / f"{names[0]}.{kind}"
        ).read_bytes()


# --- building ---------------------------------------------------------------------------------------------------------


def test_built_again_it_is_the_same_and_what_is_gone_goes(results, built):
    files = {path: path.stat().st_mtime_ns for path in built.folder.rglob("*") if path.is_file()}
    extra = built.folder / "quick" / "gone.html"
    extra.write_text("from an earlier build")
    manifest = built.folder / site.MANIFEST
    manifest.write_text(json.dumps([*json.loads(manifest.read_text()), "quick/gone.html", "../outside.txt"]))
    outside = built.folder.parent / "outside.txt"
    outside.write_text("mine")
    site.build(built.folder)
    again = {path: path.stat().st_mtime_ns for path in built.folder.rglob("*") if path.is_file()}
    del files[manifest], again[manifest]
    assert again == files and outside.exists()


def test_a_folder_that_is_no_site_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    for out in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(UserError, match="--out"):
            site.build(out)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_broken_notebook_is_one_line(tmp_path):
    path = tmp_path / "results" / "audit" / "notebooks" / "10_audit_verdicts.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text('{"cells": 3')
    done = run_ste("site", "--out", tmp_path / "out", STE_RESULTS=tmp_path / "results")
    assert done.returncode == 2 and "10_audit_verdicts.ipynb: not a notebook" in one_line(done.stderr)


@settings(deadline=None)
@given(st.text(st.sampled_from("<>\"'/= \n`*_[]()!#&;:$|-ascriptonlhefmgvjk"), max_size=60))
def test_no_text_becomes_a_script(text):
    for made in (reading.safe(text), reading.markdown(text)):
        tags = re.findall(r"<[^>]*>", made)
        assert not any(re.match(r"</?(script|style|iframe|svg|form)", tag) for tag in tags)
        assert not any(re.search(r"\s(on\w+|style)=", re.sub(r'"[^"]*"', "", tag)) for tag in tags)


def test_numbers_stand_to_the_right():
    cells = [("a", "1.5"), ("b", "-2"), ("c", "")]
    rows = "".join(
        f'<tr><td id="T_x" class="data row{n} col0">{one}</td><td class="data row{n} col1">{two}</td></tr>'
        for n, (one, two) in enumerate(cells)
    )
    made = reading.tables(reading.safe(f'<table><tr><th class="col0">x</th><th class="col1">y</th></tr>{rows}</table>'))
    assert made.count("col1 number") == 4 and made.count("col0 short") == 4 and " id=" not in made
