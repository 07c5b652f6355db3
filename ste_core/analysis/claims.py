"""The paper's claims as hypotheses: test, evidence, verdict.

>>> claims(correctness, comparisons, forgetting).query("part == 'as worded'")           # doctest: +SKIP

The wording under test is that of the project's brief. A claim is taken apart into statements a number can decide. Each
is *supported* or *contradicted* if its whole confidence interval says so, else *undecided*; a claim as worded is the
conjunction of its statements: contradicted if one is, undecided if one is and none contradicted. Statements marked as
context stand beside the wording and do not count.

Where a copy of the release lacks a system's file (the GPT files are large), only its reported figure exists; its
interval is then approximated: the binomial one, widened by the median design effect of the systems whose items are
known. Such evidence says so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats as scipy_stats

from ste_core.scoring import score
from ste_core.scoring.stats import Interval

Verdict = Literal["supported", "contradicted", "undecided"]

CLAIMS = {
    1: 'Existing models reach only 30-60 % correctness, "even for the best models like GPT-4".',
    2: 'STE "boosts the tool use correctness of Mistral-Instruct-7B by 46.7 % with in-context learning, enabling it to '
    'outperform GPT-4".',
    3: '"Fine-tuning with STE improves performance further, with the best model achieving 76.8 %."',
    4: "A simple replay strategy enables continual learning of new tools while preserving existing capabilities.",
    5: "Each of execution feedback, short-term memory, long-term memory and self-reflection matters.",
}

MISTRAL, LLAMA, LLAMA13 = "Mistral-Instruct-7B", "Llama-2-Chat-7B", "Llama-2-Chat-13B"
GPT4 = "GPT-4-8k-0613"

MARGIN = 5  # points; what still counts as preserved. Ours, the paper names none
PAPER_REPLAY = 0.1

SIGNIFICANT = 0.05  # of Holm-corrected p-values, where a statement rests on a test


def above(found: Interval, bound: float, p: float = 0.0) -> Verdict:
    """Is the quantity above the bound? With the p-value of a test against the bound, both must agree."""
    if p >= SIGNIFICANT:
        return "undecided"
    return "supported" if found.low > bound else "contradicted" if found.high < bound else "undecided"


def within(found: Interval, low: float, high: float) -> Verdict:
    """Is the quantity within the bounds?"""
    if low <= found.low and found.high <= high:
        return "supported"
    return "contradicted" if found.high < low or found.low > high else "undecided"


def equals(printed: float, stored: float, found: Interval) -> Verdict:
    """Is the quantity the printed figure?

    Contradicted if the recomputed interval excludes it; supported if, besides, the authors' stored verdicts give it to
    the printed digit (0.1).
    """
    if not found.low <= printed <= found.high:
        return "contradicted"
    return "supported" if abs(stored - printed) < 0.05 else "undecided"


def as_worded(parts: list[Verdict]) -> Verdict:
    """The verdict on a conjunction."""
    return "contradicted" if "contradicted" in parts else "undecided" if "undecided" in parts else "supported"


@dataclass
class _Ledger:
    rows: list[dict] = field(default_factory=list)

    def add(
        self, claim: int, part: str, hypothesis: str, test: str, found: Interval | None, verdict: Verdict, *,
        unit: str = "points", p_holm: float = np.nan, context: bool = False, note: str = "",
    ) -> None:  # fmt: skip
        evidence = "no data in the release" if found is None else f"{found:.1f} {unit}"
        if not np.isnan(p_holm):
            evidence += f", Holm p {'< 0.001' if p_holm < 0.001 else f'= {p_holm:.3f}'}"
        found = found or Interval(np.nan, np.nan, np.nan)
        self.rows.append(
            {"claim": claim, "part": part, "hypothesis": hypothesis, "in_wording": int(not context), "test": test,
             "unit": unit, "effect": found.value, "ci_low": found.low, "ci_high": found.high, "p_holm": p_holm,
             "verdict": verdict, "evidence": evidence + (f"; {note}" if note else "")}
        )  # fmt: skip


def claims(correctness: pd.DataFrame, comparisons: pd.DataFrame, forgetting: pd.DataFrame) -> pd.DataFrame:
    """Every claim, part by part, and as worded, by the paper's own data.

    Args:
        correctness, comparisons, forgetting: the audit's tables of these names.

    Returns:
        Columns `claim, part, hypothesis, in_wording` (1 or 0), `test, unit, effect, ci_low, ci_high, p_holm, verdict,
        evidence`; the row `part == "as worded"` closes each claim.
    """
    ledger = _Ledger()
    scores = _scores(correctness)
    pair = _pairs(comparisons)
    _claim_1(ledger, scores)
    _claim_2(ledger, scores, pair)
    _claim_3(ledger, scores, pair)
    _claim_4(ledger, forgetting, pair)
    _claim_5(ledger, pair)
    return _closed(ledger)


def embedded(
    correctness: pd.DataFrame,
    gains: pd.DataFrame,
    ablations: pd.DataFrame | None = None,
    continual: tuple[pd.DataFrame, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """The same claims by an embedded study: what a small language model on tools that run shows of them.

    It has no GPT-4 and no figure of the paper to repeat, so what a claim says of those stays undecided.

    Args:
        correctness, gains: the study's tables `embedded_correctness` and `embedded_gains`.
        ablations: `ablations`, of a study that has them.
        continual: `continual_summary` and `continual_differences`, of a study that has them.

    Returns:
        As `claims`.
    """
    ledger, right = _Ledger(), score.right(correctness["metric"])
    base = correctness[(correctness["setting"] == "baseline") & (correctness["metric"] == right)].iloc[0]
    found = Interval(base["value"], base["ci_low"], base["ci_high"])
    ledger.add(1, "a", "the small model without STE is between 30 and 60 % correct", "interval within [30, 60]", found,
               within(found, 30, 60), unit="% correct", context=True)  # fmt: skip
    ledger.add(1, "b", "existing models are", "none: no such model took part", None, "undecided")
    pairs = gains.set_index("comparison")
    steps = ((2, "a", "ICL with STE raises correctness", "ICL - baseline"),
             (3, "a", "fine-tuning improves correctness over ICL", "FT - ICL"),
             (3, "b", "fine-tuning improves correctness over the baseline", "FT - baseline"))  # fmt: skip
    for number, letter, hypothesis, comparison in steps:
        context = comparison == "FT - baseline"
        if comparison not in pairs.index or pd.isna(pairs.loc[comparison, "difference"]):
            ledger.add(number, letter, hypothesis, "none: nothing to compare", None, "undecided", context=context)
            continue
        row = pairs.loc[comparison]
        found = Interval(row["difference"], row["ci_low"], row["ci_high"])
        ledger.add(number, letter, hypothesis, PAIRED, found, above(found, 0, row["p_holm"]), p_holm=row["p_holm"],
                   context=context)  # fmt: skip
    ledger.add(2, "b", "it outperforms GPT-4, by the printed figures", "none: no GPT-4 took part", None, "undecided")
    ledger.add(3, "c", "the best model reaches 76.8 %", "none: another model, other tools", None, "undecided")
    _embedded_replay(ledger, continual)
    for letter, (variant, part) in zip("abcd", ABLATED.items(), strict=True):
        for size, mark in (("all", ""), ("equal", "'")):
            hypothesis = f"without {part}, correctness falls" + (", with as many examples" if mark else "")
            own = None if ablations is None else ablations[
                (ablations["variant"] == variant) & (ablations["size"] == size) & (ablations["metric"] == right)
                & ablations["setting"].str.startswith("FT")
            ]  # fmt: skip
            if own is None or own.empty or pd.isna(own["difference"].iloc[0]):
                ledger.add(5, letter + mark, hypothesis, "none: nothing to compare", None, "undecided",
                           context=bool(mark))  # fmt: skip
                continue
            row = own.iloc[0]
            loss = Interval(-row["difference"], -row["ci_high"], -row["ci_low"])
            ledger.add(
                5, letter + mark, hypothesis, PAIRED, Interval(row["difference"], row["ci_low"], row["ci_high"]),
                above(loss, 0, row["p_holm"]), p_holm=row["p_holm"], context=bool(mark),
                note=f"{row['examples']:.0f} examples instead of {row['examples_full']:.0f}",
            )  # fmt: skip
    return _closed(ledger)


ABLATED = {
    "no_feedback": "execution feedback",
    "no_short_term": "short-term memory",
    "no_long_term": "long-term memory",
    "no_reflection": "self-reflection",
}


def _embedded_replay(ledger: _Ledger, continual: tuple[pd.DataFrame, pd.DataFrame] | None) -> None:
    resampled = "bootstrap, tools within batches"
    if continual is None:
        ledger.add(4, "a", "replay enables continual learning", "none: not part of this study", None, "undecided")
        return
    summary, differences = continual
    pairs = differences[differences["contrast"] == "replay"]
    own = summary[(summary["kind"] == "sequential") & summary["arm"].isin(pairs["comparison"].str.split(" - ").str[0])]
    if own.empty:
        ledger.add(4, "a", "replay enables continual learning", "none: no arm to compare", None, "undecided")
        return
    arm = own.loc[(own["replay"] - PAPER_REPLAY).abs().idxmin(), "arm"]
    pairs = pairs[pairs["comparison"].str.startswith(f"{arm} - ")]

    def measure(table: pd.DataFrame, name: str, value: str) -> Interval:
        row = table[table["measure"] == name].iloc[0]
        return Interval(row[value], row["ci_low"], row["ci_high"])

    statements = (("a", "replay ends higher than no replay over all batches", "final_average"),
                  ("b", "replay loses less of earlier batches than no replay", "backward_transfer"))  # fmt: skip
    for letter, hypothesis, name in statements:
        found = measure(pairs, name, "difference")
        ledger.add(4, letter, hypothesis, resampled, found, above(found, 0))
    of_arm = own[own["arm"] == arm]
    found = measure(of_arm, "backward_transfer", "value")
    ledger.add(
        4, "c", f"with replay, earlier batches lose at most {MARGIN} points since they were learnt",
        f"backward transfer above -{MARGIN}", found,
        **_lost_little(found, measure(of_arm, "learning_accuracy", "value").value),
    )  # fmt: skip
    joint = differences[(differences["contrast"] == "joint") & (differences["comparison"] == f"joint - {arm}")]
    if len(joint):
        gap = measure(joint, "final_average", "difference")
        found = Interval(-gap.value, -gap.high, -gap.low)
        ceiling = measure(summary[summary["arm"] == "joint"], "final_average", "value").value
        ledger.add(4, "d", f"replay ends at most {MARGIN} points below joint training", f"difference above -{MARGIN}",
                   found, **_lost_little(found, ceiling), context=True)  # fmt: skip
    if "general_kept" in set(of_arm["measure"]):
        found = measure(of_arm, "general_kept", "value")
        ledger.add(4, "e", f"general skills lose at most {MARGIN} points", f"change above -{MARGIN}", found,
                   above(found, -MARGIN), note="the margin is ours; our own exam of general skills")  # fmt: skip


def _lost_little(found: Interval, known: float) -> dict[str, Any]:
    """Verdict and note on a loss of at most `MARGIN` points of the `known`, which must be more than that to be lost."""
    if known < MARGIN:
        return {"verdict": "undecided", "note": f"{known:.1f} % is all there is to lose, less than the margin, ours"}
    return {"verdict": above(found, -MARGIN), "note": "the margin is ours"}


def _closed(ledger: _Ledger) -> pd.DataFrame:
    """The ledger's rows, each claim closed by a row `as worded`."""
    table = pd.DataFrame(ledger.rows)
    rows = []
    for number, group in table.groupby("claim", sort=True):
        parts = group.loc[group["in_wording"] == 1, "verdict"].tolist()
        summary = {"claim": number, "part": "as worded", "hypothesis": CLAIMS[number], "in_wording": 1}
        counts = ", ".join(f"{parts.count(v)} {v}" for v in ("supported", "contradicted", "undecided") if v in parts)
        summary |= {"test": "conjunction of its parts", "verdict": as_worded(parts), "evidence": f"parts: {counts}"}
        rows += [group, pd.DataFrame([summary])]
    return pd.concat(rows, ignore_index=True)


