"""What a kind of argument is, and how values are drawn and said in a query; `kinds` has the kinds themselves.

>>> import random
>>> date_said(random.Random(1), (2031, 5, 4))
'4 May 2031'
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from microworld.language import vocabulary


@dataclass(frozen=True, slots=True)
class Convention:
    """One way to write a value as JSON, its JSON Schema type, and the words in which docs and errors state it."""

    type: str
    json: Callable[[Any], Any]
    hint: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of argument.

    Attributes:
        names: what the argument may be called.
        draw: draws a value.
        say: says a value in a query.
        phrases: the value in a sentence, `{}` standing for what `say` gives.
        conventions: the ways it may have to be written.
        pair: whether a tool may take two of the kind, from one to another.
        label: the kind's name.
    """

    names: tuple[str, ...]
    draw: Callable[[random.Random], Any]
    say: Callable[[random.Random, Any], str]
    phrases: tuple[str, ...]
    conventions: tuple[Convention, ...]
    pair: bool = False
    label: str = ""


def same(value: Any) -> Any:
    """The value itself."""
    return value


def plain(_: random.Random, value: Any) -> str:
    """The value as it stands."""
    return str(value)


def of(table: Mapping[str, Any] | Sequence[Any]) -> Callable[[random.Random], Any]:
    """Draws one of these."""
    keys = list(table)
    return lambda rng: rng.choice(keys)


def joined(parts: list[str], word: str = "and") -> str:
    """Several things in a sentence."""
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}" if len(parts) > 1 else parts[0]


def number_said(rng: random.Random, value: float) -> str:
    """A number in digits, with thousands separated at times, or in words if small."""
    if isinstance(value, int) and 0 <= value <= 20 and rng.random() < 0.3:
        return vocabulary.CARDINALS[value]
    return f"{value:,}" if value >= 1000 and rng.random() < 0.3 else str(value)


def date_said(rng: random.Random, value: tuple[int, int, int]) -> str:
    """A date as people write it."""
    year, month, day = value
    name = vocabulary.MONTHS[month - 1]
    forms = (f"{day} {name} {year}", f"{name} {day}, {year}", f"{day} {name} {year}", f"{year}-{month:02d}-{day:02d}",
             f"{day:02d}/{month:02d}/{year}")  # fmt: skip
    return rng.choices(forms, (4, 3, 2, 1.5, 1))[0]


def time_said(rng: random.Random, value: tuple[int, int]) -> str:
    """A time of day as people write it."""
    hour, minute = value
    if rng.random() < 0.5:
        return f"{hour:02d}:{minute:02d}"
    half = "am" if hour < 12 else "pm"
    twelve = (hour - 1) % 12 + 1
    return f"{twelve} {half}" if minute == 0 else f"{twelve}:{minute:02d} {half}"


def clock(value: tuple[int, int]) -> str:
    """A time as HH:MM."""
    return f"{value[0]:02d}:{value[1]:02d}"


def draw_time(rng: random.Random) -> tuple[int, int]:
    """Hour and minute."""
    return rng.randint(0, 23), rng.choice((0, 0, 15, 30, 45, rng.randint(0, 59)))


def draw_number(rng: random.Random) -> float:
    """A positive number, mostly whole."""
    scale = rng.choice((10, 100, 1000, 10000))
    return rng.randint(1, scale) if rng.random() < 0.7 else round(rng.uniform(1, scale), rng.choice((1, 1, 2)))


def code_drawn(rng: random.Random) -> str:
    """Capital letters and digits."""
    letters = "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(rng.randint(1, 3)))
    return letters + "".join(rng.choice("0123456789") for _ in range(rng.randint(2, 4)))


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):g} {positive if value >= 0 else negative}"


def point_said(rng: random.Random, value: tuple[float, float]) -> str:
    """A position as people write it."""
    if rng.random() < 0.4:
        return f"latitude {value[0]:g}, longitude {value[1]:g}"
    return f"{_degrees(value[0], 'north', 'south')} and {_degrees(value[1], 'east', 'west')}"


