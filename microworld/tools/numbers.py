"""Numbers: words, units, bases and statistics.

>>> convert_unit(10, "mi", "km")
{'value': 16.0934, 'unit': 'kilometres'}
"""

import math
import re
import statistics
from collections.abc import Callable
from fractions import Fraction

from num2words import num2words

from microworld.tools._base import Properties, ToolError, study_tool
from microworld.tools.tables.units import UNITS

MAX_NUMBER = 1e12
MAX_TEXT = 500
MAX_DIGITS = 40
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

#: ISO 639-1 codes of languages that num2words spells well over the range of `spell_number` (checked by reading)
LANGUAGES = {
    "en": "English",
    "fr": "French",
    "de": "German",
    "es": "Spanish",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
    "pl": "Polish",
    "hu": "Hungarian",
    "fi": "Finnish",
    "id": "Indonesian",
}

#: slips of num2words 0.5.14 among the ordinals 1-100 of these languages, and the dictionaries' forms
CORRECTIONS = {
    "fr": {"quatre-vingtsième": "quatre-vingtième"},
    "es": {"décimoprimero": "undécimo", "décimosegundo": "duodécimo", "quadragésimo": "cuadragésimo"},
}


def _check_numbers(values: list[float]) -> None:
    """Refuse a list that is not 1 to 20 numbers in range; NaN fails the comparison too."""
    if not 1 <= len(values) <= 20:
        raise ToolError("numbers: give 1 to 20")
    if not all(abs(value) <= MAX_NUMBER for value in values):
        raise ToolError("numbers: each must be from -1000000000000 to 1000000000000")


def _rounded(value: float | Fraction, decimals: int = 4) -> float:
    """Rounded, and never minus zero."""
    return round(float(value), decimals) + 0.0


@study_tool(
    family="numbers",
    description="Write a number in words.",
    properties=Properties(
        convention="the language is a lower-case ISO 639-1 code, not a name",
        breaks={"number": 348, "language": "Italian"},
        keeps={"number": 348, "language": "it"},
    ),
)
def spell_number(number: int, language: str, ordinal: bool = False) -> str:
    """A number in words, by the package num2words; with `ordinal` its place in a row ("twenty-first").

    Portuguese is that of Portugal; the gender is the one used in counting.

    Raises:
        ToolError: the language is not a code of `LANGUAGES` (the message gives the code for a name it knows), the
            number not 0 to 9999, or the ordinal not 1 to 100; beyond that the package errs in several languages.
    """
    if not re.fullmatch("[a-z]{2}", language):
        name = language.strip().casefold() if len(language) <= MAX_TEXT else ""
        likely = next((code for code, known in LANGUAGES.items() if name in (code, known.casefold())), "id")
        raise ToolError(f"language: use a two-letter code, like {likely}")
    if language not in LANGUAGES:
        raise ToolError(f"language: {language} is not known, known are {', '.join(LANGUAGES)}")
    if not 0 <= number <= 9999:
        raise ToolError("number: must be from 0 to 9999")
    if ordinal and not 1 <= number <= 100:
        raise ToolError("number: must be from 1 to 100 with ordinal")
    words = num2words(int(number), lang=language, to="ordinal" if ordinal else "cardinal")
    for slip, right in CORRECTIONS.get(language, {}).items():
        words = words.replace(slip, right)
    return words


def _unit(argument: str, text: str) -> str:
    """A unit's abbreviation, checked."""
    if text in UNITS:
        return text
    name = text.strip().casefold() if len(text) <= MAX_TEXT else ""
    known = (code for code, row in UNITS.items() if name in (code.casefold(), *(one.casefold() for one in row.names)))
    raise ToolError(f"{argument}: use a unit abbreviation, like {next(known, 'nmi')}")


@study_tool(
    family="numbers",
    description="Convert a measured value to another unit.",
    properties=Properties(
        convention="units are abbreviations with exact capitals, not names",
        breaks={"value": 75, "source": "kilograms", "target": "pounds"},
        keeps={"value": 75, "source": "kg", "target": "lb"},
    ),
)
def convert_unit(value: float, source: str, target: str, decimals: int = 4) -> dict[str, float | str]:
    """A value in another unit of the same quantity, rounded to `decimals`, with the target unit's name.

    Units are the 47 of `tables.units`, computed exactly.

    Raises:
        ToolError: a unit is not one of their abbreviations (the message gives that of a name it knows), the units
            measure different things, a temperature is below absolute zero, decimals are not 0 to 8, or the value is
            over 1e12.
    """
    if not abs(value) <= MAX_NUMBER:
        raise ToolError("value: must be from -1000000000000 to 1000000000000")
    old, new = UNITS[_unit("source", source)], UNITS[_unit("target", target)]
    if old.quantity != new.quantity:
        raise ToolError(f"target: {target} is a unit of {new.quantity}, but {source} of {old.quantity}")
    if not 0 <= decimals <= 8:
        raise ToolError("decimals: must be from 0 to 8")
    base = (Fraction(str(value)) + old.offset) * old.factor
    if old.quantity == "temperature" and base < 0:
        raise ToolError("value: is below absolute zero")
    return {"value": _rounded(base / new.factor - new.offset, int(decimals)), "unit": new.names[0]}


