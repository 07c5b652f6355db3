"""The skill exam: what the small model can do on tools it has never seen, and on the study's fifty tools.

    python -m microworld.language.exam                     # writes results/micro/tables/skills.csv
    python -m microworld.language.exam --items 100 --only zero_shot

`set` is heldout_generator (tools whose thing, verb and name no training tool had) or study_dev (the fifty tools, 250
development queries, through the real prompts; `exam_study`). Values and intervals are percentages; `gate` is the
project's own threshold, empty where it set none. Greedy decoding, but for imagined queries (temperature 1).
"""

import argparse
import csv
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from statsmodels.stats.proportion import proportion_confint
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from microworld.language import corpus, fits, general, generation, model, synthetic
from microworld.language.corpus import Conversation
from microworld.language.generation import Speaker
from ste_core.core import aio, prompting, react
from ste_core.core.records import Message
from ste_core.models.base import gather
from ste_core.models.local import LocalChat

TABLE = Path("results/micro/tables/skills.csv")
COLUMNS = ("skill", "set", "n", "value", "ci_low", "ci_high", "gate")


@dataclass(frozen=True, slots=True)
class Score:
    """One line of the table."""

    skill: str
    right: Sequence[bool]
    gate: float | None = None
    set: str = "heldout_generator"

    def row(self) -> dict[str, Any]:
        """The line, with a Wilson interval."""
        low, high = proportion_confint(sum(self.right), len(self.right), method="wilson")
        value = sum(self.right) / len(self.right)
        shown = {name: f"{100 * number:.1f}" for name, number in (("value", value), ("ci_low", low), ("ci_high", high))}
        gate = "" if self.gate is None else f"{self.gate:g}"
        return {"skill": self.skill, "set": self.set, "n": len(self.right), **shown, "gate": gate}


def messages(conversation: Conversation) -> list[Message]:
    """A conversation without its last reply, ready to ask."""
    return [{"role": turn.role, "content": turn.content} for turn in conversation.turns[:-1]]


def ask(speaker: Speaker, conversations: Sequence[Conversation], **options: Any) -> list[str]:
    """The model's last replies."""
    return generation.replies(speaker, [messages(one) for one in conversations], **options)


def truth(conversation: Conversation) -> str:
    """The reply that is right."""
    return conversation.turns[-1].content


def exact(speaker: Speaker, conversations: Sequence[Conversation]) -> list[bool]:
    """Which replies are right to the letter."""
    return [reply == truth(one) for reply, one in zip(ask(speaker, conversations), conversations, strict=True)]


def make(name: str, items: int, task: Callable[[random.Random], Conversation]) -> list[Conversation]:
    """Exam items of their own seeds, which no training example has."""
    return [task(random.Random(f"exam/{name}/{number}")) for number in range(items)]


def same_call(reply: str, right: str) -> tuple[bool, bool]:
    """Whether a reply names the right tool, and whether the arguments are right too (whatever their order)."""
    tool, named = _named(right), _named(reply)
    wanted, got = react.parse(right, [tool]), react.parse(reply, [tool])
    return named == tool, got.kind == "call" and got.arguments == wanted.arguments


def _named(reply: str) -> str:
    found = re.search(r"^Action: *(.*)$", reply, re.MULTILINE)
    return found[1].strip() if found else ""


def _one(task: Callable[[random.Random], general.Task]) -> Callable[[random.Random], Conversation]:
    def made(rng: random.Random) -> Conversation:
        asked, answer = task(rng)
        return Conversation("general", (*map(corpus.told, prompting.general(asked)), corpus.learned(answer)))

    return made


# --- held-out tools of the generator ----------------------------------------------------------------------------------


def copying(speaker: Speaker, items: int) -> Iterator[Score]:
    """Copying and look-up in a list, of words the tokenizer has and of words it spells."""
    for label, spelled, gate in (("words seen", 0.0, 98), ("words spelled", 1.0, 80)):
        both: list[bool] = []
        for name in ("copy", "look_up"):
            task = {"copy": general.copy, "look_up": general.look_up}[name]
            found = exact(
                speaker,
                make(f"{name}/{label}", items, _one(lambda rng, task=task, spelled=spelled: task(rng, spelled))),
            )
            yield Score(f"{name}: {label}", found)
            both += found
        yield Score(f"copy and look_up: {label}", both, gate)


def zero_shot(speaker: Speaker, items: int) -> Iterator[Score]:
    """A call given four tools' documentation, which states every convention."""
    exams = make("zero_shot", items, lambda rng: corpus.zero_shot(rng, "heldout", stated=1.0))
    verdicts = [same_call(reply, truth(one)) for reply, one in zip(ask(speaker, exams), exams, strict=True)]
    yield Score("zero-shot, 4 docs, conventions stated: right tool", [tool for tool, _ in verdicts], 90)
    yield Score("zero-shot, 4 docs, conventions stated: all right", [all(both) for both in verdicts], 75)


