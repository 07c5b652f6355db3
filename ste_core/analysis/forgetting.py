"""What is kept and what is forgotten: measures of continual learning, with intervals over tools.

>>> matrix = np.array([[0.0, 0.0], [80.0, 0.0], [60.0, 70.0]])  # before, after the first and after the second batch
>>> measures(matrix, "sequential")["backward_transfer"].item()
-20.0

From answers on disk (`pipeline.continual_run`) to tidy rows (`outcomes`, `examined`), from those to tables. Seeds are
put together: a tool's share is over its items and seeds. What is resampled is tools within their batch, and the items
of the exam; arms are compared on the same resamples. Departures: the paper has one run, no intervals, and public
benchmarks in the place of the exam.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats as scipy_stats

from ste_core.core import store
from ste_core.core.config import Arm, Study, load, path_of, project_root
from ste_core.core.records import Prediction
from ste_core.pipeline import continual_run as continual
from ste_core.pipeline import curriculum, resources
from ste_core.scoring import error_types as taxonomy
from ste_core.scoring import execution, score, stats
from ste_core.scoring.stats import Interval

MEASURES = stats.FORGETTING | {
    "learning_accuracy": "mean correctness on each batch just after it was learnt",
    "forward_transfer": "mean change of later batches from the base to just before they are learnt",
    "general_kept": "change of the exam of general ability from the base to the last round",
}

#: the paper's two runs, as the audit has recomputed them: our name -> strategy, replay
PAPER = {"paper, replay": ("replay", 0.1), "paper, no replay": ("no replay", 0.0)}
PAPER_GENERAL = 2_000


# --- rows -------------------------------------------------------------------------------------------------------------


def outcomes(study: Study, seeds: Sequence[int] | None = None, metric: str | None = None) -> pd.DataFrame:
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
    chosen = {arm.name: arm for arm in curriculum.section(study).arms}
    for done in _rounds(study, seeds):
        arm = chosen[done.arm]
        for one in store.read_jsonl(continual.answers(study, done)[0], Prediction):
            batch = batch_of[one.gold.tool]
            position = batch if arm.order is None else arm.order.index(batch)
            asked[one.gold.tool, one.item, one.output] = one
            found.append(
                (arm.name, arm.kind, done.seed, done.round, batch, position, one.gold.tool, one.item, one.output)
            )
    columns = ["arm", "kind", "seed", "round", "batch", "position", "tool", "item", "output"]
    # many rounds give the same answer to an item: each is judged once
    results = execution.gold_results(resources.items(study, "test"))
    judged = taxonomy.outcomes(
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
    kinds = {arm.name: arm.kind for arm in curriculum.section(study).arms}
    rows = [
        (done.arm, kinds[done.arm], done.seed, done.round, one.item, one.right)
        for done in _rounds(study, seeds)
        for one in store.read_jsonl(continual.answers(study, done)[1], continual.ExamAnswer)
    ]
    return pd.DataFrame(rows, columns=["arm", "kind", "seed", "round", "item", "correct"])


def _rounds(study: Study, seeds: Sequence[int] | None) -> list[continual.RoundDone]:
    """The rounds of all arms, arm after arm."""
    by_seed = [continual.read(study, seed) for seed in seeds or curriculum.seeds(study)]
    return [one for arm in by_seed[0] for found in by_seed for one in found[arm]]


# --- measures ---------------------------------------------------------------------------------------------------------


def measures(matrix: ArrayLike, kind: str, exam: ArrayLike | None = None) -> dict[str, NDArray[np.float64]]:
    """The measures of `MEASURES` that an arm has.

    A sequential arm has all; an interleaved one, which learns every batch all the time, the final average and the drop
    from the best round after which all batches were asked; a joint one the final average. What general ability is
    kept, each has.

    Args:
        matrix: shape (..., 1 + rounds, batches), percent, batches in the order of learning; row 0 is the base. Leading
            axes (resamples) are kept.
        kind: of the arm.
        exam: shape (..., 1 + rounds), percent; None without an exam.
    """
    m = np.asarray(matrix, dtype=float)
    if kind == "sequential":
        found = stats.forgetting(m[..., 1:, :])
        later = range(1, m.shape[-1])
        found["learning_accuracy"] = np.stack([m[..., one + 1, one] for one in range(m.shape[-1])], -1).mean(-1)
        found["forward_transfer"] = np.stack([m[..., one, one] - m[..., 0, one] for one in later], -1).mean(-1)
    else:
        found = {"final_average": m[..., -1, :].mean(-1)}
        if kind == "interleaved":
            found["drop_from_best"] = (m[..., 1:-1, :].max(-2) - m[..., -1, :]).mean(-1)
    if exam is not None:
        e = np.asarray(exam, dtype=float)
        found["general_kept"] = e[..., -1] - e[..., 0]
    return found


@dataclass(frozen=True, slots=True)
class Shares:
    """What an arm got right, in percent, over all seeds.

    Attributes:
        batches: by the batch's number, shape (tools, 1 + rounds) each, tools by name.
        order: the batches' numbers in the order of learning.
        exam: shape (items, 1 + rounds); None without an exam.
    """

    kind: str
    batches: tuple[NDArray[np.float64], ...]
    order: tuple[int, ...]
    exam: NDArray[np.float64] | None = None


def shares(rows: pd.DataFrame, exam: pd.DataFrame | None = None) -> dict[str, Shares]:
    """Of each arm in the rows of `outcomes` and `examined`, its shares."""
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
    """Percent right, shape (tools or items, rounds)."""
    return 100 * rows.groupby([index, "round"])["correct"].mean().unstack().to_numpy(dtype=float)


def intervals(
    runs: Sequence[Shares],
    *,
    rng: np.random.Generator,
    level: float = stats.LEVEL,
    resamples: int = stats.RESAMPLES,
) -> dict[str, Interval]:
    """The measures of one arm, or of two their differences first - second, with bootstrap intervals (percentile).

    Tools are resampled within their batch, exam items among themselves; both arms have the same resample.

    Args:
        runs: one arm, or two with the same tools, batches and exam items.
    """
    exam = all(run.exam is not None for run in runs)
    kept = [
        name
        for name in MEASURES
        if all(name in measures(np.zeros((3, 2)), run.kind, np.zeros(3) if exam else None) for run in runs)
    ]

    def values(*picks: NDArray[np.intp], axis: int) -> NDArray[np.float64]:
        picks = tuple(np.moveaxis(pick, axis, -1) for pick in picks)
        found = []
        for run in runs:
            # (..., tools, rounds) -> (..., rounds) a batch -> (..., rounds, batches)
            matrix = np.stack([run.batches[one][picks[one]].mean(-2) for one in run.order], -1)
            # the exam's items are the last sample
            own = measures(matrix, run.kind, run.exam[picks[-1]].mean(-2) if exam and run.exam is not None else None)
            found.append(np.stack([own[name] for name in kept], 0))
        return found[0] - found[1] if len(found) == 2 else found[0]

    picks = tuple(np.arange(len(batch)) for batch in runs[0].batches)
    if exam and runs[0].exam is not None:
        picks = (*picks, np.arange(len(runs[0].exam)))
    drawn = scipy_stats.bootstrap(
        picks, values, vectorized=True, paired=False, method="percentile", n_resamples=resamples,
        confidence_level=level, rng=rng, batch=1_000,
    ).confidence_interval  # fmt: skip
    estimates = zip(kept, values(*picks, axis=-1), drawn.low, drawn.high, strict=True)
    return {name: Interval(float(value), float(low), float(high)) for name, value, low, high in estimates}


# --- tables -----------------------------------------------------------------------------------------------------------


def control(study: Study) -> Study | None:
    """The side study `<name>_gold`, whose rounds learn gold examples, if its tables are there."""
    name = f"{study.name}_gold"
    if not path_of(name).is_file():
        return None
    found = load(name)
    return found if (found.tables / "continual_summary.csv").is_file() else None


def matrix(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Correctness on every batch after every round, the paper's recomputed runs below ours.

    Returns:
        `arm, kind, round, batch, position, n, value, ci_low, ci_high`, percent; intervals over tools.
    """
    found = []
    for (arm, kind, number, batch, position), part in rows.groupby(
        ["arm", "kind", "round", "batch", "position"], sort=False
    ):
        group = part.groupby("tool")["correct"]
        cell = score.share(group.sum(), group.size(), study, "continual", arm, number, batch)
        found.append((arm, kind, number, batch, position, len(part), cell.value, cell.low, cell.high))
    columns = ["arm", "kind", "round", "batch", "position", "n", "value", "ci_low", "ci_high"]
    paper = _paper("forgetting_matrix")
    if paper is not None:  # the audit counts rounds from 0 and has no base
        paper = paper.assign(kind="sequential", position=paper["batch"], round=paper["round"] + 1, value=paper["rule"])
        return pd.concat([pd.DataFrame(found, columns=columns), paper[columns]], ignore_index=True)
    return pd.DataFrame(found, columns=columns)