def invented(rng: random.Random) -> str:
    """A name that is no word: a model must copy it letter by letter."""
    syllables = "".join(rng.choice("bcdfghjklmnprstvz") + rng.choice("aeiou") for _ in range(rng.choice((2, 2, 3))))
    return (syllables + rng.choice(("", "", "n", "r", "l", "x"))).capitalize()


def name_drawn(rng: random.Random) -> str:
    """The name of a firm or team."""
    return rng.choice(vocabulary.BRANDS) if rng.random() < 0.8 else invented(rng)


def text_drawn(rng: random.Random) -> str:
    """One to four words."""
    return " ".join(word_drawn(rng) for _ in range(rng.randint(1, 4)))


def date_drawn(rng: random.Random) -> tuple[int, int, int]:
    """Year, month and day."""
    return rng.randint(2018, 2039), rng.randint(1, 12), rng.randint(1, 28)


def years_drawn(rng: random.Random) -> tuple[int, int]:
    """A first and a last year."""
    first = rng.randint(1900, 2030)
    return first, first + rng.randint(1, 9)


def years_said(rng: random.Random, value: tuple[int, int]) -> str:
    """A period as people write it."""
    return rng.choice(("{} to {}", "{}-{}", "{} until {}")).format(*value)


def window_drawn(rng: random.Random) -> tuple[tuple[int, int], ...]:
    """Two times of a day."""
    return tuple(sorted((draw_time(rng), draw_time(rng))))


def window_said(rng: random.Random, value: Sequence[tuple[int, int]]) -> str:
    """Two times as people write them."""
    return " to ".join(time_said(rng, each) for each in value)


def days_drawn(rng: random.Random) -> int:
    """Some days ahead or back."""
    return rng.choice((1, 1, -1)) * rng.randint(1, 60)


def days_said(rng: random.Random, value: int) -> str:
    """Days later or earlier."""
    return f"{number_said(rng, abs(value))} days {'later' if value > 0 else 'earlier'}"


def duration_said(rng: random.Random, value: int) -> str:
    """Minutes, at times as hours."""
    if value % 60 == 0 and value > 60 and rng.random() < 0.6:
        return f"{number_said(rng, value // 60)} hours"
    return f"{value} minutes"


def term_said(rng: random.Random, value: int) -> str:
    """Months, mostly as years."""
    return f"{number_said(rng, value // 12)} years" if rng.random() < 0.8 else f"{value} months"


def percent_drawn(rng: random.Random) -> float:
    """A percentage."""
    return rng.choice((rng.randint(1, 40), round(rng.uniform(1, 10), 1)))


def percent_said(rng: random.Random, value: float) -> str:
    """A percentage in words or with its sign."""
    return f"{number_said(rng, value)} percent" if rng.random() < 0.7 else f"{value}%"


def person_drawn(rng: random.Random) -> tuple[str, str]:
    """First and last name."""
    return rng.choice(vocabulary.FIRST_NAMES), rng.choice(vocabulary.LAST_NAMES)


def point_drawn(rng: random.Random) -> tuple[float, float]:
    """Latitude and longitude."""
    return round(rng.uniform(-80, 80), 1), round(rng.uniform(-170, 170), 1)


def bounds_drawn(rng: random.Random) -> tuple[int, int]:
    """A low and a high number."""
    return rng.randint(0, 99), rng.randint(100, 999)


def exchange_drawn(rng: random.Random) -> list[str]:
    """Two currencies."""
    return rng.sample(list(vocabulary.CURRENCY_CODES), 2)


def exchange_said(rng: random.Random, value: list[str]) -> str:
    """One currency into another."""
    return rng.choice(("{} to {}", "{} into {}", "{} for {}")).format(*value)


def currency_codes(value: list[str]) -> list[str]:
    """The codes of some currencies."""
    return [vocabulary.CURRENCY_CODES[one] for one in value]


def word_drawn(rng: random.Random) -> str:
    """A word, half the time a noun or an adjective."""
    return rng.choice(vocabulary.NOUNS + vocabulary.ADJECTIVES if rng.random() < 0.5 else vocabulary.WORDS)


def word_said(rng: random.Random, value: str) -> str:
    """A word, at times in quotes."""
    return f"'{value}'" if rng.random() < 0.4 else value
