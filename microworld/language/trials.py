"""What happens when a synthetic tool is called: results, errors, and trials that went well or badly.

>>> import random
>>> made = synthetic.tool(random.Random(3), "train", arguments=1)
>>> call, error = spoil(random.Random(0), made, synthetic.draw(random.Random(1), made))
>>> error.startswith("Error: ")
True

Errors of names and types are the real texts of `ste_core.tools.base`; errors of conventions are worded here, as an API
would word them. A finished trial knows the truth about itself, by which reflection and judging are taught and examined.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from microworld.language import limits, synthetic, values, vocabulary
from microworld.language.synthetic import Synthetic
from ste_core.core import react
from ste_core.core.records import Call
from ste_core.tools.base import Toolbox

_KEYS = ("value", "total", "status", "name", "unit", "date", "result", "level", "note", "code", "next")
_EMPTY = (None, [], {}, "", "nothing found", {"result": None}, "no data")
_SORRY = ("I could not find it.", "The API gave no answer.", "Sorry, this did not work.", "I do not know.")


class _Checker(Toolbox):
    def problem(self, call: Call) -> str | None:
        return self._problem(call)


def problem(made: Synthetic, call: Call) -> str | None:
    """What the toolbox would say against a call; None if it would run it."""
    return _Checker([made.record]).problem(call)


def _scalar(rng: random.Random) -> Any:
    return rng.choice((
        lambda: rng.randint(1, 999),
        lambda: round(rng.uniform(0, 500), rng.choice((1, 2))),
        lambda: rng.choice(vocabulary.NOUNS),
        lambda: rng.choice(vocabulary.BRANDS),
        lambda: rng.choice(list(vocabulary.CITY_COUNTRIES)),
        lambda: f"{rng.randint(2020, 2039)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
        lambda: values.text_drawn(rng),
        lambda: rng.random() < 0.5,
    ))()  # fmt: skip


def result(rng: random.Random, made: Synthetic, drawn: dict[str, Any]) -> Any:
    """What a call returns: a value, a list, or an object that may repeat an argument."""
    shape = rng.random()
    if shape < 0.2:
        return _scalar(rng)
    if shape < 0.35:
        return [
            rng.choice((vocabulary.NOUNS, vocabulary.BRANDS, vocabulary.ADJECTIVES))[rng.randrange(60)]
            for _ in range(rng.randint(1, 4))
        ]
    keys = [rng.choice((made.thing[-1], rng.choice(_KEYS))), *rng.sample(_KEYS, 2)][: rng.randint(1, 3)]
    found = {key: _scalar(rng) for key in keys}
    if drawn and rng.random() < 0.3:
        name = rng.choice(list(drawn))
        found = {name: made.call_arguments(drawn)[name], **found}
    return found


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(each)}" for key, each in value.items())
    return "yes" if value is True else "no" if value is False else str(value)


def say(rng: random.Random, value: Any) -> str:
    """A final answer that tells a result."""
    if isinstance(value, dict):
        parts = [f"the {key.replace('_', ' ')} is {_shown(each)}" for key, each in value.items()]
        text = ", ".join(parts)
        return f"{text[0].upper()}{text[1:]}."
    return rng.choice(("It is {}.", "The answer is {}.", "{}.")).format(_shown(value))


def observed(value: Any) -> str:
    """A result as the model sees it."""
    return react.contain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def spoil(rng: random.Random, made: Synthetic, drawn: dict[str, Any]) -> tuple[Call, str]:
    """A call that fails, near the right one, and the error that says why."""
    right = made.call_arguments(drawn)
    wrong = dict(right)
    chance = rng.random()
    if not right:
        wrong = {rng.choice(vocabulary.NOUNS): rng.choice(vocabulary.BRANDS)}
        call = Call(tool=made.record.name, arguments=wrong)
        return call, f"Error: {problem(made, call)}"
    one = rng.choice([one for one in made.arguments if one.name in right])
    others = [each.json(drawn[one.name]) for each in one.kind.conventions]
    others = [each for each in others if each != right[one.name]] or _other_forms(right[one.name])
    if chance < 0.75 and others:
        wrong[one.name] = rng.choice(others)
    elif chance < 0.88 and one.required:
        del wrong[one.name]
    else:
        bad = rng.choice(
            [name for name in (*one.kind.names, *vocabulary.NOUNS[:40]) if name not in right and name != one.name]
        )
        wrong = {bad if name == one.name else name: value for name, value in right.items()}
    call = Call(tool=made.record.name, arguments=wrong)
    found = problem(made, call)
    return call, f"Error: {found or _complaint(rng, made, one, drawn[one.name], wrong.get(one.name))}"


def tells(made: Synthetic, wrong: Call, error: str) -> bool:
    """Whether documentation, failed call and error together leave only one right call.

    They do not where an argument was missing, or had the wrong type, and could be written in several ways.
    """
    properties = made.record.parameters["properties"]
    for one in made.arguments:
        stated = properties[one.name].get("description") == one.convention.hint
        ways = {each.hint for each in one.kind.conventions if each.type == one.convention.type}
        if error == f"Error: missing argument '{one.name}'" or (
            error.startswith(f"Error: {one.name}: ") and " is not of type " in error
        ):
            return stated or len(ways) == 1
    return True


def _other_forms(value: Any) -> list[Any]:
    """The same value in the wrong JSON type."""
    if isinstance(value, str):
        return [[value]]
    if isinstance(value, list):
        return [", ".join(map(str, value))]
    if isinstance(value, dict):
        return [[*value.values()]]
    return [str(value)]


def _complaint(rng: random.Random, made: Synthetic, one: synthetic.Argument, value: Any, bad: Any) -> str:
    other = one.kind.draw(rng)
    sample = one.convention.json(other)
    sample = sample if isinstance(sample, str) else json.dumps(sample, ensure_ascii=False)
    bad = bad if isinstance(bad, str) else json.dumps(bad, ensure_ascii=False)
    return rng.choice((
        f"{one.name}: expected {one.convention.hint}, for example {sample}",
        f"{one.name} must be {one.convention.hint}, such as {sample}",
        f"bad {one.name} '{bad}', write it like {sample}",
        f"{one.name}: give the {one.convention.hint}",
        f"{one.name}: use {one.convention.hint}, like {sample}",
        f"'{bad}' is no valid {one.name}; {one.convention.hint}",
    ))  # fmt: skip


def attempt(
    rng: random.Random, made: Synthetic, drawn: dict[str, Any], knows: bool
) -> Iterator[tuple[str, float, str | None]]:
    """A trial's replies, each with how much to learn of it and what comes back (None after the final answer)."""
    right = react.render_call(made.record.name, made.call_arguments(drawn))
    failing = 0.15 if knows else 0.5
    while rng.random() < failing:  # at times one error after the other
        wrong, error = spoil(rng, made, drawn)
        yield react.render_call(wrong.tool, wrong.arguments), 0.0, error
        failing = 0.25
    one = made.refused(drawn)
    if one and one.limit:
        yield right, 1.0, f"Error: {limits.complaint(rng, one.name, one.limit, one.convention, drawn[one.name])}"
        yield f"Final Answer: {rng.choice(_SORRY)}", 1.0, None
        return
    if rng.random() < 0.12:
        yield right, 1.0, f"Error: {rng.choice(('no data', 'nothing known here', 'out of range', 'service closed'))}"
        yield f"Final Answer: {rng.choice(_SORRY)}", 1.0, None
        return
    value = result(rng, made, drawn)
    yield right, 1.0, observed(value)
    yield f"Final Answer: {say(rng, value)}", 1.0, None


