"""Wordings of the family `numbers`."""

import math
import random

from microworld.test_set.wordings._base import Case, Wordings
from microworld.tools.numbers import DIGITS, LANGUAGES, convert_unit
from microworld.tools.tables.units import UNITS, Unit

Slots = frozenset[str]

_WORDS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}

#: the error messages' own examples stay out of the test set
_LANGUAGES = sorted(set(LANGUAGES) - {"id"})
_UNITS = [unit for code, unit in sorted(UNITS.items()) if code != "nmi"]

_BASES = {2: "binary", 8: "octal", 10: "decimal", 16: "hexadecimal"}
_PREFIXES = {2: "0b", 8: "0o", 16: "0x"}

_STATISTICS = {
    "avg": ("average", "mean"),
    "med": ("median", "middle value"),
    "mode": ("most frequent value", "most common value"),
    "range": ("range", "gap from smallest to largest"),
    "sd": ("standard deviation",),
}

#: weights in percent, a multiple of 5 each
_SHARES = (
    (20, 80),
    (25, 75),
    (30, 70),
    (40, 60),
    (10, 90),
    (20, 30, 50),
    (25, 25, 50),
    (10, 40, 50),
    (20, 20, 60),
    (15, 35, 50),
    (10, 20, 70),
    (30, 30, 40),
    (10, 20, 30, 40),
    (10, 10, 30, 50),
    (20, 20, 20, 40),
)
_FRACTIONS = {10: "a tenth", 20: "a fifth", 25: "a quarter", 50: "half", 75: "three quarters"}


def _pick(slots: Slots, texts: dict[str, str]) -> dict[str, str]:
    """The texts that the wording has slots for."""
    return {slot: text for slot, text in texts.items() if slot in slots}


def _listed(texts: list[str]) -> str:
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else texts[0]


def _in_base(number: int, base: int) -> str:
    written = ""
    while number:
        number, digit = divmod(number, base)
        written = DIGITS[digit] + written
    return written


def _spell_number(rng: random.Random, slots: Slots) -> Case:
    language = rng.choice(_LANGUAGES)
    texts = {"language": LANGUAGES[language]}
    arguments: dict = {"language": language}
    if "ordinal" in slots:
        number = rng.randrange(1, 101)
        ending = "th" if number in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        texts["ordinal"] = f"{number}{ending}"
        arguments["ordinal"] = True
    else:
        number = rng.choice((rng.randrange(11, 100), rng.randrange(100, 1000), rng.randrange(1000, 10000)))
        texts["number"] = f"{number:,}" if rng.random() < 0.2 else str(number)
    return Case(slots=_pick(slots, texts), arguments={"number": number, **arguments})


def _name(rng: random.Random, unit: Unit) -> str:
    """A unit as people write it: mostly its name, else the abbreviation (never of one letter, which reads badly)."""
    return unit.code if len(unit.code) > 1 and rng.random() < 0.25 else unit.names[0]


def _convert_unit(rng: random.Random, slots: Slots) -> Case:
    while True:
        old = rng.choice(_UNITS)
        new = rng.choice([unit for unit in _UNITS if unit.quantity == old.quantity and unit is not old])
        value: float = rng.choice((rng.randrange(2, 11), rng.randrange(11, 500)))
        if old.code == "K":
            value += 200
        elif rng.random() < 0.4:
            value += 0.5
        decimals = rng.randrange(1, 4)
        # no result that rounding empties, and no sizes that nobody would compare
        if old.quantity != "temperature" and (value * old.factor < new.factor or old.factor > 10000 * new.factor):
            continue
        # decimals are asked for where they make a difference
        results = (convert_unit(value, old.code, new.code, places)["value"] for places in (4, decimals))
        if "decimals" not in slots or not math.isclose(*results, rel_tol=1e-5):
            break
    arguments: dict = {"value": value, "source": old.code, "target": new.code}
    if "decimals" in slots:
        arguments["decimals"] = decimals
    texts = {
        "value": _WORDS[int(value)] if value in _WORDS and rng.random() < 0.5 else f"{value:g}",
        "source": _name(rng, old),
        "target": _name(rng, new),
        "decimals": rng.choice((str(decimals), _WORDS[decimals])) + (" decimal" if decimals == 1 else " decimals"),
    }
    return Case(slots=_pick(slots, texts), arguments=arguments)


def _convert_base(rng: random.Random, slots: Slots) -> Case:
    number = rng.choice((rng.randrange(9, 100), rng.randrange(100, 1000), rng.randrange(1000, 5000)))
    source = rng.choice((2, 8, 16, 16, 5, 7, 12)) if "number" in slots else 10
    target = rng.choice([base for base in (2, 2, 8, 16, 16, 3, 6, 9, 10, 10, 20) if base != source])
    digits = _in_base(number, source)
    arguments: dict = {"digits": digits, "target": target}
    texts = {"decimal": digits, "target": _BASES.get(target, f"base {target}")}
    if "number" in slots:
        arguments["source"] = source
        shown = digits.lower() if rng.random() < 0.3 else digits
        if source in _PREFIXES and rng.random() < 0.5:
            texts["number"] = _PREFIXES[source] + shown
        else:
            texts["number"] = f"the {_BASES.get(source, f'base {source}')} number {shown}"
    return Case(slots=_pick(slots, texts), arguments=arguments)


def _compute_statistic(rng: random.Random, slots: Slots) -> Case:
    statistic = rng.choice(list(_STATISTICS))
    count = rng.randrange(4, 8)
    halves = rng.random() < 0.3
    numbers: list[float] = [
        whole + 0.5 if halves and rng.random() < 0.5 else whole for whole in rng.sample(range(1, 80), count)
    ]
    if statistic == "mode":
        # one value twice, so that no other is as frequent
        numbers.insert(rng.randrange(count), rng.choice(numbers))
    texts = {"numbers": _listed([f"{number:g}" for number in numbers]), "statistic": rng.choice(_STATISTICS[statistic])}
    return Case(slots=_pick(slots, texts), arguments={"numbers": numbers, "statistic": statistic})


