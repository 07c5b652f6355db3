"""The five claims by an embedded study: what a small language model on tools that run shows of them.

>>> embedded(correctness, gains, ablations, continual).query("part == 'as worded'")     # doctest: +SKIP

It has no GPT-4 and no figure of the paper to repeat: what a claim says of those is inconclusive here. Its statements
stand for both wordings of a claim (`claims.CLAIMS`), so each claim is closed once, by the summary's words.
"""

import numpy as np
import pandas as pd

from ste_core.analysis.claims import MARGIN, PAPER_REPLAY, Statements, estimate_of
from ste_core.scoring import score
from ste_core.scoring.stats import Estimate
from ste_core.scoring.verdicts import Decision, Side, decide

ABLATED = {
    "no_feedback": "execution feedback",
    "no_short_term": "short-term memory",
    "no_long_term": "long-term memory",
    "no_reflection": "self-reflection",
}


def embedded(
    correctness: pd.DataFrame,
    gains: pd.DataFrame,
    ablations: pd.DataFrame | None = None,
    continual: tuple[pd.DataFrame, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """The claims by a study's tables.

    Args:
        correctness, gains: the study's tables `embedded_correctness` and `embedded_gains`.
        ablations: `ablations`, of a study that has them. Where its setting cannot tell parts of the method apart
            (`ablations.cannot_tell`), a difference is shown and decides nothing.
        continual: `continual_summary` and `continual_differences`, of a study that has them.

    Returns:
        As `claims.claims`.
    """
    said, right = Statements(), score.right(correctness["metric"])
    base = correctness[(correctness["setting"] == "baseline") & (correctness["metric"] == right)].iloc[0]
    found = Estimate(base["value"], base["ci_low"], base["ci_high"])
    said.add(1, "a", "the small model without STE is between 30 and 60 % correct", found, wording="context",
             test="none: a figure", unit="% correct")  # fmt: skip
    said.add(1, "b", "existing models are", None, test="none", note="no such model took part")
    pairs = gains.set_index("comparison")
    steps = ((2, "a", "ICL with STE raises correctness", "ICL - baseline"),
             (3, "a", "fine-tuning improves correctness over ICL", "FT - ICL"),
             (3, "b", "fine-tuning improves correctness over the baseline", "FT - baseline"))  # fmt: skip
    for number, letter, hypothesis, comparison in steps:
        row = pairs.loc[comparison] if comparison in pairs.index else None
        _difference(said, number, letter, hypothesis, row, family="settings", context=comparison == "FT - baseline")
    said.add(2, "b", "it outperforms GPT-4, by the printed figures", None, test="none", note="no GPT-4 took part")
    said.add(3, "c", "the best model reaches 76.8 %", None, test="none", note="another model, other tools")
    _replay(said, continual)
    for letter, (variant, part) in zip("abcd", ABLATED.items(), strict=True):
        for size, mark in (("all", ""), ("equal", "'")):
            hypothesis = f"without {part}, correctness falls" + (", with as many examples" if mark else "")
            own = None if ablations is None else ablations[
                (ablations["variant"] == variant) & (ablations["size"] == size) & (ablations["metric"] == right)
                & ablations["setting"].str.startswith("FT")
            ]  # fmt: skip
            row = None if own is None or own.empty else own.iloc[0]
            examples = "" if row is None else f"{row['examples']:.0f} examples instead of {row['examples_full']:.0f}"
            tells = row is None or bool(row.get("tells", True))
            note = examples if tells else f"{examples}; this learner cannot tell parts apart"
            _difference(said, 5, letter + mark, hypothesis, row, family="ablations", context=bool(mark), below=True,
                        note=note)  # fmt: skip
    return said.closed(("summary",))


def _difference(
    said: Statements, claim: int, part: str, hypothesis: str, row: pd.Series | None, *, family: str,
    context: bool = False, below: bool = False, note: str = "", value: str = "difference",
) -> None:  # fmt: skip
    """A paired difference that another table has tested and corrected: it is above none, or below. Its side is left
    open in a row that `tells` nothing."""
    wording = "context" if context else "both"
    if row is None or pd.isna(row[value]):
        said.add(claim, part, hypothesis, None, wording=wording, test="none", note="nothing to compare")  # type: ignore[arg-type]
        return
    stated = row[value] < 0 if below else row[value] > 0
    side: Side = "neither" if not row.get("tells", True) else "for" if stated else "against"
    decision = Decision(row["p"], side)
    said.add(claim, part, hypothesis, _known(row, value), decision, wording=wording, family=family,  # type: ignore[arg-type]
             p_holm=row["p_holm"], note=note)  # fmt: skip


def _known(row: pd.Series, value: str) -> Estimate:
    """The estimate in a row; tables that need no test against another bound have no centre."""
    centre = row.get("centre", np.nan)
    return Estimate(row[value], row["ci_low"], row["ci_high"], centre, row.get("se", np.nan), row.get("df", np.nan))


def _replay(said: Statements, continual: tuple[pd.DataFrame, pd.DataFrame] | None) -> None:
    if continual is None:
        said.add(4, "a", "replay enables continual learning", None, test="none", note="not part of this study")
        return
    summary, differences = continual
    pairs = differences[differences["contrast"] == "replay"]
    own = summary[(summary["kind"] == "sequential") & summary["arm"].isin(pairs["comparison"].str.split(" - ").str[0])]
    if own.empty:
        said.add(4, "a", "replay enables continual learning", None, test="none", note="no arm to compare")
        return
    arm = own.loc[(own["replay"] - PAPER_REPLAY).abs().idxmin(), "arm"]
    pairs = pairs[pairs["comparison"].str.startswith(f"{arm} - ")]

    def row_of(table: pd.DataFrame, name: str) -> pd.Series:
        return table[table["measure"] == name].iloc[0]

    for letter, hypothesis, name in (
        ("a", "replay ends higher than no replay over all batches", "final_average"),
        ("b", "replay loses less of earlier batches than no replay", "backward_transfer"),
    ):
        _difference(said, 4, letter, hypothesis, row_of(pairs, name), family="arms")
    of_arm = own[own["arm"] == arm]
    lost = estimate_of(row_of(of_arm, "backward_transfer"))
    _margin(said, "c", f"with replay, earlier batches lose at most {MARGIN} points since they were learnt", lost,
            row_of(of_arm, "learning_accuracy")["value"])  # fmt: skip
    joint = differences[(differences["contrast"] == "joint") & (differences["comparison"] == f"joint - {arm}")]
    if len(joint):
        gap = estimate_of(row_of(joint, "final_average"), "difference")
        found = Estimate(-gap.value, -gap.high, -gap.low, -gap.centre, gap.se, gap.df)
        ceiling = row_of(summary[summary["arm"] == "joint"], "final_average")["value"]
        _margin(said, "d", f"replay ends at most {MARGIN} points below joint training", found, ceiling, context=True)
    if "general_kept" in set(of_arm["measure"]):
        found = estimate_of(row_of(of_arm, "general_kept"))
        said.add(4, "e", f"general skills lose at most {MARGIN} points", found, decide(found, "above", -MARGIN),
                 test=f"change against -{MARGIN}", family="margins",
                 note="the margin is ours; our own exam of general skills")  # fmt: skip


def _margin(
    said: Statements, part: str, hypothesis: str, found: Estimate, known: float, *, context: bool = False
) -> None:
    """A loss of at most `MARGIN` points of the `known`, which must be more than that to be lost."""
    wording, test = "context" if context else "both", f"against -{MARGIN}"
    if known < MARGIN:
        note = f"{known:.1f} % is all there is to lose, less than the margin, ours"
        said.add(4, part, hypothesis, None, wording=wording, test=test, note=note)  # type: ignore[arg-type]
        return
    said.add(4, part, hypothesis, found, decide(found, "above", -MARGIN), wording=wording, test=test,  # type: ignore[arg-type]
             family="margins", note="the margin is ours")  # fmt: skip
