"""What each learner of a study gets right in each setting, and what separates settings: the study's headline tables.

>>> rows = learner_outcomes(study)                                              # doctest: +SKIP
>>> setting_table(rows, study)                                                  # doctest: +SKIP
"""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ste_core.analysis import baselines, compare
from ste_core.core import aio, store
from ste_core.core.config import Study, load
from ste_core.core.react import render_call
from ste_core.core.records import Prediction, TestItem
from ste_core.method import retrieve
from ste_core.method.wording import share_held
from ste_core.pipeline import resources, stages
from ste_core.pipeline.stages import FULL, GOLD
from ste_core.scoring import execution, score, verdicts

#: what tables show, by the verdict it is made of
VERDICT_OF_METRIC = {"tool_selection": "api_match", "execution": "correct_execution"}

#: settings of tables by the label of predictions
SHORT = {
    stages.label(setting, part): f"{stages.label(setting)} {part}"
    for setting in ("icl", "tuned")
    for part in stages.CONTROLS
}

#: contrasts of settings; gold examples and scripted calls in place of experience are controls, queries written anew
#: mend it
CONTRASTS = (
    ("ICL", "baseline"), ("FT", "baseline"), ("FT", "ICL"),
    ("ICL hindsight", "baseline"), ("FT hindsight", "baseline"), ("FT hindsight", "ICL hindsight"),
    ("ICL hindsight", "ICL"), ("FT hindsight", "FT"),
    ("ICL retold", "baseline"), ("FT retold", "baseline"), ("FT retold", "ICL retold"),
    ("ICL retold", "ICL"), ("FT retold", "FT"), ("ICL retold", "ICL hindsight"), ("FT retold", "FT hindsight"),
    ("ICL scripted", "baseline"), ("FT scripted", "baseline"), ("FT scripted", "ICL scripted"),
    ("ICL scripted", "ICL"), ("FT scripted", "FT"), ("ICL scripted", "ICL retold"), ("FT scripted", "FT retold"),
    ("ICL gold", "baseline"), ("FT gold", "baseline"), ("FT gold", "ICL gold"),
    ("ICL gold", "ICL"), ("FT gold", "FT"),
)  # fmt: skip


#: of a paired difference, in points
TEST = ("difference", "ci_low", "ci_high", "p", "detectable")


def learner_outcomes(study: Study) -> pd.DataFrame:
    """A row an answer of each learner: `model, setting, decoding, seed, tool, item`, and a column for each verdict.

    Settings are those of the full method's experience, and of the controls that the learner has (`stages.CONTROLS`).

    Raises:
        UserError: a learner has no predictions.
    """
    found = []
    for one in study.of_learners():
        assert one.exploitation is not None
        controls = [(setting, FULL, part) for part in stages.controls(one) for setting in ("icl", "tuned")]
        runs = [*compare.MAIN, *controls]
        rows = compare.answer_outcomes(one, runs)
        decoding = "constrained" if one.exploitation.constrained else "free"
        found.append(rows.assign(model=one.learner, decoding=decoding, setting=rows["setting"].replace(SHORT)))
    return pd.concat(found, ignore_index=True)


