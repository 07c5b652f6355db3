"""The family `administration`: results against independent sources, errors, wordings, and no call that breaks it."""

import asyncio
import json
import random
import re
import string

import pytest
from jsonschema import Draft202012Validator

from microworld.test_set.wordings.administration import DOCUMENTS as WORDED_DOCUMENTS
from microworld.test_set.wordings.administration import WORDINGS
from microworld.tools._base import ToolError
from microworld.tools.administration import (
    TOOLS,
    VAT_RULES,
    check_vat_number,
    equally_good_passwords,
    filing_fee,
    make_password,
    office_hours,
    total_fees,
)
from microworld.tools.tables.records_office import DOCUMENTS
from ste_core.records import Call, Observation
from ste_core.tools.functions import FunctionToolbox

BY_NAME = {function.tool.name: function for function in TOOLS}


def execute(*calls: Call) -> list[Observation]:
    async def run() -> list[Observation]:
        toolbox = FunctionToolbox(TOOLS)
        return [await toolbox.execute(call) for call in calls]

    return asyncio.run(run())


def slots_of(wording: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(wording) if name)


# Results (the office is fictional: its literals here repeat its table by hand)


def test_office_hours() -> None:
    hours = office_hours()
    assert hours == {"Mon-Wed": "08:30-16:00", "Thu": "10:00-18:30", "Fri": "08:30-12:30", "Sat-Sun": "closed"}
    hours.clear()
    assert office_hours(), "a caller must not be able to change the office"


def test_codes_are_the_first_letters_of_the_documents() -> None:
    assert all(document.name.upper().startswith(code) for code, document in DOCUMENTS.items())
    assert len({document.fee for document in DOCUMENTS.values()}) == len(DOCUMENTS), "a fee tells the document"


@pytest.mark.parametrize(
    ("arguments", "fee"),
    [
        ({"category": "PAR"}, 45.0),
        ({"category": " par "}, 45.0),
        ({"category": "FIS", "express": False}, 32.5),
        ({"category": "FIS", "express": True}, 52.5),
    ],
)
def test_filing_fee(arguments: dict, fee: float) -> None:
    assert filing_fee(**arguments) == {"fee": fee, "currency": "EUR"}


@pytest.mark.parametrize(
    ("arguments", "fee"),
    [
        ({"copies": {"DOG": 2, "WIL": 1}}, 114.0),  # 2 * 24 + 66
        ({"copies": {"BIR": 3.0, "dea": 1, "TAX": 2}, "delivery": "counter"}, 77.5),  # 36 + 10.50 + 31
        ({"copies": {"BIR": 1}, "delivery": "post"}, 16.5),  # 12 + 4.50
        ({"copies": {"BIR": 1}, "delivery": "Courier"}, 28.0),  # 12 + 16
    ],
)
def test_total_fees(arguments: dict, fee: float) -> None:
    assert total_fees(**arguments) == {"fee": fee, "currency": "EUR"}


@pytest.mark.parametrize(
    ("number", "valid"),
    [  # the examples of python-stdnum 2.2's documentation, right and wrong
        ("BE 0428759497", True),
        ("BE0431150351", False),
        ("DK13585628", True),
        ("DK13585627", False),
        ("fi 2077 4740", True),
        ("FI20774741", False),
        ("HU12892312", True),
        ("HU12892313", False),
        ("LU15027442", True),
        ("LU15027443", False),
        ("PT 501 964 843", True),
        ("PT501964842", False),
        # by hand: numbers of these countries begin with 0 or 1, with 1 to 9, with 1 to 9
        ("BE2428759462", False),
        ("DK00000000", False),
        ("PT000000000", False),
    ],
)
def test_check_vat_number(number: str, valid: bool) -> None:
    result = check_vat_number(number)
    assert result["valid"] is valid
    assert result["country"] == VAT_RULES[number[:2].upper()][0] and result["number"] == number[2:].replace(" ", "")


def test_one_wrong_digit_is_always_noticed_where_the_rule_promises_it() -> None:
    for good in ("BE0428759497", "DK13585628", "HU12892312", "LU15027442"):
        for place in range(2, len(good)):
            for digit in set(string.digits) - {good[place]}:
                assert not check_vat_number(good[:place] + digit + good[place + 1 :])["valid"]


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("digits", "[0-9]+"),
        ("letters", "(?=.*[a-z])(?=.*[A-Z])[a-zA-Z]+"),
        ("mixed", "(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[a-zA-Z0-9]+"),
        ("strong", "(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])(?=.*[^a-zA-Z0-9])[!-~]+"),
    ],
)
def test_make_password(kind: str, pattern: str) -> None:
    results = [make_password(length, kind)["password"] for length in range(8, 41)]
    assert [len(one) for one in results] == list(range(8, 41))
    assert all(re.fullmatch(pattern, one) for one in results)
    assert results == [make_password(length, kind)["password"] for length in range(8, 41)]


