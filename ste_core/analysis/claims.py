"""The paper's claims as hypotheses, in two wordings: test, evidence, verdict.

>>> claims(correctness, comparisons, forgetting).query("part == 'as worded'")           # doctest: +SKIP

The paper's abstract and a widely read summary of it (which this project's brief is) do not say the same. Both are taken
apart into statements that a number can decide, each marked with the wording that makes it: "paper", "summary", "both",
or "context", which stands beside and does not count. Verdicts follow the one rule of `scoring.verdicts`: supported, not
supported or inconclusive here, for these runs; a claim as worded is the conjunction of its statements.

Comparisons with GPT are *descriptive*: their outputs are not in every copy of the release, so that only the reported
figures stand against each other, unpaired; besides, GPT was asked otherwise (all 50 documents at temperature 1, where
the open models were shown 15 that held the right one and answered greedily).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from ste_core.scoring import verdicts
from ste_core.scoring.stats import Estimate
from ste_core.scoring.verdicts import DESCRIPTIVE, INCONCLUSIVE, Decision, Verdict, decide

Wording = Literal["paper", "summary", "both", "context"]

#: claim -> what the paper (arXiv 2403.04746) says, and what the summary says
CLAIMS: dict[int, dict[str, str]] = {
    1: {
        "paper": 'Existing LLMs, "including GPT-4 and open-source LLMs specifically fine-tuned for tool use", reach a '
        "correctness of 30 to 60 %.",
        "summary": 'Existing models reach rates only between 30 and 60 %, "even for the best models like GPT-4".',
    },
    2: {
        "paper": 'STE improves tool learning "under both in-context learning and fine-tuning settings"; the boost to '
        "Mistral-Instruct-7B is 46.7 points, and it then outperforms GPT-4.",
        "summary": 'STE boosts Mistral-Instruct-7B by 46.7 % "with in-context learning", enabling it to outperform '
        "GPT-4.",
    },
    3: {
        "paper": "Fine-tuned models are best, up to 76.8 % (the paper's table).",
        "summary": "Fine-tuning with STE improves performance further, the best model achieving 76.8 %.",
    },
    4: {
        "paper": "Tools can be learnt continually by a simple experience replay.",
        "summary": "A simple replay strategy enables continual learning of new tools while preserving existing "
        "capabilities.",
    },
    5: {
        "paper": "Short- and long-term memory improve depth and breadth of exploration; execution feedback and "
        "self-reflection matter (the paper's ablations).",
        "summary": "Each of execution feedback, short-term memory, long-term memory and self-reflection matters.",
    },
}

MISTRAL, LLAMA, LLAMA13 = "Mistral-Instruct-7B", "Llama-2-Chat-7B", "Llama-2-Chat-13B"
TOOLLLAMA, GPT35, GPT4 = "ToolLLaMA-v2", "GPT-3.5-turbo-16k-0613", "GPT-4-8k-0613"

MARGIN = 5  # points; what still counts as preserved. Ours, the paper names none
PAPER_REPLAY = 0.1

PAIRED = "paired by item, tools at random"
UNPAIRED = "none: reported only, unpaired, asked otherwise"


@dataclass
class Statements:
    """Statements as rows; `closed` corrects p-values, gives the verdicts, and closes each claim."""

    rows: list[dict] = field(default_factory=list)

    def add(
        self, claim: int, part: str, hypothesis: str, found: Estimate | None, decision: Decision | None = None, *,
        wording: Wording = "both", test: str = PAIRED, family: str = "", p_holm: float = np.nan, unit: str = "points",
        note: str = "", stored: float | None = None, printed: float | None = None,
    ) -> None:  # fmt: skip
        """A statement.

        Args:
            decision: of its test; None where there is none: descriptive, or inconclusive where there is no figure.
            family: of its test; a p-value that another table has corrected comes as `p_holm`.
            stored, printed: of "the figure is the printed one": what the stored verdicts give, and what is printed.
        """
        shown = found or Estimate(np.nan, np.nan, np.nan)
        tested = decision is not None and found is not None
        self.rows.append(
            {"claim": claim, "part": part, "wording": wording, "hypothesis": hypothesis, "test": test, "unit": unit,
             "effect": shown.value, "ci_low": shown.low, "ci_high": shown.high,
             "p": decision.p if tested and decision else np.nan, "family": family if tested else "",
             "p_holm": p_holm, "detectable": shown.detectable(), "_side": decision.side if decision else "neither",
             "_stored": np.nan if stored is None else stored, "_printed": np.nan if printed is None else printed,
             "_tested": tested, "_found": found is not None, "_note": note}
        )  # fmt: skip

    def closed(self, wordings: Sequence[str]) -> pd.DataFrame:
        """The rows, each claim closed by a row `as worded` for each wording.

        Returns:
            Columns `claim, part, wording, hypothesis, test, unit, effect, ci_low, ci_high, p, family, p_holm,
            p_holm_all` (all tests here as one family, for comparison), `detectable, verdict, evidence`.
        """
        table = pd.DataFrame(self.rows)
        own = table["p_holm"].isna() & table["p"].notna()
        table.loc[own, "p_holm"] = verdicts.holm(table.loc[own, "p"], table.loc[own, "family"])
        once = ~table.duplicated(["effect", "p"])  # a contrast may stand in two claims
        every = verdicts.holm(table["p"].where(once))
        table["p_holm_all"] = every.fillna(table.assign(every=every).groupby(["effect", "p"])["every"].transform("max"))
        table["verdict"] = [_verdict(row) for row in table.to_dict("records")]
        table["evidence"] = [_evidence(row) for row in table.to_dict("records")]
        table = table[[name for name in table if not name.startswith("_")]]
        closed = []
        for number, group in table.groupby("claim", sort=True):
            closed.append(group)
            for wording in wordings:
                said = group[group["wording"].isin([wording, "both"])]["verdict"].tolist()
                words = ("supported", "not supported", "inconclusive", "descriptive")
                counts = ", ".join(f"{said.count(one)} {one}" for one in words if one in said)
                closed.append(pd.DataFrame([{
                    "claim": number, "part": "as worded", "wording": wording, "hypothesis": CLAIMS[number][wording],
                    "test": "conjunction of its parts", "verdict": verdicts.conjunction(said),
                    "evidence": f"parts: {counts}",
                }]))  # fmt: skip
        return pd.concat(closed, ignore_index=True)[[*table]]


def _verdict(row: dict) -> Verdict:
    if not row["_found"]:
        return INCONCLUSIVE
    if not row["_tested"]:
        return DESCRIPTIVE
    if not pd.isna(row["_printed"]):
        return verdicts.printed(row["_stored"], row["_printed"], row["p_holm"])
    return verdicts.word(row["_side"], row["p_holm"])


def _evidence(row: dict) -> str:
    if not row["_found"]:
        return row["_note"] or "no data"
    said = [f"{Estimate(row['effect'], row['ci_low'], row['ci_high']):.1f} {row['unit']}"]
    if pd.isna(row["ci_low"]):
        said = [f"{row['effect']:.1f} {row['unit']}"]
    if not pd.isna(row["p_holm"]):
        said.append(verdicts.show_p(row["p_holm"], "Holm p"))
    if row["verdict"] == INCONCLUSIVE and not pd.isna(row["detectable"]):
        said.append(verdicts.seen(row["detectable"]))
    return ", ".join(said) + (f"; {row['_note']}" if row["_note"] else "")


def estimate_of(row: pd.Series, value: str = "value", low: str = "ci_low", high: str = "ci_high") -> Estimate:
    """The estimate in a row of a table that has the columns `centre, se, df` beside the figure."""
    return Estimate(row[value], row[low], row[high], row["centre"], row["se"], row["df"])


# --- the audit --------------------------------------------------------------------------------------------------------


def claims(correctness: pd.DataFrame, comparisons: pd.DataFrame, forgetting: pd.DataFrame) -> pd.DataFrame:
    """Every claim, part by part, and as worded by either, by the paper's own data.

    Args:
        correctness, comparisons, forgetting: the audit's tables of these names.

    Returns:
        See `Statements.closed`.
    """
    said = Statements()
    scores = _scores(correctness)
    pair = _pairs(comparisons)
    _claim_1(said, scores)
    _claim_2(said, scores, pair)
    _claim_3(said, scores, pair)
    _claim_4(said, forgetting, pair)
    _claim_5(said, pair)
    return said.closed(("paper", "summary"))


@dataclass(frozen=True)
class _Evidence:
    """A figure recomputed, the same by the stored verdicts, its test against none, and where it comes from."""

    found: Estimate
    stored: float = np.nan
    p: float = np.nan
    p_holm: float = np.nan
    family: str = ""
    note: str = ""

    def above(self) -> dict:
        """What `Statements.add` takes of "it is above none"."""
        return {"decision": Decision(self.p, "for" if self.found.value > 0 else "against"), "family": self.family,
                "p_holm": self.p_holm}  # fmt: skip


Scores = Callable[[str, str], _Evidence]
Pair = Callable[..., _Evidence]


def _scores(correctness: pd.DataFrame) -> Scores:
    """Correctness of a system, recomputed; only reported where its file is absent."""
    table = correctness[correctness["split"] == "all"].set_index(["system", "setting"])

    def score(system: str, setting: str) -> _Evidence:
        row = table.loc[(system, setting)]
        if pd.notna(row["correct_rule"]):
            found = estimate_of(row, "correct_rule")
            return _Evidence(found, row["correct_stored"], note=f"reported {row['correct_reported']:.1f}")
        return _Evidence(Estimate(row["correct_reported"], np.nan, np.nan), note="reported only")

    return score


def _pairs(comparisons: pd.DataFrame) -> Pair:
    index = ["verdict", "table", "system_a", "setting_a", "system_b", "setting_b"]
    table = comparisons.set_index(index).sort_index()

    def pair(name: str, a: tuple[str, str], b: tuple[str, str]) -> _Evidence:
        rule, stored = table.loc[("rule", name, *a, *b)], table.loc[("stored", name, *a, *b)]
        found = estimate_of(rule, "difference")
        return _Evidence(found, stored["difference"], rule["p"], rule["p_holm"], name)

    pair.relative = lambda name, a, b: (  # type: ignore[attr-defined]
        table.loc[("rule", name, *a, *b)], table.loc[("stored", name, *a, *b), "relative"]
    )  # fmt: skip
    return pair


def _against_gpt(said: Statements, claim: int, part: str, ours: _Evidence, gpt: _Evidence, **more: object) -> None:
    """A descriptive comparison with a reported figure of GPT-4."""
    gap = ours.found.value - gpt.found.value
    note = f"{ours.found.value:.1f} against {gpt.found.value:.1f} reported"
    said.add(claim, part, found=Estimate(gap, np.nan, np.nan), test=UNPAIRED, note=note, **more)  # type: ignore[arg-type]


def _claim_1(said: Statements, scores: Scores) -> None:
    systems: list[tuple[str, Wording]] = [
        (TOOLLLAMA, "both"), (LLAMA, "summary"), (LLAMA13, "summary"), (MISTRAL, "summary"), (GPT35, "summary"),
        (GPT4, "both"),
    ]  # fmt: skip
    for letter, (system, wording) in zip("abcdef", systems, strict=True):
        one = scores(system, "baseline")
        known = not np.isnan(one.found.low)
        said.add(
            1, letter, f"{system} without STE is between 30 and 60 % correct", one.found,
            decide(one.found, "within", 30, 60) if known else None, wording=wording, family="levels",
            test="level, against 30 and 60 %" if known else UNPAIRED, unit="% correct", note=one.note,
        )  # fmt: skip


def _claim_2(said: Statements, scores: Scores, pair: Pair) -> None:
    letters = iter("abcdefghijklm")
    for setting in ("ICL", "FT"):
        for system in (LLAMA, LLAMA13, MISTRAL):
            one = pair("exploitation", (system, setting), (system, "baseline"))
            wording: Wording = "both" if (system, setting) == (MISTRAL, "ICL") else "paper"
            said.add(2, next(letters), f"{setting} with STE raises the correctness of {system}", one.found,
                     wording=wording, **one.above())  # fmt: skip
    base, icl, ft = (MISTRAL, "baseline"), (MISTRAL, "ICL"), (MISTRAL, "FT")
    for setting, system, wording in (("fine-tuning", ft, "paper"), ("ICL", icl, "summary")):
        gain = pair("exploitation", system, base)
        said.add(2, next(letters), f"the gain of Mistral by {setting} is 46.7 points", gain.found,
                 Decision(gain.found.p(46.7), "neither"), wording=wording, family="printed", printed=46.7,
                 stored=gain.stored, note=f"stored {gain.stored:.1f}")  # fmt: skip
    row, stored = pair.relative("exploitation", icl, base)  # type: ignore[attr-defined]
    said.add(2, next(letters), "the gain by ICL is 46.7 % of the baseline (the other reading)",
             Estimate(row["relative"], row["relative_low"], row["relative_high"]), wording="context",
             unit="% of baseline", note=f"stored {stored:.1f}")  # fmt: skip
    statements: tuple[tuple[tuple[str, str], str, str, Wording], ...] = (
        (ft, "FT", "baseline", "paper"), (icl, "ICL", "baseline", "summary"), (icl, "ICL", "ICL", "context"),
        (ft, "FT", "ICL", "context"),
    )  # fmt: skip
    for system, ours, theirs, wording in statements:
        _against_gpt(said, 2, next(letters), scores(*system), scores(GPT4, theirs), wording=wording,
                     hypothesis=f"Mistral with STE ({ours}) outperforms GPT-4 ({theirs})")  # fmt: skip


def _claim_3(said: Statements, scores: Scores, pair: Pair) -> None:
    for letter, system in zip("abc", (LLAMA, LLAMA13, MISTRAL), strict=True):
        one = pair("exploitation", (system, "FT"), (system, "ICL"))
        said.add(3, letter, f"fine-tuning improves {system} over ICL", one.found, **one.above())
    best = scores(MISTRAL, "FT")
    said.add(
        3, "d", "the best model (Mistral, fine-tuned) reaches 76.8 %", best.found,
        Decision(best.found.p(76.8), "neither"), test="level, against the printed figure", family="printed",
        printed=76.8, stored=best.stored, unit="% correct", note=best.note,
    )  # fmt: skip
    for letter, system in (("e", LLAMA13), ("f", LLAMA)):
        one = pair("best", (MISTRAL, "FT"), (system, "FT"))
        said.add(3, letter, f"it is better than {system} fine-tuned", one.found, wording="context", **one.above())
    _against_gpt(
        said, 3, "g", best, scores(GPT4, "ICL"), wording="context", hypothesis="it is better than GPT-4 with ICL"
    )


def _claim_4(said: Statements, forgetting: pd.DataFrame, pair: Pair) -> None:
    table = forgetting[forgetting["verdict"] == "rule"].set_index(["strategy", "measure"])
    margin = f"a margin of {MARGIN} points, ours"
    for letter, measure, words in (
        ("a", "final_average", "replay ends higher than no replay over all batches"),
        ("b", "backward_transfer", "replay loses less of earlier batches than no replay"),
    ):
        row = table.loc[("replay - no replay", measure)]
        one = _Evidence(estimate_of(row), p=row["p"], p_holm=row["p_holm"], family="forgetting")
        said.add(4, letter, words, one.found, test="tools within batches at random", **one.above())
    found = estimate_of(table.loc[("replay", "backward_transfer")])
    said.add(
        4, "c", f"with replay, earlier batches lose at most {MARGIN} points since they were learnt", found,
        decide(found, "above", -MARGIN), wording="summary", test=f"backward transfer against -{MARGIN}",
        family="margins", note=margin,
    )  # fmt: skip
    one = pair("continual", (LLAMA, "replay round 3"), (LLAMA, "joint FT with general data"))
    said.add(
        4, "d", f"replay ends at most {MARGIN} points below joint training", one.found,
        decide(one.found, "above", -MARGIN), wording="context", test=f"paired difference against -{MARGIN}",
        family="margins", note=margin,
    )  # fmt: skip
    said.add(4, "e", "general ability is preserved", None, wording="summary", test="none",
             note="no outputs on general benchmarks were released")  # fmt: skip


def _claim_5(said: Statements, pair: Pair) -> None:
    parts = ("execution feedback", "short-term memory", "long-term memory", "self-reflection")
    for letter, part in zip("abcd", parts, strict=True):
        one = pair("ablation", (LLAMA, f"FT without {part}"), (LLAMA, "FT"))
        said.add(5, letter, f"without {part}, correctness falls", one.found,
                 Decision(one.p, "for" if one.found.value < 0 else "against"), family="ablation", p_holm=one.p_holm,
                 note="one training run a variant, and another amount of training data")  # fmt: skip
    said.add(5, "e", "memory improves depth and breadth of exploration", None, wording="paper", test="none",
             note="no trials of the ablations are at hand")  # fmt: skip
