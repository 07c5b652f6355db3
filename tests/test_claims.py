"""The claims in both wordings, and the table of coverage that the intervals rest on."""

import pandas as pd
import pytest
from support import ROOT

from ste_core.analysis import claims

TABLES = ROOT / "results" / "audit" / "tables"


@pytest.fixture(scope="module")
def table():
    names = ("correctness", "comparisons", "forgetting")
    return claims.claims(*(pd.read_csv(TABLES / f"{name}.csv") for name in names))


def test_both_wordings_are_closed_side_by_side(table):
    whole = table[table["part"] == "as worded"].set_index(["claim", "wording"])["verdict"]
    assert whole.to_dict() == {
        (1, "paper"): "inconclusive", (1, "summary"): "not supported",
        (2, "paper"): "supported", (2, "summary"): "not supported",
        (3, "paper"): "supported", (3, "summary"): "supported",
        (4, "paper"): "supported", (4, "summary"): "inconclusive",
        (5, "paper"): "inconclusive", (5, "summary"): "supported",
    }  # fmt: skip


def test_a_claim_of_the_summary_alone_does_not_count_against_the_paper(table):
    gain = table[table["hypothesis"] == "the gain of Mistral by ICL is 46.7 points"].iloc[0]
    assert gain["wording"] == "summary" and gain["verdict"] == "not supported"
    tuned = table[table["hypothesis"] == "the gain of Mistral by fine-tuning is 46.7 points"].iloc[0]
    assert tuned["wording"] == "paper" and tuned["verdict"] == "supported"
    llama = table[table["hypothesis"] == "Llama-2-Chat-7B without STE is between 30 and 60 % correct"].iloc[0]
    assert llama["wording"] == "summary" and llama["verdict"] == "not supported"


def test_comparisons_with_gpt_are_descriptive(table):
    gpt = table[table["hypothesis"].str.contains("GPT") & (table["part"] != "as worded")]
    assert len(gpt) == 7 and set(gpt["verdict"]) == {"descriptive"} and gpt["p"].isna().all()


def test_what_was_committed_is_what_the_tables_give(table):
    committed = pd.read_csv(TABLES / "claims.csv")
    assert committed["verdict"].tolist() == table["verdict"].tolist()
    assert committed["evidence"].tolist() == table["evidence"].tolist()


def test_an_inconclusive_statement_says_what_could_have_been_seen(table):
    own = table[(table["verdict"] == "inconclusive") & table["p_holm"].notna() & table["effect"].notna()]
    assert len(own) >= 5 and own["evidence"].str.contains("would be found with 80 % power").all()


def test_one_family_of_all_tests_is_stricter(table):
    own = table[table["p"].notna()]
    assert (own["p_holm_all"] >= own["p_holm"] - 1e-12).all() and (own["p_holm"] >= own["p"] - 1e-12).all()


# --- coverage ---------------------------------------------------------------------------------------------------------


def test_the_intervals_cover_where_they_were_chosen_to():
    found = pd.read_csv(ROOT / "results" / "bench" / "coverage.csv")
    assert (found["simulations"] >= 2_000).all() and (found["coverage_ours"] >= 93).all()
    assert set(found["kind"]) == {"share", "difference", "cell", "made up", "seeds", "forgetting"}
    assert (found.loc[found["kind"] == "share", "coverage_before"] < 90).any(), "what was used before did not cover"


def test_coverage_can_fail(monkeypatch):
    """The simulation sees an interval that is too short."""
    import numpy as np

    from benchmarks import coverage
    from ste_core.scoring import stats

    rows = list(coverage.of_rare(60, np.random.default_rng(0)))
    assert all(row["coverage_ours"] > 85 for row in rows)
    monkeypatch.setattr(stats, "SHARE_WEIGHT", 0.0)
    assert any(row["coverage_ours"] < 80 for row in coverage.of_rare(60, np.random.default_rng(0)))
