"""The family `money`: results against independent facts, and errors."""

import re
from typing import Any

import pytest
from calls import error, value

from microworld.tools.tables.currencies import CURRENCIES
from microworld.tools.tables.shares import SHARES


@pytest.mark.parametrize(
    ("amount", "source", "target", "expected"),
    [
        # the reference rates of 28 February 2025: 1 EUR = 1.0411 USD = 156.96 JPY = 0.82608 GBP = 11.188 SEK
        (100, "EUR", "USD", 104.11),
        (1, "EUR", "JPY", 157),
        (1000, "EUR", "JPY", 156960),
        (104.11, "USD", "EUR", 100.0),
        (0.82608, "GBP", "SEK", 11.19),
        (50, "EUR", "EUR", 50.0),
        (0, "USD", "EUR", 0.0),
    ],
)
def test_convert_currency(amount: float, source: str, target: str, expected: float):
    assert value("convert_currency", amount=amount, source=source, target=target)["amount"] == expected


def test_convert_currency_names_the_target():
    assert value("convert_currency", amount=5, source="EUR", target="JPY") == {
        "amount": 785,
        "currency": "Japanese yen",
    }


def test_currency_errors_tell_the_code():
    for text, code in (("yen", "JPY"), ("usd", "USD"), ("British pound", "GBP"), ("€", "EUR"), (" euros ", "EUR")):
        assert error("convert_currency", amount=1, source=text, target="EUR").endswith(
            f"source: use a three-letter currency code, like {code}"
        )
    for text in ("dollars", "kr", "", "FOO!", "x" * 600):
        assert error("convert_currency", amount=1, source="EUR", target=text).startswith("target:")
        assert error("convert_currency", amount=1, source="EUR", target=text).endswith("like CHF")
    assert error("convert_currency", amount=1, source="XYZ", target="EUR") == "source: no exchange rate for XYZ"
    for amount in (-1, 1e13):
        assert error("convert_currency", amount=amount, source="EUR", target="USD").startswith("amount:")


def test_currency_table():
    assert len(CURRENCIES) == 25
    assert all(code == row.code and row.per_euro > 0 for code, row in CURRENCIES.items())
    assert {code for code, row in CURRENCIES.items() if row.minor_units == 0} == {"JPY", "KRW"}  # ISO 4217
    # pegs known independently: DKK within 2.25 % of 7.46038, HKD 7.75 to 7.85 for a US dollar
    assert abs(CURRENCIES["DKK"].per_euro / 7.46038 - 1) < 0.0225
    assert 7.75 <= CURRENCIES["HKD"].per_euro / CURRENCIES["USD"].per_euro <= 7.85


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"amount": 100, "pair": "EUR/USD", "fee": 10}, 93.7),  # 104.11 * 0.9 = 93.699
        ({"amount": 100, "pair": "EUR/USD"}, 100.99),  # 3 % unless told: 104.11 * 0.97 = 100.9867
        ({"amount": 200, "pair": "EUR/JPY", "fee": 50}, 15696),
        ({"amount": 80, "pair": "EUR/EUR", "fee": 2.5}, 78.0),
    ],
)
def test_exchange_cash(arguments: dict[str, Any], expected: float):
    assert value("exchange_cash", **arguments)["amount"] == expected


