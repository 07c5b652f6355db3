"""Synthetic tools: made up by the thousand, documented as the study's tools are, and askable in English.

>>> import random
>>> made = tool(random.Random(5), "train")
>>> f"API: {made.record.name}. Args: " in made.record.documentation()
True

A tool is about a random thing ("wooden bridge rating"), does something with it (a verb), and takes arguments of random
kinds, each with one convention which the documentation states or leaves out. No two splits share a thing, a verb or a
name: `train` and `heldout` draw from disjoint words (`vocabulary.heldout`).
"""

import functools
import random
from dataclasses import dataclass, replace
from typing import Any

from microworld.language import kinds, limits, values
from microworld.language.limits import Limit
from microworld.language.values import Convention, Kind
from microworld.language.verbs import SYNONYMS, VERBS, Split, Verb
from microworld.language.vocabulary import ADJECTIVES, BRANDS, NOUNS, WORDS, heldout, plural
from microworld.tools import functions
from ste_core.core.records import Tool

KIND_WEIGHTS = {
    "city": 6, "country": 6, "currency": 4, "language": 4, "unit": 4, "airport": 3, "element": 2, "zone": 2, "date": 7,
    "month": 2, "year": 3, "years": 2, "time": 4, "range": 2, "number": 5, "count": 4, "days": 2, "duration": 2,
    "term": 2, "percent": 3, "person": 4, "firm": 5, "code": 4, "position": 3, "weekday": 2, "word": 5, "text": 4,
    "point": 2, "bounds": 2, "exchange": 2, "enumeration": 9, "several": 6, "counts": 3, "named": 8,
}  # fmt: skip


ODD_THING, ODD_VERB = 0.45, 0.35  # shares of training tools about random words, or doing something random
SPELLED_THING = 0.2  # of those about random words: one of them is no word at all and must be spelled


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a synthetic tool."""

    name: str
    kind: Kind
    convention: Convention
    required: bool
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A synthetic tool: its record as a model sees it, and what is behind it."""

    record: Tool
    thing: tuple[str, ...]
    verb: Verb
    arguments: tuple[Argument, ...]
    paired: bool

    def call_arguments(self, drawn: dict[str, Any]) -> dict[str, Any]:
        """The arguments of the right call for drawn values."""
        return {one.name: one.convention.json(drawn[one.name]) for one in self.arguments if one.name in drawn}

    def refused(self, drawn: dict[str, Any]) -> Argument | None:
        """The argument whose drawn value the tool does not accept; None if it accepts all."""
        limited = (one for one in self.arguments if one.limit and one.name in drawn)
        return next((one for one in limited if one.limit and not one.limit.holds(drawn[one.name])), None)


def _words(split: Split, pool: list[str]) -> list[str]:
    return [word for word in pool if heldout(word) == (split == "heldout")]


_POOLS = {split: {"noun": _words(split, NOUNS), "adjective": _words(split, ADJECTIVES), "brand": _words(split, BRANDS)}
          for split in ("train", "heldout")}  # fmt: skip


def _kept_out() -> frozenset[str]:
    """Words of held-out tools."""
    verbs = {word for verb in VERBS["heldout"] for name in verb.names for word in (name, name + "s")}
    return frozenset(verbs | {form for noun in (*NOUNS, *ADJECTIVES) if heldout(noun) for form in (noun, plural(noun))})


_KEPT_OUT = _kept_out()


def _any_words() -> list[str]:
    """Words of all sorts that training tools may be about, so that no word is copied only because it is a usual one."""
    return [word for word in WORDS if len(word) > 2 and word.islower() and not heldout(word) and word not in _KEPT_OUT]


_ANY = _any_words()


def _any_verb(rng: random.Random) -> Verb:
    """A verb of random words; only what the tool is about ties query and documentation."""
    name, told, asked = rng.sample(_ANY, 3)
    descriptions = (f"{told} the {{}}", f"{told} {{}}", f"{{}} {told}", "{}")
    return Verb(
        (name,), descriptions, (f"{asked} the {{}}", f"{asked} {{}}", f"I need the {{}} {asked}", "{}"), odd=True
    )


@functools.cache
def reserved() -> frozenset[str]:
    """The names of the study's tools, which no synthetic tool may bear."""
    return frozenset(functions())