def setting_table(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """`model, setting, decoding, metric, n, seeds, value, ci_low, ci_high`, percent, intervals over tools and seeds."""
    columns = ["model", "setting", "decoding", "metric", "n", "seeds", "value", "ci_low", "ci_high"]
    found: list[dict[str, Any]] = []
    for (model, setting, decoding), group in rows.groupby(["model", "setting", "decoding"], sort=False):
        for metric, verdict in VERDICT_OF_METRIC.items():
            interval = score.share_of(group, verdict, study)
            found.append(
                {"model": model, "setting": setting, "decoding": decoding, "metric": metric, "n": len(group),
                 "seeds": group["seed"].nunique(), "value": interval.value, "ci_low": interval.low,
                 "ci_high": interval.high}
            )  # fmt: skip
    return pd.DataFrame(found, columns=columns)


def learner_tables(rows: pd.DataFrame, study: Study) -> dict[str, pd.DataFrame]:
    """The tables of the comparison by name: `main` (with gold examples and references), `differences`, `by_seed`.

    Args:
        rows: of `learner_outcomes`, all or some.
    """
    own = setting_table(rows, study)
    main = pd.concat([own, gold_rows(own, study), references(study)], ignore_index=True)
    return {"main": main, "differences": setting_differences(rows, study), "by_seed": by_seed(rows)}


def learnt_tables(rows: pd.DataFrame, study: Study) -> dict[str, pd.DataFrame]:
    """Values and differences of settings on the tools that left an example: `learnt_tools`, `learnt_differences`.

    A fine-tuned model is shown no documentation, so of other tools it can know nothing. Tools are selected by examples,
    whatever was answered.
    """
    own = rows[rows["tool"].isin(compare.examples_by_tool(study).index)]
    return {"learnt_tools": setting_table(own, study), "learnt_differences": setting_differences(own, study)}


#: test items by what they ask of a learner beside the tool's name
NO_ARGUMENTS, HELD, CONVERTED = WORDINGS = ("no arguments", "values stand in the query", "a value is to be converted")


def item_kind(item: TestItem) -> str:
    """Which of `WORDINGS` an item is: whether its gold call has arguments, and its query every text and number of them
    word for word."""
    if not item.gold.arguments:
        return NO_ARGUMENTS
    return HELD if share_held(item.query, item.gold.arguments) == 1 else CONVERTED


def wording_tables(rows: pd.DataFrame, study: Study) -> dict[str, pd.DataFrame]:
    """Values and differences of settings by what items ask of a learner (`WORDINGS`): `wording`, `wording_differences`,
    the values with those of gold examples beside.

    Where the gold call has no arguments, the tool's name is enough; where the query holds them all, copying; elsewhere
    a learner has to know how the tool wants them written. Holm's correction is within each kind of items.

    Args:
        rows: of `learner_outcomes`, or of `gold.gold_outcomes`.
    """
    worded = {(one.gold.tool, one.item): item_kind(one) for one in resources.items(study, "test")}
    kinds = pd.Series([worded[key] for key in zip(rows["tool"], rows["item"], strict=True)], rows.index)
    values, differences = [], []
    for kind in WORDINGS:
        own = rows[kinds == kind]
        values.append(setting_table(own, study).assign(items=kind))
        differences.append(setting_differences(own, study).assign(items=kind))
    made = pd.concat(values, ignore_index=True)
    if study.gold is None:
        made = pd.concat([made, gold_rows(made, study, "wording")], ignore_index=True)
    return {"wording": made, "wording_differences": pd.concat(differences, ignore_index=True)}


def by_seed(rows: pd.DataFrame) -> pd.DataFrame:
    """Each run on its own: `model, setting, decoding, metric, seed, value`, percent."""
    named = {verdict: metric for metric, verdict in VERDICT_OF_METRIC.items()}
    shares = 100 * rows.groupby(["model", "setting", "decoding", "seed"], sort=False)[list(named)].mean()
    table = shares.rename(columns=named).rename_axis(columns="metric").stack().rename("value").reset_index()
    return table[["model", "setting", "decoding", "metric", "seed", "value"]]


def gold_rows(main: pd.DataFrame, study: Study, name: str = "main") -> pd.DataFrame:
    """Of the study `gold`, what the same learners make of gold examples, on as many items decoded the same way, as rows
    of `setting_table`: the settings `ICL gold` and `FT gold` of a study that has no such part of its own.

    The items and candidates are the same; how long fine-tuning trains is that study's own.
    """
    gold = load(GOLD)
    path = gold.tables / f"{name}.csv"
    if GOLD in stages.controls(study) or gold.statistics.level != study.statistics.level or not path.is_file():
        return main.iloc[:0]
    rows = store.read_table(path)
    rows = rows[rows["setting"].isin(["ICL", "FT"])].assign(setting=rows["setting"] + f" {GOLD}")
    same = [one for one in ("model", "decoding", "metric", "n", "items") if one in main]
    return rows.merge(main.loc[main["setting"] == "baseline", same])[list(main.columns)]


def references(study: Study) -> pd.DataFrame:
    """What needs no language model, among the candidates that prompts document, as rows of `setting_table`.

    Chance names any candidate; TF-IDF names the one whose documentation shares most words with the query, and calls it
    without arguments.
    """
    return reference_rows("baseline", *_shown(study), study)


def nearest_selected(study: Study) -> float:
    """In what percentage of a study's items TF-IDF selects the right tool among those that prompts document."""
    items, shown = _shown(study)
    return 100 * float(
        np.mean([one.gold.tool == name for one, name in zip(items, nearest(items, shown, study), strict=True)])
    )


def _shown(study: Study) -> tuple[list[TestItem], list[list[str]]]:
    """The items of a study, and the tools that the prompt of each documents."""
    section, items = study.exploitation, stages.items_of(study)
    assert section is not None
    tools = resources.listing(study).tools
    return items, retrieve.candidates(
        items, tools, section.candidates, n=section.candidate_count, seed=study.seed, encoder=None
    )


def reference_rows(
    setting: str, items: Sequence[TestItem], shown: Sequence[Sequence[str]], study: Study
) -> pd.DataFrame:
    """`references` of some items and the candidates that each is shown."""
    toolbox = resources.toolbox(study)
    named = nearest(items, shown, study)
    answers = [
        Prediction(system="TF-IDF", setting=setting, item=item.item, query=item.query, gold=item.gold,
                   output=render_call(name, {}))
        for item, name in zip(items, named, strict=True)
    ]  # fmt: skip
    rows = score.score_predictions(answers, toolbox.tools, string_rule_tools=toolbox.tools, rule="strict")
    rows = aio.run(execution.execute_verdicts(rows, toolbox, execution.gold_results(items)))
    about = {"model": "TF-IDF", "setting": setting, "decoding": "none", "seed": 0}
    kept = rows[["tool", "item"]].assign(**{one: rows[one].astype(bool) for one in VERDICT_OF_METRIC.values()}, **about)
    chance = 100 * float(np.mean([1 / len(names) for names in shown]))
    row = {"model": "chance", "setting": setting, "decoding": "none", "metric": "tool_selection", "n": len(items),
           "seeds": 1, "value": chance, "ci_low": chance, "ci_high": chance}  # fmt: skip
    return pd.concat([setting_table(kept, study), pd.DataFrame([row])], ignore_index=True)


def nearest(items: Sequence[TestItem], shown: Sequence[Sequence[str]], study: Study) -> list[str]:
    """Of each item's candidates the one whose documentation shares most words with the query."""
    tools = resources.listing(study).tools
    place = {name: number for number, name in enumerate(tools)}
    return [
        max(candidates, key=lambda name: row[place[name]])
        for candidates, row in zip(shown, baselines.documentation_nearness(items, tools), strict=True)
    ]


def setting_differences(
    rows: pd.DataFrame, study: Study, contrasts: Sequence[tuple[str, str]] = CONTRASTS
) -> pd.DataFrame:
    """Paired differences on the same items: of settings in one decoding, and of decodings in one setting.

    Returns:
        `model, decoding, contrast, metric, n, difference, ci_low, ci_high, p, detectable, p_holm, verdict`, points;
        Holm's correction over all contrasts of the method's settings, apart from those with controls, which are other
        questions; the verdict by `scoring.verdicts`.
    """
    found = []
    for model, own in rows.groupby("model", sort=False):
        parts = {key: part for key, part in own.groupby(["setting", "decoding"], sort=False)}
        decodings = list(dict.fromkeys(decoding for _, decoding in parts))
        pairs = [((a, decoding), (b, decoding), f"{a} - {b}", decoding)
                 for (a, b), decoding in itertools.product(contrasts, decodings)]  # fmt: skip
        pairs += [
            ((setting, "free"), (setting, "constrained"), f"{setting}: free - constrained", "both")
            for setting in dict.fromkeys(setting for setting, _ in parts)
        ]
        for first, second, contrast, decoding in pairs:
            if first not in parts or second not in parts:
                continue
            for metric, verdict in VERDICT_OF_METRIC.items():
                about = {"model": model, "decoding": decoding, "contrast": contrast, "metric": metric}
                found.append(about | paired_difference(parts[first], parts[second], verdict, study))
    table = pd.DataFrame(found, columns=["model", "decoding", "contrast", "metric", "n", *TEST])
    controls = table["contrast"].astype(str).str.contains("|".join(f" {part}" for part in stages.CONTROLS))
    return with_verdicts(table, study, controls)


def with_verdicts(table: pd.DataFrame, study: Study, family: pd.Series | None = None) -> pd.DataFrame:
    """Paired differences with `p_holm`, corrected within each family (default: all are one), and `verdict`."""
    table = table.assign(p_holm=verdicts.holm(table["p"], family))
    words = [verdicts.contrast(row.difference, row.p_holm, study.statistics.level) for row in table.itertuples()]
    return table.assign(verdict=words)


def sensitivity(main: pd.DataFrame, differences: pd.DataFrame) -> list[str]:
    """Of each learner, whether a conclusion on a part of the method may be drawn from it, as a sentence.

    Args:
        main: `setting_table` with `references`.
        differences: `setting_differences`.
    """
    tools = main[(main["metric"] == "tool_selection") & (main["setting"] == "baseline")]
    tfidf = float(tools.loc[tools["model"] == "TF-IDF", "value"].iloc[0])
    said = []
    for row in tools[tools["decoding"] != "none"].itertuples():
        own = differences[(differences["model"] == row.model) & (differences["metric"] == "execution")]
        won = [setting for setting in ("ICL", "FT")
               if (own[own["contrast"] == f"{setting} - baseline"]["verdict"] == "higher").any()]  # fmt: skip
        reads = row.value > tfidf
        said.append(
            f"{row.model}: its baseline selects the tool in {row.value:.1f} % of items, TF-IDF in {tfidf:.1f} %; "
            f"{' and '.join(won) if won else 'neither ICL nor FT'} gain{'' if len(won) != 1 else 's'} over it. "
            + (
                "Parts of the method can be judged with it."
                if reads and won
                else "The setting cannot tell parts apart."
            )
        )
    return said


def paired_difference(a: pd.DataFrame, b: pd.DataFrame, verdict: str, study: Study) -> dict[str, Any]:
    """Paired by tool and item, and by seed where both sides have several."""
    several = all(part["seed"].nunique() > 1 for part in (a, b))
    pairs, test = compare.paired_verdicts(a, b, study, verdict, by_seed=several)
    found = (test.value, test.low, test.high, test.p(), test.detectable(study.statistics.level))
    return {"n": pairs, **dict(zip(TEST, found, strict=True))}
