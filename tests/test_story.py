"""The five claims by an embedded study's tables, and the headline: against tables made by hand."""

import numpy as np
import pandas as pd
import pytest

from ste_core.analysis import claims_embedded, headline


def correctness(**shares: float) -> pd.DataFrame:
    rows = [
        {"setting": setting, "metric": metric, "value": value, "ci_low": value - 4, "ci_high": value + 4}
        for setting, value in shares.items()
        for metric in ("api_match_all", "correct_execution")
    ]
    return pd.DataFrame(rows)


def gains(icl: float, ft: float, half: float = 3.0) -> pd.DataFrame:
    found = {"ICL - baseline": icl, "FT - baseline": ft, "FT - ICL": ft - icl}
    return pd.DataFrame(
        {
            "comparison": name,
            "difference": value,
            "ci_low": value - half,
            "ci_high": value + half,
            "p": 0.0005,
            "p_holm": 0.001,
        }
        for name, value in found.items()
    )


def ablations(**differences: float) -> pd.DataFrame:
    return pd.DataFrame(
        {"variant": variant, "size": "all", "setting": "FT", "metric": "correct_execution", "examples": 10,
         "examples_full": 20, "difference": value, "ci_low": value - 1, "ci_high": value + 1, "p": 0.001,
         "p_holm": 0.01 if abs(value) > 1 else 0.5}
        for variant, value in differences.items()
    )  # fmt: skip


def continual(gain: float, kept: float, learnt: float = 52.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    arm = {"arm": "replay_10", "kind": "sequential", "replay": 0.1, "general": 30}
    other = arm | {"arm": "none", "replay": 0.0}
    summary = pd.DataFrame(
        one | {"measure": name, "value": value, "ci_low": value - 1, "ci_high": value + 1, "centre": value, "se": 0.5,
               "df": 40}
        for one in (arm, other)
        for name, value in (
            ("final_average", learnt - 2), ("backward_transfer", -2.0), ("learning_accuracy", learnt),
            ("general_kept", kept),
        )
    )  # fmt: skip
    differences = pd.DataFrame(
        {"contrast": "replay", "comparison": "replay_10 - none", "measure": name, "difference": gain,
         "ci_low": gain - 1, "ci_high": gain + 1, "centre": gain, "se": 0.5, "df": 40, "p": 0.001, "p_holm": 0.002}
        for name in ("final_average", "backward_transfer")
    )  # fmt: skip
    return summary, differences


def verdicts(table: pd.DataFrame) -> dict[tuple[int, str], str]:
    return {(row.claim, row.part): row.verdict for row in table.itertuples()}


def test_each_statement_follows_its_test():
    table = claims_embedded.embedded(
        correctness(baseline=10, ICL=25, FT=20), gains(15, 10),
        ablations(no_feedback=-9.0, no_short_term=0.5, no_long_term=6.0, no_reflection=-2.0), continual(8.0, -20.0),
    )  # fmt: skip
    found = verdicts(table)
    assert found[2, "a"] == "supported" and found[3, "a"] == "not supported"
    assert found[5, "a"] == "supported" and found[5, "b"] == "inconclusive" and found[5, "c"] == "not supported"
    assert found[4, "a"] == found[4, "b"] == "supported" and found[4, "e"] == "not supported"
    assert found[3, "as worded"] == found[4, "as worded"] == found[5, "as worded"] == "not supported"


@pytest.mark.parametrize(("learnt", "verdict"), [(52.0, "supported"), (4.0, "inconclusive")])
def test_little_is_kept_only_where_there_was_more_than_the_margin_to_lose(learnt, verdict):
    table = claims_embedded.embedded(correctness(baseline=10), gains(0, 0), None, continual(8.0, 0.0, learnt))
    assert verdicts(table)[4, "c"] == verdict


def test_what_a_study_cannot_decide_stays_inconclusive():
    table = claims_embedded.embedded(correctness(baseline=45, ICL=60, FT=70), gains(15, 25))
    found = verdicts(table)
    assert found[1, "a"] == "descriptive"
    assert all(found[claim, "as worded"] == "inconclusive" for claim in range(1, 6))
    assert set(table["claim"]) == {1, 2, 3, 4, 5}


def test_a_learner_that_cannot_tell_decides_nothing_but_its_difference_is_shown():
    bare = correctness(baseline=45, ICL=60, FT=70), gains(15, 25)
    table = claims_embedded.embedded(*bare, ablations(no_feedback=-9.0).assign(tells=False))
    row = table.query("claim == 5 and part == 'a'").iloc[0]
    assert (row["verdict"], row["effect"]) == ("inconclusive", -9.0) and "cannot tell" in row["evidence"]
    told = claims_embedded.embedded(*bare, ablations(no_feedback=-9.0).assign(tells=True))
    assert verdicts(told)[5, "a"] == "supported"


def test_nothing_to_compare_is_no_crash():
    bare = gains(0, 0).assign(difference=np.nan, ci_low=np.nan, ci_high=np.nan, p=np.nan, p_holm=np.nan)
    found = verdicts(claims_embedded.embedded(correctness(baseline=0), bare, ablations(no_feedback=np.nan)))
    assert found[2, "a"] == found[5, "a"] == "inconclusive"


def test_the_headline_has_every_setting_and_claim():
    table = claims_embedded.embedded(correctness(baseline=10, ICL=25), gains(15, 30))
    text = headline.headline(correctness(baseline=10, ICL=25), table)
    assert "25.0 [21.0, 29.0]" in text and "fine-tuned" not in text
    assert text.count("inconclusive") == 5
    assert max(map(len, text.splitlines())) <= 100


def test_the_headline_shows_every_learner_and_says_whose_the_claims_are():
    own = correctness(baseline=10, ICL=25)
    named = own.replace({"metric": {"api_match_all": "tool_selection", "correct_execution": "execution"}})
    learners = pd.concat([named.assign(model="one"), named.assign(model="two", value=named["value"] + 1)])
    learners.loc[len(learners) + 1] = {"model": "chance", "setting": "baseline", "metric": "tool_selection"}
    claims = claims_embedded.embedded(own, gains(15, 30))
    text = headline.headline(own.assign(system="one"), claims, learners)
    parts = text.split("\n\n")
    assert [part.splitlines()[0].strip() for part in parts[1:3]] == ["one", "two"] and "chance" not in text
    assert "25.0 [21.0, 29.0]" in parts[1] and "26.0 [21.0, 29.0]" in parts[2] and len(parts[2].splitlines()) == 3
    assert parts[3].startswith("the five claims, one ")


@pytest.mark.parametrize("column", ["notebook", "question"])
def test_every_notebook_has_a_question(column):
    table = headline.notebooks()
    assert len(table) >= 12 and table[column].str.len().min() > 8
    assert table["notebook"].iloc[0] == "00_story.ipynb"
