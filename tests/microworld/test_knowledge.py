"""The knowledge tools against facts written down apart from their tables."""

import asyncio
import random
import re
import string
from itertools import pairwise
from typing import Any

import pytest

from microworld.test_set.wordings._base import Case
from microworld.test_set.wordings.knowledge import WORDINGS
from microworld.tools.knowledge import TOOLS
from microworld.tools.tables.elements import ELEMENTS
from microworld.tools.tables.events import YEARS
from ste_core.records import Call, Observation
from ste_core.tools.functions import FunctionToolbox

TOOLBOX = FunctionToolbox(TOOLS)

#: arguments that tools of the family accept, thrown among the wild ones
KNOWN = ["Fe", "He", "Xx", "K", "F", "Z", "M", "T", "WLD", "SCI", "1960/1962", "1960/2060", "1962/1960", "9999/9999"]


def call(*calls: tuple[str, dict[str, Any]]) -> list[Observation]:
    """Execute calls one after the other."""

    async def run() -> list[Observation]:
        return [await TOOLBOX.execute(Call(tool=tool, arguments=args)) for tool, args in calls]

    return asyncio.run(run())


def result(tool: str, **arguments: Any) -> Any:
    (observation,) = call((tool, arguments))
    assert observation.ok, observation.text
    return observation.value


def error(tool: str, **arguments: Any) -> str:
    (observation,) = call((tool, arguments))
    assert not observation.ok
    assert len(observation.text.split()) <= 19  # "Error:" and the tool's own at most 18
    return observation.text


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
    assert result("look_up_element", element=element, **options) == expected


def test_look_up_element_refuses():
    for element in ("iron", "fe", "FE", "", "Ag ", "Ag\n", "É"):
        assert error("look_up_element", element=element) == (
            "Error: element: use the symbol, only its first letter a capital, like Na"
        )
    assert error("look_up_element", element="Og") == "Error: element: nothing on Og; known are common elements"
    assert error("look_up_element", element="Fe", unit="kelvin") == "Error: unit: use C, K or F"


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
    value = result("compare_elements", elements=elements, **options)
    assert list(value.items()) == list(expected.items())  # the highest first


def test_compare_elements_refuses():
    both = ["Fe", "Au"]
    assert error("compare_elements", elements=["Fe"]) == "Error: elements: give 2 to 5 symbols"
    assert error("compare_elements", elements=["H", "N", "O", "F", "P", "S"]) == "Error: elements: give 2 to 5 symbols"
    assert error("compare_elements", elements=["Fe", "Fe"]) == "Error: elements: give each symbol once"
    assert error("compare_elements", elements=["Fe", "gold"]).startswith("Error: elements: use the symbol")
    assert error("compare_elements", elements=["Fe", "Zz"]).startswith("Error: elements: nothing on Zz")
    assert error("compare_elements", elements=["Fe", "He"], by="T") == (
        "Error: elements: He does not melt at normal pressure"
    )
    assert error("compare_elements", elements=both, by="mass") == (
        "Error: by: use Z (atomic number), M (mass) or T (melting point)"
    )


def test_list_nobel_fields():
    """The will names physics, chemistry, physiology or medicine, literature and peace, in this order."""
    assert result("list_nobel_fields") == ["Physics", "Chemistry", "Medicine", "Literature", "Peace"]
    assert "unknown argument 'year'" in error("list_nobel_fields", year=1901)


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
    assert result("find_event", year=year, **options) == {str(int(year)): expected}


def test_find_event_refuses():
    for year in (1950, 2001, -44, 10**30):
        assert error("find_event", year=year) == "Error: year: use years from 1951 to 2000"
    for topic in ("science", "sci", ""):
        assert error("find_event", year=1960, topic=topic) == (
            "Error: topic: use WLD (world), SCI (science) or FLM (film)"
        )


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("1989/1991", {"1989": "Berlin Wall falls", "1990": "German reunification", "1991": "Soviet Union dissolved"}),
        ("1956/1957", {"1956": "Suez Crisis", "1957": "Treaty of Rome signed"}),
        ("2000/2000", {"2000": "Putin elected president"}),
    ],
)
def test_list_events(period, expected):
    assert result("list_events", period=period) == expected


def test_list_events_refuses():
    for period in ("1960-1962", "1960 to 1962", "1960", "60/62", "1960/1962 ", "1960/1962\n", "", "１９６０/１９６２"):
        assert error("list_events", period=period) == ("Error: period: use two years with a slash, like 1971/1973"), (
            period
        )
    assert error("list_events", period="1949/1952") == "Error: period: use years from 1951 to 2000"
    assert error("list_events", period="1999/2001") == "Error: period: use years from 1951 to 2000"
    for period in ("1962/1960", "1960/1964"):
        assert error("list_events", period=period) == "Error: period: use at most four years, the earlier one first"


def test_the_event_table_is_gapless_and_terse():
    assert [row.year for row in YEARS] == list(range(1951, 2001))
    for topic, limit in (("world", 29), ("science", 40), ("film", 40)):
        texts = [getattr(row, topic) for row in YEARS]
        assert len(set(texts)) == len(texts) and all(0 < len(text) <= limit for text in texts)


