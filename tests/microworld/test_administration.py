"""The family `administration`: results against independent sources, errors, and what its wordings leave out."""

import re
import string

import pytest
from calls import error

from microworld.test_set import wordings
from microworld.tools.administration import (
    VAT_RULES,
    check_vat_number,
    equally_good_passwords,
    filing_fee,
    make_password,
    office_hours,
    total_fees,
)
from microworld.tools.tables.records_office import DOCUMENTS

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
    assert error(name, **arguments).startswith(message)


# Wordings


def test_wordings_name_all_documents_but_the_example() -> None:
    assert set(wordings.administration.DOCUMENTS) == set(DOCUMENTS) - {"DEA"}
    for code, (one, more) in wordings.administration.DOCUMENTS.items():
        assert DOCUMENTS[code].name in one and DOCUMENTS[code].name in more