def thing(rng: random.Random, split: Split) -> tuple[str, ...]:
    """What a tool is about, one to three words; in training often words of any sort."""
    if split == "train" and rng.random() < ODD_THING:
        words = rng.sample(_ANY, rng.randint(1, 3))
        if rng.random() < SPELLED_THING:
            words[rng.randrange(len(words))] = _no_word(rng)
        return tuple(words)
    pool = _POOLS[split]
    nouns = rng.sample(pool["noun"], 2)
    shape = rng.random()
    if shape < 0.25:
        return (nouns[0],)
    if shape < 0.7:
        return tuple(nouns)
    return (rng.choice(pool["adjective"]), *nouns[: rng.randint(1, 2)])


def _no_word(rng: random.Random) -> str:
    """An invented word, which by chance may be a real one, but none that is held out."""
    word = values.invented(rng).lower()
    while heldout(word) or word in _KEPT_OUT:
        word = values.invented(rng).lower()
    return word


def tool(
    rng: random.Random,
    split: Split,
    *,
    about: tuple[str, ...] | None = None,
    stated: float = 0.35,
    arguments: int | None = None,
    rich: bool = False,
    limited: float = 0.0,
) -> Synthetic:
    """A new tool.

    Args:
        rng: the source of chance.
        split: "train" or "heldout".
        about: its thing; drawn by default.
        stated: the chance that the documentation states an argument's convention.
        arguments: how many it takes; 0 to 4 by default.
        rich: whether its description says more than what it does, as people write: clauses beside the point.
        limited: the chance that one of its arguments accepts some values only.
    """
    about = about or thing(rng, split)
    verb = _any_verb(rng) if split == "train" and rng.random() < ODD_VERB else rng.choice(VERBS[split])
    name = _name(rng, split, about, verb)
    while any(taken in name for taken in reserved()):
        about = thing(rng, split)
        name = _name(rng, split, about, verb)
    count = rng.choices((0, 1, 2, 3, 4), (6, 30, 36, 20, 8))[0] if arguments is None else arguments
    labels = _ANY if split == "train" and rng.random() < ODD_THING else _POOLS[split]["noun"]
    extra = rng.sample([word for word in labels if word not in about], 5 * max(1, count))
    made: list[Argument] = []
    taken: set[str] = set()
    paired = False
    while len(made) < count:
        names = list(KIND_WEIGHTS)
        label = rng.choices(names, list(KIND_WEIGHTS.values()))[0]
        kind = kinds.make(label, rng, extra[5 * len(made) : 5 * len(made) + 5])
        if kind.pair and not paired and not made and count >= 2 and rng.random() < 0.3:
            convention = rng.choice(kind.conventions)
            both = rng.choice((("source", "target"), ("origin", "destination"), ("start", "end"), ("first", "second"),
                               ("from", "to"), (f"from_{kind.names[0]}", f"to_{kind.names[0]}")))  # fmt: skip
            made += [Argument(one, kind, convention, True) for one in both]
            taken |= set(both)
            paired = True
            continue
        chosen = next((one for one in rng.sample(kind.names, len(kind.names)) if one not in taken), None)
        if chosen is None or any(one.kind.names == kind.names for one in made):
            continue
        made.append(Argument(chosen, kind, rng.choice(kind.conventions), rng.random() < 0.75))
        taken.add(chosen)
    if count and count < 4 and rng.random() < 0.08:
        kind = kinds.make("flag", rng, rng.sample(_POOLS[split]["noun"], 1))
        if kind.names[0] not in taken:
            made.append(Argument(rng.choice(kind.names), kind, kind.conventions[0], False))
    made.sort(key=lambda one: not one.required)
    if made and not made[0].required:
        made[0] = Argument(made[0].name, made[0].kind, made[0].convention, True)
    if made and rng.random() < limited:
        place = rng.randrange(len(made))
        one = made[place]
        if not paired or place > 1:
            made[place] = replace(one, limit=limits.limit(rng, one.kind))
    properties: dict[str, Any] = {}
    for one in made:
        properties[one.name] = schema = {"type": one.convention.type}
        if rng.random() < stated:
            schema["description"] = limits.stated(one.limit, one.convention) if one.limit else one.convention.hint
        elif rng.random() < 0.2:
            schema["description"] = rng.choice((f"the {one.kind.names[0]}", f"of the {about[-1]}", one.kind.names[-1]))
    record = Tool(
        name=name,
        description=_description(rng, about, verb, made, split if rich else None),
        parameters={
            "type": "object",
            "properties": properties,
            "required": [one.name for one in made if one.required],
            "additionalProperties": False,
        },
    )
    return Synthetic(record, about, verb, tuple(made), paired)


