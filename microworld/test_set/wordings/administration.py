"""Hand-written wordings of the family `administration`."""

import random

from microworld.test_set.wordings._base import Case, Wordings
from microworld.tools.administration import VAT_RULES, check_vat_number

NUMBERS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty"
).split()
#: how one document and more of them are named in a sentence
DOCUMENTS = {
    "BIR": ("a birth certificate", "birth certificates"),
    "BUI": ("a building permit", "building permits"),
    "BUS": ("a business licence", "business licences"),
    "DOG": ("a dog licence", "dog licences"),
    "EVE": ("an event permit", "event permits"),
    "FIS": ("a fishing licence", "fishing licences"),
    "MAR": ("a marriage certificate", "marriage certificates"),
    "NAM": ("a name change", "name changes"),
    "PAR": ("a parking permit", "parking permits"),
    "TAX": ("a tax certificate", "tax certificates"),
    "WIL": ("a will", "wills"),
}
EXPRESS = ("as an express case", "with express service", "by express", "as an urgent case")
DELIVERY = {
    "counter": ("pickup at the counter", "collection at the counter"),
    "post": ("delivery by post", "postal delivery", "delivery by mail"),
    "courier": ("delivery by courier", "courier delivery", "delivery by messenger"),
}
KINDS = {
    "digits": ("digits only", "nothing but numbers", "only digits"),
    "letters": ("letters only", "just letters", "nothing but letters"),
    "mixed": ("letters and digits", "letters mixed with numbers", "both letters and numbers"),
    "strong": ("letters, digits and symbols", "letters, numbers and special signs", "symbols, letters and digits"),
}


def _number(rng: random.Random, number: int) -> str:
    """A number as a word, where it is small, or in digits."""
    if 2 <= number <= 20 and rng.random() < 0.5:
        return NUMBERS[number - 2]
    return str(number)


def _office_hours(rng: random.Random, slots: frozenset[str]) -> Case:
    return Case(slots={}, arguments={})


def _filing_fee(rng: random.Random, slots: frozenset[str]) -> Case:
    code = rng.choice(list(DOCUMENTS))
    filled = {"document": DOCUMENTS[code][0], "express": rng.choice(EXPRESS)}
    arguments: dict = {"category": code}
    if "express" in slots:
        arguments["express"] = True
    return Case(slots={name: filled[name] for name in slots}, arguments=arguments)


def _total_fees(rng: random.Random, slots: frozenset[str]) -> Case:
    """{copies}: two or three kinds of document, of each one or more."""
    copies = {code: rng.randint(1, 6) for code in rng.sample(list(DOCUMENTS), rng.choice((2, 2, 3)))}
    parts = [
        DOCUMENTS[code][0] if number == 1 else f"{_number(rng, number)} {DOCUMENTS[code][1]}"
        for code, number in copies.items()
    ]
    filled = {"copies": f"{', '.join(parts[:-1])} and {parts[-1]}"}
    arguments: dict = {"copies": copies}
    if "delivery" in slots:
        arguments["delivery"] = rng.choice(list(DELIVERY))
        filled["delivery"] = rng.choice(DELIVERY[arguments["delivery"]])
    return Case(slots={name: filled[name] for name in slots}, arguments=arguments)


def _check_vat_number(rng: random.Random, slots: frozenset[str]) -> Case:
    """{number}: with the country's letters; {digits} and {country}: without, and its name. About half are valid."""
    prefix = rng.choice(list(VAT_RULES))
    country, length, _ = VAT_RULES[prefix]
    start = rng.choice("01" if prefix == "BE" else "123456789")
    start += "".join(rng.choices("0123456789", k=length - 3))
    good = [end for end in range(100) if check_vat_number(f"{prefix}{start}{end:02}")["valid"]]
    end = rng.choice(good) if rng.random() < 0.5 else rng.randrange(100)
    digits = f"{start}{end:02}"
    half = length // 2
    read = digits if rng.random() < 0.7 else f"{digits[:half]} {digits[half:]}"
    filled = {"digits": read, "country": country, "number": f"{prefix}{rng.choice(('', ' '))}{read}"}
    return Case(slots={name: filled[name] for name in slots}, arguments={"number": prefix + digits})


def _make_password(rng: random.Random, slots: frozenset[str]) -> Case:
    arguments: dict = {"length": rng.randint(8, 40)}
    filled = {"length": f"{_number(rng, arguments['length'])} characters"}
    if "kind" in slots:
        arguments["kind"] = rng.choice(list(KINDS))
        filled["kind"] = rng.choice(KINDS[arguments["kind"]])
    return Case(slots={name: filled[name] for name in slots}, arguments=arguments)