def test_exchange_cash_errors():
    for text in ("USD to MXN", "USD-MXN", "usd/mxn", "USDMXN", "USD MXN", "US dollars to Mexican pesos", "US$ in MX$"):
        assert error("exchange_cash", amount=1, pair=text).endswith("like USD/MXN")
    for text in ("", "USD", "dollars to yen", "USD/MXN/EUR", "/" * 400):
        assert error("exchange_cash", amount=1, pair=text) == (
            "pair: write code/code, given first, wanted second, like NOK/SEK"
        )
    assert error("exchange_cash", amount=1, pair="USD/XYZ") == "pair: no exchange rate for XYZ"
    assert error("exchange_cash", amount=1, pair="USD/EUR", fee=51).startswith("fee:")
    assert error("exchange_cash", amount=-1, pair="USD/EUR").startswith("amount:")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        # textbook mortgages: 100,000 at 6 % over 30 years is 599.55 a month; 200,000 at 4 % over 30 years 954.83
        ({"amount": 100000, "rate": 6, "term": 360}, 599.55),
        ({"amount": 200000, "rate": 4, "term": 360}, 954.83),
        # by hand: one month at 1 % a month; no interest
        ({"amount": 1000, "rate": 12, "term": 1}, 1010.0),
        ({"amount": 1200, "rate": 0, "term": 12}, 100.0),
        ({"amount": 130000, "rate": 6, "term": 360, "deposit": 30000}, 599.55),
    ],
)
def test_loan_payment(arguments: dict[str, Any], expected: float):
    result = value("loan_payment", **arguments)
    assert result["payment"] == expected
    assert result["months"] == arguments["term"]
    borrowed = arguments["amount"] - arguments.get("deposit", 0)
    # the interest comes from the payment before rounding, so half a cent a month may lie between
    assert abs(result["interest"] - (expected * arguments["term"] - borrowed)) <= 0.005 * arguments["term"] + 0.01


def test_loan_payment_pays_off():
    """Independent of the annuity formula: month by month, the payments leave nothing owed."""
    result = value("loan_payment", amount=25000, rate=5.25, term=48)
    owed = 25000.0
    for _ in range(48):
        owed = owed * (1 + 0.0525 / 12) - result["payment"]
    assert abs(owed) < 1


def test_loan_payment_errors():
    fine = {"amount": 1000, "rate": 5, "term": 12}
    for name, values in {
        "amount": (0, -5, 1e13),
        "rate": (0.05, -1, 101),
        "term": (0, -12, 601),
        "deposit": (-1, 1000, 2000),
    }.items():
        for wrong in values:
            assert error("loan_payment", **{**fine, name: wrong}).startswith(f"{name}:")


@pytest.mark.parametrize(
    ("arguments", "total", "each"),
    [
        ({"amounts": [20, 30, 10], "people": 3}, 60.0, 20.0),
        ({"amounts": [20, 30, 10], "people": 4, "tip": 10}, 66.0, 16.5),
        ({"amounts": [10], "people": 3}, 10.0, 3.33),
        ({"amounts": [0.1, 0.2], "people": 2}, 0.3, 0.15),
        ({"amounts": [1.01], "people": 2}, 1.01, 0.51),  # half a cent goes up
    ],
)
def test_split_bill(arguments: dict[str, Any], total: float, each: float):
    assert value("split_bill", **arguments) == {"total": total, "each": each}


def test_split_bill_errors():
    fine = {"amounts": [10, 20], "people": 2}
    for name, values in {
        "amounts": ([], [1] * 21, [5, -1], [1e13]),
        "people": (1, 0, 101),
        "tip": (0.08, -1, 51),
    }.items():
        for wrong in values:
            assert error("split_bill", **{**fine, name: wrong}).startswith(f"{name}:")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        # from the fictional table
        ({"company": "TANO"}, {"price": 89.1, "currency": "EUR"}),
        ({"company": "MIRA", "moment": "high"}, {"price": 115.3, "currency": "USD"}),
        ({"company": "QUIL", "moment": "low"}, {"price": 3.55, "currency": "GBP"}),
        ({"company": "RUMA", "moment": "open"}, {"price": 71.9, "currency": "CHF"}),
    ],
)
def test_share_price(arguments: dict[str, Any], expected: dict[str, Any]):
    assert value("share_price", **arguments) == expected


def test_share_price_errors():
    for text in ("tano", "Tano", "Tano Motors", " TANO"):
        assert error("share_price", company=text) == "company: use the ticker in capital letters, like TANO"
    assert error("share_price", company="$") == "company: use the ticker in capital letters, like VELA"
    assert re.fullmatch(
        r"company: TANOS is not listed, listed are for example TANO(, [A-Z]{4}){2}",
        error("share_price", company="TANOS"),
    )
    assert error("share_price", company="TANO", moment="noon") == "moment: use open, high, low or close"


def test_share_table():
    for ticker, row in SHARES.items():
        assert ticker == row.ticker and row.currency in CURRENCIES
        assert row.low <= min(row.open, row.close) <= max(row.open, row.close) <= row.high
