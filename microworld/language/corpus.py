"""The corpus: conversations about synthetic tools in the study's own prompt formats, endless and seeded.

>>> conversation = example(seed=0, number=7, tokens=10_000_000)
>>> conversation == example(seed=0, number=7, tokens=10_000_000)
True

An example is a conversation; `spans` mark the text to learn and how much it counts. `tokens` (seen so far) sets the
place in the curriculum: drills first, then one tool, then several, then the whole mix. `python -m
microworld.language.corpus` prints some of everything.
"""

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from microworld.language import general, synthetic, trials
from microworld.language.synthetic import Synthetic
from microworld.language.verbs import Split
from ste_core.core import prompting, react
from ste_core.core.records import Call, Message

QUERY_WEIGHT = 0.7  # an imagined query is partly chance: it counts less than a call
NAME_WEIGHT = 2.0
SAID_WEIGHT = 0.3  # queries that stand in prompts are learned too, for imagining
VERDICT_WEIGHT = 8.0  # one word that needs the whole conversation


@dataclass(frozen=True, slots=True)
class Turn:
    """One message and the parts of it to learn: (start, end, weight), in characters."""

    role: str
    content: str
    spans: tuple[tuple[int, int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """One training example."""

    task: str
    turns: tuple[Turn, ...]


def told(message: Message) -> Turn:
    """A turn that is not learned."""
    return Turn(message["role"], message["content"])


def queries_learned(message: Message, queries: list[str]) -> Turn:
    """A prompt of which the queries, which stand in it in this order, are learned."""
    spans, place = [], 0
    for query in queries:
        place = message["content"].index(query, place)
        spans.append((place, place := place + len(query), SAID_WEIGHT))
    return Turn(message["role"], message["content"], tuple(spans))


def learned(content: str, weight: float = 1.0) -> Turn:
    """A reply of the model, learned with its end."""
    return Turn("assistant", content, ((0, len(content) + 1, weight),) if weight else ())


def learned_call(call: Call, thought: str = "") -> Turn:
    """A call, perhaps after a thought; what chooses the tool counts double, since all the rest hangs on it."""
    content = (f"Thought: {thought}\n" if thought else "") + _render(call)
    name = content.index("\nAction Input")
    return Turn("assistant", content, ((0, name, NAME_WEIGHT), (name, len(content) + 1, 1.0)))


_COMMON = frozenset("a all an and as at by for from in is it of on one or the to with".split())


def thought(made: Synthetic, query: str, drawn: dict[str, Any] | None = None) -> str:
    """The documentation of a tool from a word on that the query has too, to the tool's name.

    A small model chooses badly in one step: it must match words and at once say a name that stands elsewhere. To quote
    is to copy from the matching word on, which it does well. Where no word is shared, a kind may be: "currency"
    in the documentation and euros in the query.
    """
    words, asked = made.record.description.split(), set(re.findall(r"\w+", query))
    shared = [place for place, word in enumerate(words) if word in asked and word not in _COMMON]
    about = [place for place in shared if words[place] in made.thing]
    kinds = {one.kind.names[0] for one in made.arguments if one.name in (drawn or {})}
    told_kinds = [place for place, word in enumerate(words) if word in kinds]
    start = (about or shared or told_kinds or [0])[0]
    return f"{' '.join(words[start:])}. API: {made.record.name}"


def _call(made: Synthetic, drawn: dict[str, Any]) -> Call:
    return Call(tool=made.record.name, arguments=made.call_arguments(drawn))


def _render(call: Call) -> str:
    return react.render_call(call.tool, call.arguments)


def _docs(rng: random.Random, tools: list[Synthetic]) -> list[str]:
    return [one.record.documentation() for one in rng.sample(tools, len(tools))]


# --- tasks ------------------------------------------------------------------------------------------------------------


def zero_shot(
    rng: random.Random,
    split: Split,
    tools: int = 4,
    turns: int = 1,
    stated: float = 0.5,
    arguments: int | None = None,
    rich: bool = False,
) -> Conversation:
    """A call given documentation only; further turns ask for more calls of the same tools."""
    kit = synthetic.toolset(rng, split, tools, stated=stated, arguments=arguments, rich=rich)
    docs = _docs(rng, kit)
    found: list[Turn] = []
    for turn in range(turns):
        made = rng.choice(kit) if turn else kit[0]
        drawn = synthetic.draw(rng, made)
        query = synthetic.ask(rng, made, drawn, hidden=_hidden(made, kit, drawn) if rich else 0.0)
        asked = prompting.user(f"User Query: {query}") if turn else prompting.ask_call(query, docs)[0]
        found += [
            queries_learned(asked, [] if made.verb.odd else [query]),
            learned_call(_call(made, drawn), thought(made, query, drawn if rich else None)),
        ]
    return Conversation("zero_shot", tuple(found))


def _hidden(made: Synthetic, kit: list[Synthetic], drawn: dict[str, Any]) -> float:
    """How often a query may leave out the thing: if it has a value of a kind that only this tool of the kit takes."""
    others = {one.kind.label for other in kit if other is not made for one in other.arguments}
    mine = {one.kind.label for one in made.arguments if one.name in drawn}
    return 0.35 if mine - others - {"enumeration", "word", "several", "flag"} else 0.0


def with_examples(
    rng: random.Random, split: Split, tools: int = 4, examples: int = 4, stated: float = 0.1, rich: bool = False
) -> Conversation:
    """A call given documentation and demonstrations, which show what the documentation leaves out."""
    kit = synthetic.toolset(rng, split, tools, stated=stated, rich=rich)
    shown: list[tuple[str, Call, float]] = []
    for number in range(examples):
        made = kit[0] if number < max(1, examples // 2) else rng.choice(kit)
        drawn = synthetic.draw(rng, made, optional=0.6)
        said_weight = 0.0 if made.verb.odd else SAID_WEIGHT
        shown.append((synthetic.ask(rng, made, drawn), _call(made, drawn), said_weight))
    used = {name for _, call, _ in shown if call.tool == kit[0].record.name for name in call.arguments}
    rng.shuffle(shown)
    drawn = {name: value for name, value in synthetic.draw(rng, kit[0]).items() if name in used}
    query = synthetic.ask(rng, kit[0], drawn, hidden=_hidden(kit[0], kit, drawn) if rich else 0.0)
    asked = prompting.ask_call(query, _docs(rng, kit), [(said, call) for said, call, _ in shown])[0]
    spans: list[tuple[int, int, float]] = []
    place = 0
    for said, call, said_weight in shown:
        for part, weight in ((said, said_weight), (_render(call), 0.7)):
            place = asked["content"].index(part, place)
            spans.append((place, place := place + len(part), weight))
    return Conversation(
        "with_examples",
        (Turn("user", asked["content"], tuple(spans)), learned_call(_call(kit[0], drawn))),
    )


def _earlier(rng: random.Random, made: Synthetic, count: int) -> tuple[list[str], list[str]]:
    """Earlier queries for a tool, and their lines of memory: what the tool does not accept is not solved."""
    said, lines = [], []
    for _ in range(count):
        drawn = synthetic.draw(rng, made, refused=0.4)
        said.append(synthetic.ask(rng, made, drawn, plain=True))
        solved = not made.refused(drawn) and rng.random() < 0.75
        lines.append(prompting.memory_text(said[-1], rng.choice((solved, solved, solved, None))))
    return said, lines


def imagine(rng: random.Random, split: Split, memory: int = 3, count: int = 1, rich: bool = False) -> Conversation:
    """A new query for a tool, unlike the queries remembered; then others."""
    made = synthetic.tool(rng, split, rich=rich, limited=0.25)
    said, lines = _earlier(rng, made, memory)
    found: list[Turn] = []
    for number in range(count):
        asked = prompting.imagine_next() if number else prompting.imagine(made.record.documentation(), lines)
        query = synthetic.ask(rng, made, synthetic.draw(rng, made), plain=True)
        found += [told(asked) if number else queries_learned(asked, said), learned(query, QUERY_WEIGHT)]
    return Conversation("imagine", tuple(found))


def episode(rng: random.Random, split: Split, count: int = 2, rich: bool = False) -> Conversation:
    """Exploration: imagine, try, correct after errors, answer, reflect, and again with what was learned.

    What was learned is how to write the arguments, and which values the tool accepts: after an error that told them,
    the next query asks for one of those.
    """
    made = synthetic.tool(rng, split, stated=0.15, rich=rich, limited=0.7)
    found: list[Turn] = []
    for number in range(count):
        said, lines = _earlier(rng, made, rng.choice((0, 0, 1, 2, 3)))
        drawn = synthetic.draw(rng, made, refused=0.0 if number else 0.7)
        lost = [one.name for one in made.arguments if one.required and not made.paired]
        lacking = bool(lost) and rng.random() < 0.08
        if lacking:
            del drawn[rng.choice(lost)]
        query = synthetic.ask(rng, made, drawn, plain=True)
        asked = prompting.imagine_next(lines) if number else prompting.imagine(made.record.documentation(), lines)
        found += [queries_learned(asked, said), learned(query, 0.0 if lacking else QUERY_WEIGHT)]
        found.append(told(prompting.attempt(query)))
        tried = trials.lacking(rng, made, drawn) if lacking else trials.attempt(rng, made, drawn, knows=number > 0)
        for reply, weight, answer in tried:
            found.append(learned(reply, weight))
            found.append(told(prompting.reflect() if answer is None else prompting.observation(answer)))
        found.append(learned("Yes" if trials.fulfilled(found[-2].content) else "No", VERDICT_WEIGHT))
    return Conversation("episode", tuple(found))


def correction(rng: random.Random, split: Split, informative: bool = False, rich: bool = False) -> Conversation:
    """One trial whose first call fails; the error says how to do better (always, if `informative`)."""
    made = synthetic.tool(rng, split, stated=0.1, arguments=rng.choice((1, 1, 2, 2, 3)), rich=rich)
    drawn = synthetic.draw(rng, made)
    wrong, error = trials.spoil(rng, made, drawn)
    while informative and not trials.tells(made, wrong, error):
        drawn = synthetic.draw(rng, made)
        wrong, error = trials.spoil(rng, made, drawn)
    query = synthetic.ask(rng, made, drawn)
    opening = prompting.imagine(made.record.documentation())
    return Conversation("correction", (
        told(opening), learned(query, 0.0), told(prompting.attempt(query)), learned(_render(wrong), 0.0),
        told(prompting.observation(error)), learned_call(_call(made, drawn)),
    ))  # fmt: skip


def reflection(rng: random.Random, split: Split, inappropriate: float = 0.3, rich: bool = False) -> Conversation:
    """A finished trial and whether it fulfilled the query."""
    made = synthetic.tool(rng, split, arguments=rng.choice((0, 1, 1, 2, 2, 3)), rich=rich)
    trial = trials.finished(rng, made, inappropriate)
    return Conversation("reflection", (
        told(prompting.imagine(made.record.documentation())), learned(trial.query, 0.0),
        told(prompting.attempt(trial.query)),
        learned(_render(trial.call), 0.0), told(prompting.observation(trial.result)),
        learned(f"Final Answer: {trial.answer}", 0.0), told(prompting.reflect()),
        learned("Yes" if trial.informative and trial.faithful and trial.appropriate else "No", VERDICT_WEIGHT),
    ))  # fmt: skip


def judgement(
    rng: random.Random, split: Split, count: int = 1, inappropriate: float = 0.3, rich: bool = False
) -> Conversation:
    """A finished trial and the verdict on its three aspects; then others of the same tool."""
    made = synthetic.tool(rng, split, arguments=rng.choice((0, 1, 1, 2, 2, 3)), rich=rich)
    found: list[Turn] = []
    for _ in range(count):
        trial = trials.finished(rng, made, inappropriate)
        asked = prompting.judge(made.record.documentation(), trial.query, trial.call, trial.result, trial.answer)[0]
        truth = (trial.informative, trial.faithful, trial.appropriate)
        verdict = "\n".join(
            f"{name}: {'Yes' if good else 'No'}" for name, good in zip(prompting.ASPECTS, truth, strict=True)
        )
        found += [told(asked), learned(verdict, VERDICT_WEIGHT)]
    return Conversation("judgement", tuple(found))


def paraphrase(rng: random.Random, split: Split) -> Conversation:
    """A query in other words."""
    made = synthetic.tool(rng, split)
    drawn = synthetic.draw(rng, made)
    return Conversation("paraphrase", (
        told(prompting.paraphrase(synthetic.ask(rng, made, drawn))[0]),
        learned(synthetic.ask(rng, made, drawn), QUERY_WEIGHT),
    ))  # fmt: skip


def final_answer(rng: random.Random, split: Split) -> Conversation:
    """The final answer from a result, as a fine-tuned model gives it."""
    made = synthetic.tool(rng, split)
    drawn = synthetic.draw(rng, made)
    result = trials.result(rng, made, drawn)
    asked = prompting.tuned_answer(
        synthetic.ask(rng, made, drawn), _call(made, drawn), json.dumps(result, ensure_ascii=False)
    )
    return Conversation("final_answer", (*map(told, asked), learned(f"Final Answer: {trials.say(rng, result)}")))


def _talk(name: str, tasks: list[general.Task]) -> Conversation:
    turns: list[Turn] = []
    for asked, answer in tasks:
        opening = prompting.general(asked)
        turns += [told(message) for message in (opening[-1:] if turns else opening)] + [learned(answer)]
    return Conversation(name, tuple(turns))


def skill(rng: random.Random, name: str = "") -> Conversation:
    """A general skill; the shorter ones come several to a conversation."""
    name = name or rng.choice(list(general.SKILLS))
    count = rng.randint(1, 4)
    if name in _TABLES:
        return drill(rng, name, count=count)
    return _talk(name, [general.SKILLS[name](rng) for _ in range(1 if name == "reading" else count)])


_TABLES = {"look_up": general.look_ups, "by_description": general.by_descriptions, "among": general.amongs}


def drill(rng: random.Random, name: str, *, pool: int = 0, spelled: float = 0.12, count: int = 4) -> Conversation:
    """Copying ("recite") or look-ups, many answers to a conversation, with the first `pool` words only if given."""
    if name == "recite":
        return _talk(name, general.recite(rng, spelled, pool))
    return _talk(name, _TABLES[name](rng, spelled, count, pool))


# --- curriculum -------------------------------------------------------------------------------------------------------

Task = Callable[[random.Random], Conversation]
Mix = list[tuple[float, Task]]


def _zero(low: int, high: int) -> Task:
    return lambda rng: zero_shot(rng, "train", rng.randint(low, high), rng.randint(1, 4), rng.choice((0.2, 0.6, 1.0)))


def _pick(low: int, high: int) -> Task:
    """Choosing is most of it: tools of no or one argument, many queries."""
    return lambda rng: zero_shot(rng, "train", rng.randint(low, high), rng.randint(3, 6), 0.5, rng.choice((0, 0, 1)))


def _icl(tools: int, examples: int) -> Task:
    return lambda rng: with_examples(rng, "train", rng.randint(1, tools), rng.randint(1, examples))


def _skill(*names: str) -> Task:
    return lambda rng: skill(rng, rng.choice(names))


def _drill(*names: str, pool: int = 0, spelled: float = 0.12) -> Task:
    return lambda rng: drill(rng, rng.choice(names), pool=pool, spelled=spelled)


_ANY_DRILL = _drill("recite", "look_up", "among")

_STAGES: Mix = [
    (0.13, lambda rng: imagine(rng, "train", rng.randint(0, 5), rng.randint(1, 3))),
    (0.10, lambda rng: episode(rng, "train", rng.randint(1, 3))),
    (0.09, lambda rng: correction(rng, "train")),
    (0.06, lambda rng: reflection(rng, "train", rng.choice((0.3, 0.5)))),
    (0.11, lambda rng: judgement(rng, "train", rng.randint(1, 3), rng.choice((0.3, 0.5)))),
    (0.02, lambda rng: paraphrase(rng, "train")),
    (0.02, lambda rng: final_answer(rng, "train")),
]


def _rich(task: Callable[[random.Random, bool], Conversation]) -> Task:
    """A task whose tools mostly have documentation as people write it."""
    return lambda rng: task(rng, rng.random() < 0.6)


_RICH: Mix = [
    (0.15, _rich(lambda rng, rich: zero_shot(
        rng, "train", rng.randint(1, 6), rng.randint(1, 4), rng.choice((0.2, 0.6, 1.0)), rich=rich))),
    (0.08, _rich(lambda rng, rich: zero_shot(
        rng, "train", rng.randint(2, 5), rng.randint(3, 6), 0.5, rng.choice((0, 1, 1, 2)), rich=rich))),
    (0.17, _rich(lambda rng, rich: with_examples(
        rng, "train", rng.randint(1, 5), rng.randint(1, 8), rng.choice((0.1, 0.3)), rich=rich))),
    (0.15, _rich(lambda rng, rich: imagine(rng, "train", rng.randint(0, 5), rng.randint(1, 3), rich=rich))),
    (0.11, _rich(lambda rng, rich: episode(rng, "train", rng.randint(1, 3), rich=rich))),
    (0.09, _rich(lambda rng, rich: correction(rng, "train", rich=rich))),
    (0.05, _rich(lambda rng, rich: reflection(rng, "train", rng.choice((0.3, 0.5)), rich=rich))),
    (0.10, _rich(lambda rng, rich: judgement(rng, "train", rng.randint(1, 3), rng.choice((0.3, 0.5)), rich=rich))),
    (0.02, lambda rng: paraphrase(rng, "train")),
    (0.02, lambda rng: final_answer(rng, "train")),
]  # fmt: skip

#: (tokens seen, shares of tasks from there on); copying comes first, with few words, since all else is built on it
CURRICULUM: list[tuple[float, Mix]] = [
    (0.0, [(1.0, _drill("recite", pool=200, spelled=0.0))]),
    (0.25e6, [(0.7, _drill("recite", pool=1000, spelled=0.05)), (0.3, _drill("look_up", pool=1000, spelled=0.05))]),
    (0.5e6, [(0.35, _drill("recite")), (0.25, _drill("look_up")), (0.4, _zero(1, 2))]),
    (1.0e6, [(0.25, _ANY_DRILL), (0.05, _skill("fact", "spell")), (0.35, _zero(1, 3)), (0.25, _icl(2, 3)),
             (0.10, lambda rng: imagine(rng, "train", 0, 3))]),
    (2.4e6, [
        (0.20, _ANY_DRILL), (0.04, skill), (0.17, _zero(1, 5)), (0.05, _pick(2, 4)), (0.17, _icl(4, 5)), *_STAGES,
    ]),
    (7.0e6, [
        (0.07, _ANY_DRILL), (0.04, _drill("recite", "look_up", spelled=0.5)), (0.04, skill), (0.09, _pick(2, 5)),
        (0.16, _zero(1, 6)), (0.16, _icl(5, 8)), *_STAGES,
    ]),
    (8.0e6, [(0.05, _ANY_DRILL), (0.04, _drill("recite", "look_up", spelled=0.5)), (0.04, skill), *_RICH]),
    (22.0e6, [
        (0.03, _drill("recite", "look_up", "among", spelled=0.3)), (0.03, skill),
        (0.06, _rich(lambda rng, rich: imagine(rng, "train", rng.randint(0, 2), rng.randint(1, 3), rich=rich))), *_RICH,
    ]),
    (36.0e6, [
        (0.04, _drill("recite", "look_up", "among", spelled=0.4)), (0.03, skill),
        (0.06, _rich(lambda rng, rich: imagine(rng, "train", rng.randint(0, 2), rng.randint(1, 3), rich=rich))),
        (0.10, _rich(lambda rng, rich: episode(rng, "train", rng.randint(2, 3), rich=rich))),
        (0.06, _rich(lambda rng, rich: judgement(rng, "train", rng.randint(1, 3), 0.6, rich=rich))), *_RICH,
    ]),
    (54.0e6, [
        (0.06, _ANY_DRILL), (0.05, _drill("recite", "look_up", "among", spelled=0.3)), (0.03, skill),
        (0.05, _rich(lambda rng, rich: imagine(rng, "train", rng.randint(0, 2), rng.randint(1, 3), rich=rich))),
        (0.05, _rich(lambda rng, rich: episode(rng, "train", rng.randint(2, 3), rich=rich))),
        (0.10, _rich(lambda rng, rich: zero_shot(rng, "train", 4, rng.randint(1, 3), 1.0, rich=rich))), *_RICH,
    ]),
]  # fmt: skip


def example(seed: int, number: int, tokens: float) -> Conversation:
    """The example of this number, at the place of the curriculum that comes after so many tokens."""
    rng = random.Random(f"{seed}/{number}")
    mix = next(mix for start, mix in reversed(CURRICULUM) if tokens >= start)
    task = rng.choices([task for _, task in mix], [share for share, _ in mix])[0]
    return task(rng)


def text(conversation: Conversation) -> str:
    """A conversation to read."""
    return "\n".join(f"[{turn.role}] {turn.content}" for turn in conversation.turns)


if __name__ == "__main__":
    shown: set[str] = set()
    for index in range(400):
        one = example(0, index, 1e9)
        if one.task not in shown:
            shown.add(one.task)
            print(f"===== {one.task}\n{text(one)}\n")
