"""A study's stages after exploration: distil, predict, fine-tune; where each leaves what it made.

>>> study = load("quick")                                                # doctest: +SKIP
>>> distil(study, "full", 0)                                             # doctest: +SKIP
>>> answer_items(study, "icl", "full", 0)                                     # doctest: +SKIP

Under `results/<study>/`: `distilled/<variant>/seed<k>/` (examples, verdicts, data card), `models/<variant>/seed<k>/`
(a fine-tuned model and its record), `predictions/<setting>/<variant>/seed<k>.jsonl`. A stage that is done is read, not
done again; one that was interrupted goes on. The baseline has no experience, so no variant: it is `baseline/all`.

A setting may use a *part* of an experience instead of `all`: `equal`, as many examples as the variant with the fewest
has, or `2ep`, what the first two episodes left; or one of `CONTROLS`, which tell where experience loses: `hindsight`,
its calls under queries that a model writes to hold their values; `retold`, in words of its own; `scripted`, the latter
of an explorer that makes the right calls, those of the development set; `gold`, the development queries with their gold
calls. The part is named behind the setting: `predictions/tuned_equal/...`, `predictions/icl_2ep/...`, "FT, equal size",
"ICL, 2 episodes".

An experience from which nothing can be learnt is a finding, not a mistake: there is then no fine-tuned model, and the
file of its predictions is empty.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from ste_core.core import aio, store
from ste_core.core.config import NO_VARIANT, WORDED, Study
from ste_core.core.errors import UserError
from ste_core.core.records import Example, Prediction, TestItem
from ste_core.method import distill, finetune, predict, retrieve
from ste_core.method.finetune import Finetuned
from ste_core.method.predict import Setting
from ste_core.method.training_data import GeneralTask
from ste_core.pipeline import archive, explore_run, finetune_job, resources

#: the method with nothing left out
FULL = "full"

#: parts of an experience, or what stands in its place; another kind is `<k>ep`
ALL, EQUAL, HINDSIGHT, RETOLD, SCRIPTED, GOLD = "all", "equal", "hindsight", "retold", "scripted", "gold"

#: of these what examples with less fault are, made of the same trials, of right calls, or of none
CONTROLS = (*WORDED, GOLD)

_EPISODES = re.compile(r"([1-9]\d*)ep")

#: settings in the order of tables and figures, by the name that results give them
SETTING_OF_LABEL = {label: name for name, label in predict.LABELS.items()}


# --- distillation -----------------------------------------------------------------------------------------------------


def distilled_folder(study: Study, variant: str, seed: int, part: str = ALL) -> Path:
    """Where the examples of a variant and seed lie; those of `WORDED` in folders of their own within."""
    folder = study.source / "distilled" / variant / f"seed{seed}"
    return folder / part if part in WORDED else folder


def distil(study: Study, variant: str, seed: int, part: str = ALL) -> distill.Distilled:
    """Make training examples of the trials of a variant and seed, and write them.

    The part `hindsight` is made of the same trials, with the settings `hindsight` and `grounded`; `retold` without
    `hindsight_values` besides; so is `scripted`, of trials that a script made (`resources.scripted_trials`).

    Raises:
        UserError: nothing was explored, or no model to judge with.
    """
    section = resources.needed_section(study, "distillation")
    if part in WORDED:
        section = section.model_copy(
            update={"hindsight": True, "grounded": True, "hindsight_values": part == HINDSIGHT}
        )
    if study.source != study.results:  # the examples there are another study's, made by its own settings
        raise UserError(
            f"study '{study.name}': distillation: examples come from study '{study.experience}'; distil that"
        )
    trials = explore_run.read_trials(study, variant, seed)
    if not trials:
        raise UserError(f"study '{study.name}': variant {variant}, seed {seed}: not explored yet; run ste explore")
    if part == SCRIPTED:
        trials = aio.run(resources.scripted_trials(study, sorted({one.tool for one in trials})))
    folder = distilled_folder(study, variant, seed)
    judge = resources.chat(study, section.model)
    paraphraser = judge if section.paraphraser in (None, section.model) else resources.chat(study, section.paraphraser)
    journal = (distilled_folder(study, variant, seed, part) if part == SCRIPTED else folder) / "journal.jsonl"
    made = aio.run(
        distill.distill(
            trials,
            resources.toolbox(study).tools,
            judge,
            paraphraser,
            section,
            journal=journal,
            styles=(study.style(section.model), study.style(section.paraphraser or section.model)),
        )
    )
    made.write(distilled_folder(study, variant, seed, part))
    return made


def examples(study: Study, variant: str, seed: int, part: str = ALL) -> list[Example]:
    """The distilled examples on disk, or a part of them.

    Of the first episodes come the examples with the paraphrases they have in the whole; a run that had really stopped
    there might have made more of each.

    Raises:
        UserError: there are none yet, no such part, or for `gold` no development set.
    """
    if part == GOLD:
        return resources.gold_examples(_explored(study, resources.items(study, "dev")))
    seed = study.experience_seed(seed)
    path = distilled_folder(study, variant, seed, part) / "examples.jsonl"
    if not path.is_file():
        missing = f"{path}: not there; distil variant {variant}, seed {seed} first (notebook 34)"
        raise UserError(missing + archive.hint(study))
    found = store.read_jsonl(path, Example)
    episodes = episodes_of(part)
    if episodes is not None:
        return [one for one in found if one.episode < episodes]
    return even_sample(found, equal_size(study, seed), seed) if part == EQUAL else found


def equal_size(study: Study, seed: int) -> int:
    """The smallest number of examples that a variant has, variants without any left out; 0 if none has one."""
    variants = resources.needed_section(study, "exploration").variants
    return min(filter(None, (len(examples(study, variant, seed)) for variant in variants)), default=0)


def even_sample(found: Sequence[Example], size: int, seed: int) -> list[Example]:
    """A random subset of `size` examples, or all if there are fewer, in the order given, as even over tools as can be.

    Every tool keeps as many as it has, up to a number common to all tools; some, drawn by the seed, keep one more.
    """
    counts = Counter(one.tool for one in found)
    most = max(cap for cap in range(size + 1) if sum(min(one, cap) for one in counts.values()) <= size)
    kept = set(map(_key, distill.training_size(found, most, seed)))
    more = sorted(set(map(_key, distill.training_size(found, most + 1, seed))) - kept)
    kept.update(random.Random(f"cut/{seed}").sample(more, min(size - len(kept), len(more))))
    return [one for one in found if _key(one) in kept]


def _key(one: Example) -> tuple[str, int, int, int]:
    return one.tool, one.episode, one.trial, one.paraphrase


def episodes_of(part: str) -> int | None:
    """The number of episodes in a part of that kind, None for the others.

    >>> episodes_of("2ep"), episodes_of("equal")
    (2, None)

    Raises:
        UserError: no such part.
    """
    if part in (ALL, EQUAL, *CONTROLS):
        return None
    number = _EPISODES.fullmatch(part)
    if number is None:
        named = ", ".join(f"'{one}'" for one in (ALL, EQUAL, *CONTROLS))
        raise UserError(f"part: {part!r}: must be {named} or a number of episodes as '2ep'")
    return int(number[1])


def amounts(study: Study) -> list[str]:
    """The parts of the full method's experience to compare with the whole: fewer episodes, but some, in order."""
    return [part for part in study.parts if part not in CONTROLS]


