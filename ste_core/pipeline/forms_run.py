"""A study's experience in several forms: notes drawn, documentation rewritten, the test set answered with each.

>>> study = load("full_forms")                                               # doctest: +SKIP
>>> make_forms(study, seed=0)                                                      # doctest: +SKIP
>>> answer(study, "notes", 300, seed=0)                                      # doctest: +SKIP

Forms are those of `method.forms`, of the full method's experience. Under `results/<study>/`: `forms/full/seed<k>/`
holds `notes.jsonl` (by rule), `worded.jsonl`, `documentation.jsonl` (rewrites, with what held-out trials said of each).
Answers lie where those of other settings do, `predictions/<setting>_<form>_<budget>/full/seed<k>.jsonl`, and what each
prompt showed beside them (`.shown.jsonl`). What is there is not made again.

Notes and documentation are made once, by one model, for all learners. Notes are drawn from all trials; documentation is
rewritten from the earlier trials of a tool, and judged by the queries of the later ones. A fine-tuned model is shown no
documentation, and no oracle names tools to it: its notes are on the tools whose documentation is nearest to the query.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from ste_core.core import aio, store
from ste_core.core.config import Exploitation, FormName, Forms, Study, Style
from ste_core.core.errors import UserError
from ste_core.core.records import Example, Prediction, TestItem, Trial
from ste_core.method import documentation, finetune, forms, heldout, notes, predict, retrieve
from ste_core.method.documentation import Rewrite
from ste_core.method.forms import Fitted, Material, Shown
from ste_core.method.notes import Note
from ste_core.method.predict import Beside
from ste_core.models import native
from ste_core.models.base import ChatModel, by_length, measure
from ste_core.pipeline import explore_run, resources, stages
from ste_core.pipeline.stages import FULL

#: demonstrations that may be shown of an item, if they fit
MOST_DEMONSTRATIONS = 64


@dataclass(frozen=True, slots=True)
class Made:
    """Notes by rule, the same in a model's words, and rewrites of documentation; of the last two none without a writer
    that can."""

    notes: list[Note]
    worded: list[Note]
    rewrites: list[Rewrite]


@dataclass(frozen=True, slots=True)
class Writer:
    """Who words notes, rewrites documentation, tries held-out queries or answers: a model, and how it is asked."""

    model: ChatModel
    style: Style


def forms_section(study: Study) -> Forms:
    """The study's section.

    Raises:
        UserError: it has none.
    """
    section: Forms = resources.needed_section(study, "forms")
    return section


def budgets(study: Study, form: FormName) -> list[int]:
    """The budgets of a form: those of the study; weights alone take no room in a prompt."""
    return [0] if form == "weights" else sorted(set(forms_section(study).budgets))


def forms_folder(study: Study, seed: int) -> Path:
    """Where notes and rewrites of a seed's experience lie."""
    return study.results / "forms" / FULL / f"seed{seed}"


def forms_file(study: Study, seed: int) -> Path:
    """What is written last of a seed's notes and rewrites: there once all of them are."""
    return forms_folder(study, seed) / "documentation.jsonl"


# --- notes and documentation ------------------------------------------------------------------------------------------


def make_forms(study: Study, seed: int, done: Callable[[], object] = lambda: None) -> Made:
    """Draw notes, word them and rewrite documentation, as far as the study's forms need it.

    Raises:
        UserError: nothing was explored, or a model or the tools fail.
    """
    options = forms_section(study)
    wanted = forms.pieces_of(options.forms)
    trials = explore_run.read_trials(study, FULL, seed)
    if not trials:
        raise UserError(f"study '{study.name}': variant {FULL}, seed {seed}: not explored yet; run ste explore")
    place = forms_folder(study, seed)
    lock = place / ".run" / "make.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):  # several learners' jobs want the same
        drawn = notes.draw_notes(trials, resources.listing(study).tools)
        by = writer(study) if {"worded_notes", "documentation"} & wanted else None
        worded = in_words(study, drawn, by) if by is not None and "worded_notes" in wanted else []
        rewrites = rewrite_and_try(study, trials, place, by) if by is not None and "documentation" in wanted else []
        for name, records in (("notes", drawn), ("worded", worded), ("documentation", rewrites)):
            store.write_text(place / f"{name}.jsonl", "".join(one.model_dump_json() + "\n" for one in records))
    done()
    return Made(drawn, worded, rewrites)


