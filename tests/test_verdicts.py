"""The one rule: tests, families, correction, words; and that a contrast has one p-value wherever it is shown."""

import json
import re

import pandas as pd
import pytest
from support import ROOT

from ste_core.scoring import verdicts
from ste_core.scoring.stats import Estimate


def estimate(centre, se=1.0, df=49):
    return Estimate(centre, centre - 2 * se, centre + 2 * se, centre, se, df)


@pytest.mark.parametrize(
    ("found", "kind", "bounds", "side", "significant"),
    [
        (estimate(5), "above", (0,), "for", True),
        (estimate(-5), "above", (0,), "against", True),
        (estimate(1), "above", (0,), "for", False),
        (estimate(-5), "below", (0,), "for", True),
        (estimate(-2), "above", (-5,), "for", True),
        (estimate(-9), "above", (-5,), "against", True),
        (estimate(45), "within", (30, 60), "for", True),
        (estimate(31), "within", (30, 60), "for", False),  # too near an end
        (estimate(20), "within", (30, 60), "against", True),
        (estimate(61), "within", (30, 60), "against", False),
    ],
)
def test_a_statement_is_judged_by_its_side_and_its_test(found, kind, bounds, side, significant):
    said = verdicts.decide(found, kind, *bounds)
    assert said.side == side and (said.p < 0.05) == significant
    word = verdicts.word(said.side, said.p)
    expected = {"for": "supported", "against": "not supported"}[side] if significant else "inconclusive"
    assert word == expected


def test_a_figure_is_the_printed_one_only_if_the_stored_verdicts_give_it():
    assert verdicts.printed(46.67, 46.7, 0.8) == "supported"
    assert verdicts.printed(48.0, 46.7, 0.8) == "inconclusive"
    assert verdicts.printed(46.67, 46.7, 0.01) == "not supported"


def test_holm_by_hand_and_by_family():
    p = pd.Series([0.01, 0.04, None, 0.03])
    assert verdicts.holm(p).round(6).tolist()[:2] == [0.03, 0.06] and pd.isna(verdicts.holm(p)[2])
    by_family = verdicts.holm(p, pd.Series(["a", "b", "a", "b"]))
    assert by_family.dropna().round(6).tolist() == [0.01, 0.06, 0.06]
    assert verdicts.holm(pd.Series([], dtype=float)).empty


def test_a_conjunction_counts_what_was_tested():
    assert verdicts.conjunction(["supported", "descriptive"]) == "supported"
    assert verdicts.conjunction(["supported", "inconclusive"]) == "inconclusive"
    assert verdicts.conjunction(["supported", "inconclusive", "not supported"]) == "not supported"
    assert verdicts.conjunction(["descriptive"]) == "descriptive"


@pytest.mark.parametrize(("p", "shown"), [(0.0, "p < 0.001"), (2e-9, "p < 0.001"), (0.0512, "p = 0.051")])
def test_a_p_value_is_never_zero_in_words(p, shown):
    assert verdicts.show_p(p) == shown


def test_no_p_value_of_the_audit_is_printed_as_zero():
    for path in (ROOT / "results" / "audit" / "tables").glob("*.csv"):
        for name, column in pd.read_csv(path, dtype=str).items():
            if name == "p" or name.startswith("p_"):
                assert not column.dropna().str.fullmatch(r"0(\.0+)?").any(), (path.name, name)
    for path in (ROOT / "results" / "audit" / "notebooks").glob("*.ipynb"):
        text = json.dumps(json.loads(path.read_text(encoding="utf-8"))["cells"])
        assert not re.search(r"\bp (= )?0\.000\b", text), path.name


def test_every_family_of_the_audit_is_named():
    claims = pd.read_csv(ROOT / "results" / "audit" / "tables" / "claims.csv")
    comparisons = pd.read_csv(ROOT / "results" / "audit" / "tables" / "comparisons.csv")
    assert {*claims["family"].dropna(), *comparisons["table"]} <= set(verdicts.FAMILIES)


def test_each_printed_verdict_has_a_corrected_p_value_or_is_descriptive():
    claims = pd.read_csv(ROOT / "results" / "audit" / "tables" / "claims.csv").query("part != 'as worded'")
    judged = claims[claims["verdict"].isin(["supported", "not supported"])]
    assert judged["p_holm"].notna().all() and len(judged) > 15
    untested = claims[claims["p_holm"].isna()]
    assert untested["verdict"].isin(["descriptive", "inconclusive"]).all()
    assert untested[untested["verdict"] == "inconclusive"]["effect"].isna().all(), "inconclusive without a figure only"


def test_a_contrast_of_the_claims_has_the_p_value_of_its_table():
    tables = ROOT / "results" / "audit" / "tables"
    claims, comparisons = pd.read_csv(tables / "claims.csv"), pd.read_csv(tables / "comparisons.csv")
    rule = comparisons[comparisons["verdict"] == "rule"].set_index(["table", "setting_a"])["p_holm"]
    for part in ("execution feedback", "short-term memory", "long-term memory", "self-reflection"):
        own = claims[claims["hypothesis"] == f"without {part}, correctness falls"]["p_holm"].iloc[0]
        assert own == pytest.approx(rule["ablation", f"FT without {part}"], rel=1e-2)
