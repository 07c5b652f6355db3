"""What models make of examples without a fault: no exploration, the development queries with their gold calls instead.

>>> study = load("gold")                                                 # doctest: +SKIP
>>> answers(study, "smollm2-135m", ["baseline", "ICL"])                  # doctest: +SKIP

Each learner answers the test set from documentation alone (*baseline*), with the nearest gold examples as
demonstrations (*ICL*), and fine-tuned on all of them (*FT*, no documentation in the prompt), decoding freely and
constrained to the form of a call. Under `results/<study>/`: `predictions/<learner>/<setting>_<decoding>/seed<k>.jsonl`,
`models/<learner>/seed<k>/`. What is there is not made again; an interrupted run goes on.

Demonstrations are the nearest of all tools, not only of the documented ones, as in the paper.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from ste_core.core import aio
from ste_core.core.config import Decoding, Gold, Study
from ste_core.core.records import Example, Prediction, TestItem
from ste_core.method import finetune, predict, retrieve
from ste_core.models.base import ChatModel, gather
from ste_core.pipeline import resources

GoldSetting = Literal["baseline", "ICL", "FT", "baseline, wide", "ICL, wide"]

#: settings by the prompt's form
FORMS: dict[GoldSetting, predict.Setting] = {
    "baseline": "baseline", "ICL": "icl", "FT": "tuned", "baseline, wide": "baseline", "ICL, wide": "icl",
}  # fmt: skip

#: settings whose prompts document as many tools as the paper's
WIDE: tuple[GoldSetting, ...] = ("baseline, wide", "ICL, wide")


def conditions(study: Study) -> list[tuple[GoldSetting, Decoding]]:
    """The settings and decodings in which each learner answers."""
    gold = section(study)
    main: tuple[GoldSetting, ...] = ("baseline", "ICL", "FT")
    found: list[tuple[GoldSetting, Decoding]] = [(setting, decoding) for setting in main for decoding in gold.decodings]
    return [*found, *((setting, "free") for setting in WIDE if gold.wide_items)]


def section(study: Study) -> Gold:
    """The study's section.

    Raises:
        UserError: it has none.
    """
    section: Gold = resources.needed_section(study, "gold")
    return section


def seeds(study: Study, setting: GoldSetting) -> list[int]:
    """The seeds of a setting: of fine-tuning those that are asked for; all else is deterministic and runs once."""
    return section(study).seeds if setting == "FT" else [0]


def place(study: Study, learner: str, setting: GoldSetting, decoding: Decoding, seed: int) -> Path:
    """Where the predictions lie."""
    name = f"{setting.replace(', ', '_')}_{decoding}"
    return study.results / "predictions" / learner / name / f"seed{seed}.jsonl"


def learner_folder(study: Study, learner: str, seed: int) -> Path:
    """Where the fine-tuned model lies."""
    return study.results / "models" / learner / f"seed{seed}"


def development_examples(study: Study) -> list[Example]:
    """The development queries with their gold calls."""
    return resources.gold_examples(resources.items(study, "dev"))


def gold_items(study: Study, setting: GoldSetting) -> list[TestItem]:
    """The test items of a setting; of the wide ones so many a tool, drawn by the study's seed."""
    gold = section(study)
    most = gold.wide_items if setting in WIDE else gold.items
    return resources.some_of_each(resources.items(study, "test"), most, study.seed)


def shown_tools(study: Study, setting: GoldSetting) -> list[list[str]]:
    """The documented tools of each item."""
    gold = section(study)
    count = gold.wide_count if setting in WIDE else gold.candidate_count
    return retrieve.candidates(
        gold_items(study, setting), resources.listing(study).tools, "oracle", n=count, seed=study.seed, encoder=None
    )


def tune(
    study: Study, learner: str, seed: int, done: Callable[[int, int, float], object] = lambda *_: None
) -> finetune.Finetuned:
    """Fine-tune a learner on the gold examples, calls only: nobody answered them."""
    options = section(study).learners[learner]
    chosen = options.model_copy(update={"seed": seed, "base": study.place(options.base), "answer_rows": False})
    learnt, folder, tools = (
        development_examples(study),
        learner_folder(study, learner, seed),
        resources.listing(study).tools,
    )
    finetune.clear(learnt, chosen, folder)
    return finetune.finetune(learnt, chosen, folder, tools=tools, done=done)


def answers(
    study: Study,
    learner: str,
    settings: Sequence[GoldSetting],
    seed: int = 0,
    done: Callable[[], object] = lambda: None,
) -> dict[tuple[GoldSetting, Decoding], list[Prediction]]:
    """A learner's answers in some settings, in all their decodings, at once: what their prompts share is read once.

    Args:
        settings: FT alone, which is another model, or any of the others.

    Raises:
        UserError: FT, and it was not fine-tuned yet; or what `predict` raises.
    """
    gold, chosen = section(study), study.models[learner]
    wanted = [(setting, decoding) for setting, decoding in conditions(study) if setting in settings]
    tools = resources.toolbox(study).tools
    model: ChatModel
    if "FT" in settings:
        tuned = finetune.load_tuned(learner_folder(study, learner, seed), **resources.as_loaded(study, learner))
        model, style = resources.as_learnt(tuned, gold.learners[learner], chosen.style)
    else:
        model, style = resources.chat(study, learner), chosen.style
    retriever = retrieve.Retriever(development_examples(study), None)

    def asked(setting: GoldSetting) -> dict[str, Any]:
        form, found = FORMS[setting], gold_items(study, setting)
        options: dict[str, Any] = {"items": found, "setting": form, "label": setting}
        if form != "tuned":
            options["candidates"] = shown_tools(study, setting)
        if form == "icl":
            options["demonstrations"] = retriever.nearest([one.query for one in found], gold.demonstrations, None)
        return options

    async def all_of_them() -> list[list[Prediction]]:
        work = [
            predict.predict(
                model=model, tools=tools, path=place(study, learner, setting, decoding, seed),
                constrained=decoding == "constrained", max_tokens=gold.max_tokens, seed=seed, system=learner,
                style=style, done=done, **asked(setting),
            )
            for setting, decoding in wanted
        ]  # fmt: skip
        return await gather(work)

    return dict(zip(wanted, aio.run(all_of_them()), strict=True))