def _name(rng: random.Random, split: Split, about: tuple[str, ...], verb: Verb) -> str:
    act = rng.choice(verb.names)
    last = plural(about[-1]) if rng.random() < 0.2 else about[-1]
    body = [*about[:-1], last]
    parts = rng.choice(
        ([act, *body], [act, *body], [*body, act], [act, last], [last, act], body if len(body) > 1 else [act, *body])
    )
    if rng.random() < 0.15:
        brand = values.invented(rng) if rng.random() < 0.4 else rng.choice(_POOLS[split]["brand"])
        parts = [brand.lower(), *parts]
    return "_".join(parts)


#: names of arguments that do not tell what is wanted, so that the description had better
_GENERIC = frozenset(
    "source target origin destination start end first second from to value amount items values entries list group set "
    "by mode kind".split()
)


_CLAUSES = (
    ", without {n}", ", the {a} first", " at the {a} {n}", ", in {n}", " and its {n}", ", {a} or not", " by {n}",
    ", which all count {a}", " or its {n}", ", with {n} and {n}", " for {a} {n}", ", unless {v} otherwise",
    " after its {n}", " on one of the next {n}", " of some {n}", ", {n} left out", " given its {n}",
    ", from {a} to {a}",
)  # fmt: skip


def _clauses(rng: random.Random, split: Split) -> str:
    """One or two clauses of chance words."""
    found = ""
    for _ in range(rng.choice((0, 1, 1, 1, 2))):
        clause = rng.choice(_CLAUSES)
        while "{" in clause:
            pool = _ANY if split == "train" and rng.random() < ODD_THING else _POOLS[split]["noun"]
            adjectives = _POOLS[split]["adjective"]
            clause = clause.replace("{a}", rng.choice(adjectives), 1).replace("{v}", rng.choice(_PAST), 1)
            clause = clause.replace("{n}", rng.choice(pool), 1)
        found += clause
    return found


_PAST = ("told", "said", "asked", "given", "known", "needed", "shown")


def _description(
    rng: random.Random, about: tuple[str, ...], verb: Verb, arguments: list[Argument], rich: Split | None = None
) -> str:
    text = rng.choice(verb.descriptions).format(_phrase(rng, about, alias=0.1))
    for one in arguments[:2]:  # as people write: "price of a lamp in a city"
        if rng.random() < (0.8 if one.name in _GENERIC else 0.6 if rich else 0.3) and one.kind.names[0] not in about:
            text += " " + rng.choice(one.kind.phrases).format(f"a {one.kind.names[0]}").lstrip()
    if rich:
        text += _clauses(rng, rich)
    tails = ("from the register", "kept by the office", "as of now", "for members", "in short", "with its history")
    tail = f" {rng.choice(tails)}" if rng.random() < 0.12 else ""
    return text[0].upper() + text[1:] + tail


def _phrase(rng: random.Random, about: tuple[str, ...], alias: float) -> str:
    """The thing in words: its parts, in one of a few orders, at times with a synonym."""
    # a synonym of a held-out word cannot be known: no training tool shows the two together
    known = {word for word in about if word in SYNONYMS and not heldout(word)}
    said = [rng.choice(SYNONYMS[word]) if word in known and rng.random() < alias else word for word in about]
    if len(said) > 1 and about[-2] in NOUNS and rng.random() < 0.25:
        return f"{said[-1]} of {rng.choice(('a', 'the'))} {' '.join(said[:-1])}"
    if rng.random() < 0.15:
        said[-1] = plural(said[-1])
    return " ".join(said)


def draw(rng: random.Random, made: Synthetic, optional: float = 0.4, refused: float = 0.0) -> dict[str, Any]:
    """Values for a call: of all required arguments and some optional ones; the two of a pair differ.

    With chance `refused` the value of a limited argument is one that the tool does not accept.
    """
    drawn: dict[str, Any] = {}
    for one in made.arguments:
        if one.required or rng.random() < optional:
            value = one.limit.draw(rng) if one.limit else one.kind.draw(rng)
            if one.limit and rng.random() < refused:
                other = limits.outside(rng, one.kind, one.limit)
                value = value if other is None else other
            while one.limit is None and one.kind.pair and any(value == other for other in drawn.values()):
                value = one.kind.draw(rng)
            drawn[one.name] = value
    return drawn


_OPENINGS = (
    "Please",
    "Hello,",
    "Hi there.",
    "I have a question.",
    "Quick one:",
    "Could you help?",
    "For my work:",
    "Now,",
)
_CLOSINGS = ("please", "thanks", "if you can", "for me", "right now")
_ANY_QUERIES = (
    "What is the {}",
    "I need the {}",
    "Show me the {}",
    "Tell me about the {}",
    "Please help me with the {}",
    "Can I have the {}",
    "{}",
)


