"""A study's stages after exploration: distil, predict, fine-tune, compare; where each leaves what it made.

>>> study = load("quick")                                                # doctest: +SKIP
>>> distil(study, "full", 0)                                             # doctest: +SKIP
>>> predict(study, "icl", "full", 0)                                     # doctest: +SKIP

Under `results/<study>/`: `distilled/<variant>/seed<k>/` (examples, verdicts, data card), `models/<variant>/seed<k>/`
(a fine-tuned model and its record), `predictions/<setting>/<variant>/seed<k>.jsonl`. A stage that is done is read, not
done again; one that was interrupted goes on. The baseline has no experience, so no variant: it is `baseline/all`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ste_core import aio, distill, execution, exploration, finetune, retrieve, score, stats, store, taxonomy
from ste_core import predict as predictions
from ste_core.errors import UserError
from ste_core.finetune import Finetuned
from ste_core.predict import Setting
from ste_core.records import Example, Prediction
from ste_core.study import Study
from ste_core.training_data import GeneralTask

#: what the baseline's files and rows have where others name a variant
NO_VARIANT = "all"

#: settings in the order of tables and figures, by the name that results give them
SETTINGS = {label: name for name, label in predictions.LABELS.items()}


def _section(study: Study, name: str) -> Any:
    section = getattr(study, name)
    if section is None:
        raise UserError(f"study '{study.name}': {name}: missing; the stage needs it")
    return section


# --- distillation -----------------------------------------------------------------------------------------------------


def distilled_folder(study: Study, variant: str, seed: int) -> Path:
    """Where the examples of a variant and seed lie."""
    return study.results / "distilled" / variant / f"seed{seed}"


def distil(study: Study, variant: str, seed: int) -> distill.Distilled:
    """Make training examples of the trials of a variant and seed, and write them.

    Raises:
        UserError: nothing was explored, or no model to judge with.
    """
    section = _section(study, "distillation")
    trials = exploration.read(study, variant, seed)
    if not trials:
        raise UserError(f"study '{study.name}': variant {variant}, seed {seed}: not explored yet; run ste explore")
    folder = distilled_folder(study, variant, seed)
    judge = study.chat(section.model)
    paraphraser = judge if section.paraphraser in (None, section.model) else study.chat(section.paraphraser)
    journal = folder / "journal.jsonl"
    made = aio.run(distill.distill(trials, study.toolbox().tools, judge, paraphraser, section, journal=journal))
    made.write(folder)
    return made


def examples(study: Study, variant: str, seed: int) -> list[Example]:
    """The distilled examples on disk.

    Raises:
        UserError: there are none yet.
    """
    path = distilled_folder(study, variant, seed) / "examples.jsonl"
    if not path.is_file():
        raise UserError(f"{path}: not there; distil variant {variant}, seed {seed} first (notebook 34)")
    return store.read_jsonl(path, Example)


# --- prediction -------------------------------------------------------------------------------------------------------


def predictions_file(study: Study, setting: Setting, variant: str, seed: int) -> Path:
    """Where the predictions of a setting lie."""
    return study.results / "predictions" / setting / variant / f"seed{seed}.jsonl"


def predict(
    study: Study, setting: Setting, variant: str = NO_VARIANT, seed: int = 0, done: Callable[[], object] = lambda: None
) -> list[Prediction]:
    """Answer the test set as it is, with demonstrations, or fine-tuned on the experience of a variant and seed.

    Raises:
        UserError: a stage before is missing.
    """
    section = _section(study, "exploitation")
    items, tools = study.items("test"), study.toolbox().tools
    if study.exploration is not None and study.exploration.tools is not None:  # part of a world: its items only
        items = [item for item in items if item.gold.tool in study.exploration.tools]
    options: dict[str, Any] = {
        "path": predictions_file(study, setting, variant, seed), "max_tokens": section.max_tokens,
        "temperature": section.temperature, "context": section.context, "seed": seed, "system": section.model,
        "done": done,
    }  # fmt: skip
    if setting == "tuned":
        threads = getattr(study.models[section.model], "threads", None)
        model = finetune.load(model_folder(study, variant, seed))
        if threads is not None:
            import torch

            torch.set_num_threads(threads)
        return aio.run(predictions.predict(items, model, tools, setting=setting, **options))
    shown = retrieve.candidates(items, tools, section.candidates, n=section.candidate_count, seed=study.seed)
    near = None
    if setting == "icl":
        retriever = retrieve.Retriever(examples(study, variant, seed))
        near = retriever.nearest([item.query for item in items], k=section.demonstrations)
    model = study.chat(section.model)
    work = predictions.predict(items, model, tools, setting=setting, candidates=shown, demonstrations=near, **options)
    return aio.run(work)


# --- fine-tuning ------------------------------------------------------------------------------------------------------


def model_folder(study: Study, variant: str, seed: int) -> Path:
    """Where the model fine-tuned on the experience of a variant and seed lies."""
    return study.results / "models" / variant / f"seed{seed}"


def tune(
    study: Study,
    variant: str,
    seed: int,
    general: Sequence[GeneralTask] = (),
    done: Callable[[int, int, float], object] = lambda step, steps, loss: None,
) -> Finetuned:
    """Fine-tune the study's base on the examples of a variant and seed.

    Raises:
        UserError: nothing to learn from, or an option that does not fit.
    """
    section = _section(study, "finetuning")
    options = section.model_copy(update={"seed": seed, "base": study.place(section.base)})
    if variant == distill.NO_FEEDBACK:  # its examples have no answers
        options = options.model_copy(update={"answer_rows": False})
    return finetune.finetune(
        examples(study, variant, seed), options, model_folder(study, variant, seed), general=general,
        tools=study.toolbox().tools, done=done,
    )  # fmt: skip


# --- comparison -------------------------------------------------------------------------------------------------------


def outcomes(study: Study) -> pd.DataFrame:
    """Every prediction of the study judged, a row an item: `taxonomy.outcomes`, with `variant` and `seed`.

    Raises:
        UserError: no predictions yet.
    """
    found = []
    toolbox, items = study.toolbox(), study.items("test")
    results = execution.gold_results(items)
    for setting in predictions.LABELS:
        for path in sorted((study.results / "predictions" / setting).glob("*/seed*.jsonl")):
            rows = taxonomy.outcomes(
                store.read_jsonl(path, Prediction), toolbox, results, seed=int(path.stem.removeprefix("seed"))
            )
            found.append(rows.assign(variant=path.parent.name))
    if not found:
        raise UserError(f"study '{study.name}': no predictions yet under {study.results / 'predictions'}")
    return pd.concat(found, ignore_index=True)


#: verdicts on one item, as `taxonomy.outcomes` has them, and the metrics made of them
VERDICTS = ("wellformed", "api_match", "correct_rule", "correct_execution", "task_success")
METRICS = ("wellformed", "api_match_all", "correct_rule", "correct_execution", "task_success")


def correctness(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Every metric of every setting and variant, over all seeds, with its interval over tools.

    Returns:
        `system, setting, variant, seeds, n, metric, value, ci_low, ci_high`, percent.
    """
    found = []
    for (system, setting, variant), group in rows.groupby(["system", "setting", "variant"], sort=False):
        for metric in METRICS:
            interval = score.interval(group, metric, study, system, setting, variant)
            found.append(
                {"system": system, "setting": setting, "variant": variant, "seeds": group["seed"].nunique(),
                 "n": len(group), "metric": metric, "value": interval.value, "ci_low": interval.low,
                 "ci_high": interval.high}
            )  # fmt: skip
    return pd.DataFrame(found)