def test_the_near_duplicates_agree_on_a_single_year_of_world_affairs():
    assert result("find_event", year=1974) == result("list_events", period="1974/1974")
    assert result("find_event", year=1974, topic="SCI") != result("list_events", period="1974/1974")
    assert result("find_event", year=1974) != result("list_events", period="1974/1975")


def _queries(tool: str, templates: tuple[str, ...], seeds: int = 30) -> list[tuple[str, Case]]:
    """Each wording filled `seeds` times."""
    filled = []
    for template in templates:
        slots = frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)
        for seed in range(seeds):
            case = WORDINGS[tool].case(random.Random(f"{template} {seed}"), slots)
            assert set(case.slots) == slots
            filled.append((template.format(**case.slots), case))
    return filled


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.tool.name)
def test_documentation_is_short_and_properties_hold(tool):
    """Descriptions keep to the family's limits; breaking a convention shows, keeping it works."""
    record, about = tool.tool, tool.properties
    assert record.family == "knowledge" and len(record.description.split()) <= 12
    assert len(record.documentation().split()) <= 40
    assert all(len(one.get("description", "").split()) <= 3 for one in record.parameters["properties"].values())
    if not record.parameters["properties"]:
        return
    assert about.convention
    (broken, kept) = call((record.name, about.breaks), (record.name, about.keeps))
    assert kept.ok and broken.ok == about.silent and broken.text != kept.text
    if not about.silent:
        assert broken.text.split()[1].rstrip(":") in about.breaks


def test_the_near_duplicates_name_each_other():
    named = {tool.tool.name: tool.properties.near_duplicate for tool in TOOLS if tool.properties.near_duplicate}
    assert len(named) == 2 and all(named[other] == name for name, other in named.items())


@pytest.mark.parametrize("tool", WORDINGS)
def test_wordings(tool):
    """Gold calls succeed, queries are short and varied and keep the tool's name to themselves."""
    wordings = WORDINGS[tool]
    parameters = TOOLBOX.tools[tool].parameters
    least = (8, 3) if parameters["properties"] else (15, 5)
    assert len(wordings.test) >= least[0] and len(wordings.dev) >= least[1]
    assert len({*wordings.test, *wordings.dev}) == len(wordings.test) + len(wordings.dev)

    queries = _queries(tool, wordings.test + wordings.dev)
    for query, _ in queries:
        words = " ".join(re.findall(r"\w+", query.lower()))
        assert tool not in query and tool.replace("_", " ") not in words
        assert len(query.split()) <= 25, query
        assert query.isascii() and not set("{}*`_") & set(query)
    golds = [(tool, case.arguments) for _, case in queries]
    for (query, case), observation in zip(queries, call(*golds), strict=True):
        assert observation.ok, (query, case.arguments, observation.text)
        assert len(observation.text) <= 160
    if parameters["properties"]:
        rng = random.Random(0)
        assert len({query for query, _ in rng.sample(_queries(tool, wordings.test), 40)}) >= 20

    optional = set(parameters["properties"]) - set(parameters.get("required", ()))
    if optional:
        with_option = {template for template in wordings.test if any(f"{{{name}}}" in template for name in optional)}
        assert len(wordings.test) // 4 <= len(wordings.test) - len(with_option) < len(wordings.test)
        for query, case in queries:
            assert optional & set(case.arguments) == optional & set(case.slots), query


def test_a_thousand_wild_calls_are_answered():
    """Whatever the arguments, a call ends in a result or in an error the tool means to give."""
    rng = random.Random(20311803)
    wild = [
        *(None, True, False, 0, 1, -1, 3, 3.0, 1.5, 1969, 2**70, -(10**13), 1e300, float("inf"), float("nan")),
        *("", " ", "a", "\u00e4\u00f6\ud83d", "\u202eabc", "日本", "x" * 5000, "-", "....", "Final Answer: 1", "\0"),
        *([], [[]], [1, "a"], ["a"] * 30, ["x" * 5000, "b"], ["", ""], KNOWN[:2], KNOWN[:4], {}, {"a": {"b": [None]}}),
    ]
    calls = []
    for _ in range(1000):
        tool = rng.choice(TOOLS).tool
        properties, required = tool.parameters["properties"], tool.parameters.get("required", ())
        arguments = {}
        for name, schema in properties.items():
            if rng.random() < (0.95 if name in required else 0.5):
                fitting = [value for value in wild if _fits(schema["type"], value)]
                arguments[name] = rng.choice(fitting if rng.random() < 0.8 else wild)
                if isinstance(arguments[name], str) and rng.random() < 0.6:
                    arguments[name] = rng.choice(KNOWN)
        if rng.random() < 0.03:
            arguments["other"] = 1
        calls.append((tool.name, arguments))
    answers = call(*calls)
    assert len({tool for (tool, _), answer in zip(calls, answers, strict=True) if answer.ok}) >= 4
    for (tool, arguments), answer in zip(calls, answers, strict=True):
        assert len(answer.text) <= TOOLBOX.max_chars
        assert answer.ok or not re.match(r"Error: \w*(Error|Exception|Warning|Exit|Interrupt)\b", answer.text), (
            tool,
            arguments,
            answer.text[:200],
        )


def _fits(kind: str, value: Any) -> bool:
    kinds = {"string": str, "integer": (int, float), "boolean": bool, "array": list}
    return isinstance(value, kinds[kind]) and (kind == "boolean" or not isinstance(value, bool))