# --- evidence ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Evidence:
    """A figure recomputed with its interval, the same by the stored verdicts, and a note on where it comes from."""

    found: Interval
    stored: float = np.nan
    p: float = np.nan
    note: str = ""


def _scores(correctness: pd.DataFrame) -> Callable[[str, str], _Evidence]:
    """Correctness of a system: recomputed with its interval, or reported with an approximate one."""
    table = correctness[correctness["split"] == "all"].set_index(["system", "setting"])
    known = table[table["correct_rule"].notna() & (table["n"] == table["n"].max())]
    z = scipy_stats.norm.ppf(0.975)
    share = known["correct_rule"] / 100
    spread = (known["ci_high"] - known["ci_low"]) / 200 / z
    design_effect = float((spread**2 / (share * (1 - share) / known["n"])).median())
    items = int(known["n"].max())

    def score(system: str, setting: str) -> _Evidence:
        row = table.loc[(system, setting)]
        reported = row["correct_reported"]
        if pd.notna(row["correct_rule"]):
            found = Interval(row["correct_rule"], row["ci_low"], row["ci_high"])
            return _Evidence(found, row["correct_stored"], note=f"reported {reported:.1f}")
        half = z * np.sqrt(design_effect * reported * (100 - reported) / items)
        note = f"reported only, interval approximate (design effect {design_effect:.1f})"
        return _Evidence(Interval(reported, reported - half, reported + half), note=note)

    return score