def summary(rows: pd.DataFrame, exam: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The measures of every arm, the paper's below ours.

    Returns:
        `arm, kind, replay, general, order, seeds, measure, value, ci_low, ci_high`, percent or points.
    """
    found, own = [], shares(rows, exam)
    for arm in curriculum.section(study).arms:
        order = "" if in_order(arm) else " ".join(map(str, arm.order or ()))
        for name, one in _intervals(study, own[arm.name], label=arm.name).items():
            found.append((arm.name, arm.kind, arm.replay, arm.general, order, rows["seed"].nunique(), name, *one))
    columns = ["arm", "kind", "replay", "general", "order", "seeds", "measure", "value", "ci_low", "ci_high"]
    paper = _paper("forgetting")
    if paper is not None:
        paper = paper[paper["verdict"] == "rule"].assign(kind="sequential", general=PAPER_GENERAL, order="", seeds=1)
        paper = paper.assign(replay=paper["arm"].map({name: replay for name, (_, replay) in PAPER.items()}))
        return pd.concat([pd.DataFrame(found, columns=columns), paper[columns]], ignore_index=True)
    return pd.DataFrame(found, columns=columns)


def wide(summary: pd.DataFrame) -> pd.DataFrame:
    """The table of `summary` to be read: a row an arm, a column a measure, each figure with its interval."""
    cells = [f"{row.value:.1f} [{row.ci_low:.1f}, {row.ci_high:.1f}]" for row in summary.itertuples()]
    table = summary.assign(cell=cells).pivot(index="arm", columns="measure", values="cell")
    return table.reindex(summary["arm"].unique())[[name for name in MEASURES if name in table]].reset_index()


def differences(rows: pd.DataFrame, exam: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Paired differences between arms that differ in one thing (`contrast`).

    Returns:
        `contrast, comparison, measure, difference, ci_low, ci_high`, points; for `drop_from_best` less is better.
    """
    found, own = [], shares(rows, exam)
    for a, b in itertools.permutations(curriculum.section(study).arms, 2):
        what = contrast(a, b)
        if what is not None:
            label = f"{a.name} - {b.name}"
            for name, one in _intervals(study, own[a.name], own[b.name], label=label).items():
                found.append((what, label, name, *one))
    return pd.DataFrame(found, columns=["contrast", "comparison", "measure", "difference", "ci_low", "ci_high"])


def general(exam: pd.DataFrame, study: Study) -> pd.DataFrame:
    """General ability after every round, percent of the exam's items.

    Returns:
        `arm, kind, general` (tasks a round), `round, n, value, ci_low, ci_high`.
    """
    found, tasks = [], {arm.name: arm.general for arm in curriculum.section(study).arms}
    for (arm, kind, number), part in exam.groupby(["arm", "kind", "round"], sort=False):
        group = part.groupby("item")["correct"]
        one = score.share(group.sum(), group.size(), study, "general", arm, number)
        found.append((arm, kind, tasks[arm], number, len(part), one.value, one.low, one.high))
    return pd.DataFrame(found, columns=["arm", "kind", "general", "round", "n", "value", "ci_low", "ci_high"])


def contrast(a: Arm, b: Arm) -> str | None:
    """The one thing that arm `a` has and `b` has not; None if they are not to be compared.

    >>> contrast(Arm(name="a", replay=0.1), Arm(name="b")), contrast(Arm(name="b"), Arm(name="a", replay=0.1))
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


def _intervals(study: Study, *runs: Shares, label: str) -> dict[str, tuple[float, float, float]]:
    found = intervals(
        runs, rng=study.rng("continual", label), level=study.statistics.level, resamples=study.statistics.resamples
    )
    return {name: (one.value, one.low, one.high) for name, one in found.items()}


def _paper(name: str) -> pd.DataFrame | None:
    """A table of the committed audit, with `arm` for its strategy; None where it is not there."""
    path = project_root() / "results" / "audit" / "tables" / f"{name}.csv"
    if not path.is_file():
        return None
    names = {strategy: arm for arm, (strategy, _) in PAPER.items()}
    table = store.read_table(path)
    return table.assign(arm=table["strategy"].map(names)).dropna(subset="arm")