def controls(study: Study) -> list[str]:
    """What the study uses of `CONTROLS`."""
    return [part for part in study.parts if part in CONTROLS]


def label(setting: Setting, part: str = ALL) -> str:
    """What results call a setting.

    >>> label("icl"), label("tuned", "equal"), label("tuned", "1ep")
    ('ICL', 'FT, equal size', 'FT, 1 episode')
    """
    episodes = episodes_of(part)
    if episodes is not None:
        return f"{predict.LABELS[setting]}, {episodes} episode{'s' if episodes > 1 else ''}"
    named = {ALL: "", EQUAL: ", equal size", HINDSIGHT: ", hindsight", RETOLD: ", retold",
             SCRIPTED: ", scripted calls", GOLD: ", gold examples"}  # fmt: skip
    return predict.LABELS[setting] + named[part]


# --- prediction -------------------------------------------------------------------------------------------------------


def predictions_file(study: Study, setting: Setting, variant: str, seed: int, part: str = ALL) -> Path:
    """Where the predictions of a setting lie."""
    name = setting if part == ALL else f"{setting}_{part}"
    return study.learnt / "predictions" / name / variant / f"seed{seed}.jsonl"


def items_of(study: Study) -> list[TestItem]:
    """The test items to answer: of the explored tools, and of each as many as `exploitation.items` says.

    They are drawn by the study's seed, the same in every setting.
    """
    items = _explored(study, resources.items(study, "test"))
    return resources.some_of_each(items, resources.needed_section(study, "exploitation").items, study.seed)


def _explored(study: Study, items: list[TestItem]) -> list[TestItem]:
    """The items of the tools that the study explores, which may be part of a world."""
    if study.exploration is None or study.exploration.tools is None:
        return items
    return [item for item in items if item.gold.tool in study.exploration.tools]


