"""The kinds of arguments that synthetic tools take, each with the conventions by which it may have to be written.

>>> import random
>>> kind = make("date", random.Random(0), ["lamp"])
>>> [write.json((2031, 5, 4)) for write in kind.conventions]
['2031-05-04', '04/05/2031', '05/04/2031', '04.05.2031', '20310504', [2031, 5, 4]]

A `Kind` is made for one argument of one tool, since some (enumerations, counts of things) need words of their own.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from microworld.language import values, vocabulary
from microworld.language.values import Convention, Kind, clock, joined, number_said, of, plain, same

Maker = Callable[[random.Random, list[str]], Kind]
Say = Callable[[random.Random, Any], str]


def text(json: Callable[[Any], Any] | str, hint: str) -> Convention:
    """A string, given by a function or by a format that takes the value's parts."""
    if isinstance(json, str):
        return Convention("string", lambda value: json.format(*value), hint)
    return Convention("string", json, hint)


def whole(json: Callable[[Any], Any], hint: str) -> Convention:
    """An integer."""
    return Convention("integer", json, hint)


def number(json: Callable[[Any], Any], hint: str) -> Convention:
    """A number."""
    return Convention("number", json, hint)


def array(json: Callable[[Any], Any], hint: str) -> Convention:
    """A list."""
    return Convention("array", json, hint)


def thing(json: Callable[[Any], Any], hint: str) -> Convention:
    """An object."""
    return Convention("object", json, hint)


def fixed(
    names: str,
    draw: Callable[[random.Random], Any],
    say: Say,
    phrases: str,
    *conventions: Convention,
    pair: bool = False,
) -> Maker:
    """A kind that is the same for every tool."""
    kind = Kind(tuple(names.split()), draw, say, tuple(phrases.split("|")), conventions, pair)
    return lambda rng, extra: kind


def coded(
    names: str, table: dict[str, str], phrases: str, code: str, full: str, *more: Convention, pair: bool
) -> Maker:
    """A kind whose values have names and codes; twice as often the code is wanted."""
    look_up = table.__getitem__

    def say(rng: random.Random, value: str) -> str:
        chance = rng.random()
        return f"{value} ({table[value]})" if chance < 0.08 else table[value] if chance < 0.14 else value

    conventions = (text(look_up, code), text(look_up, code), text(same, full), *more)
    return fixed(names, of(table), say, phrases, *conventions, pair=pair)


def _lower(table: dict[str, str], hint: str) -> Convention:
    return text(lambda value: table[value].lower(), f"{hint} in lower case")


# --- kinds with words of their own ------------------------------------------------------------------------------------


def _enumeration(rng: random.Random, extra: list[str]) -> Kind:
    options = extra[:4]
    write = rng.choice(
        (
            text(same, f"one of {', '.join(options)}"),
            text(lambda value: value[:3].upper(), "code of three capital letters"),
            text(lambda value: value[:3], "first three letters"),
            text(lambda value: value[0].upper(), "one capital letter"),
        )
    )
    names = ("kind", "mode", "topic", "category", "by", "field", "type", "class", "section", "measure")
    phrases = ("by {}", "for {}", "of the kind {}", "in the {} category", "under {}", "concerning {}")
    return Kind(names, of(options), plain, phrases, (write,))


def _several(rng: random.Random, extra: list[str]) -> Kind:
    one = make(rng.choice(("enumeration", "country", "city", "word", "element", "airport", "number")), rng, extra)
    item = rng.choice(one.conventions)

    def draw(rng: random.Random) -> list[Any]:
        found: list[Any] = []
        for _ in range(rng.randint(2, 4)):
            value = one.draw(rng)
            if value not in found:
                found.append(value)
        return found

    write = array(lambda value: [item.json(each) for each in value], f"list, each {item.hint}")
    names = ("items", "values", "entries", "names", "members", "list", "group", "set", "keys", "series")
    if rng.random() < 0.5:  # as people write: the plural of what is in it
        names = (vocabulary.plural(rng.choice(one.names)),)
    phrases = ("for {}", "of {}", "among {}", "with {}", ": {}")
    return Kind(names, draw, lambda rng, value: joined([str(each) for each in value]), phrases, (write,))


def _counts(rng: random.Random, extra: list[str]) -> Kind:
    labels = extra[: rng.randint(2, 3)]
    short = {label: label[:3].upper() for label in labels}

    def say(rng: random.Random, value: dict[str, int]) -> str:
        pairs = rng.sample(list(value.items()), len(value))
        return joined([f"{number_said(rng, count)} {vocabulary.plural(label)}" for label, count in pairs])

    write = rng.choice(
        (
            thing(same, f"numbers of {', '.join(labels)}"),
            thing(
                lambda value: {short[label]: count for label, count in value.items()}, "numbers by three-letter code"
            ),
            text(lambda value: "-".join(str(value[label]) for label in labels), "-".join(labels)),
            array(lambda value: [value[label] for label in labels], f"numbers of {', '.join(labels)}"),
        )
    )
    names = ("counts", "order", "tally", "parts", "totals", "record", "contents")

    def draw(rng: random.Random) -> dict[str, int]:
        return {label: rng.randint(1, 20) for label in labels}

    return Kind(names, draw, say, ("with {}", "for {}", "of {}"), (write,))


