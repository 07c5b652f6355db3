"""Continual learning: batches of tools learnt one after the other, and after each round the questions on all of them.

>>> run_arm(study, "replay_10", seed=0)                                                           # doctest: +SKIP
[RoundDone(arm='replay_10', seed=0, round=0, ...), ...]

What a round trains on says `pipeline.curriculum`. Before the first round and after each one, the model answers the test
items of all batches, seen and not yet seen, and the exam of general ability. Under
`results/<study>/continual/<arm>/seed<k>/`: `round<r>.jsonl` (predictions), `exam<r>.jsonl`, `round<r>.done.json` (the
record of a round, written last); round 0 is the base.

A round is known by its whole history: base, options, and the data of every round so far. Rounds that arms share are
trained and asked once; a run that was killed goes on in its round; one whose data or settings changed is made anew. The
models lie under `models/continual/seed<k>/`, each only as long as some round still starts from it. A round without
examples (its batch left none) is passed over: the model stays as it was.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ste_core.core import aio, prompting, react, store
from ste_core.core.config import Arm, Finetuning, Study
from ste_core.core.errors import UserError
from ste_core.core.records import Record
from ste_core.method import distill, finetune, predict
from ste_core.method.training_data import GeneralTask, Round
from ste_core.models.base import ChatModel, gather
from ste_core.models.replies import answer_or_refusal
from ste_core.pipeline import archive, curriculum, finetune_job, resources


class RoundDone(Record):
    """The record of a round whose questions are answered.

    Attributes:
        round: 0 is the base, before anything was learnt.
        model: the round's history, a digest; rounds of the same history have the same model.
        questions: a digest of all that was asked, and how.
        tools: learnt in this round.
        examples, replayed, general: trained on, of `examples` so many replayed; 0 of all in round 0.
        steps, loss: of the round's fine-tuning; 0 and None where there was none.
    """

    arm: str
    seed: int
    round: int
    model: str
    questions: str
    tools: tuple[str, ...]
    examples: int
    replayed: int
    general: int
    steps: int
    loss: float | None


class ExamAnswer(Record):
    """What a model replied to one item of the exam of general ability; right if it is `expected`, word for word."""

    item: int
    task: str
    expected: str
    reply: str

    @property
    def right(self) -> bool:
        return self.reply.strip() == self.expected.strip()


def run_arm(study: Study, arm: str, seed: int, done: Callable[[], object] = lambda: None) -> list[RoundDone]:
    """Learn the batches as an arm does, and ask after each round; what is done is read, not done again.

    Args:
        arm: its name.
        done: called after each round, round 0 included.

    Raises:
        UserError: a stage before is missing, an option does not fit, or another process is at work on the seed.
    """
    work = _Work(study, seed)
    if arm not in work.chains:
        raise UserError(f"study '{study.name}': continual: no arm '{arm}'; there are: {', '.join(work.chains)}")
    found = []
    busy = f"{work.models}: another process is at work on this seed; wait for it, or stop it"
    with store.alone(work.models / ".lock", busy):
        for number in range(len(work.chains[arm])):
            found.append(work.done(arm, number) or work.do(arm, number))
            work.tidy()
            done()
    return found


def read_rounds(study: Study, seed: int) -> dict[str, list[RoundDone]]:
    """The finished rounds of every arm, by its name; the answers lie where `answer_files` says.

    Raises:
        UserError: a round is not done, or was done with other data or settings.
    """
    work, found = _Work(study, seed), {}
    for arm, chain in work.chains.items():
        found[arm] = []
        for number in range(len(chain)):
            record = work.done(arm, number)
            if record is None:
                missing = f"arm {arm}, seed {seed}: round {number} is not done, or was done with other data or settings"
                raise UserError(f"study '{study.name}': continual: {missing}; run notebook 60{archive.hint(study)}")
            found[arm].append(record)
    return found


def answer_files(study: Study, done: RoundDone) -> tuple[Path, Path]:
    """The files of a round's predictions and of its exam."""
    place = study.results / "continual" / done.arm / f"seed{done.seed}"
    return place / f"round{done.round}.jsonl", place / f"exam{done.round}.jsonl"