def demonstrations(speaker: Speaker, items: int) -> Iterator[Score]:
    """A call given four documentations and 4-8 demonstrations of unstated conventions; the same items without them."""
    exams = make("icl", items, lambda rng: corpus.with_examples(rng, "heldout", 4, rng.randint(4, 8), stated=0.0))
    bare = [
        Conversation("zero_shot", (corpus.told(prompting.user(_without(one.turns[0].content))), one.turns[1]))
        for one in exams
    ]
    for label, conversations, gate in (("with demonstrations", exams, 85), ("same items zero-shot", bare, None)):
        pairs = zip(ask(speaker, conversations), conversations, strict=True)
        verdicts = [same_call(reply, truth(one)) for reply, one in pairs]
        yield Score(f"unstated conventions, {label}: right tool", [tool for tool, _ in verdicts])
        yield Score(f"unstated conventions, {label}: all right", [all(both) for both in verdicts], gate)


def _without(prompt: str) -> str:
    """The prompt of the same documentation and query, without demonstrations."""
    header = prompting.template("predict_examples").split("{tools}")[0]
    docs = prompt.removeprefix(header).split("\n\nExamples of calls that worked:")[0]
    return prompting.fill("predict", tools=docs, query=prompt.rpartition("\n\nUser Query: ")[2])


def held(speaker: Speaker, items: int) -> Iterator[Score]:
    """The items of `zero_shot` and `demonstrations` again, replies constrained to a call of one of the tools."""
    chat = LocalChat(speaker.network.float(), speaker.tokenizer, name="exam", batch_size=32)
    tasks: dict[str, tuple[str, Callable[[random.Random], Conversation], float]] = {
        "zero-shot, 4 docs, conventions stated": (
            "zero_shot", lambda rng: corpus.zero_shot(rng, "heldout", stated=1.0), 1.0),
        "unstated conventions, with demonstrations": (
            "icl", lambda rng: corpus.with_examples(rng, "heldout", 4, rng.randint(4, 8), stated=0.0), 0.0),
    }  # fmt: skip
    for label, (name, task, stated) in tasks.items():
        exams = make(name, items, task)
        forms = []
        for number in range(items):
            rng = random.Random(f"exam/{name}/{number}")
            if name == "icl":
                rng.randint(4, 8)  # what the task draws first
            kit = synthetic.toolset(rng, "heldout", 4, stated=stated)
            forms.append(react.form((one.record for one in kit), answer=False))
        work = [
            chat.complete(messages(one), temperature=0.0, max_tokens=96, form=form)
            for one, form in zip(exams, forms, strict=True)
        ]
        pairs = zip(aio.run(gather(work)), exams, strict=True)
        right = [same_call(reply.text, truth(one)) for reply, one in pairs]
        yield Score(f"{label}, held to the form: right tool", [tool for tool, _ in right])
        yield Score(f"{label}, held to the form: all right", [all(both) for both in right])


def correction(speaker: Speaker, items: int) -> Iterator[Score]:
    """The call after an informative error."""
    exams = make("correction", items, lambda rng: corpus.correction(rng, "heldout", informative=True))
    pairs = zip(ask(speaker, exams), exams, strict=True)
    yield Score("corrected call after an error", [all(same_call(reply, truth(one))) for reply, one in pairs], 92)


def imagination(speaker: Speaker, items: int) -> Iterator[Score]:
    """Imagined queries at temperature 1: about the tool, with a value for each required argument."""
    tools = [synthetic.tool(random.Random(f"exam/imagine/{number}"), "heldout") for number in range(items)]
    asked = [[prompting.imagine(made.record.documentation())] for made in tools]
    queries = generation.replies(speaker, asked, temperature=1.0, seed=1)
    pairs = list(zip(tools, queries, strict=True))
    yield Score("imagined query, T=1: about the tool", [fits.about(made, query) for made, query in pairs])
    yield Score("imagined query, T=1: fits the tool", [fits.fits(made, query) for made, query in pairs], 85)


