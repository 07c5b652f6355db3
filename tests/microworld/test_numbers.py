"""The family `numbers`: results against independent facts, and errors."""

from typing import Any

import pytest
from calls import error, value

from microworld.tools.numbers import LANGUAGES, convert_unit, spell_number
from microworld.tools.tables.units import UNITS


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        # school knowledge of each language
        ({"number": 0, "language": "en"}, "zero"),
        ({"number": 342, "language": "en"}, "three hundred and forty-two"),
        ({"number": 80, "language": "fr"}, "quatre-vingts"),
        ({"number": 71, "language": "fr"}, "soixante et onze"),
        ({"number": 21, "language": "de"}, "einundzwanzig"),
        ({"number": 500, "language": "es"}, "quinientos"),
        ({"number": 1000, "language": "it"}, "mille"),
        ({"number": 19, "language": "pt"}, "dezanove"),
        ({"number": 24, "language": "nl"}, "vierentwintig"),
        ({"number": 25, "language": "pl"}, "dwadzieścia pięć"),
        ({"number": 2000, "language": "hu"}, "kétezer"),
        ({"number": 12, "language": "fi"}, "kaksitoista"),
        ({"number": 11, "language": "id"}, "sebelas"),
        ({"number": 1, "language": "fr", "ordinal": True}, "premier"),
        ({"number": 80, "language": "fr", "ordinal": True}, "quatre-vingtième"),
        ({"number": 42, "language": "es", "ordinal": True}, "cuadragésimo segundo"),
        ({"number": 3, "language": "de", "ordinal": True}, "dritte"),
        ({"number": 21, "language": "en", "ordinal": True}, "twenty-first"),
        ({"number": 10, "language": "es", "ordinal": True}, "décimo"),
        ({"number": 100, "language": "it", "ordinal": True}, "centesimo"),
        ({"number": 8, "language": "nl", "ordinal": True}, "achtste"),
        ({"number": 42, "language": "en", "ordinal": False}, "forty-two"),
    ],
)
def test_spell_number(arguments: dict[str, Any], expected: str):
    assert value("spell_number", **arguments) == expected


def test_spell_number_is_unambiguous():
    """Different numbers, different words, in every language and over the whole range; short enough to show."""
    for language in LANGUAGES:
        words = [spell_number(number, language) for number in [*range(0, 1200), *range(1200, 10000, 37), 9999]]
        assert len(set(words)) == len(words) and all(words) and max(map(len, words)) <= 160
        ordinals = [spell_number(number, language, ordinal=True) for number in range(1, 101)]
        assert len(set(ordinals)) == 100 and all(ordinals)


def test_spell_number_errors():
    for text, code in (("German", "de"), ("FR", "fr"), ("polish ", "pl"), ("Klingon", "id"), ("", "id"), ("eng", "id")):
        assert error("spell_number", number=5, language=text) == f"language: use a two-letter code, like {code}"
    assert error("spell_number", number=5, language="xx").startswith("language: xx is not known, known are en, fr")
    for number in (-1, 10000):
        assert error("spell_number", number=number, language="en") == "number: must be from 0 to 9999"
    for number in (0, 101):
        assert error("spell_number", number=number, language="en", ordinal=True).startswith("number:")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        # common knowledge: a marathon, where the scales meet, boiling, body heat; published conversion tables
        ({"value": 42.195, "source": "km", "target": "mi", "decimals": 2}, 26.22),
        ({"value": -40, "source": "C", "target": "F"}, -40.0),
        ({"value": 100, "source": "C", "target": "F"}, 212.0),
        ({"value": 98.6, "source": "F", "target": "C"}, 37.0),
        ({"value": 0, "source": "C", "target": "K"}, 273.15),
        ({"value": 100, "source": "mph", "target": "km/h"}, 160.9344),
        ({"value": 1, "source": "lb", "target": "kg", "decimals": 8}, 0.45359237),
        ({"value": 1, "source": "gal", "target": "l", "decimals": 6}, 3.785412),
        ({"value": 1, "source": "ac", "target": "m2"}, 4046.8564),
        ({"value": 6, "source": "ft", "target": "cm"}, 182.88),
        ({"value": 1, "source": "nmi", "target": "m"}, 1852.0),
        ({"value": 1, "source": "atm", "target": "hPa"}, 1013.25),
        ({"value": 2, "source": "wk", "target": "d"}, 14.0),
        ({"value": 1, "source": "kWh", "target": "kJ"}, 3600.0),
        ({"value": 1.5, "source": "GB", "target": "MB", "decimals": 0}, 1500.0),
    ],
)
def test_convert_unit(arguments: dict[str, Any], expected: float):
    assert value("convert_unit", **arguments)["value"] == expected


def test_convert_unit_there_and_back():
    assert value("convert_unit", value=3, source="mi", target="yd") == {"value": 5280.0, "unit": "yards"}
    for old in UNITS.values():
        for new in UNITS.values():
            if old.quantity == new.quantity and 1e-3 <= old.factor / new.factor <= 1e3:
                there = convert_unit(500, old.code, new.code, 8)
                back = convert_unit(there["value"], new.code, old.code, 3)
                assert back == {"value": 500.0, "unit": old.names[0]}


