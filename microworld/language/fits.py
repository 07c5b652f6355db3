"""Whether an imagined query fits a synthetic tool: it is about the tool's thing and names what every argument needs.

>>> import random
>>> made = synthetic.tool(random.Random(3), "heldout")
>>> fits(made, synthetic.ask(random.Random(0), made, synthetic.draw(random.Random(0), made)))
True

Values are recognised by kind: a city by its name, a date by its form, a number by digits or words. For kinds whose
values are any word (enumerations, keywords, labels) it is enough that the query has a word left that neither the thing
nor the verb accounts for, so the measure is generous there.
"""

import re

from microworld.language import kinds, synthetic, vocabulary
from microworld.language.synthetic import Argument, Synthetic

_NUMBER = r"(?:\d[\d,.]*|" + "|".join(vocabulary.CARDINALS) + ")"
_CLOCK = r"(?:\d{1,2}:\d{2}|\d{1,2} (?:am|pm))"
_MONTH = "(?:" + "|".join(vocabulary.MONTHS) + ")"


def _any_of(table: object) -> str:
    entries = sorted({*table, *(table.values() if isinstance(table, dict) else ())}, key=len, reverse=True)  # type: ignore
    return r"\b(?:" + "|".join(map(re.escape, entries)) + r")\b"


_PATTERNS = {
    "city": _any_of(list(vocabulary.CITY_COUNTRIES)),
    "country": _any_of(vocabulary.COUNTRY_CODES),
    "currency": _any_of(vocabulary.CURRENCY_CODES),
    "language": _any_of(vocabulary.LANGUAGE_CODES),
    "unit": _any_of(vocabulary.UNIT_CODES),
    "airport": _any_of(vocabulary.AIRPORT_CODES),
    "element": _any_of(vocabulary.ELEMENT_SYMBOLS),
    "zone": _any_of(list(vocabulary.ZONES)),
    "date": rf"\d{{4}}-\d\d-\d\d|\d\d/\d\d/\d{{4}}|\d+ {_MONTH} \d{{4}}|{_MONTH} \d+, \d{{4}}",
    "month": _MONTH,
    "year": r"\b(?:1[89]|20)\d\d\b",
    "years": r"\b\d{4} ?(?:-|to|until) ?\d{4}\b",
    "time": _CLOCK,
    "range": rf"{_CLOCK}.*{_CLOCK}",
    "number": _NUMBER,
    "count": _NUMBER,
    "days": rf"{_NUMBER} days",
    "duration": rf"{_NUMBER} (?:minutes|hours)",
    "term": rf"{_NUMBER} (?:years|months)",
    "percent": rf"{_NUMBER}(?:%| percent)",
    "person": _any_of(vocabulary.FIRST_NAMES),
    "code": r"\b[A-Z]{1,3}\d{2,4}\b",
    "position": _any_of(vocabulary.ORDINALS),
    "weekday": _any_of(vocabulary.WEEKDAYS),
    "text": r"'[^']+'",
    "point": r"\d.*\d",
    "bounds": r"\d+ and \d+",
    "exchange": rf"{_any_of(list(vocabulary.CURRENCY_CODES))}.*{_any_of(list(vocabulary.CURRENCY_CODES))}",
    "several": r" and ",
    "counts": rf"{_NUMBER} .*{_NUMBER} ",
    "firm": r" [A-Z][a-z]+",
}
_COMPILED = {label: re.compile(pattern) for label, pattern in _PATTERNS.items()}


def about(made: Synthetic, query: str) -> bool:
    """Whether the query mentions the tool's thing: its last word, in singular or plural, or a synonym."""
    said = set(re.findall(r"[a-z]+", query.lower()))
    last = made.thing[-1]
    same = {last, vocabulary.plural(last), *synthetic.synonyms(last)}
    return bool(said & (same | {vocabulary.plural(word) for word in same}))


def names_value(made: Synthetic, argument: Argument, query: str) -> bool:
    """Whether the query has a value of the argument's kind."""
    label = argument.kind.label
    pattern = _COMPILED.get(label)
    if pattern is not None:
        return pattern.search(query) is not None
    known = " ".join((*made.thing, *map(vocabulary.plural, made.thing), *made.verb.queries, *synthetic.small_talk()))
    left = set(re.findall(r"[a-z]{3,}|\d", query.lower())) - set(re.findall(r"[a-z]{3,}", known.lower()))
    return bool(left - {"for", "with", "about", "the"})


def fits(made: Synthetic, query: str) -> bool:
    """Whether the query is about the tool's thing and has a value for every required argument; one line, no call."""
    if "\n" in query or "Action" in query or made.record.name in query:
        return False
    return about(made, query) and all(names_value(made, one, query) for one in made.arguments if one.required)


def labels() -> set[str]:
    """The kinds recognised by form; the rest are recognised by elimination."""
    return set(_PATTERNS) & set(kinds.MAKERS)
