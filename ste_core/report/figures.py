"""Every figure of the study: the tables it comes from, the data it shows, how it is drawn, and its three files.

>>> make("audit_correctness", load("audit"))                             # doctest: +SKIP

A figure is made from committed tables alone, so notebooks and `make figures` give the same bytes:
`figures/<name>.csv` (what it shows), `.svg` and `.png`.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Image
from matplotlib.figure import Figure
from matplotlib.text import Text

from ste_core.core import store
from ste_core.core.config import Study
from ste_core.core.errors import UserError
from ste_core.method import forms
from ste_core.report import plots, plots_audit, plots_learners
from ste_core.report.places import where
from ste_core.scoring import score

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class FigureSpec:
    """A figure: the tables it shows (of the study `places.study_of`), how they become data, and data a drawing."""

    tables: tuple[str, ...]
    data: Callable[[Tables], pd.DataFrame]
    draw: Callable[[pd.DataFrame], Figure]
    alt: str
    of_learner: bool = False  # whether it is of the study's own learner alone, which its title then names


def make(name: str, study: Study) -> Figure:
    """Draw a figure from the study's tables and write its files; returns it, closed to pyplot.

    Raises:
        UserError: no such figure, or a table is missing.
    """
    if name not in FIGURES:
        raise UserError(f"{name}: no such figure; there are: {', '.join(FIGURES)}")
    spec = FIGURES[name]
    tables = _tables(spec, study)
    data = store.write_table(spec.data(tables), where(name, study) / f"{name}.csv")
    with plots.style():
        figure = _drawn(spec, data, tables, study)
        save(figure, where(name, study) / name)
        plt.close(figure)
    return figure


def show(name: str, study: Study, tables: Tables | None = None) -> Image:
    """Make a figure and return it for a notebook to display, with its alternative text.

    Args:
        tables: drawn in the place of the study's tables of these names; then no file is written.
    """
    spec = FIGURES[name]
    shown = _tables(spec, study) | (tables or {})
    alt = spec.alt if _executed(shown, spec) else _of_calls(spec.alt)
    if tables is None:
        make(name, study)
        return Image(filename=str(where(name, study) / f"{name}.png"), width=860, alt=alt)
    picture = io.BytesIO()
    with plots.style():
        figure = _drawn(spec, spec.data(shown), shown, study)
        figure.savefig(picture, format="png")
        plt.close(figure)
    return Image(data=picture.getvalue(), width=860, alt=alt)


def _drawn(spec: FigureSpec, data: pd.DataFrame, tables: Tables, study: Study) -> Figure:
    figure = spec.draw(data)
    if spec.of_learner:
        figure.suptitle(f"{study.learner}. {figure.get_suptitle()}", **plots.TITLE)
    for text in figure.findobj(Text):  # figures of two studies
        named = text.get_text().replace("this study", study.name)
        text.set_text(named.replace("the other study", str(study.compare_with)))
    if not _executed(tables, spec):
        for text in figure.findobj(Text):
            text.set_text(_of_calls(text.get_text()))
    return figure


def _tables(spec: FigureSpec, study: Study) -> Tables:
    return {table: store.read_table(study.tables / f"{table}.csv") for table in spec.tables}


def _right(table: pd.DataFrame) -> str:
    """The metric that the verdicts in a table rest on, see `score.right`."""
    return score.right([*table.columns, *table.get("metric", ())])


def _executed(tables: Tables, spec: FigureSpec) -> bool:
    """Whether the verdicts in a figure's tables rest on results, as its texts say."""
    named = {_right(tables[name]) for name in spec.tables} | {
        one for name in spec.tables for one in tables[name].get("metric", ())
    }
    return bool({"correct_execution", "execution"} & named)


def _of_calls(text: str) -> str:
    """A figure's text where verdicts rest on calls instead."""
    return text.replace("Execution accuracy", "Call accuracy").replace("execution accuracy", "call accuracy")