class _Work:
    """All arms of a study with one seed: their rounds, the histories of these, and which are done.

    Attributes:
        chains: of each arm, the history of round 0, 1, ...; a round that trains on nothing has that of the one before.
        answered: by history, a round whose questions are answered, of any arm.
    """

    def __init__(self, study: Study, seed: int) -> None:
        study = study.as_learner(curriculum.continual_section(study).learner)
        if study.exploitation is None or study.finetuning is None:
            missing = "exploitation" if study.exploitation is None else "finetuning"
            raise UserError(f"study '{study.name}': {missing}: missing; continual learning needs it")
        self.study, self.seed, self.asking = study, seed, study.exploitation
        self.options = {
            arm.name: _options(study, study.finetuning, seed, arm) for arm in curriculum.continual_section(study).arms
        }
        self.base = Path(study.place(study.finetuning.base))
        learnt, self.tools = curriculum.batches(study), resources.listing(study).tools
        self.items = curriculum.round_items(study, [tool for batch in learnt for tool in batch])
        self.exam = curriculum.exam(study)
        asked = self.asking.model_dump(include={"model", "temperature", "max_tokens", "context", "constrained"})
        asked["seed"] = seed if self.asking.temperature else 0
        self.questions = store.digest([asked, *(one.model_dump(mode="json") for one in (*self.items, *self.exam))])
        self.rounds = curriculum.arms(study, learnt, seed)
        base = store.digest([finetune.identity(str(self.base))])
        self.chains = {name: _histories(base, self.options[name], found) for name, found in self.rounds.items()}
        self.models = study.results / "models" / "continual" / f"seed{seed}"
        records = sorted((study.results / "continual").glob("*/seed*/round*.done.json"))
        found = [one for one in map(self._record, records) if one is not None and one.questions == self.questions]
        self.answered = {one.model: one for one in found}

    def done(self, arm: str, number: int) -> RoundDone | None:
        """The record of a round, if it was done as it is planned now."""
        record = self._record(self._place(arm, number))
        if record is None or (record.model, record.questions) != (self.chains[arm][number], self.questions):
            return None
        return record

    def do(self, arm: str, number: int) -> RoundDone:
        """Train a round and ask, unless another arm has done just that, and write the record."""
        now = self.rounds[arm][number - 1] if number else Round(0, (), (), 0, ())
        record = RoundDone(
            arm=arm, seed=self.seed, round=number, model=self.chains[arm][number], questions=self.questions,
            tools=now.tools, examples=len(now.examples), replayed=now.replayed,
            general=len(now.general) if now.examples else 0, steps=0, loss=None,
        )  # fmt: skip
        place = self._place(arm, number)
        place.unlink(missing_ok=True)  # what it speaks of is about to change
        here = (arm, self.seed, number)
        self.answered = {key: one for key, one in self.answered.items() if (one.arm, one.seed, one.round) != here}
        twin = self.answered.get(record.model)
        if twin is not None:
            for source, target in zip(answer_files(self.study, twin), answer_files(self.study, record), strict=True):
                store.write_text(target, source.read_text(encoding="utf-8"))
            trained = twin.steps, twin.loss
        else:
            model = self._model(arm, number)
            self._ask(model, *answer_files(self.study, record))
            trained = (
                (0, None) if number == 0 else (finetune.read_record(model).steps, finetune.read_record(model).loss)
            )
        if now.examples:
            record = record.model_copy(update={"steps": trained[0], "loss": trained[1]})
        store.write_text(place, record.model_dump_json(indent=1) + "\n")
        self.answered[record.model] = record
        return record

    def tidy(self) -> None:
        """Remove the models that no round starts from any more."""
        if curriculum.continual_section(self.study).keep_models:
            return
        pairs = [pair for chain in self.chains.values() for pair in zip(chain[1:], [*chain[2:], None], strict=True)]
        needed = {one for one, after in pairs if {one, after} - {None} - self.answered.keys()}
        for history in {one for one, _ in pairs} - needed:
            gone = self.models / f".{history[:16]}.gone"
            if (self.models / history[:16]).exists():
                os.replace(self.models / history[:16], gone)  # at once, so that no half of a model is ever found
            shutil.rmtree(gone, ignore_errors=True)

    def _model(self, arm: str, number: int) -> Path:
        """Where the model after a round lies; trained now if it is not there."""
        chain = self.chains[arm]
        if number == 0 or chain[number] == chain[number - 1]:
            return self._model(arm, number - 1) if number else self.base
        place = self.models / chain[number][:16]
        if not (place / finetune.RECORD).exists():
            options = self.options[arm].model_copy(update={"base": str(self._model(arm, number - 1))})
            now = self.rounds[arm][number - 1]
            if options.launch is not None:
                finetune_job.launch(now.examples, options, place, general=now.general, tools=self.tools)
            finetune.finetune(now.examples, options, place, general=now.general, tools=self.tools)
        return place

    def _ask(self, model: Path, predicted: Path, examined: Path) -> None:
        from ste_core.models.local import LocalChat

        options = self.study.finetuning
        assert options is not None
        loading = resources.as_loaded(self.study, self.asking.model) | {"threads": options.threads}
        chat = LocalChat.load(str(model), device="cpu" if options.device == "cpu" else None, **loading)
        asked, style = resources.as_learnt(chat, options, "small")  # as text: a call, a thought before it or none
        aio.run(
            predict.predict(
                self.items, asked, self.tools, setting="tuned", path=predicted, system=self.asking.model,
                seed=self.seed, temperature=self.asking.temperature, max_tokens=self.asking.max_tokens,
                context=self.asking.context, constrained=self.asking.constrained, style=style,
            )
        )  # fmt: skip
        replies = aio.run(_examined(chat, self.exam, self.asking.max_tokens))
        store.write_text(examined, "".join(one.model_dump_json() + "\n" for one in replies))

    def _place(self, arm: str, number: int) -> Path:
        return self.study.results / "continual" / arm / f"seed{self.seed}" / f"round{number}.done.json"

    def _record(self, path: Path) -> RoundDone | None:
        """The record of a file, if it is one and its answers are there."""
        try:
            record = RoundDone.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None
        return record if all(one.exists() for one in answer_files(self.study, record)) else None