def gains(rows: pd.DataFrame, study: Study, metric: str = "correct_execution") -> pd.DataFrame:
    """Paired differences between the settings of the full method: ICL and FT over the baseline, FT over ICL.

    Items are paired by tool, item and seed (the baseline, which has no seed, by tool and item); shares a tool are
    compared, tools resampled.
    """
    full = rows[rows["variant"].isin([NO_VARIANT, "full"])]
    tables = {label: part for label, part in full.groupby("setting", sort=False)}
    found = []
    for better, worse in (("ICL", "baseline"), ("FT", "baseline"), ("FT", "ICL")):
        if better not in tables or worse not in tables:
            continue
        a, b = _paired(tables[better], tables[worse], metric)
        test = stats.difference(
            a[metric], b[metric], a["tool"], rng=study.rng("gains", better, worse, metric),
            level=study.statistics.level, resamples=study.statistics.resamples,
        )  # fmt: skip
        found.append(
            {"comparison": f"{better} - {worse}", "metric": metric, "n": len(a), "difference": test.value,
             "ci_low": test.low, "ci_high": test.high, "p": test.p, "p_mcnemar": test.p_mcnemar}
        )  # fmt: skip
    table = pd.DataFrame(found)
    return table.assign(p_holm=stats.holm(table["p"])) if len(table) else table


def _paired(a: pd.DataFrame, b: pd.DataFrame, metric: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two tables row by row on the same items; a table of one seed is set against every seed of the other."""
    seeds = sorted({*a["seed"], *b["seed"]})

    def spread(table: pd.DataFrame) -> pd.DataFrame:
        own = table["seed"].unique()
        parts = [table[table["seed"] == (seed if seed in own else own[0])].assign(seed=seed) for seed in seeds]
        return pd.concat(parts).sort_values(["seed", "tool", "item"]).reset_index(drop=True)

    return spread(a)[["tool", "item", "seed", metric]], spread(b)[["tool", "item", "seed", metric]]


def errors(rows: pd.DataFrame) -> pd.DataFrame:
    """The share of each category of `taxonomy.CATEGORIES` in every setting and variant, percent of its items."""
    groups = rows.groupby(["setting", "variant"], sort=False)["category"]
    shares = 100 * groups.value_counts(normalize=True)
    return shares.rename("percent").reset_index()