WORDINGS: dict[str, Wordings] = {
    "office_hours": Wordings(
        case=_office_hours,
        test=(
            "When is the records office open?",
            "What time does the records office close on Friday?",
            "Can I visit the records office on a Saturday?",
            "How late can I come to the records office on Thursdays?",
            "From what time in the morning can I go to the records office?",
            "I want to hand in papers in person on Wednesday. When are the doors of the records office open?",
            "Tell me the opening times of the records office for the whole week.",
            "Is anybody at the records office at five in the afternoon?",
            "On which weekday does the records office stay open longest?",
            "Please give me the times when the records office receives visitors.",
            "Does the records office open on weekends?",
            "I finish work at four. Is there a day I can still reach the records office?",
            "opening and closing times, records office",
            "Will I find the records office open on Monday before nine?",
            "On which days is the records office closed?",
            "My lunch break starts at noon. Could I go to the records office then?",
        ),
        dev=(
            "When can I go to the records office?",
            "Is the records office open on Tuesday afternoon?",
            "What are the visiting times at the records office?",
            "Until when does the records office stay open on Mondays?",
            "Show me the timetable on the door of the records office.",
            "How early does the records office start on Thursday?",
        ),
    ),
    "filing_fee": Wordings(
        case=_filing_fee,
        test=(
            "How much does the records office charge for {document}?",
            "What do I pay for {document}, handled {express}?",
            "I need {document} {express} from the records office. What will it cost me?",
            "Price of {document} at the records office?",
            "I want {document} done {express}. Tell me the fee.",
            "Could you look up the fee for {document} {express}, please?",
            "Is {document} expensive at the records office, and how much exactly?",
            "I cannot wait: what does {document} cost {express}?",
            "My brother asks what the records office takes for {document}.",
            "Fee for {document}, {express}?",
            "Applying for {document} {express} tomorrow, so how many euros should I bring?",
        ),
        dev=(
            "What is the charge for {document}?",
            "The records office should handle {document} {express}. How much is that?",
            "Tell me what {document} costs at the records office.",
            "How many euros for {document}, {express}?",
        ),
    ),
    "total_fees": Wordings(
        case=_total_fees,
        test=(
            "How much do {copies} cost together?",
            "I need {copies} from the records office with {delivery}. What is the sum?",
            "What do I pay for {copies} with {delivery}?",
            "Add up the records office's charges for {copies}.",
            "We order {copies}, and want {delivery}. How much is it all?",
            "Total price of {copies}, please.",
            "Including {delivery}, what is the bill for {copies}?",
            "My firm wants {copies} with {delivery}. How many euros in all?",
            "Work out the whole cost: {copies}, with {delivery}.",
            "If I ask for {copies} at once, what does the records office charge?",
            "With {delivery}, how expensive are {copies} altogether?",
        ),
        dev=(
            "What would {copies} come to in all?",
            "Please sum up what {copies} cost with {delivery}.",
            "The family needs {copies}. What is the full amount at the records office?",
            "If we choose {delivery}, how much is it for {copies}?",
        ),
    ),
    "check_vat_number": Wordings(
        case=_check_vat_number,
        test=(
            "Is {number} a valid VAT number?",
            "A firm in {country} gave {digits} as its VAT number. Are the check digits right?",
            "Does the VAT number {number} have a typing mistake?",
            "Please test this VAT number from {country}: {digits}.",
            "Our new customer in {country} has VAT number {digits}. Is it well formed?",
            "I copied {number} from a bill. Can that be a true VAT number?",
            "VAT number {digits}, {country}: correct or not?",
            "Could {digits} be the VAT number of a company in {country}?",
            "Before I book this bill, see whether VAT number {number} adds up.",
            "The invoice shows {country} and VAT number {digits}. Is that number all right?",
            "Verify {digits}, said to be a VAT number of {country}.",
        ),
        dev=(
            "Do the check digits of VAT number {number} fit?",
            "Someone in {country} says his VAT number is {digits}. Can that be?",
            "Right or wrong: VAT number {digits} in {country}?",
            "Tell me if the VAT number {number} is well formed.",
        ),
    ),
    "make_password": Wordings(
        case=_make_password,
        test=(
            "I need a new password of {length}.",
            "Give me a password of {length} with {kind}.",
            "Please invent a password that is {length} long.",
            "Think up a secret word of {length} for my account, using {kind}.",
            "My mail account wants a password of {length}, with {kind}.",
            "Create a fresh password, {length}, {kind}.",
            "Can you produce a random password of {length} from {kind}?",
            "password, {length}, {kind}",
            "The new colleague must log in. Choose her a password of {length} with {kind}.",
            "The door lock takes a password of {length}, made of {kind}. Suggest one.",
            "What would be a good password of {length}?",
        ),
        dev=(
            "Generate a password with {length}.",
            "Set up a password for the printer: {length}, {kind}.",
            "I forgot mine, so give me another password of {length}.",
            "A password of {length} made from {kind}, please.",
        ),
    ),
}