def writer(study: Study) -> Writer:
    """The study's writer; its replies are kept on disk.

    Raises:
        UserError: the study names none.
    """
    name = _writer_name(study)
    if name is None:
        raise UserError(f"study '{study.name}': forms.model: missing; name the model that writes")
    cached = study.model_copy(update={"models": {name: study.models[name].model_copy(update={"cache": True})}})
    cached._root = study.root
    return Writer(resources.chat(cached, name), study.style(name))


def writes(study: Study) -> bool:
    """Whether the model that would write can: a small one is asked in texts of its own, and these are none of them."""
    name = _writer_name(study)
    return name is not None and study.style(name) != "small"


def _writer_name(study: Study) -> str | None:
    """The model that writes: that of the forms, or else distillation's."""
    named = study.forms.model if study.forms is not None else None
    return named or (study.distillation.model if study.distillation is not None else None)


def in_words(study: Study, drawn: list[Note], by: Writer) -> list[Note]:
    """The notes in the words of the study's writer."""
    options = study.forms or Forms()
    tools = resources.listing(study).tools
    work = notes.word_notes(drawn, tools, by.model, style=by.style, seed=study.seed, max_tokens=options.max_tokens)
    return aio.run(work)


def rewritten(study: Study, trials: list[Trial], by: Writer) -> list[Rewrite]:
    """Documentation in the words of the study's writer; whether it is kept is open."""
    options = study.forms or Forms()
    work = documentation.rewrite_documentation(
        trials, resources.listing(study).tools, by.model, style=by.style, seed=study.seed,
        max_tokens=options.max_tokens,
    )  # fmt: skip
    return aio.run(work)


def rewrite_and_try(study: Study, trials: list[Trial], place: Path, by: Writer) -> list[Rewrite]:
    """Documentation rewritten from a tool's earlier trials, and whether it is kept by the queries of the later ones."""
    learnt, held = heldout.hold_out(trials, (study.forms or Forms()).held_out)
    made, tools = rewritten(study, learnt, by), resources.listing(study).tools
    revised = {one.tool: one.revised(tools[one.tool]) for one in made if not one.fault}
    tried = [one for one in held if one.tool in revised]
    before = try_held_out(study, tried, place / "held_out.jsonl", by)
    beside = {name: Beside(revised=revised) for name in revised}
    after = try_held_out(study, tried, place / "held_out_documentation.jsonl", by, beside)
    return [
        one.decided(*([ran for ran, trial in zip(some, tried, strict=True) if trial.tool == one.tool]
                      for some in (before, after)))
        for one in made
    ]  # fmt: skip


def try_held_out(
    study: Study, held: list[Trial], path: Path, by: Writer, beside: dict[str, Beside] | None = None
) -> list[bool]:
    """Whether the writer's first calls for held-out queries run, with what is shown beside documentation or without."""
    explored = study.exploration
    options: dict[str, Any] = {} if explored is None else {
        "context": explored.context, "constrained": explored.constrained, "max_tokens": explored.max_tokens,
    }  # fmt: skip
    toolbox = resources.toolbox(study)
    work = heldout.ran(held, by.model, toolbox, path=path, beside=beside, style=by.style, seed=study.seed, **options)
    return aio.run(work)


