"""What a whole study will take, before anything is spent: requests, tokens, money, hours and disk, stage by stage.

>>> print(plan(load("paper")).text())                                                           # doctest: +SKIP
>>> StageCost("judge", "4 tools", 100, 20_000, 1_000, money=0.25).cells()[:5]
['judge', '4 tools', '100', '20,000', '1,000']

Asks no model and no server, needs neither key nor GPU, and imports no torch. Sizes are those of the prompts as each
model is asked, worked examples and all, and of the tools' documentation where the tools can be listed, else what
`Assumptions` says; what is on disk already is not counted again. Hours are rough: operations by the assumed speed of
one processor, so two GPUs take half. The exam and the audit ask nothing that costs; they have no row.
"""

import copy
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from ste_core.core import prompting
from ste_core.core.config import NO_VARIANT, WORDED, Finetuning, LocalModel, Study
from ste_core.core.errors import UserError
from ste_core.core.records import Call, TestItem, Tool
from ste_core.method import distill, forms
from ste_core.method.explore import CHARACTERS_A_TOKEN
from ste_core.models import weights
from ste_core.pipeline import explore_run, forms_run, gold_run, resources, stages
from ste_core.pipeline.cost import Usual, tokens
from ste_core.tools.base import Toolbox

#: bytes of a text record for each of its tokens: four characters, names of fields and all
TOKEN_BYTES = 6

#: full fine-tuning keeps two checkpoints of weights and two moments, float32, beside the model it writes
CHECKPOINT_BYTES, MODEL_BYTES, HUB_BYTES = 2 * 12, 4, 2

#: parameters from which on a model is planned for a GPU
FOR_A_GPU = 1e9

