"""From estimates to words: one rule, and to each test its family.

>>> said = decide(Estimate(4.0, 1.0, 7.0, centre=4.0, se=1.5, df=49), "above", 0)
>>> said.side, round(said.p, 3)
('for', 0.01)
>>> word(said.side, 0.01)
'supported'

Every statement that is judged rests on one two-sided test against its bound and belongs to one *family*: the tests that
answer one question. p-values are corrected by Holm's method within the family, once; whoever shows the statement again,
in another notebook, shows that p-value and that word. One contrast has two families: the settings of a study's first
learner, which its claims rest on, and those of all its learners at once, whose correction is the stronger. The rule:

- *supported*: the corrected p is below 0.05 and the estimate lies on the side that is stated;
- *not supported*: it is below 0.05 and the estimate lies on the other side;
- *inconclusive*: all else. Beside it stands the difference that the test would have found in 80 of 100 such samples
  (`Estimate.detectable`): what is smaller could not be seen.

Intervals are shown uncorrected. What has no test, because runs are not paired, a figure is only reported, or nothing
hangs on it, is *descriptive* and has no verdict. All of it speaks of these runs.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from statsmodels.stats.multitest import multipletests

from ste_core.scoring.stats import LEVEL, Estimate

Verdict = Literal["supported", "not supported", "inconclusive", "descriptive"]
Side = Literal["for", "against", "neither"]

SUPPORTED: Verdict = "supported"
NOT_SUPPORTED: Verdict = "not supported"
INCONCLUSIVE: Verdict = "inconclusive"
DESCRIPTIVE: Verdict = "descriptive"

#: family -> the tests in it
FAMILIES = {
    # the audit
    "exploitation": "ICL and FT against the baseline, FT against ICL, of the three models whose files are at hand",
    "ablation": "each part of the method left out",
    "best": "the fine-tuned models against each other",
    "continual": "replay against no replay, and against joint training, after the last round",
    "forgetting": "the forgetting measures, replay less no replay",
    "levels": "correctness without STE against 30 and 60 %, a system",
    "printed": "figures against the printed ones",
    "margins": "what may still count as preserved, against a margin of ours",
    # an embedded study
    "settings": "the first learner's ICL and FT against the baseline, FT against ICL; a family a metric",
    "learners": "the same of all learners, metrics and decodings together; apart from them those with controls",
    "wording": "the same, a family a kind of items",
    "explorers": "two studies' explorations, all measures; what their experience is worth, all learners and settings",
    "ablations": "each variant against the full method; a family a setting, size and metric",
    "amount": "less exploration against all of it; a family a setting and metric",
    "control": "gold examples against experience; a family a metric",
    "forms": "each form of experience against none, and against demonstrations of the same budget; a family a learner "
    "and reference",
    "arms": "arms of continual learning that differ in one thing; a family a measure",
    "coverage": "each variant's coverage of the tools against the full method's; a family a measure",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What the test of a statement says before correction."""

    p: float
    side: Side


def decide(found: Estimate, kind: Literal["above", "below", "within"], *bounds: float) -> Decision:
    """The test of one statement.

    Args:
        found: the estimate.
        kind: "above" or "below" one bound, or "within" two.
    """
    if pd.isna(found.centre):
        return Decision(float("nan"), "neither")
    if kind == "within":
        low, high = bounds
        if low <= found.centre <= high:  # both ends must be excluded
            return Decision(max(found.p(low), found.p(high)), "for")
        return Decision(found.p(low if found.centre < low else high), "against")
    stated = found.centre > bounds[0] if kind == "above" else found.centre < bounds[0]
    return Decision(found.p(bounds[0]), "for" if stated else "against")


def word(side: Side, p_corrected: float, level: float = LEVEL) -> Verdict:
    """The verdict on a statement by the side its estimate lies on and its corrected p-value."""
    if pd.isna(p_corrected) or p_corrected >= 1 - level or side == "neither":
        return INCONCLUSIVE
    return SUPPORTED if side == "for" else NOT_SUPPORTED


def printed(stored: float, value: float, p_corrected: float, level: float = LEVEL) -> Verdict:
    """The verdict on "the figure is the printed one".

    Not supported if the test rejects the printed value; supported if it does not and, besides, the stored verdicts give
    it to the printed digit (0.1): a test that does not reject supports nothing by itself.
    """
    if p_corrected < 1 - level:
        return NOT_SUPPORTED
    return SUPPORTED if abs(stored - value) < 0.05 else INCONCLUSIVE


def contrast(difference: float, p_corrected: float, level: float = LEVEL) -> str:
    """A paired difference in a word: "higher", "lower", "inconclusive", or "not compared".

    >>> contrast(3.0, 0.01), contrast(-3.0, 0.2)
    ('higher', 'inconclusive')
    """
    if pd.isna(p_corrected):
        return "not compared"
    return INCONCLUSIVE if p_corrected >= 1 - level else "higher" if difference > 0 else "lower"


def conjunction(parts: list[Verdict]) -> Verdict:
    """The verdict on a conjunction; parts that are descriptive do not count."""
    tested = [one for one in parts if one != DESCRIPTIVE]
    if not tested:
        return DESCRIPTIVE
    return NOT_SUPPORTED if NOT_SUPPORTED in tested else INCONCLUSIVE if INCONCLUSIVE in tested else SUPPORTED


def holm(p: pd.Series, family: pd.Series | Hashable | None = None) -> pd.Series:
    """Holm-corrected p-values within each family (default: all are one); those that are missing are left out.

    >>> holm(pd.Series([0.01, 0.04, None, 0.03])).round(2).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    known = p.astype(float).dropna()
    groups = pd.Series(0, known.index) if not isinstance(family, pd.Series) else family[known.index]
    found = pd.Series(float("nan"), p.index, dtype=float)
    for _, part in known.groupby(groups):
        found[part.index] = multipletests(part.to_numpy(), method="holm")[1]
    return found


def show_p(p: float, name: str = "p") -> str:
    """A p-value in words, never as zero.

    >>> show_p(0.00002), show_p(0.0314)
    ('p < 0.001', 'p = 0.031')
    """
    return "" if pd.isna(p) else f"{name} < 0.001" if p < 0.001 else f"{name} = {p:.3f}"


def seen(detectable: float) -> str:
    """Beside "inconclusive": what could have been seen."""
    return "" if pd.isna(detectable) else f"a difference of {detectable:.1f} points would be found with 80 % power"
