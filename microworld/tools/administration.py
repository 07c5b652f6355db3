"""The family `administration`: a records office and its fees, VAT numbers, passwords.

The records office is openly fictional (`tables/records_office.py`); the check digits of VAT numbers are real.
"""

import hashlib
import re
import string
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from microworld.tools._base import Properties, ToolError, study_tool
from microworld.tools.tables.records_office import DELIVERY_FEES, DOCUMENTS, EXPRESS_FEE, OPENING_TIMES

MAX_COPIES = 99
MAX_CODES = 20
MIN_LENGTH, MAX_LENGTH = 8, 40


@study_tool(family="administration", description="Weekly opening times of the records office.")
def office_hours() -> dict[str, str]:
    """When the (fictional) records office is open, by day of the week, in 24-hour time.

    It takes no arguments and has no errors of its own.
    """
    return dict(OPENING_TIMES)


def _fee(category: str, argument: str) -> float:
    """The fee of a category code; what is wrong with it is said about `argument`."""
    code = category.strip().upper()
    if code in DOCUMENTS:
        return DOCUMENTS[code].fee
    if re.fullmatch("[A-Z]{3}", code):
        raise ToolError(f"{argument}: known codes are {', '.join(DOCUMENTS)}")
    raise ToolError(f"{argument}: use a three-letter code, like DEA for a death certificate")


@study_tool(
    family="administration",
    description="Fee of the records office for one document, express if wanted.",
    properties=Properties(
        convention="category as a three-letter code, the first letters of the document's name",
        breaks={"category": "parking permit"},
        keeps={"category": "PAR"},
        near_duplicate="total_fees",
    ),
)
def filing_fee(category: Annotated[str, "document category"], express: bool = False) -> dict[str, Any]:
    """What the (fictional) records office charges for one document, in euros; express costs 20 euros more.

    Convention: `category` is a three-letter code, in any case. Errors: a document's name, an unknown code.
    `total_fees` adds up several documents, and gives the same for a single one.
    """
    fee = _fee(category, "category")
    return {"fee": fee + (EXPRESS_FEE if express else 0.0), "currency": "EUR"}


@study_tool(
    family="administration",
    description="Fee of the records office for several documents and their delivery.",
    properties=Properties(
        convention="copies as an object from three-letter category code to number of copies",
        breaks={"copies": {"dog licence": 2, "will": 1}},
        keeps={"copies": {"DOG": 2, "WIL": 1}},
        near_duplicate="filing_fee",
    ),
)
def total_fees(
    copies: Annotated[dict[str, int], "number by category"],
    delivery: Annotated[str, "way of delivery"] = "counter",
) -> dict[str, Any]:
    """What the (fictional) records office charges for several documents together, in euros, delivery included.

    Conventions: `copies` maps three-letter category codes (those of `filing_fee`) to numbers of copies; `delivery` is
    counter (free, the default), post or courier. Errors: a document's name or an unknown code as key, no or more than
    20 keys, less than 1 or more than 99 copies, another way of delivery.
    """
    if not 1 <= len(copies) <= MAX_CODES:
        raise ToolError("copies: name one to twenty codes with their numbers, like DEA: 3")
    total = 0.0
    for code, number in copies.items():
        fee = _fee(code, "copies")
        if not 1 <= number <= MAX_COPIES:
            raise ToolError(f"copies: use 1 to {MAX_COPIES} copies of each")
        total += fee * int(number)
    way = delivery.strip().lower()
    if way not in DELIVERY_FEES:
        raise ToolError(f"delivery: use one of {', '.join(DELIVERY_FEES)}")
    return {"fee": round(total + DELIVERY_FEES[way], 2), "currency": "EUR"}


def _weighted(digits: str, *weights: int) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def _belgium(digits: str) -> bool:
    # 97 less a remainder is 01 to 97; python-stdnum lets 98 and 99 pass
    return digits[0] in "01" and 97 - int(digits[:8]) % 97 == int(digits[8:])


def _denmark(digits: str) -> bool:
    return digits[0] != "0" and _weighted(digits, 2, 7, 6, 5, 4, 3, 2, 1) % 11 == 0


def _finland(digits: str) -> bool:
    return _weighted(digits, 7, 9, 10, 5, 8, 4, 2, 1) % 11 == 0


def _hungary(digits: str) -> bool:
    return _weighted(digits, 9, 7, 3, 1, 9, 7, 3, 1) % 10 == 0


def _luxembourg(digits: str) -> bool:
    return int(digits[:6]) % 89 == int(digits[6:])


