"""Hand-written wordings of the family `calendar`."""

import datetime as dt
import random

from microworld.test_set.wordings._base import Case, Wordings
from microworld.tools.calendar import add_workdays, list_holidays

ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
NUMBERS = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
MONTHS = ("January February March April May June July August September October November December").split()
#: how a country with holiday data is named in a sentence
COUNTRIES = {
    "AT": "Austria",
    "BE": "Belgium",
    "BR": "Brazil",
    "DK": "Denmark",
    "ES": "Spain",
    "FR": "France",
    "GB": "the United Kingdom",
    "NO": "Norway",
    "PL": "Poland",
    "PT": "Portugal",
    "US": "the United States",
}


def _number(rng: random.Random, number: int) -> str:
    """A number as a word, where it is small, or in digits."""
    if 2 <= number <= 16 and rng.random() < 0.5:
        return NUMBERS[number - 2]
    return str(number)


def _date(rng: random.Random) -> dt.date:
    """A date, but the one that error messages give as their example."""
    date = dt.date(rng.randint(2027, 2039), 1, 1) + dt.timedelta(days=rng.randrange(365))
    return date if date != dt.date(2030, 12, 24) else _date(rng)


def _read_date(rng: random.Random, date: dt.date) -> str:
    """A date as people write it; with slashes only where day and month cannot be mistaken for each other."""
    month = MONTHS[date.month - 1]
    forms = [
        f"{date.day} {month} {date.year}",
        f"{date.day} {month} {date.year}",
        f"{month} {date.day}, {date.year}",
        date.isoformat(),
    ]
    if date.day > 12:
        forms.append(f"{date:%d/%m/%Y}")
    if date.day <= len(ORDINALS):
        forms.append(f"the {ORDINALS[date.day - 1]} of {month} {date.year}")
    return rng.choice(forms)


def _add_days(rng: random.Random, slots: frozenset[str]) -> Case:
    """{days} and {back}: a number of days; {span}: a number of days after or before."""
    date = _date(rng)
    if rng.random() < 0.25:
        weeks = rng.randint(2, 14)
        days, text = 7 * weeks, f"{_number(rng, weeks)} weeks"
    else:
        days = rng.choice((rng.randint(3, 16), rng.randint(17, 300)))
        text = f"{_number(rng, days)} days"
    before = "back" in slots or ("span" in slots and rng.random() < 0.4)
    filled = {
        "date": _read_date(rng, date),
        "days": text,
        "back": text,
        "span": f"{text} {'before' if before else 'after'}",
    }
    return Case(
        slots={name: filled[name] for name in slots},
        arguments={"date": f"{date:%d/%m/%Y}", "days": -days if before else days},
    )


def _add_workdays(rng: random.Random, slots: frozenset[str]) -> Case:
    """As `_add_days`, in working days; a {country} is drawn such that its holidays make a difference."""
    while True:
        date = _date(rng)
        days = rng.randint(3, 60)
        before = "back" in slots or ("span" in slots and rng.random() < 0.3)
        arguments = {"date": date.isoformat(), "days": -days if before else days}
        if "country" not in slots:
            break
        plain = add_workdays(**arguments)
        arguments["country"] = rng.choice(list(COUNTRIES))
        if add_workdays(**arguments) != plain:
            break
    text = f"{_number(rng, days)} {rng.choice(('working', 'working', 'business'))} days"
    filled = {
        "date": _read_date(rng, date),
        "days": text,
        "back": text,
        "span": f"{text} {'before' if before else 'after'}",
        "country": COUNTRIES.get(arguments.get("country", ""), ""),
    }
    return Case(slots={name: filled[name] for name in slots}, arguments=arguments)


def _list_holidays(rng: random.Random, slots: frozenset[str]) -> Case:
    while True:
        arguments = {"country": rng.choice(list(COUNTRIES)), "month": rng.randint(1, 12)}
        if "year" in slots:
            arguments["year"] = rng.choice([year for year in range(2026, 2041) if year != 2031])
        if list_holidays(**arguments):
            break
    filled = {
        "country": COUNTRIES[arguments["country"]],
        "month": MONTHS[arguments["month"] - 1],
        "year": str(arguments.get("year", "")),
    }
    return Case(slots={name: filled[name] for name in slots}, arguments=arguments)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _half_day_clock(minutes: int) -> str:
    hour, minute = divmod(minutes, 60)
    half = "am" if hour < 12 else "pm"
    return f"{(hour + 11) % 12 + 1}{f':{minute:02}' if minute else ''} {half}"


def _shared_time(rng: random.Random, slots: frozenset[str]) -> Case:
    """{a}, {b}, {c}: ranges in one style; {minutes}: a length. Most of them overlap, by enough."""
    middle = rng.randrange(9 * 60, 17 * 60, 30)
    ranges = []
    for _ in range(3 if "c" in slots else 2):
        start = middle - rng.randrange(-1, 8) * 15
        ranges.append((start, start + rng.randrange(6, 20) * 15))
    read = rng.choice((_clock, _half_day_clock, lambda minutes: f"{minutes // 60}:{minutes % 60:02}"))
    filled = {name: f"{read(start)} to {read(end)}" for name, (start, end) in zip("abc", ranges, strict=False)}
    arguments = {"ranges": [f"{_clock(start)}-{_clock(end)}" for start, end in ranges]}
    if "minutes" in slots:
        filled["minutes"], arguments["minutes"] = rng.choice(
            (
                ("half an hour", 30),
                ("an hour", 60),
                ("15 minutes", 15),
                ("20 minutes", 20),
                ("forty minutes", 40),
                ("45 minutes", 45),
                ("ten minutes", 10),
            )
        )
    return Case(slots={name: filled[name] for name in slots}, arguments=arguments)


