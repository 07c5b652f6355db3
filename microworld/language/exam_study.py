"""The exam on the study's fifty tools: their documentation, development queries and real execution, real prompts.

>>> len(items())
250

Four tools a prompt: the wanted one and its three nearest by documentation (TF-IDF). Demonstrations are the other
development items of the same tool and two of its neighbours, so they show the conventions in other people's words.
Intervals resample tools (`ste_core.scoring.stats`), items of a tool being alike.
"""

import asyncio
import functools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from microworld.language import generation
from microworld.language.generation import Speaker
from microworld.test_set import FOLDER
from microworld.tools import MicroworldToolbox, toolbox
from ste_core.core import prompting, react
from ste_core.core.records import Call, Observation, TestItem
from ste_core.scoring import stats

MAX_CALLS = 3  # of an imagined query's trial


@functools.cache
def items() -> list[TestItem]:
    """The development items."""
    lines = Path(FOLDER, "dev.jsonl").read_text(encoding="utf-8").splitlines()
    return [TestItem.model_validate_json(line) for line in lines]


@dataclass(frozen=True, slots=True)
class StudyScore:
    """One line of the table, clustered by tool."""

    skill: str
    right: list[bool]
    tools: list[str]

    def row(self) -> dict[str, Any]:
        """The line, with an interval by resampling tools."""
        names = sorted(set(self.tools))
        k = [sum(ok for ok, tool in zip(self.right, self.tools, strict=True) if tool == name) for name in names]
        n = [self.tools.count(name) for name in names]
        found = stats.percent(k, n)
        shown = {"value": f"{found.value:.1f}", "ci_low": f"{found.low:.1f}", "ci_high": f"{found.high:.1f}"}
        return {"skill": self.skill, "set": "study_dev", "n": len(self.right), **shown, "gate": ""}


def neighbours(box: MicroworldToolbox, count: int = 3) -> dict[str, list[str]]:
    """The tools with the most similar documentation, by tool."""
    names = list(box.tools)
    matrix = TfidfVectorizer(sublinear_tf=True).fit_transform([box.documentation([name]) for name in names])
    near = (matrix @ matrix.T).toarray()
    np.fill_diagonal(near, -1)
    return {name: [names[i] for i in np.argsort(-near[row], kind="stable")[:count]] for row, name in enumerate(names)}


def _docs(box: MicroworldToolbox, item: TestItem, near: dict[str, list[str]]) -> list[str]:
    names = [item.gold.tool, *near[item.gold.tool]]
    random.Random(f"docs/{item.query}").shuffle(names)
    return [box.documentation([name]) for name in names]


def _examples(item: TestItem, near: dict[str, list[str]]) -> list[tuple[str, Call]]:
    rng = random.Random(f"examples/{item.query}")
    same = [one for one in items() if one.gold.tool == item.gold.tool and one.item != item.item]
    others = rng.sample([one for one in items() if one.gold.tool in near[item.gold.tool]], 2)
    shown = rng.sample(same + others, len(same) + 2)
    return [(one.query, one.gold) for one in shown]


async def _run_all(box: MicroworldToolbox, calls: list[Call | None]) -> list[Observation | None]:
    return [await box.execute(call) if call else None for call in calls]


def read(box: MicroworldToolbox, reply: str) -> Call | None:
    """The call in a reply, if it has one."""
    parsed = react.parse(reply, box.tools)
    return Call(tool=parsed.tool, arguments=parsed.arguments) if parsed.kind == "call" and parsed.tool else None


def _scored(label: str, box: MicroworldToolbox, replies: list[str], asked: list[TestItem]) -> Iterator[StudyScore]:
    calls = [read(box, reply) for reply in replies]
    results = asyncio.run(_run_all(box, calls))
    tools = [item.gold.tool for item in asked]
    named = [call is not None and call.tool == item.gold.tool for call, item in zip(calls, asked, strict=True)]
    ran = [result is not None and result.ok for result in results]
    right = [
        tool and ok and box.same_result(item.gold.tool, result.value, item.result)
        for tool, ok, result, item in zip(named, ran, results, asked, strict=True)
    ]
    yield StudyScore(f"{label}: well-formed call", [call is not None for call in calls], tools)
    yield StudyScore(f"{label}: right tool", named, tools)
    yield StudyScore(f"{label}: right result", right, tools)