def read_forms(study: Study, seed: int) -> Made:
    """What `make_forms` left.

    Raises:
        UserError: it was not made yet.
    """
    place = forms_folder(study, seed)
    if not forms_file(study, seed).is_file():
        raise UserError(f"{place}: not there; make the forms of seed {seed} first (notebook 52)")
    return Made(
        store.read_jsonl(place / "notes.jsonl", Note),
        store.read_jsonl(place / "worded.jsonl", Note),
        store.read_jsonl(forms_file(study, seed), Rewrite),
    )


# --- answers ----------------------------------------------------------------------------------------------------------


def part_of(form: FormName, budget: int) -> str:
    """What stands behind the setting in the name of a file of answers."""
    return f"{form}_{budget}"


def answers_file(study: Study, form: FormName, budget: int, seed: int) -> Path:
    """Where the answers with a form of experience lie; with weights alone, where fine-tuning left them."""
    if form == "weights":
        return stages.predictions_file(study, "tuned", FULL, seed)
    return stages.predictions_file(study, forms.setting_of(form), FULL, seed, part_of(form, budget))


def shown_file(study: Study, form: FormName, budget: int, seed: int) -> Path:
    """Where it stands what each prompt showed."""
    return answers_file(study, form, budget, seed).with_suffix(".shown.jsonl")


def form_items(study: Study) -> list[TestItem]:
    """The test items of the comparison: those of the study, or of each tool fewer."""
    return resources.some_of_each(stages.items_of(study), forms_section(study).items, study.seed)


def form_seeds(study: Study, form: FormName) -> list[int]:
    """The seeds of a form: those of fine-tuning for what a fine-tuned model answers, else those of the exploration."""
    return study.training_seeds() if form in forms.TUNED else study.exploration_seeds()


def answer_forms(
    study: Study, seed: int, done: Callable[[], object] = lambda: None
) -> dict[tuple[FormName, int], list[Prediction]]:
    """Answer the test items with every form that has this seed, in every budget; each model is loaded once.

    Raises:
        UserError: as `answer`.
    """
    wanted = [form for form in forms_section(study).forms if seed in form_seeds(study, form)]
    found, opened = {}, {}
    for form in sorted(wanted, key=lambda form: form in forms.TUNED):  # one model after the other
        if form != "weights" and (form in forms.TUNED) not in opened:
            opened = {form in forms.TUNED: open_learner(study, form, seed)}
        for budget in budgets(study, form):
            found[form, budget] = answer(study, form, budget, seed, done, by=opened.get(form in forms.TUNED))
    return found


def open_learner(study: Study, form: FormName, seed: int) -> Writer:
    """Who answers with a form: the study's learner, or what it became by fine-tuning, and how it is asked.

    Raises:
        UserError: it was not fine-tuned yet, or cannot be loaded.
    """
    options = _exploitation(study)
    style = study.style(options.model)
    if form not in forms.TUNED:
        return Writer(resources.chat(study, options.model), style)
    _tuned_there(study, seed)
    folder = stages.model_folder(study, FULL, seed)
    tuned = finetune.load_tuned(folder, **resources.as_loaded(study, options.model))
    assert study.finetuning is not None
    return Writer(*resources.as_learnt(tuned, study.finetuning, style))