def _unpaired(a: Interval, b: Interval) -> Interval:
    """Difference of two figures without common items at hand; wider than the paired one would be."""
    half = np.hypot((a.high - a.low) / 2, (b.high - b.low) / 2)
    return Interval(a.value - b.value, a.value - b.value - half, a.value - b.value + half)


def _pairs(comparisons: pd.DataFrame) -> Callable[..., _Evidence]:
    index = ["verdict", "table", "system_a", "setting_a", "system_b", "setting_b"]
    table = comparisons.set_index(index).sort_index()

    def pair(name: str, a: tuple[str, str], b: tuple[str, str], *, relative: bool = False) -> _Evidence:
        rule, stored = table.loc[("rule", name, *a, *b)], table.loc[("stored", name, *a, *b)]
        value, prefix = ("relative", "relative") if relative else ("difference", "ci")
        low, high = f"{prefix}_low", f"{prefix}_high"
        return _Evidence(Interval(rule[value], rule[low], rule[high]), stored[value], rule["p_holm"])

    return pair


# --- the five ---------------------------------------------------------------------------------------------------------

PAIRED = "paired, clustered by API, Holm"


def _claim_1(ledger: _Ledger, scores: Callable[..., _Evidence]) -> None:
    baselines = ("ToolLLaMA-v2", LLAMA, LLAMA13, MISTRAL, "GPT-3.5-turbo-16k-0613", GPT4)
    for letter, system in zip("abcdef", baselines, strict=True):
        one = scores(system, "baseline")
        ledger.add(
            1, letter, f"{system} without STE is between 30 and 60 % correct", "interval within [30, 60]", one.found,
            within(one.found, 30, 60), unit="% correct", note=one.note,
        )  # fmt: skip


