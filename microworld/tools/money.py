"""Money: exchanging currencies, repaying loans, sharing bills, prices of shares.

>>> convert_currency(100, "EUR", "USD")
{'amount': 104.11, 'currency': 'US dollars'}
"""

import difflib
import re
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated

from microworld.tools._base import Properties, ToolError, study_tool
from microworld.tools.tables.currencies import CURRENCIES
from microworld.tools.tables.shares import SHARES

MAX_AMOUNT = 1e12
MAX_TEXT = 500
COUNTER_FEE = 3.0


def _currency_names() -> dict[str, str]:
    """From what people write for a currency, in lower case, to its code; left out is what fits two ("dollar")."""
    pairs = set()
    for row in CURRENCIES.values():
        for text in (row.code, row.name, row.plural, row.symbol, row.name.split()[-1], row.plural.split()[-1]):
            pairs.add((text.lower(), row.code))
    meanings = Counter(text for text, _ in pairs)
    return {text: code for text, code in pairs if meanings[text] == 1}


CURRENCY_NAMES = _currency_names()


def _guess(text: str) -> str | None:
    """The code a text probably means."""
    return CURRENCY_NAMES.get(text.strip().lower()) if len(text) <= MAX_TEXT else None


def _currency(argument: str, text: str) -> str:
    """A currency code, checked."""
    if re.fullmatch("[A-Z]{3}", text):
        if text in CURRENCIES:
            return text
        raise ToolError(f"{argument}: no exchange rate for {text}")
    raise ToolError(f"{argument}: use a three-letter currency code, like {_guess(text) or 'CHF'}")


def _check_amount(argument: str, value: float) -> None:
    """Refuse an amount of money that is out of range; NaN fails the comparison too."""
    if not 0 <= value <= MAX_AMOUNT:
        raise ToolError(f"{argument}: must be from 0 to 1000000000000")


def _exchange(amount: float, source: str, target: str, fee: float) -> dict[str, float | str]:
    """`amount` in another currency less `fee` percent, rounded half up to the target's minor units."""
    bought = (
        Decimal(str(amount)) * Decimal(str(CURRENCIES[target].per_euro)) / Decimal(str(CURRENCIES[source].per_euro))
    )
    bought *= 1 - Decimal(str(fee)) / 100
    digits = CURRENCIES[target].minor_units
    rounded = bought.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return {"amount": float(rounded) if digits else int(rounded), "currency": CURRENCIES[target].plural}


def _cents(value: float | Decimal) -> float:
    """Rounded half up to two decimals."""
    return float(Decimal(str(value)).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))


@study_tool(
    family="money",
    description="Value of money in another currency at the reference rate, without fees.",
    properties=Properties(
        convention="currencies are upper-case ISO 4217 codes, not names",
        breaks={"amount": 250, "source": "British pounds", "target": "Thai baht"},
        keeps={"amount": 250, "source": "GBP", "target": "THB"},
        near_duplicate="exchange_cash",
    ),
)
def convert_currency(amount: float, source: str, target: str) -> dict[str, float | str]:
    """The value of an amount in another currency at the reference rate, rounded half up to its minor units.

    Rates are the European Central Bank's of 28 February 2025 (`tables.currencies`), crossed over the euro. Returns the
    amount and the plural name of the target currency.

    Raises:
        ToolError: a currency is not one of the table's upper-case ISO 4217 codes (the message gives the code for a name
            it knows), or the amount is not between 0 and 1e12.
    """
    _check_amount("amount", amount)
    return _exchange(amount, _currency("source", source), _currency("target", target), 0.0)


def _pair(text: str) -> tuple[str, str]:
    """The two codes of "AAA/BBB", checked."""
    match = re.fullmatch("([A-Z]{3})/([A-Z]{3})", text)
    if match:
        for code in match.groups():
            if code not in CURRENCIES:
                raise ToolError(f"pair: no exchange rate for {code}")
        return match[1], match[2]
    likely = "NOK/SEK"
    if len(text) <= MAX_TEXT:
        for separator in (r"\s*[/,;:>-]+\s*|\s+(?:to|in|into)\s+", r"\s+", "(?<=^[A-Za-z]{3})"):
            codes = [_guess(part) for part in re.split(separator, text.strip())]
            if len(codes) == 2 and codes[0] and codes[1]:
                likely = f"{codes[0]}/{codes[1]}"
    raise ToolError(f"pair: write code/code, given first, wanted second, like {likely}")


@study_tool(
    family="money",
    description="Cash paid out at an exchange counter after its fee.",
    properties=Properties(
        convention="the two currencies are one text, given/wanted, as ISO codes with a slash",
        breaks={"amount": 400, "pair": "USD to MXN"},
        keeps={"amount": 400, "pair": "USD/MXN"},
        near_duplicate="convert_currency",
    ),
)
def exchange_cash(amount: float, pair: str, fee: float = COUNTER_FEE) -> dict[str, float | str]:
    """What an exchange counter pays out: the value at the reference rate less a fee in percent, 3 unless told.

    `pair` names the currency handed in and the one paid out, "USD/MXN". With a fee of 0 the result is that of
    `convert_currency`, whose rates and rounding it shares.

    Raises:
        ToolError: the pair has another form or an unknown code, the fee is not 0 to 50 percent, or the amount is not
            between 0 and 1e12.
    """
    _check_amount("amount", amount)
    source, target = _pair(pair)
    if not 0 <= fee <= 50:
        raise ToolError("fee: must be from 0 to 50 percent")
    return _exchange(amount, source, target, fee)