def answer(
    study: Study,
    form: FormName,
    budget: int,
    seed: int,
    done: Callable[[], object] = lambda: None,
    *,
    by: Writer | None = None,
) -> list[Prediction]:
    """Answer the test items with experience in one form, within a budget of tokens.

    Args:
        by: of `open_learner`, where it is open already.

    Raises:
        UserError: a stage before is missing (exploration, distillation, `make_forms`; fine-tuning for weights).
    """
    if form == "weights":
        return store.read_jsonl(_tuned_there(study, seed), Prediction)
    options, items, setting = _exploitation(study), form_items(study), forms.setting_of(form)
    material = material_of(study, form, seed, items)
    by = by or open_learner(study, form, seed)
    fitted = fitted_items(items, form, budget, material, by, study)
    path = answers_file(study, form, budget, seed)
    records = "".join(one.shown.model_dump_json() + "\n" for one in fitted)
    path.parent.mkdir(parents=True, exist_ok=True)
    store.write_text(shown_file(study, form, budget, seed), records)
    about: dict[str, Any] = {}
    if setting != "tuned":
        about["candidates"] = material.tools
    if setting == "icl":
        about["demonstrations"] = [one.demonstrations for one in fitted]
    work = predict.predict(
        items, by.model, resources.toolbox(study).tools, setting=setting, path=path,
        beside=[one.beside for one in fitted], system=options.model, label=form_label(form, budget), seed=seed,
        temperature=options.temperature, max_tokens=options.max_tokens, context=options.context,
        constrained=options.constrained, style=by.style, sampling=options.sampling(), done=done, **about,
    )  # fmt: skip
    return aio.run(work)


def _exploitation(study: Study) -> Exploitation:
    section: Exploitation = resources.needed_section(study, "exploitation")
    return section


def form_label(form: FormName, budget: int) -> str:
    """What predictions call a form and its budget.

    >>> form_label("notes", 300)
    'notes by rule, 300 tokens'
    """
    return forms.LABELS[form] if form == "weights" else f"{forms.LABELS[form]}, {budget} tokens"


def _tuned_there(study: Study, seed: int) -> Path:
    path = stages.predictions_file(study, "tuned", FULL, seed)
    if not path.is_file():
        raise UserError(f"{path}: not there; fine-tune on seed {seed} first (notebook 42)")
    return path


def material_of(study: Study, form: FormName, seed: int, items: list[TestItem]) -> Material:
    """What a form may show for each item: experience of the tools that the study explores, and of no others."""
    options = _exploitation(study)
    tools = resources.listing(study).tools
    encoder = None if options.encoder is None else retrieve.SentenceEncoder(study.place(options.encoder))
    how = "query" if form in forms.TUNED else options.candidates
    named = retrieve.candidates(items, tools, how, n=options.candidate_count, seed=study.seed, encoder=encoder)
    pieces = forms.PIECES[form]
    made = read_forms(study, study.experience_seed(seed))
    near: list[list[Example]] = [[] for _ in items]
    if "demonstrations" in pieces:
        retriever = retrieve.Retriever(stages.examples(study, FULL, seed), encoder)
        among = named if options.demonstrations_of == "candidates" else None
        near = retriever.nearest([one.query for one in items], MOST_DEMONSTRATIONS, among)
    revised = {one.tool: one.revised(tools[one.tool]) for one in made.rewrites if one.kept}
    return Material(tools=named, notes=made.notes, worded=made.worded, revised=revised, near=near)


def fitted_items(
    items: list[TestItem], form: FormName, budget: int, material: Material, by: Writer, study: Study
) -> list[Fitted]:
    """What each prompt shows, by the learner's own count of tokens."""
    options = _exploitation(study)
    tools, setting = resources.listing(study).tools, forms.setting_of(form)
    is_native = isinstance(by.model, native.NativeChat)
    count, own = measure(by.model, by_length)
    context = own if options.context is None else options.context
    room = None if context is None else context - options.max_tokens

    def size(number: int, beside: Beside, near: Any) -> int:
        shown = [beside.revised.get(name, tools[name]) for name in material.tools[number]]
        messages = predict.request(items[number].query, setting, shown, near, beside.notes, by.style)
        if not is_native:
            return count(messages)
        return count(messages, [] if setting == "tuned" else [native.described(one) for one in shown])

    return forms.fit(items, form, budget, material, size, room)


def read_shown(study: Study, form: FormName, budget: int, seed: int) -> list[Shown]:
    """What each prompt of a form showed; nothing for weights alone."""
    return [] if form == "weights" else store.read_jsonl(shown_file(study, form, budget, seed), Shown)
