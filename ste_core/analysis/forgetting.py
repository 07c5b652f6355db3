"""What is kept and what is forgotten: measures of continual learning, with intervals over tools.

>>> first, second = np.array([[0.0, 80.0, 60.0]]), np.array([[0.0, 0.0, 70.0]])  # a tool each; base, two rounds
>>> estimates([Shares("sequential", (first, second), (0, 1))])["backward_transfer"].value
-20.0

From answers on disk (`pipeline.continual_run`) to tidy rows (`round_outcomes`, `examined`), from those to tables.
Intervals are over tools within their batch (over the items of the exam) and over seeds (`scoring.stats`); arms are
compared tool by tool and seed by seed. Departures: the paper has one run, no intervals, and public benchmarks in the
place of the exam.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ste_core.core import store
from ste_core.core.config import Arm, Study, project_root
from ste_core.core.records import Prediction
from ste_core.pipeline import continual_run, curriculum, resources
from ste_core.scoring import error_types, execution, score, stats, verdicts

ARM_MEASURES = stats.FORGETTING | {
    "learning_accuracy": "mean correctness on each batch just after it was learnt",
    "forward_transfer": "mean change of later batches from the base to just before they are learnt",
    "general_kept": "change of the exam of general ability from the base to the last round",
}

#: the paper's two runs, as the audit has recomputed them: our name -> strategy, replay
PAPER = {"paper, replay": ("replay", 0.1), "paper, no replay": ("no replay", 0.0)}
PAPER_GENERAL = 2_000


# --- rows -------------------------------------------------------------------------------------------------------------


def round_outcomes(study: Study, seeds: Sequence[int] | None = None, metric: str | None = None) -> pd.DataFrame:
    """Every answer to a test item, judged; a row an item.

    Args:
        seeds: default all.
        metric: a verdict of `taxonomy.outcomes`; default that of `score.right`.

    Returns:
        `arm, kind, seed, round, batch, position` (of the batch in the order of learning), `tool, item, correct`. Round
        0 is the base.

    Raises:
        UserError: an arm is not done.
    """
    batches, asked, found = curriculum.batches(study), {}, []
    batch_of = {tool: number for number, tools in enumerate(batches) for tool in tools}
    chosen = {arm.name: arm for arm in curriculum.continual_section(study).arms}
    for done in _rounds(study, seeds):
        arm = chosen[done.arm]
        for one in store.read_jsonl(continual_run.answer_files(study, done)[0], Prediction):
            batch = batch_of[one.gold.tool]
            position = batch if arm.order is None else arm.order.index(batch)
            asked[one.gold.tool, one.item, one.output] = one
            found.append(
                (arm.name, arm.kind, done.seed, done.round, batch, position, one.gold.tool, one.item, one.output)
            )
    columns = ["arm", "kind", "seed", "round", "batch", "position", "tool", "item", "output"]
    # many rounds give the same answer to an item: each is judged once
    results = execution.gold_results(resources.items(study, "test"))
    judged = error_types.outcomes(
        list(asked.values()), resources.toolbox(study), results, study.scoring.rule, right=metric
    )
    verdict = dict(zip(asked, judged[metric or score.right(judged.columns)].astype(bool), strict=True))
    rows = pd.DataFrame(found, columns=columns)
    keys = zip(rows["tool"], rows["item"], rows["output"], strict=True)
    return rows.assign(correct=[verdict[key] for key in keys]).drop(columns="output")


def examined(study: Study, seeds: Sequence[int] | None = None) -> pd.DataFrame:
    """Every reply to the exam of general ability: `arm, kind, seed, round, item, correct`; empty without an exam.

    Raises:
        UserError: an arm is not done.
    """
    kinds = {arm.name: arm.kind for arm in curriculum.continual_section(study).arms}
    rows = [
        (done.arm, kinds[done.arm], done.seed, done.round, one.item, one.right)
        for done in _rounds(study, seeds)
        for one in store.read_jsonl(continual_run.answer_files(study, done)[1], continual_run.ExamAnswer)
    ]
    return pd.DataFrame(rows, columns=["arm", "kind", "seed", "round", "item", "correct"])


def _rounds(study: Study, seeds: Sequence[int] | None) -> list[continual_run.RoundDone]:
    """The rounds of all arms, arm after arm."""
    by_seed = [continual_run.read_rounds(study, seed) for seed in seeds or curriculum.arm_seeds(study)]
    return [one for arm in by_seed[0] for found in by_seed for one in found[arm]]


# --- measures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shares:
    """What an arm got right, in percent.

    Attributes:
        batches: by the batch's number, shape (tools, 1 + rounds) or (tools, 1 + rounds, seeds) each, tools by name;
            round 0 is the base.
        order: the batches' numbers in the order of learning.
        exam: shape (items, 1 + rounds) or (items, 1 + rounds, seeds); None without an exam.
    """

    kind: str
    batches: tuple[NDArray[np.float64], ...]
    order: tuple[int, ...]
    exam: NDArray[np.float64] | None = None


def arm_shares(rows: pd.DataFrame, exam: pd.DataFrame | None = None) -> dict[str, Shares]:
    """Of each arm in the rows of `round_outcomes` and `examined`, its shares."""
    found = {}
    for arm, part in rows.groupby("arm", sort=False):
        own = None if exam is None or exam.empty else exam[exam["arm"] == arm]
        order = part.drop_duplicates("batch").sort_values("position")["batch"]
        found[str(arm)] = Shares(
            kind=part["kind"].iloc[0], order=tuple(order), exam=None if own is None else _table(own, "item"),
            batches=tuple(_table(batch, "tool") for _, batch in part.groupby("batch")),
        )  # fmt: skip
    return found


def _table(rows: pd.DataFrame, index: str) -> NDArray[np.float64]:
    """Percent right, shape (tools or items, rounds, seeds)."""
    means = 100 * rows.groupby([index, "round", "seed"])["correct"].mean().unstack("seed")
    shape = (rows[index].nunique(), rows["round"].nunique(), rows["seed"].nunique())
    return means.to_numpy(dtype=float).reshape(shape)


#: what each tool of a batch adds to a measure: by the batch's number, shape (tools,) or (tools, seeds)
ToolChanges = dict[int, NDArray[np.float64]]


def tool_changes(run: Shares) -> dict[str, ToolChanges]:
    """What each tool adds to an arm's measures (`ARM_MEASURES`); a measure is the mean of its batches' means.

    A sequential arm has all; an interleaved one, which learns every batch all the time, the final average and the drop
    from the best round after which all batches were asked; a joint one the final average. What general ability is
    kept, each has (the exam's items stand in the place of tools).
    """
    order, batches = run.order, [run.batches[number] for number in run.order]
    if run.kind == "sequential":
        lists = stats.forgetting([batch[:, 1:] for batch in batches])
        found = {name: dict(zip(order, arrays, strict=False)) for name, arrays in lists.items()}
        found["learning_accuracy"] = {order[place]: batch[:, place + 1] for place, batch in enumerate(batches)}
        found["forward_transfer"] = {
            order[place]: batch[:, place] - batch[:, 0] for place, batch in enumerate(batches) if place
        }
    else:
        found = {"final_average": {number: run.batches[number][:, -1] for number in order}}
        last = batches[0].shape[1] - 1
        if run.kind == "interleaved":
            found["drop_from_best"] = {
                number: batch[:, stats.best_round(batch, 1, last)] - batch[:, last]
                for number, batch in zip(order, batches, strict=True)
            }
    if run.exam is not None:
        found["general_kept"] = {0: run.exam[:, -1] - run.exam[:, 0]}
    return {name: found[name] for name in ARM_MEASURES if found.get(name)}


def estimates(runs: Sequence[Shares], *, level: float = stats.LEVEL) -> dict[str, stats.Estimate]:
    """The measures of one arm, or of two their differences first - second, with intervals over tools and seeds.

    Args:
        runs: one arm, or two with the same tools, batches, seeds and exam items, which are paired.
    """
    first, *second = [tool_changes(run) for run in runs]
    if not second:
        return stats.forgetting_estimates({name: list(own.values()) for name, own in first.items()}, level=level)
    paired = {name: _paired(own, second[0][name]) for name, own in first.items() if name in second[0]}
    return stats.forgetting_estimates(paired, gap=True, level=level)


def _paired(a: ToolChanges, b: ToolChanges) -> list[NDArray[np.float64]]:
    """First - second, tool by tool; with another order of learning a measure may leave out another batch."""
    batches = sorted({*a, *b})
    size = {number: (a if number in a else b)[number] for number in batches}
    return [
        len(batches) * (a.get(number, 0 * size[number]) / len(a) - b.get(number, 0 * size[number]) / len(b))
        for number in batches
    ]


# --- tables -----------------------------------------------------------------------------------------------------------


def matrix(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Correctness on every batch after every round, the paper's recomputed runs below ours.

    Returns:
        `arm, kind, round, batch, position, n, value, ci_low, ci_high`, percent; intervals over tools.
    """
    found = []
    for (arm, kind, number, batch, position), part in rows.groupby(
        ["arm", "kind", "round", "batch", "position"], sort=False
    ):
        cell = score.share_of(part, "correct", study)
        found.append((arm, kind, number, batch, position, len(part), cell.value, cell.low, cell.high))
    columns = ["arm", "kind", "round", "batch", "position", "n", "value", "ci_low", "ci_high"]
    paper = _paper("forgetting_matrix")
    if paper is not None:  # the audit counts rounds from 0 and has no base
        paper = paper.assign(kind="sequential", position=paper["batch"], round=paper["round"] + 1, value=paper["rule"])
        return pd.concat([pd.DataFrame(found, columns=columns), paper[columns]], ignore_index=True)
    return pd.DataFrame(found, columns=columns)


def arm_measures(rows: pd.DataFrame, exam: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The measures of every arm, the paper's below ours.

    Returns:
        `arm, kind, replay, general, order, seeds, measure, value, ci_low, ci_high, centre, se, df`, percent or points.
    """
    found, own = [], arm_shares(rows, exam)
    for arm in curriculum.continual_section(study).arms:
        order = "" if in_order(arm) else " ".join(map(str, arm.order or ()))
        for name, one in estimates([own[arm.name]], level=study.statistics.level).items():
            about = (arm.name, arm.kind, arm.replay, arm.general, order, rows["seed"].nunique(), name)
            found.append((*about, one.value, one.low, one.high, one.centre, one.se, one.df))
    columns = ["arm", "kind", "replay", "general", "order", "seeds", "measure", "value", "ci_low", "ci_high", "centre",
               "se", "df"]  # fmt: skip
    paper = _paper("forgetting")
    if paper is not None:
        paper = paper[paper["verdict"] == "rule"].assign(kind="sequential", general=PAPER_GENERAL, order="", seeds=1)
        paper = paper.assign(replay=paper["arm"].map({name: replay for name, (_, replay) in PAPER.items()}))
        return pd.concat([pd.DataFrame(found, columns=columns), paper.reindex(columns=columns)], ignore_index=True)
    return pd.DataFrame(found, columns=columns)


def wide(summary: pd.DataFrame) -> pd.DataFrame:
    """The table of `arm_measures` to be read: a row an arm, a column a measure, each figure with its interval."""
    cells = [f"{row.value:.1f} [{row.ci_low:.1f}, {row.ci_high:.1f}]" for row in summary.itertuples()]
    table = summary.assign(cell=cells).pivot(index="arm", columns="measure", values="cell")
    return table.reindex(summary["arm"].unique())[[name for name in ARM_MEASURES if name in table]].reset_index()


def arm_differences(rows: pd.DataFrame, exam: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Paired differences between arms that differ in one thing (`one_difference`).

    Returns:
        `contrast, comparison, measure, difference, ci_low, ci_high, centre, se, df, p, detectable, p_holm`, points; for
        `drop_from_best` less is better. Holm's correction is over the contrasts of one measure.
    """
    found, own = [], arm_shares(rows, exam)
    for a, b in itertools.permutations(curriculum.continual_section(study).arms, 2):
        what = one_difference(a, b)
        if what is not None:
            label = f"{a.name} - {b.name}"
            level = study.statistics.level
            for name, one in estimates([own[a.name], own[b.name]], level=level).items():
                shown = (one.value, one.low, one.high, one.centre, one.se, one.df, one.p(), one.detectable(level))
                found.append((what, label, name, *shown))
    columns = ["contrast", "comparison", "measure", "difference", "ci_low", "ci_high", "centre", "se", "df", "p",
               "detectable"]  # fmt: skip
    table = pd.DataFrame(found, columns=columns)
    return table.assign(p_holm=verdicts.holm(table["p"], table["measure"]))


def general_ability(exam: pd.DataFrame, study: Study) -> pd.DataFrame:
    """General ability after every round, percent of the exam's items.

    Returns:
        `arm, kind, general` (tasks a round), `round, n, value, ci_low, ci_high`.
    """
    found, tasks = [], {arm.name: arm.general for arm in curriculum.continual_section(study).arms}
    for (arm, kind, number), part in exam.groupby(["arm", "kind", "round"], sort=False):
        one = score.share_of(part, "correct", study, cluster="item")
        found.append((arm, kind, tasks[arm], number, len(part), one.value, one.low, one.high))
    return pd.DataFrame(found, columns=["arm", "kind", "general", "round", "n", "value", "ci_low", "ci_high"])


def one_difference(a: Arm, b: Arm) -> str | None:
    """The one thing that arm `a` has and `b` has not; None if they are not to be compared.

    >>> with_replay, without = Arm(name="a", replay=0.1), Arm(name="b")
    >>> one_difference(with_replay, without), one_difference(without, with_replay)
    ('replay', None)
    """
    if a.kind != b.kind:
        return a.kind if b.kind == "sequential" and in_order(b) and a.general == b.general else None
    order = {"replay": a.replay, "general": a.general, "order": None if in_order(a) else a.order}
    other = {"replay": b.replay, "general": b.general, "order": None if in_order(b) else b.order}
    different = [name for name in order if order[name] != other[name]]
    return different[0] if len(different) == 1 and not other[different[0]] else None


def in_order(arm: Arm) -> bool:
    """Whether an arm learns the batches in the order they have."""
    return arm.order is None or arm.order == sorted(arm.order)


def _paper(name: str) -> pd.DataFrame | None:
    """A table of the committed audit, with `arm` for its strategy; None where it is not there."""
    path = project_root() / "results" / "audit" / "tables" / f"{name}.csv"
    if not path.is_file():
        return None
    names = {strategy: arm for arm, (strategy, _) in PAPER.items()}
    table = store.read_table(path)
    return table.assign(arm=table["strategy"].map(names)).dropna(subset="arm")