def _current_moment(rng: random.Random, slots: frozenset[str]) -> Case:
    return Case(slots={}, arguments={})


WORDINGS: dict[str, Wordings] = {
    "current_moment": Wordings(
        case=_current_moment,
        test=(
            "What day is it today?",
            "What time is it right now?",
            "Please tell me today's date.",
            "Is it already Wednesday, or which weekday do we have?",
            "I lost track, which date do we have?",
            "Which week of the year are we in?",
            "Could you check the clock for me?",
            "Tell me the year and the month we are in at present.",
            "I need to put today's date on this letter.",
            "How late is it?",
            "Is it morning or afternoon now?",
            "Give me the date and the time for the note I am writing now.",
            "My watch has stopped. What does the clock say?",
            "Do we have March or April at present?",
            "Before I sign: which day of the month is it?",
            "what's the weekday today",
        ),
        dev=(
            "What's the date?",
            "Say what time we have.",
            "Today is which day of the week?",
            "I forgot what day it is, please help.",
            "Has noon passed yet today?",
            "Which year is this?",
        ),
    ),
    "add_days": Wordings(
        case=_add_days,
        test=(
            "What date is {span} {date}?",
            "Starting on {date}, which day do I reach {days} later?",
            "A parcel sent on {date} has to come back after {days}. By which date?",
            "Count {days} forward from {date} and tell me the date.",
            "From {date} go back {back}. Which date is that?",
            "On which day of the week do I land {span} {date}?",
            "I need the date {span} {date}, Saturdays and Sundays counted like any day.",
            "The loan began on {date} and must be paid {days} later. On what day?",
            "Find the date {back} before {date}, please.",
            "If today were {date}, what would the date be in {days}?",
            "My exam is on {date} and I start learning {back} earlier. When is that?",
        ),
        dev=(
            "Take {date} and move {days} ahead. Where do I end up?",
            "date {span} {date}",
            "What day was it {back} before {date}?",
            "The seeds went in on {date} and sprout after {days}, so when?",
        ),
    ),
    "add_workdays": Wordings(
        case=_add_workdays,
        test=(
            "Which date is {span} {date}, leaving out public holidays in {country}?",
            "An order placed on {date} takes {days}. When is it ready?",
            "Count {days} on from {date}; our office in {country} is closed on public holidays.",
            "What date is {span} {date}? Only weekends are free.",
            "A bank in {country}, closed on public holidays, answers {days} after {date}. When?",
            "A complaint from {country} came on {date}; we reply {days} later, its public holidays excluded. When?",
            "Payment is due {span} {date}, and holidays in {country} do not count. Which day is it?",
            "I started on {date} and the job needs {days}. Tell me the date it ends, weekends off.",
            "Not counting the holidays of {country}, which day comes {span} {date}?",
            "Go back {back} from {date}, please, and say which date that is.",
            "Delivery to {country}: shipped {date}, arriving after {days}, public holidays excluded. When?",
        ),
        dev=(
            "Which day comes {span} {date}?",
            "From {date}, when have {days} gone by in {country}, its public holidays left out?",
            "The plan says {days} after {date}. Give me the date.",
            "Our team in {country} rests on public holidays. What is the date {span} {date}?",
        ),
    ),
    "list_holidays": Wordings(
        case=_list_holidays,
        test=(
            "Which public holidays does {country} have in {month} {year}?",
            "On which days in {month} {year} are shops closed for a public holiday in {country}?",
            "I travel to {country} in {month} {year}. Tell me the bank holidays then.",
            "What are the public holidays of {country} this {month}?",
            "Holidays in {country}, {month} {year}?",
            "Are there any official free days in {country} in {month} of this year?",
            "Show me every national holiday of {country} that falls in {month} {year}.",
            "We plan a visit to {country} for {month}. Which public holidays should we keep clear of?",
            "For the year {year}, which days in {month} are public holidays in {country}?",
            "When do people in {country} have a legal day off in {month} {year}?",
            "Name the dates of public holidays in {country} in {month}, please.",
        ),
        dev=(
            "Public holidays in {country} during {month} {year}, please.",
            "Does {country} celebrate any national holiday in {month}?",
            "My colleague in {country} is away on public holidays. Which ones come in {month} {year}?",
            "What days off does the law in {country} give in {month}?",
        ),
    ),
    "shared_time": Wordings(
        case=_shared_time,
        test=(
            "I am free from {a} and my sister from {b}. When can we both meet?",
            "When do {a} and {b} overlap?",
            "Find {minutes} for two people: one can do {a}, the other {b}.",
            "Three friends can come {a}, {b} and {c}. When do all meet?",
            "The pool opens {a} and I have time {b}. When can I swim for {minutes}?",
            "My shift is {a}, yours is {b}. How long are we both there?",
            "We need {minutes} together. I have {a}, he has {b}.",
            "One shop opens {a}, another {b}. When are both open for {minutes}?",
            "Where do the slots {a}, {b} and {c} meet?",
            "Room free {a}, guest free {b}. Earliest {minutes} for a talk?",
            "Is there a gap of {minutes} common to {a} and {b}?",
        ),
        dev=(
            "Anna can come {a}, Tom {b}. What time fits both?",
            "Which part of the day is in {a} and also in {b}?",
            "A call of {minutes} must fit into {a} and into {b}. When?",
            "He works {a}, she {b}, I {c}. When are all there?",
        ),
    ),
}