def test_make_password_defaults_to_mixed() -> None:
    assert make_password(12) == make_password(12.0, " Mixed ") != make_password(12, "strong")


def test_passwords_are_equally_good_by_length_and_classes() -> None:
    assert equally_good_passwords({"password": "aB3"}, {"password": "9Zq"})
    assert not equally_good_passwords({"password": "aB3"}, {"password": "aB34"})
    assert not equally_good_passwords({"password": "aB3"}, {"password": "aB!"})
    assert not equally_good_passwords({"password": "aB3"}, None)
    assert not equally_good_passwords({"password": 3}, {"password": 3})
    for length in (8, 40):
        shapes = [make_password(length, kind) for kind in ("digits", "letters", "mixed", "strong")]
        assert sum(equally_good_passwords(one, other) for one in shapes for other in shapes) == 4


# Errors


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("filing_fee", {"category": "parking permit"}, "category: use a three-letter code, like DEA for a death"),
        ("filing_fee", {"category": ""}, "category: use a three-letter code"),
        ("filing_fee", {"category": "XYZ"}, "category: known codes are BIR, BUI"),
        ("total_fees", {"copies": {"dog licence": 1}}, "copies: use a three-letter code, like DEA for a death"),
        ("total_fees", {"copies": {"DOG": 1, "XYZ": 1}}, "copies: known codes are BIR, BUI"),
        ("total_fees", {"copies": {"DOG": 0}}, "copies: use 1 to 99 copies of each"),
        ("total_fees", {"copies": {"DOG": 10**30}}, "copies: use 1 to 99 copies of each"),
        ("total_fees", {"copies": {}}, "copies: name one to twenty codes"),
        ("total_fees", {"copies": {str(n): 1 for n in range(21)}}, "copies: name one to twenty codes"),
        ("total_fees", {"copies": {"DOG": 1}, "delivery": "mail"}, "delivery: use one of counter, post, courier"),
        ("check_vat_number", {"number": "20774740"}, "number: start with the two letters of the country, like LU2637"),
        ("check_vat_number", {"number": "Finland 20774740"}, "number: start with the two letters of the country"),
        ("check_vat_number", {"number": "ES20774740"}, "number: known countries are BE, DK, FI, HU, LU, PT"),
        ("check_vat_number", {"number": "FI207747400"}, "number: FI must be followed by 8 digits"),
        ("make_password", {"length": 7}, "length: use 8 to 40 characters"),
        ("make_password", {"length": 1e300}, "length: use 8 to 40 characters"),
        ("make_password", {"length": 12, "kind": "letters and numbers"}, "kind: use digits, letters, mixed or strong"),
    ],
)
def test_errors(name: str, arguments: dict, message: str) -> None:
    with pytest.raises(ToolError) as caught:
        BY_NAME[name](**arguments)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).split()) <= 18


def test_a_call_without_arguments_refuses_any() -> None:
    (seen,) = execute(Call(tool="office_hours", arguments={"day": "Mon"}))
    assert not seen.ok and "day" in seen.text


@pytest.mark.parametrize("function", [f for f in TOOLS if f.properties.breaks is not None], ids=lambda f: f.tool.name)
def test_conventions(function) -> None:
    broken, kept = execute(
        Call(tool=function.tool.name, arguments=function.properties.breaks),
        Call(tool=function.tool.name, arguments=function.properties.keeps),
    )
    assert kept.ok and not broken.ok
    assert broken.text.removeprefix("Error: ").split(":")[0] in function.tool.parameters["properties"]


def test_near_duplicates_meet_and_part() -> None:
    assert filing_fee("DOG") == total_fees({"DOG": 1}) == {"fee": 24.0, "currency": "EUR"}
    assert filing_fee("DOG") != total_fees({"DOG": 2})
    assert filing_fee("DOG", express=True) != total_fees({"DOG": 1}, delivery="courier")


# What the study asks of a family


