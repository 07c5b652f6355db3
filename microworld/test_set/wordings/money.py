"""Wordings of the family `money`."""

import random

from microworld.test_set.wordings._base import Case, Wordings
from microworld.tools.tables.currencies import CURRENCIES
from microworld.tools.tables.shares import SHARES

Slots = frozenset[str]

_WORDS = {
    2: "two",
    3: "three",
    4: "four",
    5: "five",
    6: "six",
    7: "seven",
    8: "eight",
    9: "nine",
    10: "ten",
    12: "twelve",
}

#: the error messages' own examples stay out of the test set
_CODES = sorted(set(CURRENCIES) - {"CHF", "NOK", "SEK"})
_TICKERS = sorted(set(SHARES) - {"VELA"})

_MOMENTS = {"opening": "open", "highest": "high", "lowest": "low", "closing": "close"}


def _pick(slots: Slots, texts: dict[str, str]) -> dict[str, str]:
    """The texts that the wording has slots for."""
    return {slot: text for slot, text in texts.items() if slot in slots}


def _number(rng: random.Random, value: float) -> str:
    """A number as text, a small whole one sometimes in words."""
    return _WORDS[int(value)] if value in _WORDS and rng.random() < 0.5 else f"{value:g}"


def _listed(texts: list[str]) -> str:
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else texts[0]


def _sum(rng: random.Random) -> tuple[float, str]:
    """A sum of money and how it reads: a round one, one with cents, or a small one in words."""
    kind = rng.random()
    if kind < 0.25:
        small = rng.choice(sorted(_WORDS))
        return small, _WORDS[small]
    if kind < 0.5:
        cents = 100 * rng.randrange(2, 200) + rng.randrange(1, 100)
        return cents / 100, f"{cents / 100:.2f}"
    large = rng.choice((5, 10, 25, 50)) * rng.randrange(3, 90)
    return large, str(large)


def _two_currencies(rng: random.Random) -> tuple[str, str, str, str]:
    """Two codes, and how they read: both as codes or both by name."""
    source, target = rng.sample(_CODES, 2)
    if rng.random() < 0.3:
        return source, target, source, target
    return source, target, CURRENCIES[source].plural, CURRENCIES[target].plural


def _convert_currency(rng: random.Random, slots: Slots) -> Case:
    amount, amount_text = _sum(rng)
    source, target, source_text, target_text = _two_currencies(rng)
    return Case(
        slots=_pick(slots, {"amount": amount_text, "source": source_text, "target": target_text}),
        arguments={"amount": amount, "source": source, "target": target},
    )


def _exchange_cash(rng: random.Random, slots: Slots) -> Case:
    amount = rng.choice((10, 20, 50)) * rng.randrange(1, 60)
    source, target, source_text, target_text = _two_currencies(rng)
    fee = rng.choice((1, 1.5, 2.5, 3.5, 4, 5, 6, 7.5, 8, 10))
    texts = {"amount": str(amount), "source": source_text, "target": target_text, "fee": _number(rng, fee)}
    arguments: dict = {"amount": amount, "pair": f"{source}/{target}"}
    if "fee" in slots:
        arguments["fee"] = fee
    return Case(slots=_pick(slots, texts), arguments=arguments)