def _flag(rng: random.Random, extra: list[str]) -> Kind:
    word = extra[0]
    phrases = (f"with {word}", f"including {word}", f"{word} too", f"and {word}")
    write = Convention("boolean", same, f"true for {word}")
    return Kind((word, f"include_{word}", f"with_{word}"), lambda rng: True, lambda rng, value: "", phrases, (write,))


def _named(rng: random.Random, extra: list[str]) -> Kind:
    label = extra[0]
    phrases = (f"with {label} {{}}", f"{label} {{}}", f"a {label} of {{}}")
    if rng.random() < 0.5:
        return Kind((label,), values.draw_number, number_said, phrases, (number(same, f"{label} as a number"),))
    return Kind((label,), values.word_drawn, plain, phrases, (text(same, f"the {label}"),))


# --- all of them ------------------------------------------------------------------------------------------------------

MAKERS: dict[str, Maker] = {
    "city": fixed(
        "city town place location where",
        of(vocabulary.CITY_COUNTRIES),
        plain,
        "in {}|for {}|around {}|near {}|at {}",
        text(same, "name of the city"),
        text(lambda value: f"{value}, {vocabulary.CITY_COUNTRIES[value]}", "City, CC with the country code"),
        text(str.upper, "name in capital letters"),
        text(str.lower, "name in lower case"),
        pair=True,
    ),
    "country": coded(
        "country nation state land", vocabulary.COUNTRY_CODES, "in {}|for {}|across {}|of {}|within {}",
        "two-letter country code", "name of the country", _lower(vocabulary.COUNTRY_CODES, "two-letter country code"),
        pair=True,
    ),
    "currency": coded(
        "currency money cash", vocabulary.CURRENCY_CODES, "in {}|priced in {}|expressed in {}|paid in {}",
        "three-letter currency code", "name of the currency",
        _lower(vocabulary.CURRENCY_CODES, "three-letter currency code"), pair=True,
    ),
    "language": coded(
        "language tongue locale", vocabulary.LANGUAGE_CODES, "in {}|written in {}|in the {} language|using {}",
        "two-letter language code", "name of the language", pair=True,
    ),
    "unit": coded(
        "unit scale units", vocabulary.UNIT_CODES, "in {}|measured in {}|expressed in {}|using {}",
        "abbreviation of the unit", "name of the unit", pair=True,
    ),
    "airport": coded(
        "airport port hub", vocabulary.AIRPORT_CODES, "at {}|for {}|in {}|via {}",
        "three-letter airport code", "city of the airport", pair=True,
    ),
    "element": coded(
        "element metal substance", vocabulary.ELEMENT_SYMBOLS, "of {}|for {}|with {}|containing {}",
        "chemical symbol", "name of the element", pair=False,
    ),
    "zone": fixed(
        "zone timezone clock", of(vocabulary.ZONES), plain, "in {}|for {}|at {}",
        text(vocabulary.ZONES.__getitem__, "time zone as Area/City"), text(same, "city"),
    ),
    "date": fixed(
        "date day when start", values.date_drawn, values.date_said, "on {}|for {}|dated {}|of {}",
        text("{0}-{1:02d}-{2:02d}", "date as YYYY-MM-DD"), text("{2:02d}/{1:02d}/{0}", "date as DD/MM/YYYY"),
        text("{1:02d}/{2:02d}/{0}", "date as MM/DD/YYYY"), text("{2:02d}.{1:02d}.{0}", "date as DD.MM.YYYY"),
        text("{0}{1:02d}{2:02d}", "date as YYYYMMDD"), array(list, "[year, month, day]"), pair=True,
    ),
    "month": fixed(
        "month period", lambda rng: rng.randint(1, 12), lambda rng, value: vocabulary.MONTHS[value - 1],
        "in {}|for {}|during {}",
        whole(same, "month from 1 to 12"),
        text(lambda value: vocabulary.MONTHS[value - 1][:3].upper(), "month as JAN or DEC"),
    ),
    "year": fixed(
        "year season edition", lambda rng: rng.randint(1900, 2039), plain, "in {}|for {}|of {}|from {}",
        whole(same, "year"), whole(same, "year"), text(str, "year as text"),
    ),
    "years": fixed(
        "period years span interval", values.years_drawn, values.years_said, "from {}|for {}|in {}",
        text("{}/{}", "years as first/last"), text("{}-{}", "years as first-last"),
        array(list, "[first year, last year]"),
    ),
    "time": fixed(
        "time hour at after", values.draw_time, values.time_said, "at {}|by {}|after {}|from {}",
        text(clock, "time as HH:MM"), text("{:02d}{:02d}", "time as HHMM"),
        whole(lambda value: value[0], "hour from 0 to 23"), pair=True,
    ),
    "range": fixed(
        "window slot opening hours", values.window_drawn, values.window_said, "from {}|between {}|open {}",
        text(lambda value: "-".join(map(clock, value)), "hours as HH:MM-HH:MM"),
        array(lambda value: [*map(clock, value)], "[from, to] as HH:MM"),
    ),
    "number": fixed(
        "amount value quantity size weight level", values.draw_number, number_said, "of {}|for {}|with {}|worth {}",
        number(same, "number"), number(same, "number"), text(str, "number as text"), pair=True,
    ),
    "count": fixed(
        "limit count top max maximum", lambda rng: rng.randint(2, 50), number_said,
        "with {} results|the first {}|at most {} of them|limited to {}|up to {}",
        whole(same, "whole number"),
    ),
    "days": fixed(
        "days ahead offset shift", values.days_drawn, values.days_said, "{}|and {}",
        whole(same, "days, negative for earlier"), whole(same, "number of days"),
    ),
    "duration": fixed(
        "duration length minutes", of((10, 15, 20, 30, 40, 45, 60, 90, 120, 180, 240, 300)), values.duration_said,
        "for {}|lasting {}|of {}", whole(same, "minutes"), text(lambda value: f"{value}m", "minutes with m"),
    ),
    "term": fixed(
        "term runtime lifetime", lambda rng: 12 * rng.randint(2, 30), values.term_said, "over {}|for {}|during {}",
        whole(same, "months"), whole(lambda value: value // 12, "whole years"),
    ),
    "percent": fixed(
        "rate percent discount share", values.percent_drawn, values.percent_said, "at {}|with {}|plus {}|of {}",
        number(same, "percent"), number(lambda value: round(value / 100, 4), "fraction from 0 to 1"),
        text(lambda value: f"{value}%", "percent with the sign"),
    ),
    "person": fixed(
        "person user customer owner author", values.person_drawn, lambda rng, value: " ".join(value),
        "for {}|of {}|by {}|on behalf of {}",
        text(" ".join, "first and last name"), text("{1}, {0}", "Last, First"),
        text(lambda value: f"{value[0][0]}. {value[1]}", "initial and last name"),
    ),
    "firm": fixed(
        "company firm stock team brand", values.name_drawn, plain, "of {}|for {}|from {}|at {}",
        text(same, "name"), text(lambda value: value[:4].upper(), "code of four capital letters"),
        text(lambda value: value[:3].upper(), "code of three capital letters"), text(str.lower, "name in lower case"),
        pair=True,
    ),
    "code": fixed(
        "id reference key code serial", values.code_drawn, plain, "for {}|with code {}|numbered {}|under {}",
        text(same, "code"), text(lambda value: f"#{value}", "code with #"), text(str.lower, "code in lower case"),
    ),
    "position": fixed(
        "position index rank number", lambda rng: rng.randint(1, 12), lambda rng, value: vocabulary.ORDINALS[value - 1],
        "at the {} place|for the {}|the {} one",
        whole(same, "position from 1"), whole(lambda value: value - 1, "position from 0"),
    ),
    "weekday": fixed(
        "weekday day", of(vocabulary.WEEKDAYS), plain, "on {}|for {}|every {}",
        text(lambda value: value[:3].upper(), "weekday as MON or SUN"), text(str.lower, "weekday in lower case"),
        whole(lambda value: vocabulary.WEEKDAYS.index(value) + 1, "weekday from 1 for Monday"),
    ),
    "word": fixed(
        "word term keyword query subject", values.word_drawn, values.word_said,
        "for {}|about {}|with {}|on {}|matching {}",
        text(same, "word"), text(same, "word"), text(str.upper, "word in capital letters"),
    ),
    "text": fixed(
        "text phrase message content note", values.text_drawn, lambda rng, value: f"'{value}'",
        "{}|for {}|with {}|saying {}|of {}", text(same, "text"),
    ),
    "point": fixed(
        "point position coordinates spot", values.point_drawn, values.point_said, "at {}|near {}|around {}",
        array(list, "[latitude, longitude]"), text("{:g},{:g}", "latitude,longitude"),
        thing(lambda value: {"lat": value[0], "lon": value[1]}, "object with lat and lon"),
    ),
    "bounds": fixed(
        "bounds limits between interval", values.bounds_drawn, lambda rng, value: "{} and {}".format(*value),
        "between {}|from between {}",
        thing(lambda value: {"min": value[0], "max": value[1]}, "object with min and max"), array(list, "[min, max]"),
        text("{}..{}", "as min..max"),
    ),
    "exchange": fixed(
        "pair route change", values.exchange_drawn, values.exchange_said, "from {}|for {}|: {}",
        text(lambda value: "/".join(values.currency_codes(value)), "codes with a slash"),
        array(values.currency_codes, "list of two codes"),
        text(lambda value: "-".join(values.currency_codes(value)), "codes with a dash"),
    ),
    "enumeration": _enumeration,
    "several": _several,
    "counts": _counts,
    "flag": _flag,
    "named": _named,
}  # fmt: skip


def make(kind: str, rng: random.Random, extra: list[str]) -> Kind:
    """A kind by name; `extra` are words it may use for options and labels."""
    return replace(MAKERS[kind](rng, extra), label=kind)