def test_the_family_keeps_the_contract() -> None:
    assert len(BY_NAME) == 5 and set(WORDINGS) == set(BY_NAME)
    for name, function in BY_NAME.items():
        tool, properties = function.tool, function.properties
        assert tool.family == "administration" and re.fullmatch("[a-z]+(_[a-z]+){1,2}", name)
        assert len(tool.description.split()) <= 12 and len(tool.documentation().split()) <= 40
        assert all(len(one.get("description", "").split()) <= 3 for one in tool.parameters["properties"].values())
        assert len(tool.parameters["properties"]) <= 3
        if properties.near_duplicate:
            assert BY_NAME[properties.near_duplicate].properties.near_duplicate == name
    assert sum(bool(function.properties.convention) for function in TOOLS) >= 4


@pytest.mark.parametrize("name", BY_NAME)
def test_wordings(name: str) -> None:
    wordings = WORDINGS[name]
    arguments = BY_NAME[name].tool.parameters["properties"]
    needed = (8, 3) if arguments else (15, 5)
    assert len(set(wordings.test)) >= needed[0] and len(set(wordings.dev)) >= needed[1]
    assert not set(wordings.test) & set(wordings.dev)
    queries, calls = [], []
    for wording in wordings.test + wordings.dev:
        for seed in range(30):
            case = wordings.case(random.Random(seed), slots_of(wording))
            assert set(case.slots) == slots_of(wording)
            queries.append(wording.format(**case.slots))
            calls.append(Call(tool=name, arguments=case.arguments))
    for query, call, seen in zip(queries, calls, execute(*calls), strict=True):
        assert seen.ok, (query, call, seen)
        assert len(query.split()) <= 25, query
        assert name not in query and not re.search(rf"\b{name.replace('_', ' ')}\b", query, re.IGNORECASE), query
        assert len(seen.text) <= 160, seen.text
        assert not isinstance(seen.value, list) or len(seen.value) <= 5
    if arguments:
        draws = [(wordings.test[seed % len(wordings.test)], random.Random(seed)) for seed in range(40)]
        assert len({text.format(**wordings.case(rng, slots_of(text)).slots) for text, rng in draws}) >= 20
    else:
        assert not any(slots_of(wording) for wording in wordings.test + wordings.dev)


def test_wordings_name_all_documents_but_the_example() -> None:
    assert set(WORDED_DOCUMENTS) == set(DOCUMENTS) - {"DEA"}
    for code, (one, more) in WORDED_DOCUMENTS.items():
        assert DOCUMENTS[code].name in one and DOCUMENTS[code].name in more


# Calls nobody means

ODD_VALUES = (
    None, True, False, -1, 0, 3.0, 12, 40, 2.5, 10**30, -1e308, float("nan"), float("inf"), "", " ", "\x00",
    "x" * 100_000, "DOG", "ǅog", "dog licence", "post", "strong", "DK" + "9" * 5000, "LU٢٦٣٧٥٢٤٥", "PT501964843", "ß",
    "\ud800", "🙂" * 300, [], ["DOG"], [[[[]]]], {}, {"DOG": 10**30}, {"DOG": -1e308}, {"DOG": 1, "\ud800": 1},
    {"x" * 100_000: 1}, {str(n): n for n in range(300)}, {"BIR": 2, "TAX": 3.0}, {"BIR": "2"}, {"a": {"b": [1]}},
)  # fmt: skip


def test_fuzzed_calls_are_answered() -> None:
    rng = random.Random(0)
    # mostly values of the right type: the schema keeps the others from the tool
    fitting = {
        (function.tool.name, name): [value for value in ODD_VALUES if Draft202012Validator(schema).is_valid(value)]
        for function in TOOLS
        for name, schema in function.tool.parameters["properties"].items()
    }
    calls = []
    for _ in range(1000):
        tool = rng.choice(TOOLS).tool
        names = [name for name in tool.parameters["properties"] if rng.random() < 0.95]
        arguments = {name: rng.choice(fitting[tool.name, name] if rng.random() < 0.8 else ODD_VALUES) for name in names}
        if rng.random() < 0.05:
            arguments["extra"] = rng.choice(ODD_VALUES)
        calls.append(Call(tool=tool.name, arguments=arguments))
    seen = execute(*calls)
    assert not [one.text for one in seen if re.match(r"Error: [A-Za-z]*(Error|Exception|Warning):", one.text)]
    assert all(len(one.text) <= 2048 and one.seconds < 1 for one in seen)
    assert {one.ok for one in seen} == {True, False}
    json.dumps([one.value for one in seen if one.ok])