@study_tool(
    family="numbers",
    description="Write a number in another base.",
    properties=Properties(
        convention="digits come without a prefix and in capital letters",
        breaks={"digits": "0xd3", "target": 2, "source": 16},
        keeps={"digits": "D3", "target": 2, "source": 16},
    ),
)
def convert_base(digits: str, target: int, source: int = 10) -> str:
    """The digits of a whole number, given in base `source`, in base `target`; bases go from 2 to 36.

    Raises:
        ToolError: the digits carry a prefix (a leading 0B, 0O or 0X always counts as one), a sign or small letters (the
            message gives them as they should be), are not of the source base, or make a number over 1e12; a base is not
            2 to 36.
    """
    for argument, base in (("target", target), ("source", source)):
        if not 2 <= base <= 36:
            raise ToolError(f"{argument}: must be a base from 2 to 36")
    if len(digits) > MAX_DIGITS:
        raise ToolError(f"digits: at most {MAX_DIGITS} characters")
    if not re.fullmatch("[0-9A-Z]+", digits) or re.fullmatch("0[BOX].*", digits):
        plain = re.sub("^0[box]", "", digits.strip(), flags=re.IGNORECASE).upper()
        likely = plain if re.fullmatch("[0-9A-Z]+", plain) else "7E"
        raise ToolError(f"digits: leave out prefixes and use capital letters, like {likely}")
    wrong = next((digit for digit in digits if DIGITS.index(digit) >= source), None)
    if wrong:
        raise ToolError(f"digits: {wrong} is no digit of base {int(source)}")
    number = int(digits, int(source))
    if number > MAX_NUMBER:
        raise ToolError("digits: the number is over 1000000000000")
    written = ""
    while number or not written:
        number, digit = divmod(number, int(target))
        written = DIGITS[digit] + written
    return written


STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "avg": statistics.fmean,
    "med": statistics.median,
    "mode": lambda numbers: min(statistics.multimode(numbers)),
    "range": lambda numbers: max(numbers) - min(numbers),
    "sd": statistics.stdev,
}


@study_tool(
    family="numbers",
    description="One statistic of a list of numbers, all of which count equally.",
    properties=Properties(
        convention="the statistic is one of avg, med, mode, range, sd",
        breaks={"numbers": [4, 9, 2, 7], "statistic": "median"},
        keeps={"numbers": [4, 9, 2, 7], "statistic": "med"},
        near_duplicate="weighted_mean",
    ),
)
def compute_statistic(numbers: list[float], statistic: str) -> float:
    """A statistic of a list, to four decimals.

    avg: arithmetic mean; med: median; mode: most frequent value, the smallest if several are; range: largest less
    smallest; sd: standard deviation of a sample (n - 1).

    Raises:
        ToolError: another statistic, not 1 to 20 numbers of at most 1e12 (2 to 20 for sd).
    """
    if statistic not in STATISTICS:
        raise ToolError(f"statistic: use {', '.join(list(STATISTICS)[:-1])} or {list(STATISTICS)[-1]}")
    _check_numbers(numbers)
    if statistic == "sd" and len(numbers) < 2:
        raise ToolError("numbers: give at least 2 for sd")
    return _rounded(STATISTICS[statistic](numbers))


@study_tool(
    family="numbers",
    description="Average of numbers that count differently.",
    properties=Properties(
        convention="one weight for each number, and the weights add up to 100",
        breaks={"numbers": [60, 85, 90], "weights": [1, 1, 2]},
        keeps={"numbers": [60, 85, 90], "weights": [25, 25, 50]},
        near_duplicate="compute_statistic",
    ),
)
def weighted_mean(numbers: list[float], weights: list[float]) -> float:
    """The mean of numbers weighted in percent, to four decimals; with equal weights `compute_statistic`'s avg.

    Raises:
        ToolError: not as many weights as numbers, a negative weight, weights that do not add up to 100 (to within
            0.01, so that three thirds pass), not 1 to 20 numbers of at most 1e12.
    """
    _check_numbers(numbers)
    if len(weights) != len(numbers):
        raise ToolError(f"weights: give one for each number, {len(numbers)} not {len(weights)}")
    if not all(0 <= weight <= MAX_NUMBER for weight in weights):
        raise ToolError("weights: must not be negative and add up to 100")
    total = math.fsum(weights)
    if not abs(total - 100) <= 0.01:
        raise ToolError(f"weights: must add up to 100, not {total:g}")
    return _rounded(math.fsum(number * weight for number, weight in zip(numbers, weights, strict=True)) / total)


TOOLS: list = [spell_number, convert_unit, convert_base, compute_statistic, weighted_mean]