def calls(speaker: Speaker, box: MicroworldToolbox) -> Iterator[StudyScore]:
    """Zero-shot and with demonstrations."""
    near = neighbours(box)
    asked = items()
    bare = [prompting.ask_call(item.query, _docs(box, item, near)) for item in asked]
    yield from _scored("zero-shot, 4 docs", box, generation.replies(speaker, bare), asked)
    shown = [prompting.ask_call(item.query, _docs(box, item, near), _examples(item, near)) for item in asked]
    yield from _scored("6 demonstrations, 4 docs", box, generation.replies(speaker, shown, batch=64), asked)


def trials(speaker: Speaker, box: MicroworldToolbox, each: int) -> Iterator[StudyScore]:
    """Exploration in short: imagine a query, try up to three calls, reflect; does a call run, and at which attempt?"""
    tools = [name for name in box.tools for _ in range(each)]
    talks = [[prompting.imagine(box.documentation([name]))] for name in tools]
    queries = generation.replies(speaker, talks, temperature=1.0, seed=2)
    for talk, query in zip(talks, queries, strict=True):
        talk += [prompting.assistant(query), prompting.attempt(query)]
    firsts: list[bool] = []
    ran = [False] * len(talks)
    open_talks = list(range(len(talks)))
    for attempt in range(MAX_CALLS):
        replies = generation.replies(speaker, [talks[i] for i in open_talks], temperature=1.0, seed=3 + attempt)
        made = [read(box, reply) for reply in replies]
        results = asyncio.run(_run_all(box, made))
        still = []
        for index, reply, result in zip(open_talks, replies, results, strict=True):
            seen = result.text if result else "Error: the reply is no call"
            talks[index] += [prompting.assistant(reply), prompting.observation(seen)]
            ran[index] = bool(result and result.ok)
            if not ran[index]:
                still.append(index)
        if attempt == 0:
            firsts = list(ran)
        open_talks = still
    yield StudyScore("imagined query, T=1: first call runs", firsts, tools)
    yield StudyScore("imagined query, T=1: a call runs within three", ran, tools)
    failed = [i for i, ok in enumerate(firsts) if not ok]
    if failed:
        yield StudyScore(
            "after a failed first call: a later one runs", [ran[i] for i in failed], [tools[i] for i in failed]
        )


def verdicts(speaker: Speaker, box: MicroworldToolbox) -> Iterator[StudyScore]:
    """Reflection and the judge's third aspect: gold calls, and the gold calls of another query of the same tool."""
    talks, judged, truth, tools = [], [], [], []
    for item in items():
        others = [
            one for one in items() if one.gold.tool == item.gold.tool and one.gold.arguments != item.gold.arguments
        ]
        for used in [item, *random.Random(f"verdict/{item.query}").sample(others, min(1, len(others)))]:
            shown = asyncio.run(box.execute(used.gold)).text
            call = react.render_call(used.gold.tool, used.gold.arguments)
            doc = box.documentation([item.gold.tool])
            answer = f"It is {shown}."
            talks.append([prompting.imagine(doc), prompting.assistant(item.query), prompting.attempt(item.query),
                          prompting.assistant(call), prompting.observation(shown),
                          prompting.assistant(f"Final Answer: {answer}"), prompting.reflect()])  # fmt: skip
            judged.append(prompting.judge(doc, item.query, used.gold, shown, answer))
            truth.append(used is item)
            tools.append(item.gold.tool)
    said = [prompting.read_yes_no(reply) for reply in generation.replies(speaker, talks, max_tokens=8)]
    aspects = [prompting.read_judgement(reply) for reply in generation.replies(speaker, judged, max_tokens=24)]
    yield StudyScore(
        "reflection: right or wrong call told apart", [a == b for a, b in zip(said, truth, strict=True)], tools
    )
    found = [one["Appropriate"] == right for one, right in zip(aspects, truth, strict=True)]
    yield StudyScore("judge: right or wrong call told apart", found, tools)


def study(speaker: Speaker, count: int) -> Iterator[StudyScore]:
    """Everything on the study's tools; `count` imagined queries in all."""
    box = toolbox()
    yield from calls(speaker, box)
    yield from trials(speaker, box, max(1, count // len(box.tools)))
    yield from verdicts(speaker, box)