_VAGUE = (
    "I need this", "Please do this", "What is it", "Help me", "Can you do it", "Tell me", "What comes out",
    "Could you help", "How is it", "What would it be", "Which one",
)  # fmt: skip


def ask(rng: random.Random, made: Synthetic, drawn: dict[str, Any], *, plain: bool = False, hidden: float = 0.0) -> str:
    """A request in English that the tool serves and that names every drawn value.

    A `plain` one is what can be imagined from the documentation: no word in it stands there by chance alone. With
    chance `hidden` the request leaves out the thing, or a part of it, so that the values must tell what is wanted.
    """
    queries = made.verb.queries
    if plain and (made.verb.odd or rng.random() < 0.2):
        queries = _ANY_QUERIES
    core = rng.choice(queries).format(_phrase(rng, made.thing, alias=0.03 if plain else 0.3))
    if hidden and rng.random() < hidden:
        if len(made.thing) > 1 and rng.random() < 0.5:
            core = rng.choice(_ANY_QUERIES).format(rng.choice(made.thing))
        elif drawn:
            core = rng.choice(_VAGUE)
    question = core.split()[0] in {"What", "Which", "Where", "How", "Is", "Could", "Can", "Why", "About", "Roughly,"}
    rest = list(made.arguments)
    parts: list[str] = []
    if made.paired:
        first, second = (one for one in rest if sum(other.kind is one.kind for other in rest) == 2)
        a, b = (one.kind.say(rng, drawn[one.name]) for one in (first, second))
        parts.append(rng.choice((f"from {a} to {b}", f"from {a} into {b}", f"between {a} and {b}", f"{a} to {b}")))
        rest = [one for one in rest if one not in (first, second)]
    for one in rest:
        if one.name in drawn:
            said = one.kind.say(rng, drawn[one.name])
            if rng.random() < 0.12 and said:
                parts.append(f"with {said} as {one.name.replace('_', ' ')}")
            else:
                parts.append(rng.choice(one.kind.phrases).format(said).lstrip())
    rng.shuffle(parts)
    lead = parts.pop() if parts and not parts[-1].startswith((":", "and", "too")) and rng.random() < 0.2 else ""
    sentence = " ".join([core, *parts]).replace(" :", ":")
    if lead:
        sentence = f"{lead[0].upper()}{lead[1:]}, {_lower_first(sentence)}"
    elif rng.random() < 0.12:
        opening = rng.choice(_OPENINGS)
        sentence = f"{opening} {sentence if opening.endswith(('.', '?')) else _lower_first(sentence)}"
    else:
        sentence = sentence[0].upper() + sentence[1:]
    if rng.random() < 0.08:
        sentence += f", {rng.choice(_CLOSINGS)}"
    sentence += rng.choice(("?", "?", "?", "")) if question else rng.choice((".", ".", "", "!"))
    return f"{_aside(rng)} {sentence}" if rng.random() < (0.02 if plain else 0.12) else sentence


def _lower_first(text: str) -> str:
    return text if text.startswith("I ") else text[0].lower() + text[1:]


def _aside(rng: random.Random) -> str:
    """A sentence that is beside the point."""
    noun, other, trait = rng.choice(NOUNS), rng.choice(NOUNS), rng.choice(ADJECTIVES)
    return rng.choice((
        f"My {noun} is {trait}.", f"I have a {trait} {noun}.", f"We plan a {noun} with the {other}.",
        f"The {noun} needs a {trait} {other}.", f"My {other} asked for it.", f"It is about a {trait} {noun}.",
    ))  # fmt: skip


def synonyms(word: str) -> list[str]:
    """Words of the same meaning that a query may use."""
    return SYNONYMS.get(word, [])


def small_talk() -> tuple[str, ...]:
    """What a query may begin and end with."""
    return _OPENINGS + _CLOSINGS + _ANY_QUERIES


def toolset(rng: random.Random, split: Split, count: int, **options: Any) -> list[Synthetic]:
    """Several tools to choose from, the wanted one first; some resemble it in thing or verb. Names differ."""
    found = [tool(rng, split, **options)]
    while len(found) < count:
        about = None
        if rng.random() < 0.2:
            near = found[0].thing
            about = (*thing(rng, split)[:1], near[-1]) if rng.random() < 0.5 else (near[0], *thing(rng, split)[:1])
        elif split == "train" and rng.random() < 0.08:
            about = found[0].thing  # only the verb tells the two apart
        other = tool(rng, split, about=about, **options)
        if all(
            other.record.name != one.record.name and (other.thing != one.thing or other.verb is not one.verb)
            for one in found
        ):
            found.append(other)
    return found