def save(figure: Figure, stem: Path) -> None:
    """Write a figure as SVG and PNG without dates, so that the same figure is the same bytes."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(stem.with_suffix(".png"), metadata={"Software": None})


# --- the audit --------------------------------------------------------------------------------------------------------


def _correctness(tables: Tables) -> pd.DataFrame:
    table = tables["correctness"]
    main = table[(table["split"] == "all") & table["setting"].isin(list(plots.SETTING_COLOURS))]
    others = table[(table["split"] == "all") & (table["setting"] == "own")]  # their judged items have no verdict
    main = pd.concat([main, others.assign(correct_rule=others["correct_rule"].fillna(others["correct_string"]))])
    columns = {"correct_reported": "reported", "correct_rule": "value"}
    return main.rename(columns=columns)[["system", "setting", "reported", "value", "ci_low", "ci_high"]]


def _ablations(tables: Tables) -> pd.DataFrame:
    table = tables["comparisons"].query("table == 'ablation' and verdict == 'rule'")
    columns = {"setting_a": "label", "difference": "value"}
    data = table.rename(columns=columns)[["label", "value", "ci_low", "ci_high", "reported", "p_holm"]]
    return data.assign(label=data["label"].str.removeprefix("FT ")).sort_values("value")


def _draw_ablations(data: pd.DataFrame) -> Figure:
    matter = int(((data["p_holm"] < 0.05) & (data["ci_high"] < 0)).sum())
    worst = data.loc[data["value"].idxmin()]
    return plots.difference_forest(
        data,
        title=f"Significantly less correct without {matter} of {len(data)} parts; worst {worst['label']}",
        xlabel="change of correctness against the full method, points (95 % interval over APIs)",
    )


def _forgetting(tables: Tables) -> pd.DataFrame:
    table = tables["forgetting_matrix"].rename(columns={"rule": "value"})
    return table[["strategy", "round", "batch", "value", "ci_low", "ci_high"]]


_DOUBT = {
    "same_call_judged_differently": "same call, other verdict in another file",
    "identical_judged_wrong": "identical to gold, judged wrong by the model",
    "identical_stored_wrong": "identical to gold, stored wrong (string rule)",
}
_LENIENCY = {
    "extra_arguments_correct": "correct with arguments that gold lacks",
    "rescued_correct": "correct only because the name was mapped to an API",
}


_MAIN_SPLIT = "split == 'all'"
_SHOWN = ("baseline", "ICL", "FT", "own")


def _leniency(tables: Tables) -> pd.DataFrame:
    table = tables["leniency"]
    table = table[(table["axis"] == "name") & table["setting"].isin(_SHOWN)]
    table = table.assign(
        label=table["system"] + ", " + table["setting"], percent=100 * table["correct_here"] / table["n"]
    )
    return table[["label", "level", "percent", "value", "ci_low", "ci_high"]]


_PANELS = {
    "api_match_all": "right API, % of all items",
    "correct_string": "correct by the string rule for every API, %",
}


def _selection(tables: Tables) -> pd.DataFrame:
    own = tables["intervals"].query(_MAIN_SPLIT)
    own = own[own["setting"].isin(_SHOWN) & own["metric"].isin(list(_PANELS))]
    own = own.assign(kind="system", label=own["system"] + ", " + own["setting"])
    marks = tables["marks"]
    marks = marks[(marks["candidates"] == 15) | (marks["system"] == "oracle")]
    marks = marks.assign(kind="mark", setting="", label=marks["system"].str.removesuffix(", no arguments"))
    order = {"chance": 0, "TF-IDF": 1, "oracle": 2}
    marks = marks.sort_values("label", key=lambda column: column.map(order), kind="stable")
    both = pd.concat([own, marks])
    both = both.assign(panel=both["metric"].map(_PANELS))
    return both.sort_values("metric", kind="stable")[
        ["panel", "kind", "label", "setting", "value", "ci_low", "ci_high"]
    ]


def _apis(tables: Tables) -> pd.DataFrame:
    table = tables["by_api"]
    table = table[table["setting"].isin(_SHOWN)]
    return api_table(table, "correct_rule")


def api_table(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """What `plots_audit.api_heatmap` shows of the audit's table `by_api`: APIs by their judge, the easiest first.

    >>> api_table(store.read_table(study.tables / "by_api.csv"), "correct_rule")          # doctest: +SKIP
    """
    table = table.assign(label=table["system"] + ", " + table["setting"], value=100 * table[f"k_{metric}"] / table["n"])
    ease = table.groupby("api")["value"].mean()
    table = table.assign(ease=table["api"].map(ease), judge=table["judged_by"] == "model")
    first = table["label"].map({label: number for number, label in enumerate(dict.fromkeys(table["label"]))})
    table = table.assign(first=first).sort_values(
        ["first", "judge", "ease", "api"], ascending=[True, True, False, True]
    )
    return table[["label", "api", "judged_by", "value"]]


def _judge(tables: Tables) -> pd.DataFrame:
    table = tables["judge_noise"]
    table = table.rename(columns={"percent": "value"})
    shown = ["panel", "label", "measure", "value", "ci_low", "ci_high"]
    doubt = table[table["measure"].isin(list(_DOUBT)) & (table["system"] == "all")]
    doubt = doubt.assign(panel="doubt", label=doubt["measure"].map(_DOUBT))
    lenient = table[table["setting"].isin(list(plots.SETTING_COLOURS)) & table["measure"].isin(list(_LENIENCY))]
    lenient = lenient.assign(
        panel="leniency", label=lenient["system"] + ", " + lenient["setting"], measure=lenient["measure"].map(_LENIENCY)
    )
    return pd.concat([doubt[shown], lenient[shown]])


# --- the microworld ---------------------------------------------------------------------------------------------------

_REFERENCE = {
    "api_match_all": "tool selection",
    "correct_rule": "call accuracy (string rule)",
    "correct_execution": "execution accuracy",
    "task_success": "task success",
}


def _reference(tables: Tables) -> pd.DataFrame:
    table = tables["reference"]
    table = table[table["metric"].isin(list(_REFERENCE))]
    return table.assign(metric=table["metric"].map(_REFERENCE))[["system", "metric", "value", "ci_low", "ci_high"]]


# --- the small language model -----------------------------------------------------------------------------------------

_PLACE = ("step", "tokens", "seconds", "pool", "pool_tokens", "batch", "loss", "rate", "tokens_per_second")


def _learning(tables: Tables) -> pd.DataFrame:
    table = tables["learning_curve"].drop(columns=[name for name in _PLACE if name != "tokens"])
    long = table.melt("tokens", var_name="skill")
    return long.assign(skill=long["skill"].str.replace("_", " "), value=100 * long["value"])


def _skills(tables: Tables) -> pd.DataFrame:
    table = tables["skills"]
    table = table.assign(skill=table["skill"].str.replace("_", "-"))
    return table[table["gate"].notna()][["skill", "value", "ci_low", "ci_high", "gate"]]


# --- what experience is worth -----------------------------------------------------------------------------------------


def _embedded(tables: Tables) -> pd.DataFrame:
    table = tables["embedded_correctness"]
    table = table[table["metric"].isin(list(_REFERENCE))]
    table = table.assign(panel="here", metric=table["metric"].map(_REFERENCE), system=table["setting"])
    both = pd.concat([table, tables["paper_correctness"].assign(panel="paper")])
    return both.reindex(columns=["panel", "system", "setting", "metric", "reported", "value", "ci_low", "ci_high"])


def _learners(tables: Tables) -> pd.DataFrame:
    main = tables["main"].sort_values("metric", kind="stable")
    main = main.assign(setting=main["setting"].where(main["decoding"] != "none", "reference"))
    paper = tables["paper_correctness"].rename(columns={"system": "model"}).dropna(subset="value")
    both = pd.concat([main.assign(panel="here"), tables["by_seed"].assign(panel="here"), paper.assign(panel="paper")])
    return both.reindex(columns=["panel", "model", "setting", "metric", "seed", "value", "ci_low", "ci_high"])


def _tools(tables: Tables) -> pd.DataFrame:
    table = tables["embedded_tools"]
    table = table.rename(columns={_right(table): "value"})
    return table[["tool", "family", "examples", "setting", "value"]]


_SIZES = {"all": "fine-tuned on all", "equal": "fine-tuned on equally many"}


def _ablations_accuracy(tables: Tables) -> pd.DataFrame:
    own = tables["ablations"]
    own = own[own["metric"] == _right(own)].sort_values("setting", key=lambda one: one == "ICL", kind="stable")
    series = own["size"].map(_SIZES).where(own["setting"] != "ICL", "shown in context")
    own = own.assign(panel="here", series=series, value=own["difference"])
    recomputed = tables["paper_ablations"].assign(panel="paper", series="recomputed")
    recomputed = recomputed.assign(value=recomputed["difference"])
    reported = recomputed.assign(series="reported", value=recomputed["reported"], ci_low=None, ci_high=None)
    both = pd.concat([own, recomputed, reported.assign(p_holm=None)])
    both = both.assign(label=both["variant"].str.replace("_", " "))
    shown = ["panel", "label", "series", "value", "ci_low", "ci_high", "by_seed", "p_holm", "tells"]
    return both.reindex(columns=shown)


#: what the figure of exploring without a part of the method shows, as `explorers` calls it
_EXPLORING = (
    "first call runs", "a call runs", "first error overcome", "query repeats an earlier one",
    "different calls that ran", "mean cosine between queries, x 100", "examples to learn from",
    "different calls among them",
)  # fmt: skip


def _ablations_exploring(tables: Tables) -> pd.DataFrame:
    own = tables["ablations_exploring"]
    own = own[own["measure"].isin(_EXPLORING)].sort_values(
        "measure", key=lambda names: names.map(_EXPLORING.index), kind="stable"
    )
    own = own.assign(value=own["difference"], label=own["variant"].str.replace("_", " "))
    return own[["measure", "label", "value", "ci_low", "ci_high", "verdict"]]


def _amount(tables: Tables) -> pd.DataFrame:
    table = tables["amount"]
    table = table[table["metric"] == _right(table)]
    return table[["setting", "episodes", "examples", "value", "ci_low", "ci_high"]]


def _errors(tables: Tables) -> pd.DataFrame:
    order = list(plots.SETTING_COLOURS)
    table = tables["embedded_errors"].rename(columns={"percent": "value"}).drop(columns="variant")
    place = {name: order.index(name) if name in order else len(order) for name in table["setting"]}
    return table.sort_values("setting", key=lambda names: names.map(place), kind="stable")


# --- continual learning -----------------------------------------------------------------------------------------------

_CURVE = {"final_average": "final average", "backward_transfer": "backward transfer"}


def _matrices(tables: Tables) -> pd.DataFrame:
    return tables["continual_matrix"][["arm", "round", "batch", "position", "value", "ci_low", "ci_high"]]


def _replay(tables: Tables) -> pd.DataFrame:
    table = tables["continual_summary"]
    table = table[table["order"].isna() & table["measure"].isin(list(_CURVE))]
    table = table[table["kind"].isin(["sequential", "joint"])]
    tests = tables["continual_differences"]
    tests = tests[tests["contrast"] == "replay"].assign(arm=tests["comparison"].str.split(" - ").str[0])
    table = table.merge(tests[["arm", "measure", "p_holm"]].drop_duplicates(["arm", "measure"]), how="left")
    with_general = [", with general tasks" if count else "" for count in table["general"]]
    joint, paper = table["kind"] == "joint", table["arm"].str.startswith("paper")
    table = table.assign(
        panel=table["measure"].map(_CURVE), source=paper.map({True: "paper", False: "here"}),
        replay=(100 * table["replay"]).mask(joint),
        line=[("joint" if one else "in sequence") + more for one, more in zip(joint, with_general, strict=True)],
    )  # fmt: skip
    return table.sort_values("panel", ascending=False, kind="stable")[
        ["panel", "source", "line", "replay", "value", "ci_low", "ci_high", "p_holm"]
    ]


def _general(tables: Tables) -> pd.DataFrame:
    return tables["continual_general"][["arm", "kind", "general", "round", "value", "ci_low", "ci_high"]]


def _forms(tables: Tables) -> pd.DataFrame:
    told, table = tables["forms_differences"], tables["forms"]
    without = table[(table["form"] == "none") & (table["metric"] == _right(table))].set_index("learner")["value"]
    told = told[told["reference"] == "none"]
    labelled = told.assign(form=told["form"].map(forms.LABELS), baseline=told["learner"].map(without))
    return labelled[["learner", "form", "budget", "baseline", "difference", "ci_low", "ci_high", "verdict"]]


def _wording(tables: Tables) -> pd.DataFrame:
    table = tables["wording"]
    table = table[table["metric"] == "execution"]
    table = table.assign(panel="here", metric=table["items"], seed=None)
    return table[["panel", "model", "setting", "metric", "seed", "value", "ci_low", "ci_high"]]


def _explorers(tables: Tables) -> pd.DataFrame:
    worth, main = tables["explorers_experience"], tables["main"]
    worth, main = (one[one["metric"] == "execution"] for one in (worth, main))
    keys, columns = ["model", "setting"], ["model", "setting", "source", "value", "ci_low", "ci_high"]
    own = main.merge(worth[keys]).assign(source="here")
    gold = worth[keys].assign(shown=worth["setting"], setting=worth["setting"].str.split().str[0] + " gold").merge(main)
    base = main[(main["setting"] == "baseline") & main["model"].isin(worth["model"])].assign(source="none")
    other = worth[keys].assign(source="other", value=worth["other"])
    parts = [base, other, own, gold.assign(setting=gold["shown"], source="gold")]
    both = pd.concat([one.reindex(columns=columns) for one in parts], ignore_index=True)
    return both.merge(worth[[*keys, "verdict"]], on=keys, how="left")


#: of `trajectories`' measures those in percent that a figure of two studies' experience shows, and how they are read
_SHARES = {
    "a call runs": "a call runs, % of trials", "first error overcome": "the first error is overcome",
    "query repeats an earlier one": "the query repeats an earlier one",
    "tools whose unstated convention was kept, % of those that have one": "tools: hidden convention kept",
}  # fmt: skip


def _experience_forms(tables: Tables) -> pd.DataFrame:
    explored, made = tables["explorers"], tables["explorers_forms"]
    parts = [explored.assign(panel="while exploring", label=explored["measure"].map(_SHARES))]
    several = made["learner"].nunique() > 1
    names = made["form"].map(forms.LABELS) + (", " + made["learner"] if several else "")
    for metric, panel in (("execution", "execution accuracy"), ("tool_selection", "tool selection")):
        parts.append(made.assign(panel=panel, label=names)[made["metric"] == metric])
    both = pd.concat(parts, ignore_index=True).dropna(subset=["label", "p"])
    return both[["panel", "label", "value", "other", "difference", "ci_low", "ci_high", "verdict"]]


FIGURES: dict[str, FigureSpec] = {
    "audit_correctness": FigureSpec(
        ("correctness",), _correctness, plots.correctness_points,
        "Correctness of every system and setting, recomputed with intervals, beside the reported figures.",
    ),
    "audit_ablations": FigureSpec(
        ("comparisons",), _ablations, _draw_ablations,
        "Change of correctness when a part of the method is left out, with intervals, beside the reported changes.",
    ),
    "audit_forgetting": FigureSpec(
        ("forgetting_matrix",), _forgetting, plots.forgetting_matrices,
        "Correctness on each batch of tools after each round of learning, with replay and without.",
    ),
    "audit_judge": FigureSpec(
        ("judge_noise",), _judge, plots.judge_panels,
        "How often stored verdicts are doubtful, and how much leniency gives each system.",
    ),
    "audit_leniency": FigureSpec(
        ("leniency",), _leniency, plots_audit.leniency_bars,
        "Correctness of every system by how far the written name was from the API that was counted.",
    ),
    "audit_selection": FigureSpec(
        ("intervals", "marks"), _selection, plots_audit.selection_points,
        "Tool selection and call accuracy of every system, between chance, TF-IDF and the oracle.",
    ),
    "audit_apis": FigureSpec(
        ("by_api",), _apis, plots_audit.api_heatmap,
        "Correctness of every system on every API, as a heat map.",
    ),
    "microworld_reference": FigureSpec(
        ("reference",), _reference, plots.reference_points,
        "What predictors without understanding reach on the microworld's test set, with intervals.",
    ),
    "gold_correctness": FigureSpec(
        ("main",), lambda tables: tables["main"], plots_learners.gold_points,
        "What two pretrained models make of gold examples, in context and by fine-tuning, with intervals.",
    ),
    "exploration_outcomes": FigureSpec(
        ("exploration",), lambda tables: tables["exploration"], plots.variant_panels,
        "What came of the trials of each variant of the method, with intervals.",
    ),
    "exploration_episodes": FigureSpec(
        ("exploration_episodes",), lambda tables: tables["exploration_episodes"], plots.episode_lines,
        "The share of trials in which a call ran, from the first episode to the last, by variant.",
    ),
    "exploration_coverage": FigureSpec(
        ("exploration_curve",), lambda tables: tables["exploration_curve"], plots.coverage_lines,
        "How many different argument values the calls that ran have seen of a tool, against trials, by variant.",
    ),
    "embedded_correctness": FigureSpec(
        ("embedded_correctness", "paper_correctness"), _embedded, plots.setting_points,
        "Correctness of the embedded study's model with nothing, with demonstrations, and fine-tuned, with intervals; "
        "in a panel of its own the paper's systems, reported and recomputed.",
        of_learner=True,
    ),
    "embedded_learners": FigureSpec(
        ("main", "by_seed", "paper_correctness"), _learners, plots_learners.learner_points,
        "Execution and tool-selection accuracy of each learner without experience, with it in context, fine-tuned on "
        "it, and with gold examples in its place, with intervals; beside them the paper's systems.",
    ),
    "embedded_forms": FigureSpec(
        ("forms", "forms_differences"), _forms, plots_learners.form_points,
        "What demonstrations, notes, rewritten documentation, two of them together and fine-tuning add to each "
        "learner's baseline at each budget of prompt tokens, with intervals.",
    ),
    "embedded_wording": FigureSpec(
        ("wording",), _wording, plots_learners.wording_points,
        "Execution accuracy of each learner and setting where the query holds every value of the gold call, and where "
        "one is to be converted, with intervals.",
    ),
    "explorers_experience": FigureSpec(
        ("explorers_experience", "main"), _explorers, plots_learners.explorer_points,
        "Execution accuracy of each learner with the experience of two explorers, in context and by fine-tuning, with "
        "intervals, between its baseline and what it makes of gold examples.",
    ),
    "experience_forms": FigureSpec(
        ("explorers", "explorers_forms"), _experience_forms, plots_learners.experience_forests,
        "What another exploration, or other feedback, changes: shares of trials while exploring, and what each form of "
        "the experience is worth to a learner, paired, with intervals.",
    ),
    "embedded_tools": FigureSpec(
        ("embedded_tools",), _tools, plots.tool_heatmap,
        "Execution accuracy of every tool with nothing, with demonstrations and fine-tuned, and the examples it had.",
        of_learner=True,
    ),
    "embedded_amount": FigureSpec(
        ("amount",), _amount, plots.amount_lines,
        "Execution accuracy against episodes explored, with demonstrations and fine-tuned, with intervals.",
    ),
    "ablations_exploring": FigureSpec(
        ("ablations_exploring",), _ablations_exploring, plots.exploring_forests,
        "What exploring without a part of the method changes: calls that run, errors overcome, repetition, and the "
        "examples that are left, paired by tool, with intervals.",
    ),
    "ablations_accuracy": FigureSpec(
        ("ablations", "paper_ablations"), _ablations_accuracy, plots.ablation_forests,
        "Change of execution accuracy when a part of the method is left out, fine-tuned and in context, with "
        "intervals and single seeds; in a panel of its own the paper's changes, reported and recomputed.",
    ),
    "embedded_errors": FigureSpec(
        ("embedded_errors",), _errors, plots.error_points,
        "What the answers of each setting get wrong, in shares of the test items, with intervals.",
        of_learner=True,
    ),
    "micro_learning": FigureSpec(
        ("learning_curve",), _learning, plots.learning_curves,
        "Skills of the small language model on held-out tools over the tokens it has been trained on.",
    ),
    "micro_skills": FigureSpec(
        ("skills",), _skills, plots.gated_points,
        "Skills of the trained small language model on held-out tools, with intervals, beside the thresholds set.",
    ),
    "continual_matrices": FigureSpec(
        ("continual_matrix",), _matrices, plots.continual_matrices,
        "Correctness on each batch of tools after each round, one matrix an arm, and the paper's matrices beside.",
    ),
    "continual_replay": FigureSpec(
        ("continual_summary", "continual_differences"), _replay, plots.replay_curve,
        "Final average and backward transfer against the share of old examples that is replayed, with intervals, "
        "beside them the paper's.",
    ),
    "continual_general": FigureSpec(
        ("continual_general",), _general, plots.general_lines,
        "General ability of the model after each round of continual learning, by arm, with intervals.",
    ),
}  # fmt: skip