#: stand in prompts for what is counted apart
_CALL, _TOOL = Call(tool="", arguments={}), Tool(name="")


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What is taken for granted where it cannot be known; each may be set (`ste run STUDY --dry-run --assume`).

    Attributes:
        tools, items: tools of the world, and test items of each, where neither can be listed.
        documentation: tokens of a tool's documentation, where it cannot be listed (the paper's fifty: 118).
        kept: share of trials that end in an answer and a call.
        accepted: share of these that the judge lets pass and that are no duplicates.
        parameters: of a model that does not say how many it has.
        gpu_tflops: 10^12 operations a second that one GPU reaches in training and reading (an A100: 40 % of 312).
        gpu_decode: tokens a second that one GPU writes with a model of 7 billion parameters, in batches.
        cpu_tflops: the same of two CPU cores (measured with bfloat16: 0.7 to 1.0 reading, 0.2 to 0.3 training).
        cpu_decode: tokens a second that two CPU cores write with a model so small that its operations cost nothing;
            those of a larger one come on top (together 190 with half a billion parameters; measured: 225).
    """

    tools: float = 50
    items: float = 15
    documentation: float = 118
    kept: float = 0.8
    accepted: float = 0.7
    parameters: float = 7e9
    gpu_tflops: float = 125
    gpu_decode: float = 1_000
    cpu_tflops: float = 0.3
    cpu_decode: float = 500

    def text(self) -> str:
        """All of them in a line."""
        return ", ".join(f"{one.name}={getattr(self, one.name):g}" for one in fields(self))


def assume(settings: Iterable[str]) -> Assumptions:
    """Assumptions as the command line sets them.

    >>> assume(["gpu_tflops=400", "kept=0.5"]).gpu_tflops
    400.0

    Raises:
        UserError: not `NAME=NUMBER`, no such name, or not above 0.
    """
    known = [one.name for one in fields(Assumptions)]
    chosen: dict[str, float] = {}
    for text in settings:
        name, _, value = text.partition("=")
        if name not in known:
            raise UserError(f"--assume {name}: nothing of that name is assumed; there are: {', '.join(known)}")
        try:
            chosen[name] = float(value)
        except ValueError:
            chosen[name] = math.nan
        if not (math.isfinite(chosen[name]) and chosen[name] > 0):
            raise UserError(f"--assume {name}: must be a number above 0, as {name}={getattr(Assumptions(), name):g}")
    return replace(Assumptions(), **chosen)


@dataclass(frozen=True, slots=True)
class StageCost:
    """One stage: requests, tokens in and out, money (None: no prices), hours of a GPU or of a CPU, bytes on disk."""

    stage: str
    what: str
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    money: float | None = 0.0
    gpu_hours: float = 0.0
    cpu_hours: float = 0.0
    disk: int = 0

    def cells(self) -> list[str]:
        """The row as a table shows it."""
        hours = [f"{value:,.1f}" if value >= 0.05 else "-" for value in (self.gpu_hours, self.cpu_hours)]
        money = "no prices" if self.money is None else f"{self.money:,.2f}" if self.money else "-"
        counts = [f"{one:,}" if one else "-" for one in (self.requests, self.prompt_tokens, self.completion_tokens)]
        return [self.stage, self.what, *counts, money, *hours, _bytes(self.disk)]


HEAD = ("stage", "what", "requests", "tokens in", "tokens out", "money", "GPU h", "CPU h", "disk")


@dataclass(frozen=True, slots=True)
class Plan:
    """The stages of a study, what was assumed, and what the reader should know besides."""

    study: str
    rows: tuple[StageCost, ...]
    assumptions: Assumptions
    notes: tuple[str, ...] = field(default=())

    @property
    def total(self) -> StageCost:
        def add(name: str) -> float:
            return sum(getattr(row, name) or 0 for row in self.rows)

        money = None if any(row.money is None for row in self.rows) else add("money")
        return StageCost(
            "total", "", int(add("requests")), int(add("prompt_tokens")), int(add("completion_tokens")), money,
            add("gpu_hours"), add("cpu_hours"), int(add("disk")),
        )  # fmt: skip

    def text(self) -> str:
        """A table, its total, assumptions and notes, as lines."""
        if not self.rows:
            return f"{self.study}: no stage asks a model or trains one\n"
        cells = [list(HEAD), *(row.cells() for row in (*self.rows, self.total))]
        widths = [max(len(row[column]) for row in cells) for column in range(len(HEAD))]
        lines = [
            "  ".join(
                one.ljust(width) if at < 2 else one.rjust(width)
                for at, (one, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in cells
        ]
        lines.insert(1, "-" * len(lines[0]))
        lines.insert(-1, "-" * len(lines[0]))
        lines += ["", f"assumed (change by --assume NAME=NUMBER): {self.assumptions.text()}"]
        return "\n".join([line.rstrip() for line in lines] + [f"note: {note}" for note in self.notes]) + "\n"


def plan(study: Study, assumed: Assumptions | None = None) -> Plan:
    """The plan of a study: what is not done yet of exploration, distillation, prediction and fine-tuning."""
    work = _Work(study, assumed or Assumptions())
    work.notes += resources.lacking(study)
    rows = [*work.fetch(), *work.explore(), *work.distil(), *work.write_forms()]
    for learner in map(work.of, study.of_learners()):
        rows += [*learner.predict(), *learner.tune(), *learner.answer_forms(), *learner.learn_in_turn()]
        work.passing = max(work.passing, learner.passing)
    rows += work.gold()
    if work.passing:
        rows.append(
            StageCost("disk", "while fine-tuning: two checkpoints, and what a hub sends", disk=round(work.passing))
        )
    return Plan(study.name, tuple(rows), work.assumed, tuple(dict.fromkeys(work.notes)))


@dataclass(slots=True)
class _Work:
    study: Study
    assumed: Assumptions
    notes: list[str] = field(default_factory=list)
    tools: Mapping[str, Tool] = field(default_factory=dict)
    items: Sequence[TestItem] = ()
    query: float = 25.0  # tokens of a test query
    passing: float = 0.0  # bytes that fine-tuning takes while it runs

    def __post_init__(self) -> None:
        study = self.study
        if all(one is None for one in (study.exploration, study.exploitation, study.finetuning, study.gold)):
            return
        plan = study.exploration
        wanted = (plan and plan.tools) or (study.world and study.world.only) or ()
        try:
            listed = dict(resources.listing(study).tools)
            self.tools = {name: listed[name] for name in wanted if name in listed} if wanted else listed
        except UserError as error:
            text = "x" * round(self.assumed.documentation * CHARACTERS_A_TOKEN)
            names = list(wanted) or [f"tool {number}" for number in range(round(self.assumed.tools))]
            self.tools = {name: Tool(name=name, description=text) for name in names}
            self.notes.append(f"the tools cannot be listed here, so their documentation is assumed ({error})")
        try:
            self.items = [one for one in resources.items(study, "test") if not wanted or one.gold.tool in self.tools]
            self.query = sum(len(one.query) for one in self.items) / CHARACTERS_A_TOKEN / max(1, len(self.items))
        except UserError as error:
            if study.exploitation is not None or study.gold is not None:
                self.notes.append(f"the test set cannot be read here, so its size is assumed ({error})")

    def of(self, study: Study) -> "_Work":
        """The same for one of the study's learners: tools and items are listed already."""
        work = copy.copy(self)
        work.study = study
        return work

    # --- stages ---

    def fetch(self) -> list[StageCost]:
        rows = []
        for one in weights.missing_weights(resources.models_named(self.study)):
            download, disk = weights.to_do(one)
            rows.append(StageCost("weights", f"{one.name}: {weights.readable_size(download)} to download", disk=disk))
        return rows

    def explore(self) -> list[StageCost]:
        settings = self.study.exploration
        if settings is None or self.study.source != self.study.results:
            return []
        box = Toolbox(
            [
                tool if tool.description.strip() else tool.model_copy(update={"description": "?"})
                for tool in self.tools.values()
            ]
        )
        rows = []
        for variant in settings.variants:
            found = explore_run.expected_cost(self.study, variants=[variant], tools=list(self.tools), toolbox=box)
            what = f"{variant}: {len(self.tools)} tools x {settings.episodes} x {settings.trials} trials"
            rows.append(self._asked("explore", _times(what, len(settings.seeds)), settings.model, found.requests,
                                    found.prompt_tokens, found.completion_tokens))  # fmt: skip
        return rows

    def distil(self) -> list[StageCost]:
        options, settings = self.study.distillation, self.study.exploration
        if options is None or settings is None or self.study.source != self.study.results:
            return []
        rows = []
        for variant in self._variants():
            seeds = [one for one in settings.seeds if not self._distilled(variant, one).exists()]
            if not seeds:
                continue
            usual, tools = Usual(), len(self.tools) * len(seeds)
            judged = round(tools * settings.episodes * settings.trials * self.assumed.kept)
            if options.judge:
                answered = variant != distill.NO_FEEDBACK  # else there is neither result nor answer
                frame = prompting.judge("", "", _CALL, "", "" if answered else None, self.study.style(options.model))
                length = tokens(frame) + self._documentation() + usual.query + usual.reply
                length += usual.result + 40 if answered else 0
                what = _times(f"{variant}: {judged // len(seeds):,} trials", len(seeds))
                rows.append(self._asked("judge", what, options.model, judged, judged * length, judged * 40))
            sources = self._sources(settings.episodes * settings.trials)
            asked = round(tools * sources * distill.paraphrases_each(round(sources), options))
            if asked:
                writer = options.paraphraser or options.model
                what = _times(f"{variant}: {asked // len(seeds):,} queries", len(seeds))
                length = tokens(prompting.paraphrase("", self.study.style(writer))) + usual.query
                rows.append(self._asked("paraphrase", what, writer, asked, asked * length, asked * usual.query))
        return [*rows, *(row for part in WORDED for row in self._written(part))]

    def _written(self, part: str) -> list[StageCost]:
        """The queries that are written for calls that ran, at most all that are judged, or for all that a script
        makes; verdicts are there already."""
        options, settings, study = self.study.distillation, self.study.exploration, self.study
        if options is None or settings is None or not any(part in one.parts for one in study.of_learners()):
            return []
        folders = [self._distilled("full", one).parent / part for one in settings.seeds]
        seeds = sum(not (one / "examples.jsonl").exists() for one in folders)
        usual, each = Usual(), round(len(self.tools) * settings.episodes * settings.trials * self.assumed.kept)
        if not seeds:
            return []
        sources = self._sources(settings.episodes * settings.trials)
        if part == stages.SCRIPTED:
            each = len(stages.examples(study, stages.FULL, 0, stages.GOLD))
            sources = each / len(self.tools)
        reworded = round(len(self.tools) * sources * distill.paraphrases_each(round(sources), options))
        writer = options.paraphraser or options.model
        style, count = study.style(writer), seeds * (each + reworded)
        length = tokens(prompting.hindsight(_TOOL, _CALL, "", style))
        length += self._documentation() + usual.reply + usual.result
        again = tokens(prompting.paraphrase("", style)) + usual.query
        what = _times(f"{part}: {each:,} queries written anew, {reworded:,} reworded", seeds)
        shown = seeds * (each * length + reworded * again)
        return [self._asked("paraphrase", what, writer, count, shown, count * usual.query)]

    def write_forms(self) -> list[StageCost]:
        """Notes and documentation in a model's words, and what held-out trials say of the latter."""
        options, settings, study = self.study.forms, self.study.exploration, self.study
        if options is None or settings is None or not forms_run.writes(study) or study.source != study.results:
            return []
        to_go = [one for one in settings.seeds if not forms_run.forms_file(study, one).exists()]
        wanted = forms.pieces_of(options.forms)
        usual, model = Usual(), options.model or (study.distillation.model if study.distillation else "")
        style = study.style(model)
        asked = {
            "worded_notes": prompting.word_note(_TOOL, (), (_CALL, ""), (_CALL, ""), style),
            "documentation": prompting.ask_rewrite(_TOOL, (), style),
        }
        calls = self._documentation() + 2 * (usual.reply + usual.result)
        lengths = [tokens(frame) + calls for name, frame in asked.items() if name in wanted]
        texts, tried = len(lengths) * len(self.tools) * len(to_go), 0.0
        if "documentation" in wanted:  # with the old documentation and with the new
            tried = 2 * options.held_out * len(self.tools) * settings.episodes * settings.trials * len(to_go)
        if not texts:
            return []
        what = _times(f"notes and documentation of {len(self.tools)} tools", len(to_go))
        shown = len(self.tools) * len(to_go) * sum(lengths) + tried * self._call(model, 1)
        written = texts * options.max_tokens / 2 + tried * usual.reply
        return [self._asked("forms", what, model, texts + tried, shown, written)]

    def answer_forms(self) -> list[StageCost]:
        """The test items with each form of experience; each budget is taken as used up."""
        options, section = self.study.forms, self.study.exploitation
        if options is None or section is None:
            return []
        each, rows = self._items(options.items or section.items), []
        for form in options.forms:
            to_go = [
                (budget, seed)
                for budget in forms_run.budgets(self.study, form)
                for seed in forms_run.form_seeds(self.study, form)
                if not forms_run.answers_file(self.study, form, budget, seed).exists()
            ]
            if form == "weights" or not to_go:  # its answers are those of fine-tuning
                continue
            plain = self._tuned() if form in forms.TUNED else self._prompt()
            shown = sum(plain + budget for budget, _ in to_go)
            count = each * len(to_go)
            what = f"{forms.LABELS[form]}: {each:,} items, {len(to_go)} times"
            written = count * min(section.max_tokens, 45)
            rows.append(self._asked("predict", what, section.model, count, each * shown, written))
        return rows

    def _documented(self) -> int:
        """Tools whose documentation a prompt shows."""
        section = self.study.exploitation
        assert section is not None
        return len(self.tools) if section.candidates == "all" else min(section.candidate_count, len(self.tools))

    def _prompt(self) -> float:
        """Tokens of a prompt without experience."""
        assert self.study.exploitation is not None
        return self._call(self.study.exploitation.model, self._documented())

    def _call(self, model: str, shown: int) -> float:
        """Tokens of a prompt that asks for a call, some tools documented."""
        frame = tokens(prompting.ask_call("", (), style=self.study.style(model)))
        return frame + shown * self._documentation() + self.query

    def _tuned(self) -> float:
        """Tokens of a prompt to a fine-tuned model."""
        return tokens(prompting.tuned("")) + self.query

    def predict(self) -> list[StageCost]:
        section = self.study.exploitation
        if section is None:
            return []
        shown, plain = self._documented(), self._prompt()
        asked = [("baseline", NO_VARIANT, 0, plain)]
        if self.study.exploration is not None:
            more = plain + section.demonstrations * (Usual().query + 35)
            extra = self._variants() if self.study.ablations and self.study.ablations.icl else ["full"]
            settings = [("icl", one) for one in extra] + [(f"icl_{part}", "full") for part in self._parts()]
            asked += [(*one, seed, more) for one in settings for seed in self.study.exploration.seeds]
        rows = []
        for setting, variant in dict.fromkeys(one[:2] for one in asked):
            to_go = [one for one in asked if one[:2] == (setting, variant) and not self._predicted(*one[:3])]
            if not to_go:
                continue
            room = None if section.context is None else section.context - section.max_tokens
            length = to_go[0][3] if room is None else min(to_go[0][3], room)
            each = self._items(section.items)
            count = len(to_go) * each
            of = "" if variant == NO_VARIANT else f", {variant}"
            what = _times(f"{setting}{of}: {each:,} items, {shown} tools shown", len(to_go))
            written = min(section.max_tokens, 45)
            rows.append(self._asked("predict", what, section.model, count, count * length, count * written))
        return rows

    def tune(self) -> list[StageCost]:
        options, settings, extra = self.study.finetuning, self.study.exploration, self.study.ablations
        if options is None or settings is None:
            return []
        wanted = [(variant, "", 1.0) for variant in self._variants()]
        if self._ablates() and extra is not None and extra.equal_size:
            wanted += [(variant, "_equal", 1.0) for variant in self._variants()]  # as many examples, at most
        wanted += [("full", f"_{part}", self._share(part, settings.episodes)) for part in self._parts()]
        rows = []
        for variant, part, share in wanted:
            seeds = self.study.training_seeds(variant, part or "all")
            asked = [one for one in seeds if not self._predicted(f"tuned{part}", variant, one)]
            there = self.study.learnt / "models"
            to_train = [one for one in asked if not (there / f"{variant}{part}" / f"seed{one}").exists()]
            if to_train:
                examples = sum(self._examples(variant, one) for one in to_train) * share
                rows.append(self._training("finetune", variant + part, options, examples, len(to_train), len(to_train)))
            if asked:
                each = self._items(self.study.exploitation.items if self.study.exploitation else None)
                rows.append(self._answers(f"tuned{part}, {variant}", options, len(asked) * each, len(asked)))
        return rows

    def learn_in_turn(self) -> list[StageCost]:
        """Continual learning; rounds that arms share are counted for each."""
        plan, options, settings = self.study.continual, self.study.finetuning, self.study.exploration
        if plan is None or options is None or settings is None or plan.learner not in (None, self.study.learner):
            return []
        # as `continual` does; what is asked of a round is counted over all rounds
        changes = {"least_steps": plan.least_steps * plan.batches, "answer_rows": options.answer_rows and not plan.gold}
        options = options.model_copy(update=changes)
        seeds = [*(plan.seeds or settings.seeds)]
        rows = []
        for arm in plan.arms:
            to_go = [
                one
                for one in seeds
                if not (
                    self.study.results / "continual" / arm.name / f"seed{one}" / f"round{plan.batches}.done.json"
                ).exists()
            ]
            if not to_go:
                continue
            rounds = 1 if arm.kind == "joint" else plan.batches
            gold = len(resources.items(self.study, "dev")) if plan.gold else 0
            whole = sum(gold or self._examples(plan.variant, one) for one in to_go)
            again = arm.replay * whole * (plan.batches - 1) / 2 if arm.kind == "sequential" else 0.0
            examples = whole + again + arm.general * plan.batches * len(to_go)
            rows.append(self._training("continual", arm.name, options, examples, len(to_go), 1))
            asked = (rounds + 1) * (self._items(plan.items) + self.study.exam_items) * len(to_go)
            rows.append(self._answers(f"continual, {arm.name}", options, asked, len(to_go)))
        return rows

    def gold(self) -> list[StageCost]:
        """Learners with gold examples, in each setting and decoding; see `gold_run`."""
        section = self.study.gold
        if section is None:
            return []
        examples, rows = len(gold_run.development_examples(self.study)), []
        for learner, options in section.learners.items():
            for setting, form in gold_run.FORMS.items():
                decodings = [decoding for one, decoding in gold_run.conditions(self.study) if one == setting]
                seeds = gold_run.seeds(self.study, setting)
                to_go = [
                    seed
                    for seed in seeds
                    for decoding in decodings
                    if not gold_run.place(self.study, learner, setting, decoding, seed).exists()
                ]
                if form == "tuned":
                    folders = [gold_run.learner_folder(self.study, learner, seed) for seed in set(to_go)]
                    if to_train := sum(not folder.exists() for folder in folders):
                        options = options.model_copy(update={"answer_rows": False})
                        rows.append(
                            self._training("finetune", learner, options, examples * to_train, to_train, len(seeds))
                        )
                if not to_go:
                    continue
                each = len(gold_run.gold_items(self.study, setting))
                wide = setting in gold_run.WIDE
                shown = 0 if form == "tuned" else section.wide_count if wide else section.candidate_count
                length = self._tuned() if form == "tuned" else self._call(learner, shown)
                length += section.demonstrations * (Usual().query + 35) if form == "icl" else 0
                count = each * len(to_go)
                what = _times(f"{setting}: {each:,} items, {shown} tools shown", len(to_go)).replace("seeds", "runs")
                written = count * min(section.max_tokens, 45)
                once = each * len(set(to_go)) if isinstance(self.study.models[learner], LocalModel) else count
                rows.append(self._asked("predict", what, learner, count, once * length, written))  # prompts are shared
        return rows

    def _answers(self, what: str, options: Finetuning, count: int, seeds: int) -> StageCost:
        """Answers of fine-tuned models, in process."""
        written = count * min(self.study.exploitation.max_tokens if self.study.exploitation else 96, 45)
        shown = count * self._tuned()
        gpu, cpu = self._hours(self._size(options.base), shown, written)
        what = _times(f"{what}: {count // seeds:,} items", seeds)
        return StageCost("predict", what, count, round(shown), written, 0.0, gpu, cpu, count * 45 * TOKEN_BYTES)

    def _training(
        self, stage: str, variant: str, options: Finetuning, examples: float, seeds: int, kept: int
    ) -> StageCost:
        usual, both = Usual(), options.answer_rows and variant != distill.NO_FEEDBACK
        size = self._size(options.base)
        row = 15 + usual.query + usual.reply
        each, rows = (row + (row + usual.result + 20), 2 * examples) if both else (row, examples)
        epochs = max(options.epochs, seeds * options.least_steps * options.batch / rows) if rows else 0
        tokens = examples * each * epochs
        operations = (4 if options.method == "lora" else 6) + (2 if options.gradient_checkpointing else 0)
        hours = tokens * operations * size / (1e12 * self._tflops(size)) / 3_600
        whole = options.method == "full" or options.merge or options.tool_tokens
        made = size * MODEL_BYTES if whole else size * 0.02
        peak = size * CHECKPOINT_BYTES if options.method == "full" else made
        self.passing = max(self.passing, peak + (0 if self._here(options.base) else size * HUB_BYTES))
        gpu, cpu = (hours, 0.0) if size >= FOR_A_GPU else (0.0, hours)
        what = _times(f"{variant}: {_count(size)} parameters, {round(examples / seeds):,} examples", seeds)
        return StageCost(stage, what, 0, round(tokens), 0, 0.0, gpu, cpu, round(kept * made))

    def _here(self, model: str) -> bool:
        return model in weights.TABLE or Path(self.study.place(model)).is_dir()

    # --- what is there, and how much there will be ---

    def _variants(self) -> list[str]:
        """Whose experience is used: the full method's, and for ablations every other's."""
        assert self.study.exploration is not None
        return [one for one in self.study.exploration.variants if one == "full" or self._ablates()]

    def _ablates(self) -> bool:
        return bool(self.study.ablations and self.study.exploitation and self.study.finetuning)

    def _parts(self) -> list[str]:
        """What is used instead of all experience, as its parts are named."""
        return self.study.parts if self.study.exploitation else []

    def _share(self, part: str, episodes: int) -> float:
        """How many examples a part has, by how many there are in all."""
        if part in WORDED:  # about as many
            return 1.0
        if part != stages.GOLD:
            return int(part.removesuffix("ep")) / episodes
        examples = self._examples("full", 0)
        return len(stages.examples(self.study, stages.FULL, 0, stages.GOLD)) / examples if examples else 1.0

    def _predicted(self, setting: str, variant: str, seed: int) -> bool:
        return (self.study.learnt / "predictions" / setting / variant / f"seed{seed}.jsonl").exists()

    def _distilled(self, variant: str, seed: int) -> Path:
        return self.study.source / "distilled" / variant / f"seed{seed}" / "examples.jsonl"

    def _examples(self, variant: str, seed: int) -> float:
        path = self._distilled(variant, self.study.experience_seed(seed))
        if path.exists():
            return path.read_bytes().count(b"\n")
        settings, options = self.study.exploration, self.study.distillation
        assert settings is not None
        sources = self._sources(settings.episodes * settings.trials)
        more = 0 if options is None else distill.paraphrases_each(round(sources), options)
        return len(self.tools) * sources * (1 + more)

    def _sources(self, trials: int) -> float:
        return trials * self.assumed.kept * self.assumed.accepted

    def _items(self, most: int | None) -> int:
        """Test items to answer, at most so many of each tool."""
        most = math.inf if most is None else most
        if self.items:
            return sum(min(most, there) for there in Counter(one.gold.tool for one in self.items).values())
        return round(len(self.tools) * min(most, self.assumed.items))

    def _documentation(self) -> float:
        lengths = [len(tool.documentation()) / CHARACTERS_A_TOKEN for tool in self.tools.values()]
        return sum(lengths) / max(1, len(lengths))

    # --- models ---

    def _asked(self, stage: str, what: str, model: str, requests: float, shown: float, written: float) -> StageCost:
        chosen = self.study.models[model]
        gpu = cpu = 0.0
        money: float | None = 0.0
        if isinstance(chosen, LocalModel):
            gpu, cpu = self._hours(self._size(chosen.path), shown, written)
        elif chosen.prices is not None:
            money = (shown * chosen.prices[0] + written * chosen.prices[1]) / 1e6
        elif chosen.base_url is None:
            money = None
        disk = round((written + 20 * requests) * TOKEN_BYTES)
        return StageCost(
            stage, f"{what} ({model})", round(requests), round(shown), round(written), money, gpu, cpu, disk
        )

    def _size(self, model: str) -> float:
        """A model's parameters: of a folder, its weights'; of a hub name, what the name says."""
        if model in weights.TABLE:
            return weights.TABLE[model].parameters
        folder = Path(self.study.place(model))
        counts = [_parameters(path) for path in sorted(folder.glob("*.safetensors"))] if folder.is_dir() else []
        if sum(counts):
            return sum(counts)
        found = re.search(r"(\d+(?:\.\d+)?)\s*([bm])(?![a-z0-9])", model.rpartition("/")[2], re.IGNORECASE)
        if found:
            return float(found[1]) * (1e9 if found[2].lower() == "b" else 1e6)
        self.notes.append(f"model {model}: its size is not known here; taken as --assume parameters")
        return self.assumed.parameters

    def _tflops(self, size: float) -> float:
        return self.assumed.gpu_tflops if size >= FOR_A_GPU else self.assumed.cpu_tflops

    def _hours(self, size: float, shown: float, written: float) -> tuple[float, float]:
        """Hours of a GPU, or of a CPU, to read and write so many tokens."""
        token = 2 * size / (1e12 * self._tflops(size))  # seconds
        if size >= FOR_A_GPU:
            return (shown * token + written * size / (7e9 * self.assumed.gpu_decode)) / 3_600, 0.0
        return 0.0, ((shown + written) * token + written / self.assumed.cpu_decode) / 3_600


def _parameters(path: Path) -> int:
    """The parameters of a safetensors file, by its header."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(min(int.from_bytes(file.read(8), "little"), 1 << 26)))
        return sum(math.prod(one["shape"]) for name, one in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0  # damaged: whoever loads it says so


def _times(what: str, seeds: int) -> str:
    return what if seeds == 1 else f"{what} x {seeds} seeds"


def _count(size: float) -> str:
    return f"{size / 1e9:.3g} billion" if size >= 1e9 else f"{size / 1e6:.3g} million"


def _bytes(count: int) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{math.ceil(count / 1e3):,} kB" if count else "-"