def _weighted_mean(rng: random.Random, slots: Slots) -> Case:
    weights = list(rng.choice(_SHARES))
    rng.shuffle(weights)
    numbers = rng.sample(range(21, 100), len(weights))
    if all(weight in _FRACTIONS for weight in weights) and rng.random() < 0.7:
        shares = _listed([_FRACTIONS[weight] for weight in weights])
    else:
        shares = f"{_listed([str(weight) for weight in weights])} percent"
    texts = {"numbers": _listed([str(number) for number in numbers]), "weights": shares}
    return Case(slots=_pick(slots, texts), arguments={"numbers": numbers, "weights": weights})


WORDINGS: dict[str, Wordings] = {
    "spell_number": Wordings(
        case=_spell_number,
        test=(
            "How do you write {number} in {language} words?",
            "Please give me the {language} words for {number}.",
            "What is {number} called in {language}?",
            "My cheque needs {number} written out in {language}.",
            "{number} in words, in {language}.",
            "How does one say {ordinal} in {language}?",
            "For a speech I need the {language} word for {ordinal}.",
            "Teach me to say the number {number} in {language}.",
            "Write out {ordinal} in {language}, as in the {ordinal} birthday.",
            "I am learning {language}. Put {number} into words, please.",
        ),
        dev=(
            "Could you write the figure {number} as text in {language}?",
            "What is the {language} for {ordinal}, the place in a race?",
            "A form asks for {number} in {language} letters, not digits.",
            "Someone from abroad wants {number} read out in {language}.",
        ),
    ),
    "convert_unit": Wordings(
        case=_convert_unit,
        test=(
            "How much is {value} {source} in {target}?",
            "Please turn {value} {source} into {target}.",
            "What do {value} {source} make in {target}, with {decimals}?",
            "I measured {value} {source} but need {target}.",
            "{value} {source} to {target}, rounded to {decimals}.",
            "A manual says {value} {source}. Express that in {target}.",
            "Give me {value} {source} in {target} to {decimals}.",
            "My cousin abroad thinks in {target}, so what shall I tell him for {value} {source}?",
            "Change {value} {source} to {target} for my notes, {decimals} will do.",
            "If a scale reads {value} {source}, what would it read in {target}?",
        ),
        dev=(
            "Work out {value} {source} as {target}, please.",
            "The label gives {value} {source}; which figure is that in {target}?",
            "Need {value} {source} in {target} with {decimals}.",
            "What is the same as {value} {source} when counted in {target}?",
        ),
    ),
    "convert_base": Wordings(
        case=_convert_base,
        test=(
            "What is {decimal} in {target}?",
            "Write {number} in {target}.",
            "Please show the ordinary number {decimal} in {target} notation.",
            "My program printed {number}; what is that in {target}?",
            "How does {decimal} look in {target} digits?",
            "I found {number} in a log file and need it in {target}.",
            "Give the {target} form of {decimal}.",
            "For homework I must turn {number} into {target}. What is the answer?",
            "If someone counts in {target}, how do they write {decimal}?",
            "Take {number} and tell me its digits in {target}.",
        ),
        dev=(
            "Express the everyday number {decimal} in {target}, please.",
            "Someone sent me {number}. Can I have it in {target}?",
            "What are the {target} digits for {decimal}?",
            "Translate {number} to {target} notation.",
        ),
    ),
    "compute_statistic": Wordings(
        case=_compute_statistic,
        test=(
            "What is the {statistic} of {numbers}?",
            "My daily readings were {numbers}. Find their {statistic}.",
            "Please work out the {statistic} for {numbers}.",
            "Just the {statistic} of these values: {numbers}.",
            "We scored {numbers} this season; what {statistic} does that give?",
            "I need the {statistic} of the list {numbers} for a report.",
            "Given {numbers}, tell me the {statistic}.",
            "Temperatures of {numbers} were measured. How large is the {statistic}?",
            "Look at {numbers} and give me the {statistic}.",
            "Our team ran {numbers} laps, all counted alike. Calculate the {statistic}.",
        ),
        dev=(
            "For the data {numbers} I want the {statistic}.",
            "What {statistic} do the figures {numbers} have?",
            "Take {numbers}; their {statistic} is what?",
            "The waiting times were {numbers} minutes, so what was the {statistic}?",
        ),
    ),
    "weighted_mean": Wordings(
        case=_weighted_mean,
        test=(
            "My marks are {numbers} and they count {weights}. What is the overall mark?",
            "Average {numbers} when they count for {weights}.",
            "Exam parts gave {numbers} points and make up {weights} of the grade. Find the final grade.",
            "Please combine the scores {numbers}, which carry {weights} of the weight.",
            "What mean do {numbers} have if their shares are {weights}?",
            "The judges gave {numbers}; their votes count {weights} in that order. What is the result?",
            "Returns of {numbers} came from {weights} of my savings. What is the overall return?",
            "Tests count {weights}. I reached {numbers}, so what do I end up with?",
            "Mix prices of {numbers}, where the parts are {weights}. What is the mean price?",
            "Tell me the total score for {numbers} with weights of {weights}.",
        ),
        dev=(
            "The subjects count {weights} and my results are {numbers}. Which average is that?",
            "Blend {numbers} in parts of {weights} and give the mean.",
            "I got {numbers} in tests that matter {weights}. Compute my average.",
            "Surveys rated us {numbers}, weighing {weights}. What rating is that overall?",
        ),
    ),
}
