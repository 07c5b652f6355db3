"""The knowledge tools against facts written down apart from their tables."""

from itertools import pairwise

import pytest
from calls import error, value

from microworld.tools.tables.elements import ELEMENTS
from microworld.tools.tables.events import YEARS


# From a printed periodic table. Gold's 1064.18 degrees Celsius is a fixed point of the temperature scale ITS-90; by
# hand, 1538 * 1.8 + 32 for iron in Fahrenheit and 273.15 - 38.8 for mercury in kelvin (234.32 unrounded).
@pytest.mark.parametrize(
    ("element", "options", "expected"),
    [
        ("Au", {}, {"name": "Gold", "number": 79, "mass": 196.97, "group": 11, "melting_C": 1064.2}),
        ("Fe", {"unit": "F"}, {"name": "Iron", "number": 26, "mass": 55.845, "group": 8, "melting_F": 2800.4}),
        ("Hg", {"unit": "K"}, {"name": "Mercury", "number": 80, "mass": 200.59, "group": 12, "melting_K": 234.3}),
        ("He", {"unit": "K"}, {"name": "Helium", "number": 2, "mass": 4.0026, "group": 18, "melting_K": None}),
        ("U", {}, {"name": "Uranium", "number": 92, "mass": 238.03, "group": None, "melting_C": 1135.0}),
    ],
)
def test_look_up_element(element, options, expected):
    assert value("look_up_element", element=element, **options) == expected


def test_look_up_element_refuses():
    for element in ("iron", "fe", "FE", "", "Ag ", "Ag\n", "É"):
        assert error("look_up_element", element=element) == (
            "element: use the symbol, only its first letter a capital, like Na"
        )
    assert error("look_up_element", element="Og") == "element: nothing on Og; known are common elements"
    assert error("look_up_element", element="Fe", unit="kelvin") == "unit: use C, K or F"


def test_the_element_table_obeys_the_periodic_law():
    """What holds between columns: a group's period lengths, masses growing but for known pairs, unique names."""
    numbers = [element.number for element in ELEMENTS]
    assert numbers == sorted(set(numbers)) and numbers[:36] == list(range(1, 37)) and len(ELEMENTS) >= 50
    assert len({element.symbol for element in ELEMENTS}) == len({element.name for element in ELEMENTS}) == len(ELEMENTS)
    noble_gases = (0, 2, 10, 18, 36, 54, 86)
    for element in ELEMENTS:
        if element.group is None:
            continue
        before = max(gas for gas in noble_gases if gas < element.number)
        after = min((gas for gas in noble_gases if gas >= element.number), default=118)
        if element.group <= 2 and element.symbol != "He":
            assert element.group == element.number - before
        elif element.group >= 13 or before >= 18:
            # counted from the period's end, which skips the lanthanides
            assert element.group == 18 - (after - element.number), element
    heavier_before = [(one.symbol, two.symbol) for one, two in pairwise(ELEMENTS) if one.mass >= two.mass]
    assert heavier_before == [("Ar", "K"), ("Co", "Ni")]  # the inversions Mendeleev's order by mass stumbled over


# By hand from a periodic table: tungsten has the highest melting point of all metals, cobalt is heavier than nickel
# though it comes before it.
@pytest.mark.parametrize(
    ("elements", "options", "expected"),
    [
        (["Ni", "Co"], {}, {"Co": 58.933, "Ni": 58.693}),
        (["Ni", "Co"], {"by": "Z"}, {"Ni": 28, "Co": 27}),
        (["Hg", "W", "Sn"], {"by": "T"}, {"W": 3414.0, "Sn": 231.9, "Hg": -38.8}),
        (["H", "O", "C", "N", "S"], {"by": "M"}, {"S": 32.06, "O": 15.999, "N": 14.007, "C": 12.011, "H": 1.008}),
    ],
)
def test_compare_elements(elements, options, expected):
    compared = value("compare_elements", elements=elements, **options)
    assert list(compared.items()) == list(expected.items())  # the highest first


def test_compare_elements_refuses():
    both = ["Fe", "Au"]
    assert error("compare_elements", elements=["Fe"]) == "elements: give 2 to 5 symbols"
    assert error("compare_elements", elements=["H", "N", "O", "F", "P", "S"]) == "elements: give 2 to 5 symbols"
    assert error("compare_elements", elements=["Fe", "Fe"]) == "elements: give each symbol once"
    assert error("compare_elements", elements=["Fe", "gold"]).startswith("elements: use the symbol")
    assert error("compare_elements", elements=["Fe", "Zz"]).startswith("elements: nothing on Zz")
    assert error("compare_elements", elements=["Fe", "He"], by="T") == "elements: He does not melt at normal pressure"
    assert error("compare_elements", elements=both, by="mass") == (
        "by: use Z (atomic number), M (mass) or T (melting point)"
    )


def test_list_nobel_fields():
    """The will names physics, chemistry, physiology or medicine, literature and peace, in this order."""
    assert value("list_nobel_fields") == ["Physics", "Chemistry", "Medicine", "Literature", "Peace"]


# School knowledge; the films' years are those of the films, not of the ceremonies.
@pytest.mark.parametrize(
    ("year", "options", "expected"),
    [
        (1989, {}, "Berlin Wall falls"),
        (1962, {"topic": "WLD"}, "Cuban Missile Crisis"),
        (1969, {"topic": "SCI"}, "First people on the Moon"),
        (1957, {"topic": "SCI"}, "Sputnik 1 launched"),
        (1997, {"topic": "FLM"}, "Titanic"),
        (1972.0, {"topic": "FLM"}, "The Godfather"),
    ],
)
def test_find_event(year, options, expected):
    assert value("find_event", year=year, **options) == {str(int(year)): expected}


def test_find_event_refuses():
    for year in (1950, 2001, -44, 10**30):
        assert error("find_event", year=year) == "year: use years from 1951 to 2000"
    for topic in ("science", "sci", ""):
        assert error("find_event", year=1960, topic=topic) == "topic: use WLD (world), SCI (science) or FLM (film)"


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("1989/1991", {"1989": "Berlin Wall falls", "1990": "German reunification", "1991": "Soviet Union dissolved"}),
        ("1956/1957", {"1956": "Suez Crisis", "1957": "Treaty of Rome signed"}),
        ("2000/2000", {"2000": "Putin elected president"}),
    ],
)
def test_list_events(period, expected):
    assert value("list_events", period=period) == expected


def test_list_events_refuses():
    for period in ("1960-1962", "1960 to 1962", "1960", "60/62", "1960/1962 ", "1960/1962\n", "", "１９６０/１９６２"):
        assert error("list_events", period=period) == "period: use two years with a slash, like 1971/1973", period
    assert error("list_events", period="1949/1952") == "period: use years from 1951 to 2000"
    assert error("list_events", period="1999/2001") == "period: use years from 1951 to 2000"
    for period in ("1962/1960", "1960/1964"):
        assert error("list_events", period=period) == "period: use at most four years, the earlier one first"


def test_the_event_table_is_gapless_and_terse():
    assert [row.year for row in YEARS] == list(range(1951, 2001))
    for topic, limit in (("world", 29), ("science", 40), ("film", 40)):
        texts = [getattr(row, topic) for row in YEARS]
        assert len(set(texts)) == len(texts) and all(0 < len(text) <= limit for text in texts)