def _loan_payment(rng: random.Random, slots: Slots) -> Case:
    amount = rng.choice((500, 1000, 2500)) * rng.randrange(4, 120)
    rate = rng.choice((1.9, 2.4, 3, 3.2, 3.75, 4, 5, 5.25, 6, 6.8, 7, 8, 9.5))
    deposit = rng.choice((250, 500)) * rng.randrange(1, amount // 1000)
    years = rng.choice((2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25))
    months = rng.choice((9, 15, 18, 24, 30, 36, 48, 60, 72, 90, 120))
    in_years = rng.random() < 0.7
    texts = {
        "amount": f"{amount:,}" if rng.random() < 0.4 else str(amount),
        "rate": _number(rng, rate),
        "term": f"{_number(rng, years)} years" if in_years else f"{months} months",
        "deposit": f"{deposit:,}" if rng.random() < 0.4 else str(deposit),
    }
    arguments: dict = {"amount": amount, "rate": rate, "term": 12 * years if in_years else months}
    if "deposit" in slots:
        arguments["deposit"] = deposit
    return Case(slots=_pick(slots, texts), arguments=arguments)


def _split_bill(rng: random.Random, slots: Slots) -> Case:
    with_cents = rng.random() < 0.4
    amounts: list[float] = []
    texts = []
    for _ in range(rng.randrange(2, 5)):
        value: float = rng.randrange(4, 90)
        if with_cents and rng.random() < 0.7:
            value += rng.randrange(5, 100, 5) / 100
        amounts.append(round(value, 2))
        texts.append(f"{value:.2f}" if value % 1 else str(value))
    people = rng.randrange(2, 11)
    tip = rng.choice((3, 5, 6, 8, 10, 15, 18, 20))
    arguments: dict = {"amounts": amounts, "people": people}
    if "tip" in slots:
        arguments["tip"] = tip
    shown = {"amounts": _listed(texts), "people": _number(rng, people), "tip": _number(rng, tip)}
    return Case(slots=_pick(slots, shown), arguments=arguments)


def _share_price(rng: random.Random, slots: Slots) -> Case:
    ticker = rng.choice(_TICKERS)
    moment = rng.choice(list(_MOMENTS))
    arguments = {"company": ticker}
    if "moment" in slots:
        arguments["moment"] = _MOMENTS[moment]
    company = rng.choice((ticker, ticker.capitalize(), ticker.lower()))
    return Case(slots=_pick(slots, {"company": company, "moment": moment}), arguments=arguments)


WORDINGS: dict[str, Wordings] = {
    "convert_currency": Wordings(
        case=_convert_currency,
        test=(
            "What is {amount} {source} in {target}?",
            "Please convert {amount} {source} to {target} for me.",
            "How many {target} are {amount} {source} worth?",
            "My invoice says {amount} {source}. I need that sum in {target}.",
            "{amount} {source} into {target}, no fees involved.",
            "A room abroad costs {amount} {source} a night, what would that be in {target}?",
            "I earned {amount} {source} last week; show it in {target} for my tax form.",
            "Tell me the value of {amount} {source} expressed in {target} at the official rate.",
            "Could you work out what {amount} {source} come to in {target}?",
            "Our supplier asks for {amount} {source}. What should I write down in {target}?",
        ),
        dev=(
            "{amount} {source}, how much is that in {target}?",
            "The tag reads {amount} {source} but I think in {target}, so translate it.",
            "Give me the worth in {target} of a prize of {amount} {source}.",
            "I need to know how {amount} {source} compare in {target}.",
        ),
    ),
    "exchange_cash": Wordings(
        case=_exchange_cash,
        test=(
            "I hand over {amount} {source} at the airport counter. What do they pay me in {target}?",
            "How much cash in {target} do I get for {amount} {source} if the office keeps {fee} percent?",
            "I want notes in {target} for {amount} {source}, and the desk charges {fee} percent.",
            "What will the bureau hand me in {target} for {amount} {source} after its usual fee?",
            "Swapping {amount} {source} at a counter with a {fee} percent fee: how much in {target} comes out?",
            "Bring {amount} {source} to the exchange window and tell me what is left in {target} after the normal fee.",
            "The money changer takes {fee} percent. Work out what I receive in {target} for {amount} {source}.",
            "Tourist question: {amount} {source} over the counter, paid out in {target}, fee included?",
            "If a kiosk keeps {fee} percent, what payout in {target} do {amount} {source} bring?",
            "Please figure out my payout in {target} when I trade {amount} {source} in notes at the station desk.",
        ),
        dev=(
            "A booth with a fee of {fee} percent gets {amount} {source} from me. How much in {target} is that?",
            "Before my trip I swap {amount} {source} in notes at a booth. What do I walk away with in {target}?",
            "Cash please: {amount} {source} turned into {target}, minus {fee} percent for the booth.",
            "What does the hotel desk pay in {target} for {amount} {source} in cash?",
        ),
    ),
    "loan_payment": Wordings(
        case=_loan_payment,
        test=(
            "What would I pay each month if I borrow {amount} at {rate} percent over {term}?",
            "Monthly cost of borrowing {amount} for {term} at {rate} percent a year?",
            "A flat costs {amount}; we put {deposit} down, the rest runs {term} at {rate} percent. How much monthly?",
            "Car for {amount}, {deposit} paid at once, the rest in {term} at {rate} percent: what do I owe monthly?",
            "Please work out the instalment for {amount} borrowed over {term} with {rate} percent yearly interest.",
            "How much interest in all do I pay when I borrow {amount} at {rate} percent for {term}?",
            "A bank lends me {amount} at {rate} percent, to be paid back within {term}. Tell me the monthly bill.",
            "I have {deposit} of my own towards a boat costing {amount}; the bank wants {rate} percent over {term}. "
            "Each payment?",
            "New kitchen on credit: {amount}, {rate} percent, {term}. How much per month?",
            "Give me the total interest on a purchase of {amount} with {deposit} upfront, {rate} percent, {term}.",
        ),
        dev=(
            "Can I afford {amount} on credit? It runs {term} at {rate} percent, so tell me the monthly burden.",
            "A tractor costs {amount}. I pay {deposit} now, the rest over {term} at {rate} percent. What monthly?",
            "Mortgage of {amount}, {term}, interest {rate} percent: monthly sum please.",
            "Find what my sister must pay back every month on {amount} at {rate} percent during {term}.",
        ),
    ),
    "split_bill": Wordings(
        case=_split_bill,
        test=(
            "We had dishes for {amounts} and there are {people} of us. What does each person pay?",
            "Divide {amounts} evenly between {people} friends.",
            "Dinner cost {amounts}, we are {people} people and add a {tip} percent tip. What is my share?",
            "Taxi rides of {amounts} shared by {people} of us, how much per head?",
            "Put a {tip} percent tip on {amounts} and divide it among {people} guests.",
            "Our table of {people} ordered for {amounts} and leaves {tip} percent for the waiter. How much each?",
            "What are the total and each share for {amounts} with {people} people paying?",
            "Groceries came to {amounts}. Share that among {people} flatmates, please.",
            "How much per person if {people} people pay {amounts} plus {tip} percent for service?",
            "Tell me what every one of {people} colleagues owes for lunches at {amounts}.",
        ),
        dev=(
            "There are {people} of us and the drinks were {amounts}. Work out equal parts.",
            "For a present we spent {amounts}; {people} cousins chip in equally. How much is it for each?",
            "Restaurant checks of {amounts}, tip {tip} percent, {people} eaters: each pays what?",
            "Add up {amounts}, put {tip} percent on top for the staff and share it between {people} of us.",
        ),
    ),
    "share_price": Wordings(
        case=_share_price,
        test=(
            "How much does one share of {company} cost?",
            "What was the {moment} price of {company} stock?",
            "Please look up {company} on the stock market.",
            "Stock of {company}: what was its {moment} price?",
            "I own shares in {company}. What is one of them worth?",
            "Give me the {moment} quote for {company}.",
            "At what price does {company} trade?",
            "My uncle follows {company} shares and asks for their {moment} value of the day.",
            "Is {company} an expensive stock? Tell me what one share goes for.",
            "For my records I need the {moment} price at which {company} shares traded.",
        ),
        dev=(
            "Check the stock exchange for {company} and tell me its price.",
            "What was the {moment} level that {company} shares had on the exchange?",
            "I might buy {company} stock. How much for a single share?",
            "Tell me the {moment} price of the day for {company} on the market.",
        ),
    ),
}
