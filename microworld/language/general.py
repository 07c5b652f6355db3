"""General skills that need no tool: copying, look-ups, facts, sorting, small sums, reading a short passage.

>>> import random
>>> SKILLS["sum"](random.Random(0))
('What is 25 + 49?', '74')

They are drills for the young model, a share of its later diet, the "normal mode" examples of continual learning, and an
exam (`microworld.language.exam`) by which forgetting is measured.
"""

import random
from collections.abc import Callable

from microworld.language import vocabulary
from microworld.language.values import invented
from microworld.language.vocabulary import (
    AIRPORT_CODES,
    BRANDS,
    CAPITALS,
    CONTINENTS,
    COUNTRY_CODES,
    CURRENCY_CODES,
    ELEMENT_SYMBOLS,
    FIRST_NAMES,
    LANGUAGE_CODES,
    NOUNS,
    UNIT_CODES,
    plural,
)

Task = tuple[str, str]
_MIXED = random.Random(0).sample(long := [word for word in vocabulary.WORDS if len(word) > 1], len(long))


def word(rng: random.Random, spelled: float = 0.0, pool: int = 0) -> str:
    """Any word (of the first `pool` ones, if given), or with chance `spelled` one that is spelled in characters."""
    return invented(rng) if rng.random() < spelled else _MIXED[rng.randrange(pool or len(_MIXED))]


def _words(rng: random.Random, low: int, high: int, spelled: float = 0.0, pool: int = 0) -> list[str]:
    return [word(rng, spelled, pool) for _ in range(rng.randint(low, high))]


def copy(rng: random.Random, spelled: float = 0.15) -> Task:
    """Say the words again."""
    text = " ".join(_words(rng, 2, 8, spelled))
    return f"{rng.choice(('Copy', 'Repeat', 'Say again'))}: {text}", text


def recite(rng: random.Random, spelled: float = 0.1, pool: int = 0) -> list[Task]:
    """Many words again and again: the densest lesson in copying. Questions after the first go on from it."""
    found = _words(rng, 5, 16, spelled, pool)
    tasks = [(f"Copy: {' '.join(found)}", " ".join(found))]
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(found))
        if rng.random() < 0.5 or found.count(found[start]) > 1 or start + 1 == len(found):
            tasks.append(("Again", " ".join(found)))
        else:
            tasks.append((f"Go on after: {found[start]}", " ".join(found[start + 1 :])))
    return tasks


def look_up(rng: random.Random, spelled: float = 0.15) -> Task:
    """The value that stands beside a key in a list given."""
    return look_ups(rng, spelled, 1)[0]


def look_ups(rng: random.Random, spelled: float = 0.15, count: int = 4, pool: int = 0) -> list[Task]:
    """Several look-ups in one list; the list stands in the first question."""
    pairs = {word(rng, spelled, pool): "_".join(_words(rng, 1, 3, spelled, pool)) for _ in range(rng.randint(3, 8))}
    tasks = [(f"{rng.choice(('Look up', 'Find the entry'))}: {key}", pairs[key])
             for key in rng.sample(list(pairs), min(count, len(pairs)))]  # fmt: skip
    table = "\n".join(f"{name}: {value}" for name, value in pairs.items())
    return [(f"{table}\n{tasks[0][0]}", tasks[0][1]), *tasks[1:]]


def by_description(rng: random.Random, spelled: float = 0.15) -> Task:
    """The name of the thing that a few words describe."""
    return by_descriptions(rng, spelled, 1)[0]


def by_descriptions(rng: random.Random, spelled: float = 0.15, count: int = 4, pool: int = 0) -> list[Task]:
    """Several names to find by their descriptions in one list; the list stands in the first question."""
    used = rng.sample(_MIXED[: pool or len(_MIXED)], 24)
    rows = {
        "_".join(_words(rng, 1, 3, spelled, pool)): [used.pop() for _ in range(rng.randint(1, 4))]
        for _ in range(rng.randint(2, 6))
    }
    tasks = []
    for name in rng.sample(list(rows), min(count, len(rows))):
        asked = rng.sample(rows[name], rng.randint(1, len(rows[name]))) + _words(rng, 0, 3, 0.0, pool)
        rng.shuffle(asked)
        tasks.append((f"Which name goes with: {' '.join(asked)}", name))
    table = "\n".join(f"{' '.join(text)}. API: {key}" for key, text in rows.items())
    return [(f"{table}\n{tasks[0][0]}", tasks[0][1]), *tasks[1:]]