def _claim_2(ledger: _Ledger, scores: Callable[..., _Evidence], pair: Callable[..., _Evidence]) -> None:
    base, icl, ft = (MISTRAL, "baseline"), (MISTRAL, "ICL"), (MISTRAL, "FT")
    printed = "46.7 within the interval, and by stored verdicts to the digit"
    gain = pair("exploitation", icl, base)
    relative = pair("exploitation", icl, base, relative=True)
    by_tuning = pair("exploitation", ft, base)
    ledger.add(2, "a", "ICL with STE raises Mistral's correctness", PAIRED, gain.found, above(gain.found, 0, gain.p),
               p_holm=gain.p)  # fmt: skip
    ledger.add(2, "b", "the gain by ICL is 46.7 points", printed, gain.found, equals(46.7, gain.stored, gain.found),
               note=f"stored {gain.stored:.1f}")  # fmt: skip
    ledger.add(
        2, "c", "the gain by ICL is 46.7 % of the baseline (the other reading)", printed, relative.found,
        equals(46.7, relative.stored, relative.found), unit="% of baseline", context=True,
        note=f"stored {relative.stored:.1f}",
    )  # fmt: skip
    ledger.add(
        2, "d", "46.7 points is the gain by fine-tuning, not by ICL", printed, by_tuning.found,
        equals(46.7, by_tuning.stored, by_tuning.found), p_holm=by_tuning.p, context=True,
        note=f"stored {by_tuning.stored:.1f}",
    )  # fmt: skip
    statements = (("e", icl, "ICL", "baseline"), ("f", icl, "ICL", "ICL"), ("g", ft, "FT", "baseline"),
                  ("h", ft, "FT", "ICL"))  # fmt: skip
    for letter, system, ours, theirs in statements:
        gpt = scores(GPT4, theirs)
        found = _unpaired(scores(*system).found, gpt.found)
        ledger.add(
            2, letter, f"Mistral with STE ({ours}) outperforms GPT-4 ({theirs})", "unpaired difference", found,
            above(found, 0), context=letter != "e", note=f"GPT-4 {gpt.note}",
        )  # fmt: skip