def _portugal(digits: str) -> bool:
    # a remainder of 10 is written 0
    return digits[0] != "0" and -_weighted(digits[:8], 9, 8, 7, 6, 5, 4, 3, 2) % 11 % 10 == int(digits[8])


#: by country prefix: the country, how many digits follow, whether they are right
VAT_RULES: Mapping[str, tuple[str, int, Callable[[str], bool]]] = {
    "BE": ("Belgium", 10, _belgium),
    "DK": ("Denmark", 8, _denmark),
    "FI": ("Finland", 8, _finland),
    "HU": ("Hungary", 8, _hungary),
    "LU": ("Luxembourg", 8, _luxembourg),
    "PT": ("Portugal", 9, _portugal),
}


@study_tool(
    family="administration",
    description="Whether the check digits of a European VAT number are right.",
    properties=Properties(
        convention="the number starts with its country's two letters",
        breaks={"number": "20774740"},
        keeps={"number": "FI20774740"},
    ),
)
def check_vat_number(number: str) -> dict[str, Any]:
    """Whether a VAT identification number is well made: its country, its digits and whether the check digits fit.

    A number that fits need not be in use. Convention: the number starts with the two letters of its country, here BE,
    DK, FI, HU, LU or PT; spaces do not matter. Errors: no or another prefix, a wrong number of digits. Source: the
    national rules as the Python package `python-stdnum` 2.2 implements them.
    """
    text = number.replace(" ", "").upper()
    match = re.fullmatch("([A-Z]{2})([0-9]{1,20})", text)
    if not match:
        raise ToolError("number: start with the two letters of the country, like LU26375245")
    prefix, digits = match.groups()
    if prefix not in VAT_RULES:
        raise ToolError(f"number: known countries are {', '.join(VAT_RULES)}")
    country, length, right = VAT_RULES[prefix]
    if len(digits) != length:
        raise ToolError(f"number: {prefix} must be followed by {length} digits")
    return {"country": country, "number": digits, "valid": right(digits)}


#: by kind: the classes of characters, of each of which there is at least one
PASSWORD_KINDS: dict[str, tuple[str, ...]] = {
    "digits": (string.digits,),
    "letters": (string.ascii_lowercase, string.ascii_uppercase),
    "mixed": (string.ascii_lowercase, string.ascii_uppercase, string.digits),
    "strong": (string.ascii_lowercase, string.ascii_uppercase, string.digits, "!#$%&*+-=?@_"),
}


def equally_good_passwords(one: Any, other: Any) -> bool:
    """Whether two results of `make_password` have the same length and the same classes of characters."""

    def shape(result: Any) -> tuple[int, tuple[bool, ...]] | None:
        text = result.get("password") if isinstance(result, dict) else None
        if not isinstance(text, str):
            return None
        return len(text), tuple(any(sign in signs for sign in text) for signs in PASSWORD_KINDS["strong"])

    return shape(one) is not None and shape(one) == shape(other)


@study_tool(
    family="administration",
    description="A new password of some length.",
    properties=Properties(
        convention="kind is digits, letters, mixed (both) or strong (with symbols too)",
        breaks={"length": 15, "kind": "letters and numbers"},
        keeps={"length": 15, "kind": "mixed"},
        compare="property",
        same_property=equally_good_passwords,
    ),
)
def make_password(length: int, kind: Annotated[str, "characters used"] = "mixed") -> dict[str, str]:
    """A password of `length` characters that looks random and follows from the arguments alone: never use it.

    Conventions: the length is 8 to 40; `kind` is digits, letters (of both cases), mixed (letters and digits, the
    default) or strong (letters, digits and symbols); every class named occurs. Errors: a length out of range, another
    kind.
    """
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        raise ToolError(f"length: use {MIN_LENGTH} to {MAX_LENGTH} characters")
    name = kind.strip().lower()
    if name not in PASSWORD_KINDS:
        raise ToolError("kind: use digits, letters, mixed or strong")
    classes = PASSWORD_KINDS[name]
    pool = "".join(classes)
    # the hash has to feed one choice and one place a character: two bytes each
    stream = iter(hashlib.shake_256(f"{int(length)} {name}".encode()).digest(4 * MAX_LENGTH))
    signs: list[str] = []
    for place in range(int(length)):
        choices = classes[place] if place < len(classes) else pool
        sign = choices[_number(stream) % len(choices)]
        signs.insert(_number(stream) % (place + 1), sign)
    return {"password": "".join(signs)}


def _number(stream: Any) -> int:
    return 256 * next(stream) + next(stream)


TOOLS: list = [office_hours, filing_fee, total_fees, check_vat_number, make_password]