def among(rng: random.Random, spelled: float = 0.1) -> Task:
    """Whether a word is one of those listed."""
    return amongs(rng, spelled, 1)[0]


def amongs(rng: random.Random, spelled: float = 0.1, count: int = 6, pool: int = 0) -> list[Task]:
    """Several words to look for in one list; the list stands in the first question."""
    found = _words(rng, 2, 12, spelled, pool)
    tasks = []
    for _ in range(count):
        there = rng.random() < 0.5
        asked = rng.choice(found) if there else word(rng, spelled, pool)
        tasks.append((f"Is it there: {asked}", "Yes" if asked in found else "No"))
    return [(f"{' '.join(found)}\n{tasks[0][0]}", tasks[0][1]), *tasks[1:]]


def sort_words(rng: random.Random) -> Task:
    """Words in alphabetical order."""
    found = sorted(rng.sample(NOUNS, rng.randint(2, 4)))
    mixed = rng.sample(found, len(found))
    return f"Sort by letter: {' '.join(mixed)}", " ".join(found)


def sort_numbers(rng: random.Random) -> Task:
    """Numbers from small to large."""
    found = sorted(rng.sample(range(1, 100), rng.randint(2, 4)))
    return f"Sort by size: {' '.join(map(str, rng.sample(found, len(found))))}", " ".join(map(str, found))


def total(rng: random.Random) -> Task:
    """A sum of two numbers."""
    a, b = rng.randint(1, 49), rng.randint(1, 49)
    return f"What is {a} + {b}?", str(a + b)


def spell(rng: random.Random) -> Task:
    """A word letter by letter, or its first letters in capitals."""
    chosen = rng.choice(NOUNS + BRANDS)
    if rng.random() < 0.5:
        return f"Spell: {chosen}", " ".join(chosen.upper())
    size = rng.choice((3, 4))
    return f"First {size} letters of: {chosen}", chosen[:size].upper()


def fact(rng: random.Random) -> Task:
    """A code or a capital."""
    table, asked = rng.choice((
        (COUNTRY_CODES, "Country code of"), (COUNTRY_CODES, "Two-letter code of"), (CAPITALS, "Capital of"),
        (CONTINENTS, "Continent of"), (CURRENCY_CODES, "Currency code of"), (LANGUAGE_CODES, "Language code of"),
        (AIRPORT_CODES, "Airport code of"), (UNIT_CODES, "Abbreviation of"), (ELEMENT_SYMBOLS, "Symbol of"),
    ))  # fmt: skip
    key = rng.choice(list(table))
    return f"{asked}: {key}", table[key]


def reading(rng: random.Random) -> Task:
    """A question about a passage of a few sentences."""
    people = rng.sample(FIRST_NAMES, 3)
    cities = rng.sample(list(AIRPORT_CODES), 3)
    things = rng.sample(NOUNS, 3)
    numbers = rng.sample(range(2, 90), 3)
    rows = list(zip(people, cities, things, numbers, strict=True))
    passage = " ".join(
        rng.choice((f"{who} lives in {city} and bought {n} {plural(what)}.",
                    f"In {city} lives {who}, who paid for {n} {plural(what)}."))
        for who, city, what, n in rows
    )  # fmt: skip
    who, city, what, n = rng.choice(rows)
    question, answer = rng.choice((
        (f"Where does {who} live?", city), (f"Who lives in {city}?", who),
        (f"How many {plural(what)} were bought?", str(n)),
        (f"What did {who} buy?", plural(what)), (f"Who bought {plural(what)}?", who),
    ))  # fmt: skip
    return f"{passage} {question}", answer


SKILLS: dict[str, Callable[[random.Random], Task]] = {
    "copy": copy,
    "look_up": look_up,
    "by_description": by_description,
    "among": among,
    "sort_words": sort_words,
    "sort_numbers": sort_numbers,
    "sum": total,
    "spell": spell,
    "fact": fact,
    "reading": reading,
}