def lacking(rng: random.Random, made: Synthetic, drawn: dict[str, Any]) -> Iterator[tuple[str, float, str | None]]:
    """As `attempt`, for a request that does not give all that is needed; `drawn` is what it gives."""
    call = Call(tool=made.record.name, arguments=made.call_arguments(drawn))
    yield react.render_call(call.tool, call.arguments), 1.0, f"Error: {problem(made, call)}"
    yield f"Final Answer: {rng.choice(_SORRY)}", 1.0, None


def fulfilled(reply: str) -> bool:
    """Whether a final answer of `attempt` gives what was asked for."""
    return not any(sorry in reply for sorry in _SORRY)


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished trial and the truth about it."""

    query: str
    call: Call
    result: str
    answer: str
    informative: bool
    faithful: bool
    appropriate: bool


def finished(rng: random.Random, made: Synthetic, inappropriate: float = 0.3) -> Finished:
    """A trial that ended in a final answer; `inappropriate` of them with a wrong argument, others wrong otherwise."""
    drawn = synthetic.draw(rng, made)
    query = synthetic.ask(rng, made, drawn)
    used = dict(drawn)
    value = result(rng, made, drawn)
    informative = faithful = appropriate = True
    call = Call(tool=made.record.name, arguments=made.call_arguments(drawn))
    wrong = rng.random()
    if wrong < inappropriate and drawn:
        one = rng.choice([one for one in made.arguments if one.name in drawn])
        for _ in range(8):
            used[one.name] = one.kind.draw(rng)
            call = Call(tool=made.record.name, arguments=made.call_arguments(used))
            appropriate = call.arguments == made.call_arguments(drawn)
            if not appropriate:
                break
    answer = say(rng, value)
    shown = observed(value)
    if inappropriate <= wrong < inappropriate + 0.12:
        informative = False
        if rng.random() < 0.6:
            shown = observed(rng.choice(_EMPTY)) if rng.random() < 0.6 else spoil(rng, made, drawn)[1]
        answer = rng.choice(_SORRY)
    elif inappropriate + 0.12 <= wrong < inappropriate + 0.24:
        other = result(rng, made, drawn)
        answer = say(rng, other)
        faithful = _shown(other) == _shown(value)
    return Finished(query, call, shown, answer, informative, faithful, appropriate)