def answer_items(
    study: Study,
    setting: Setting,
    variant: str = NO_VARIANT,
    seed: int = 0,
    done: Callable[[], object] = lambda: None,
    *,
    part: str = ALL,
) -> list[Prediction]:
    """Answer the test set as it is, with demonstrations, or fine-tuned on the experience of a variant and seed.

    Raises:
        UserError: a stage before is missing.
    """
    path = predictions_file(study, setting, variant, seed, part)
    lock = path.parent / ".run" / f"{path.stem}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):  # every job with demonstrations wants the baseline too: one makes it, the others read it
        return _predict(study, setting, variant, seed, done, part, path)


def _predict(
    study: Study, setting: Setting, variant: str, seed: int, done: Callable[[], object], part: str, path: Path
) -> list[Prediction]:
    section = resources.needed_section(study, "exploitation")
    items, tools = items_of(study), resources.toolbox(study).tools
    options: dict[str, Any] = {
        "path": path, "label": label(setting, part), "max_tokens": section.max_tokens,
        "temperature": section.temperature, "context": section.context, "constrained": section.constrained,
        "seed": seed, "system": section.model, "done": done, "style": study.style(section.model),
        "sampling": section.sampling(),
    }  # fmt: skip
    if setting == "tuned":
        folder = model_folder(study, variant, seed, part)
        tuned = finetune.load_tuned(folder, **resources.as_loaded(study, section.model))
        model, options["style"] = resources.as_learnt(
            tuned, resources.needed_section(study, "finetuning"), options["style"]
        )
        return aio.run(predict.predict(items, model, tools, setting=setting, **options))
    encoder = None if section.encoder is None else retrieve.SentenceEncoder(study.place(section.encoder))
    shown = retrieve.candidates(
        items, tools, section.candidates, n=section.candidate_count, seed=study.seed, encoder=encoder
    )
    near = None
    if setting == "icl":
        retriever = retrieve.Retriever(examples(study, variant, seed, part), encoder)
        among = shown if section.demonstrations_of == "candidates" else None
        near = retriever.nearest([item.query for item in items], section.demonstrations, among)
    model = resources.chat(study, section.model)
    work = predict.predict(items, model, tools, setting=setting, candidates=shown, demonstrations=near, **options)
    return aio.run(work)


# --- fine-tuning ------------------------------------------------------------------------------------------------------


def model_folder(study: Study, variant: str, seed: int, part: str = ALL) -> Path:
    """Where the model fine-tuned on the experience of a variant and seed lies."""
    return study.learnt / "models" / (variant if part == ALL else f"{variant}_{part}") / f"seed{seed}"


def finetune_variant(
    study: Study,
    variant: str,
    seed: int,
    general: Sequence[GeneralTask] = (),
    done: Callable[[int, int, float], object] = lambda step, steps, loss: None,
    *,
    part: str = ALL,
) -> Finetuned | None:
    """Fine-tune the study's base on the examples of a variant and seed.

    With the part `equal` only calls are learnt, of every variant: examples without feedback have no answer to learn, so
    equally many examples would be unequally many rows. Of `CONTROLS` too: their calls were never answered.

    Returns:
        The record; None if there is nothing to learn from (no examples, or all of them held out or too long).

    Raises:
        UserError: an option that does not fit, or another failure of fine-tuning.
    """
    section = resources.needed_section(study, "finetuning")
    options = section.model_copy(update={"seed": seed, "base": study.place(section.base)})
    if variant == distill.NO_FEEDBACK or part in (EQUAL, *CONTROLS):  # calls only
        options = options.model_copy(update={"answer_rows": False})
    learnt, folder = examples(study, variant, seed, part), model_folder(study, variant, seed, part)
    if not learnt and not general:
        return None
    tools = resources.listing(study).tools
    try:
        finetune.clear(learnt, options, folder, general=general)
        if options.launch is not None:
            finetune_job.launch(learnt, options, folder, general=general, tools=tools)
        return finetune.finetune(learnt, options, folder, general=general, tools=tools, done=done)
    except UserError as error:
        if _NO_ROWS in str(error):
            return None
        raise


#: how fine-tuning says that no row is left to learn from
_NO_ROWS = "training set: "


def learn(
    study: Study,
    variant: str,
    seed: int,
    part: str = ALL,
    done: Callable[[int, int, float], object] = lambda step, steps, loss: None,
) -> tuple[Finetuned | None, list[Prediction]]:
    """Fine-tune on the experience of a variant and seed, and answer the test set.

    Returns:
        The record and the predictions; None and no predictions (an empty file) if there is nothing to learn from.

    Raises:
        UserError: as `finetune_variant` and `answer_items`.
    """
    record = finetune_variant(study, variant, seed, done=done, part=part)
    if record is not None:
        return record, answer_items(study, "tuned", variant, seed, part=part)
    store.write_text(predictions_file(study, "tuned", variant, seed, part), "")
    return None, []