def verdicts(speaker: Speaker, items: int) -> Iterator[Score]:
    """Reflection and the judge's three aspects."""
    exams = make("reflection", items, lambda rng: corpus.reflection(rng, "heldout"))
    given = [prompting.read_yes_no(reply) for reply in ask(speaker, exams, max_tokens=8)]
    right = [truth(one) == "Yes" for one in exams]
    yield Score("reflection agrees with the truth", [a == b for a, b in zip(given, right, strict=True)], 90)
    for kind in (True, False):
        part = [a == b for a, b in zip(given, right, strict=True) if b is kind]
        yield Score(f"reflection where the truth is {'Yes' if kind else 'No'}", part)
    exams = make("judgement", items, lambda rng: corpus.judgement(rng, "heldout"))
    read = [prompting.read_judgement(reply) for reply in ask(speaker, exams, max_tokens=24)]
    wanted = [prompting.read_judgement(truth(one)) for one in exams]
    for aspect in prompting.ASPECTS:
        yield Score(f"judge: {aspect.lower()}", [a[aspect] == b[aspect] for a, b in zip(read, wanted, strict=True)])
        part = [a[aspect] == b[aspect] for a, b in zip(read, wanted, strict=True) if not b[aspect]]
        yield Score(f"judge: {aspect.lower()}, truth No", part)
    yield Score("judge agrees on all three aspects", [a == b for a, b in zip(read, wanted, strict=True)], 85)


def other(speaker: Speaker, items: int) -> Iterator[Score]:
    """General skills, final answers, paraphrases."""
    for name, task in general.SKILLS.items():
        if name not in ("copy", "look_up"):
            yield Score(f"general: {name}", exact(speaker, make(name, items, _one(task))))
    exams = make("final_answer", items, lambda rng: corpus.final_answer(rng, "heldout"))
    found = [_tells(reply, truth(one)) for reply, one in zip(ask(speaker, exams), exams, strict=True)]
    yield Score("final answer tells the result", found)


def _tells(reply: str, right: str) -> bool:
    """Whether an answer has the same words after its opening as one of the right forms."""

    def core(text: str) -> str:
        text = text.removeprefix("Final Answer: ").rstrip(".")
        for opening in ("It is ", "The answer is "):
            text = text.removeprefix(opening)
        return text

    return reply.startswith("Final Answer: ") and core(reply) == core(right)


PARTS: dict[str, Callable[[Speaker, int], Iterator[Score]]] = {
    "copying": copying,
    "zero_shot": zero_shot,
    "demonstrations": demonstrations,
    "held": held,
    "correction": correction,
    "imagination": imagination,
    "verdicts": verdicts,
    "general": other,
}


# --- during training --------------------------------------------------------------------------------------------------

_CURVE: dict[str, Callable[[random.Random], Conversation]] = {
    "copy": _one(general.copy),
    "look_up": _one(general.look_up),
    "zero_shot": lambda rng: corpus.zero_shot(rng, "heldout", stated=1.0),
    "with_examples": lambda rng: corpus.with_examples(rng, "heldout"),
    "correction": lambda rng: corpus.correction(rng, "heldout"),
    "reflection": lambda rng: corpus.reflection(rng, "heldout"),
    "judgement": lambda rng: corpus.judgement(rng, "heldout"),
    "by_description": _one(general.by_description),
}


@torch.no_grad()
def teacher_forced(
    network: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, process: int = 0, processes: int = 1, items: int = 48
) -> dict[str, float]:
    """Share of last replies whose every token is the likeliest, given the right ones before it; for the curve."""
    found: dict[str, float] = {}
    for name, task in list(_CURVE.items())[process::processes]:
        right = 0
        for one in make(f"curve/{name}", items, task):
            ids, _ = model.encode(tokenizer, one)
            start = len(ids) - len(model.encode(tokenizer, Conversation("", one.turns[-1:]))[0])
            batch = torch.tensor([ids], device=network.device)
            with torch.autocast(batch.device.type, dtype=torch.bfloat16):
                hidden = network.model(input_ids=batch[:, :-1], use_cache=False).last_hidden_state
                guesses = network.lm_head(hidden[0, start:]).argmax(-1)
            right += guesses.tolist() == ids[start + 1 :]
        found[name] = round(right / items, 3)
    return found


def main() -> None:
    """The command line."""
    from microworld.language import exam_study  # it needs what is above

    parser = argparse.ArgumentParser(prog="python -m microworld.language.exam", description=__doc__.split("\n")[0])
    parts = {**PARTS, "study": exam_study.study}
    parser.add_argument("--model", type=Path, default=model.CHECKPOINT)
    parser.add_argument("--out", type=Path, default=TABLE)
    parser.add_argument("--items", type=int, default=500, help="items of each skill on held-out tools")
    parser.add_argument("--only", nargs="*", choices=list(parts), default=list(parts))
    given = parser.parse_args()
    speaker = generation.load(given.model)
    rows = []
    for name in given.only:
        for score in parts[name](speaker, given.items):
            rows.append(score.row())
            print(*(f"{value}" for value in rows[-1].values()), sep=" | ", flush=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with given.out.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