async def _examined(chat: ChatModel, exam: Sequence[GeneralTask], max_tokens: int) -> list[ExamAnswer]:
    async def ask(number: int, task: GeneralTask) -> ExamAnswer:
        reply = await answer_or_refusal(
            chat, prompting.general(task.task), temperature=0.0, max_tokens=max_tokens, seed=0
        )
        text = react.encodable(reply.text)  # so that it can be written
        return ExamAnswer(item=number, task=task.task, expected=task.reply, reply=text)

    return await gather([ask(*one) for one in enumerate(exam)])


def _options(study: Study, options: Finetuning, seed: int, arm: Arm) -> Finetuning:
    # a round trains its epochs, as the paper's do; where steps are asked for, joint training makes those of all rounds
    plan = curriculum.continual_section(study)
    steps = plan.least_steps * (plan.batches if arm.kind == "joint" else 1)
    changes: dict[str, Any] = {"seed": seed, "base": study.place(options.base), "least_steps": steps}
    if options.method == "lora":
        changes["merge"] = True  # the next round goes on from a whole model
    if plan.gold or plan.variant == distill.NO_FEEDBACK:  # such examples have no answers
        changes["answer_rows"] = False
    return options.model_copy(update=changes)


def _histories(base: str, options: Finetuning, found: Sequence[Round]) -> list[str]:
    chain, settings = [base], options.model_dump(exclude={"base", *finetune.NOT_THE_RESULT})
    for one in found:
        data = [record.model_dump(mode="json") for record in (*one.examples, *one.general)]
        chain.append(store.digest([chain[-1], settings, data]) if one.examples else chain[-1])
    return chain