@study_tool(
    family="money",
    description="Monthly cost of a loan repaid in equal payments.",
    properties=Properties(
        convention="the term is in months (and the rate in percent a year)",
        breaks={"amount": 150000, "rate": 3, "term": 15},
        keeps={"amount": 150000, "rate": 3, "term": 180},
        silent=True,
    ),
)
def loan_payment(
    amount: float, rate: float, term: int, deposit: Annotated[float, "paid first"] = 0.0
) -> dict[str, float | int]:
    """The monthly payment of an annuity loan, its number of months and the interest paid in all, each to the cent.

    The sum borrowed is `amount` less `deposit`, `rate` the nominal percentage a year (a twelfth of it is charged a
    month), `term` the number of monthly payments at the end of each month. A term meant in years is not refused; the
    result's `months` and its high payment show it.

    Raises:
        ToolError: the rate is neither 0 nor 0.1 to 100 (a fraction such as 0.05 is thereby refused), the term not 1 to
            600, the amount not over 0 up to 1e12, or the deposit not below the amount.
    """
    if not 0 < amount <= MAX_AMOUNT:
        raise ToolError("amount: must be over 0, up to 1000000000000")
    if not (rate == 0 or 0.1 <= rate <= 100):
        raise ToolError("rate: give percent a year from 0.1 to 100, like 4.5")
    if not 1 <= term <= 600:
        raise ToolError("term: must be from 1 to 600 months")
    if not 0 <= deposit < amount:
        raise ToolError("deposit: must be at least 0 and less than amount")
    months = int(term)
    borrowed = amount - deposit
    monthly = rate / 1200
    payment = borrowed * monthly / (1 - (1 + monthly) ** -months) if rate else borrowed / months
    return {"payment": _cents(payment), "months": months, "interest": _cents(max(0.0, payment * months - borrowed))}


@study_tool(
    family="money",
    description="Share costs evenly between people.",
    properties=Properties(
        convention="the tip is in percent, 1 to 50, not a fraction",
        breaks={"amounts": [18.5, 24, 7.5], "people": 3, "tip": 0.08},
        keeps={"amounts": [18.5, 24, 7.5], "people": 3, "tip": 8},
    ),
)
def split_bill(amounts: list[float], people: int, tip: float = 0.0) -> dict[str, float]:
    """The total of some amounts with a tip in percent on top, and each person's even share, both to the cent.

    Raises:
        ToolError: not 1 to 20 amounts, each 0 to 1e12; not 2 to 100 people; a tip that is neither 0 nor 1 to 50 (so a
            fraction such as 0.08 is refused).
    """
    if not 1 <= len(amounts) <= 20:
        raise ToolError("amounts: give 1 to 20 numbers")
    for amount in amounts:
        _check_amount("amounts", amount)
    if not 2 <= people <= 100:
        raise ToolError("people: must be from 2 to 100")
    if not (tip == 0 or 1 <= tip <= 50):
        raise ToolError("tip: give percent from 1 to 50, like 12")
    total = sum(Decimal(str(amount)) for amount in amounts) * (1 + Decimal(str(tip)) / 100)
    return {"total": _cents(total), "each": _cents(total / int(people))}


MOMENTS = ("open", "high", "low", "close")


@study_tool(
    family="money",
    description="What one share of a company costs on the stock market.",
    properties=Properties(
        convention="the company is given by its ticker in capital letters; the moment is open, high, low or close",
        breaks={"company": "Tano"},
        keeps={"company": "TANO"},
    ),
)
def share_price(company: str, moment: str = "close") -> dict[str, float | str]:
    """A share's price and currency on the frozen, fictional trading day of `tables.shares`.

    `company` is an upper-case ticker; `moment` says which of the day's prices: open, high, low or close.

    Raises:
        ToolError: the company is not an upper-case ticker (the message gives the ticker of one it knows) or not listed
            (it names three that are), or the moment is none of the four.
    """
    if not re.fullmatch("[A-Z]{2,5}", company):
        name = company.strip().casefold() if len(company) <= MAX_TEXT else ""
        likely = next(
            (row.ticker for row in SHARES.values() if name in (row.ticker.casefold(), row.company.casefold())), "VELA"
        )
        raise ToolError(f"company: use the ticker in capital letters, like {likely}")
    if company not in SHARES:
        near = ", ".join(difflib.get_close_matches(company, SHARES, n=3, cutoff=0.0))
        raise ToolError(f"company: {company} is not listed, listed are for example {near}")
    if moment not in MOMENTS:
        raise ToolError("moment: use open, high, low or close")
    share = SHARES[company]
    return {"price": getattr(share, moment), "currency": share.currency}


TOOLS: list = [convert_currency, exchange_cash, loan_payment, split_bill, share_price]