def _claim_3(ledger: _Ledger, scores: Callable[..., _Evidence], pair: Callable[..., _Evidence]) -> None:
    for letter, system in zip("abc", (LLAMA, LLAMA13, MISTRAL), strict=True):
        one = pair("exploitation", (system, "FT"), (system, "ICL"))
        ledger.add(3, letter, f"fine-tuning improves {system} over ICL", PAIRED, one.found,
                   above(one.found, 0, one.p), p_holm=one.p)  # fmt: skip
    best = scores(MISTRAL, "FT")
    ledger.add(
        3, "d", "the best model (Mistral, fine-tuned) reaches 76.8 %",
        "76.8 within the interval, and by stored verdicts to the digit", best.found,
        equals(76.8, best.stored, best.found), unit="% correct", note=best.note,
    )  # fmt: skip
    for letter, system in (("e", LLAMA13), ("f", LLAMA)):
        one = pair("best", (MISTRAL, "FT"), (system, "FT"))
        ledger.add(3, letter, f"it is better than {system} fine-tuned", PAIRED, one.found,
                   above(one.found, 0, one.p), p_holm=one.p, context=True)  # fmt: skip
    gpt = scores(GPT4, "ICL")
    found = _unpaired(best.found, gpt.found)
    ledger.add(3, "g", "it is better than GPT-4 with ICL", "unpaired difference", found, above(found, 0),
               context=True, note=f"GPT-4 {gpt.note}")  # fmt: skip


def _claim_4(ledger: _Ledger, forgetting: pd.DataFrame, pair: Callable[..., _Evidence]) -> None:
    table = forgetting[forgetting["verdict"] == "rule"].set_index(["strategy", "measure"])

    def measure(strategy: str, name: str) -> Interval:
        row = table.loc[(strategy, name)]
        return Interval(row["value"], row["ci_low"], row["ci_high"])

    resampled = "bootstrap, APIs within batches"
    found = measure("replay - no replay", "final_average")
    ledger.add(4, "a", "replay ends higher than no replay over all batches", resampled, found, above(found, 0))
    found = measure("replay - no replay", "backward_transfer")
    ledger.add(4, "b", "replay loses less of earlier batches than no replay", resampled, found, above(found, 0))
    found = measure("replay", "backward_transfer")
    ledger.add(
        4, "c", f"with replay, earlier batches lose at most {MARGIN} points since they were learnt",
        f"backward transfer above -{MARGIN}", found, above(found, -MARGIN), note="the margin is ours",
    )  # fmt: skip
    one = pair("continual", (LLAMA, "replay round 3"), (LLAMA, "joint FT with general data"))
    ledger.add(
        4, "d", f"replay ends at most {MARGIN} points below joint training", f"difference above -{MARGIN}", one.found,
        above(one.found, -MARGIN), context=True, note="the margin is ours",
    )  # fmt: skip
    ledger.add(4, "e", "general ability is preserved", "none: no outputs on general benchmarks were released", None,
               "undecided")  # fmt: skip


def _claim_5(ledger: _Ledger, pair: Callable[..., _Evidence]) -> None:
    parts = ("execution feedback", "short-term memory", "long-term memory", "self-reflection")
    for letter, part in zip("abcd", parts, strict=True):
        one = pair("ablation", (LLAMA, f"FT without {part}"), (LLAMA, "FT"))
        loss = Interval(-one.found.value, -one.found.high, -one.found.low)
        ledger.add(5, letter, f"without {part}, correctness falls", PAIRED, one.found, above(loss, 0, one.p),
                   p_holm=one.p, note="one training run a variant, seed-to-seed variation unknown")  # fmt: skip