def test_convert_unit_errors():
    for text, code in (("miles", "mi"), ("Kilometers", "km"), ("KG", "kg"), ("degrees Celsius", "C"), ("mb", "MB")):
        assert (
            error("convert_unit", value=1, source=text, target="m") == f"source: use a unit abbreviation, like {code}"
        )
    for text in ("", "furlongs", "x" * 600):
        assert error("convert_unit", value=1, source="m", target=text) == "target: use a unit abbreviation, like nmi"
    assert error("convert_unit", value=1, source="m", target="kg").startswith(
        "target: kg is a unit of mass, but m of length"
    )
    assert error("convert_unit", value=-300, source="C", target="K") == "value: is below absolute zero"
    assert error("convert_unit", value=1e13, source="m", target="km").startswith("value:")
    for decimals in (-1, 9):
        assert error("convert_unit", value=1, source="m", target="km", decimals=decimals).startswith("decimals:")


def test_convert_base():
    """Against Python's own formatting and parsing."""
    for number in (0, 1, 7, 255, 4096, 99999, 10**12):
        assert value("convert_base", digits=str(number), target=2) == format(number, "b")
        assert value("convert_base", digits=str(number), target=8) == format(number, "o")
        assert value("convert_base", digits=str(number), target=16) == format(number, "X")
        assert value("convert_base", digits=format(number, "X"), target=10, source=16) == str(number)
        for base in (3, 20, 36):
            assert int(value("convert_base", digits=format(number, "b"), source=2, target=base), base) == number


def test_convert_base_errors():
    for text in ("0xd3", "0XD3", "d3", " 0xD3"):
        assert error("convert_base", digits=text, target=2, source=16) == (
            "digits: leave out prefixes and use capital letters, like D3"
        )
    for text in ("", "-5", "1.5", "0x", "١٢", "1 000"):
        assert error("convert_base", digits=text, target=2).endswith("like 7E")
    assert error("convert_base", digits="19", target=2, source=8) == "digits: 9 is no digit of base 8"
    assert error("convert_base", digits="1" * 41, target=3, source=2).startswith("digits: at most 40")
    assert error("convert_base", digits="1" * 20, target=3).startswith("digits: the number is over")
    for base in (1, 37, -2):
        assert error("convert_base", digits="1", target=base).startswith("target:")
        assert error("convert_base", digits="1", target=2, source=base).startswith("source:")


@pytest.mark.parametrize(
    ("statistic", "numbers", "expected"),
    [
        # by hand; the deviation of 2 4 4 4 5 5 7 9 is 2 for a population, so sqrt(32 / 7) for a sample
        ("avg", [1, 2, 6], 3.0),
        ("med", [7, 1, 3], 3.0),
        ("med", [7, 1, 3, 4], 3.5),
        ("mode", [5, 2, 5, 1], 5.0),
        ("mode", [9, 4, 9, 4], 4.0),
        ("range", [-3, 8.5, 2], 11.5),
        ("sd", [2, 4, 4, 4, 5, 5, 7, 9], 2.1381),
        ("sd", [10, 10], 0.0),
        ("avg", [1e12, -1e12], 0.0),
    ],
)
def test_compute_statistic(statistic: str, numbers: list[float], expected: float):
    assert value("compute_statistic", numbers=numbers, statistic=statistic) == expected


def test_compute_statistic_errors():
    for text in ("mean", "average", "median", "AVG", ""):
        assert (
            error("compute_statistic", numbers=[1, 2], statistic=text) == "statistic: use avg, med, mode, range or sd"
        )
    for numbers in ([], [1] * 21, [1e13], [1, -1e13]):
        assert error("compute_statistic", numbers=numbers, statistic="avg").startswith("numbers:")
    assert error("compute_statistic", numbers=[4], statistic="sd") == "numbers: give at least 2 for sd"


@pytest.mark.parametrize(
    ("numbers", "weights", "expected"),
    [
        # by hand
        ([80, 90], [40, 60], 86.0),
        ([10, 20, 30], [20, 30, 50], 23.0),
        ([5], [100], 5.0),
        ([1, 2, 3], [33.33, 33.33, 33.34], 2.0001),
        ([7, 100], [100, 0], 7.0),
    ],
)
def test_weighted_mean(numbers: list[float], weights: list[float], expected: float):
    assert value("weighted_mean", numbers=numbers, weights=weights) == expected


def test_weighted_mean_errors():
    assert error("weighted_mean", numbers=[1, 2], weights=[1, 3]) == "weights: must add up to 100, not 4"
    assert error("weighted_mean", numbers=[1, 2], weights=[0.5, 0.5]) == "weights: must add up to 100, not 1"
    assert error("weighted_mean", numbers=[1, 2], weights=[100]) == "weights: give one for each number, 2 not 1"
    assert error("weighted_mean", numbers=[1, 2], weights=[150, -50]).startswith("weights:")
    assert error("weighted_mean", numbers=[], weights=[]).startswith("numbers:")
    assert error("weighted_mean", numbers=[1e13], weights=[100]).startswith("numbers:")
