"""Wordings for the family `transport`.

Airports read as a code ("OSL"), as a city with its code ("Oslo (OSL)"), or, only where the code is the first three
letters of the city, as the city alone.
"""

import random

from microworld.test_set.wordings._base import Case, Wordings
from microworld.tools.tables.airports import AIRPORTS
from microworld.tools.tables.rail import STATIONS

#: without Paris, the example of the tools' errors
_CODES = tuple(code for code in AIRPORTS if code != "CDG")
_TELLING = tuple(code for code in _CODES if AIRPORTS[code].city[:3].upper() == code)

_UNITS = {
    "km": ("kilometres", "km"),
    "mi": ("miles", "statute miles", "mi"),
    "nmi": ("nautical miles", "nmi"),
}
_CABINS = {
    "F": ("first class", "class F"),
    "J": ("business class", "class J"),
    "W": ("premium economy class", "class W"),
    "Y": ("economy class", "class Y"),
}
_NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}
_HOURS = ("twelve", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")
_MINUTES = {0: "{hour}", 15: "quarter past {hour}", 30: "half past {hour}"}


def _airports(rng: random.Random, count: int, longest: int = 2) -> tuple[list[str], list[str]]:
    """Different airports: how they read, all in the same way, and their codes.

    At most `longest` of them read as city and code, to keep queries short.
    """
    style = rng.choice(("code", "code", "both", "city"))
    if style == "both":
        count = min(count, longest)
    codes = rng.sample(_TELLING if style == "city" else _CODES, count)
    if style == "code":
        return list(codes), codes
    cities = [AIRPORTS[code].city for code in codes]
    if style == "city":
        return cities, codes
    return [f"{city} ({code})" for city, code in zip(cities, codes, strict=True)], codes


def _flight(rng: random.Random, slots: frozenset[str]) -> Case:
    (origin, destination), codes = _airports(rng, 2)
    texts = {"origin": origin, "destination": destination}
    arguments = {"origin": codes[0], "destination": codes[1]}
    if "unit" in slots:
        arguments["unit"] = rng.choice(("km", "mi", "mi", "nmi", "nmi"))
        texts["unit"] = rng.choice(_UNITS[arguments["unit"]])
    return Case(texts, arguments)


def _route(rng: random.Random, slots: frozenset[str]) -> Case:
    names, codes = _airports(rng, rng.randint(3, 4), longest=3)
    texts = {
        "stops": f"{', '.join(names[:-1])} and {names[-1]}",
        "chain": ", then ".join(names),
        "start": names[0],
        "via": " and ".join(names[1:-1]),
        "end": names[-1],
    }
    arguments: dict[str, object] = {"stops": codes}
    if "home" in slots:
        arguments["return_home"] = True
        texts["home"] = rng.choice(("back to the start", "home to the first airport", "back to where it began"))
    return Case({slot: text for slot, text in texts.items() if slot in slots}, arguments)


def _time(rng: random.Random) -> tuple[str, str]:
    """A time of day between 05:00 and 20:59, as it reads and as HH:MM."""
    hour = rng.randint(5, 20)
    style = rng.choice(("24", "24", "12", "words"))
    minute = rng.choice((0, 15, 30)) if style == "words" else rng.choice((0, 5, 10, 20, 25, 35, 40, 50, 55))
    written = f"{hour:02}:{minute:02}"
    if style == "24":
        return written, written
    if style == "12":
        shown = f"{(hour - 1) % 12 + 1}" + (f":{minute:02}" if minute else "")
        return f"{shown} {'am' if hour < 12 else 'pm'}", written
    part = "in the morning" if hour < 12 else "in the afternoon" if hour < 18 else "in the evening"
    return f"{_MINUTES[minute].format(hour=_HOURS[hour % 12])} {part}", written


def _trains(rng: random.Random, slots: frozenset[str]) -> Case:
    origin, destination = rng.sample(STATIONS, 2)
    after, written = _time(rng)
    texts = {"origin": origin, "destination": destination, "after": after}
    arguments: dict[str, object] = {"origin": origin, "destination": destination, "after": written}
    if "limit" in slots:
        limit = rng.randint(2, 5)
        arguments["limit"] = limit
        texts["limit"] = rng.choice((_NUMBERS[limit], str(limit)))
    return Case(texts, arguments)


def _baggage(rng: random.Random, slots: frozenset[str]) -> Case:
    weight: float = rng.randint(26, 65)
    style = rng.choice(("kg", "kilos", "kilograms", "half"))
    if style == "half":
        weight, style = weight + 0.5, "kg"
    cabin = rng.choice(tuple(_CABINS))
    return Case(
        {"weight": f"{weight:g} {style}", "cabin": rng.choice(_CABINS[cabin])}, {"weight": weight, "cabin": cabin}
    )


def _nothing(rng: random.Random, slots: frozenset[str]) -> Case:
    return Case({}, {})


WORDINGS: dict[str, Wordings] = {
    "flight_distance": Wordings(
        case=_flight,
        test=(
            "How many {unit} is it by plane from {origin} to {destination}?",
            "How far apart are the airports {origin} and {destination}?",
            "A nonstop plane leaves {origin} for {destination}. How far does it fly?",
            "Give me the direct air distance between {origin} and {destination} in {unit}.",
            "I fly from {origin} straight to {destination}. How long is that trip in {unit}?",
            "What distance does a plane cover from {origin} to {destination} without landing?",
            "Please tell me, in {unit}, how far {destination} is from {origin} by air.",
            "{origin} to {destination}, nonstop, in {unit}?",
            "My son asks how long the nonstop way from {origin} to {destination} is, measured in {unit}.",
            "Tell me how far I fly going directly from {origin} to {destination}.",
        ),
        dev=(
            "Between {origin} and {destination} there is a direct plane. What distance is that?",
            "Work out the {unit} flown on a nonstop trip, {origin} to {destination}.",
            "I need the length of the direct air link {origin} to {destination} in {unit}.",
        ),
    ),
    "route_distance": Wordings(
        case=_route,
        test=(
            "How far do I fly in all on a trip over {stops}, in that order?",
            "We fly {chain}. What is the total length?",
            "A plane leaves {start}, lands at {via}, and ends at {end}. How far is that altogether?",
            "Our tour goes {chain}, and {home}. How many kilometres in total?",
            "Add up the legs of this journey by air: {stops}.",
            "Crew plan: {chain}, then {home}. Give the whole distance.",
            "What is the whole way from {start} to {end} by air if I change at {via}?",
            "Please sum the kilometres flown from {start} over {via} to {end} and {home}.",
            "My tickets take me to {stops}, one after the other. How long is the whole flight path?",
            "Total length of the round trip {chain}, and {home}?",
        ),
        dev=(
            "Starting at {start} we fly to {via} and on to {end}. How much distance is that together?",
            "How long is the air journey {chain}, all legs added?",
            "I visit {stops} by plane and fly {home}. How far is it overall?",
        ),
    ),
    "find_trains": Wordings(
        case=_trains,
        test=(
            "When does the next train leave {origin} for {destination} after {after}?",
            "I am at {origin} and want to reach {destination}. Show me {limit} trains from {after} on.",
            "Which Harbour Line train gets me from {origin} to {destination} if I start at {after} or later?",
            "List {limit} departures from {origin} to {destination}, not before {after}.",
            "My meeting at {origin} ends at {after}. What is the first train to {destination}?",
            "Could you look up the next {limit} trains to {destination} from {origin} after {after}?",
            "{origin} to {destination} by rail, earliest {after}, please.",
            "After {after} I travel from {origin} to {destination}. Give me {limit} possible trains.",
            "What train can I catch at {origin} towards {destination} when I arrive there at {after}?",
            "I need {limit} options to ride from {origin} to {destination}, leaving {after} or later.",
        ),
        dev=(
            "Tell me the first train from {origin} to {destination} that leaves at {after} or later.",
            "Starting {after}, which {limit} trains go from {origin} to {destination}?",
            "I get to {origin} station at {after}. How do I go on to {destination} by train?",
        ),
    ),
    "baggage_fee": Wordings(
        case=_baggage,
        test=(
            "My suitcase weighs {weight} and I fly {cabin}. What will I pay for it?",
            "How much does a bag of {weight} cost in {cabin}?",
            "Is a {weight} case free in {cabin}, or must I pay extra?",
            "I booked {cabin}. What is the charge for {weight} of luggage?",
            "Checking in one bag, {weight}, {cabin}. Any extra cost?",
            "Please work out the luggage charge for {weight} in {cabin}.",
            "Flying {cabin} with a case of {weight}: how many kilos are over the limit?",
            "A passenger in {cabin} brings {weight}. What should the airline charge her?",
            "How much of my {weight} bag is free of charge in {cabin}?",
            "Tell me the price for one checked case with {weight}, {cabin} ticket.",
        ),
        dev=(
            "With a {cabin} ticket, what do I owe for a suitcase of {weight}?",
            "One bag at {weight}, travelling in {cabin}. What does it cost?",
            "Does {weight} of luggage exceed what {cabin} allows, and at what price?",
        ),
    ),
    "service_notices": Wordings(
        case=_nothing,
        test=(
            "Is anything out of order on the Harbour Line today?",
            "What should passengers of the Harbour Line know right now?",
            "Show me the current announcements of the railway.",
            "Any news from the Harbour Line stations?",
            "Please read me the latest passenger information of the railway.",
            "Before I go to the station, are there any warnings from the railway?",
            "What does the Harbour Line announce at the moment?",
            "Are there problems at any of the Harbour Line stations?",
            "I use a wheelchair. Do any railway stations report a broken lift?",
            "Give me all current alerts for Harbour Line passengers.",
            "Has the railway posted any messages for travellers?",
            "Is a ticket office closed anywhere on the Harbour Line?",
            "Let me see what is posted for railway passengers now.",
            "Which Harbour Line stations have something to report?",
            "I take my bicycle on the railway. Are there any current messages about parking?",
        ),
        dev=(
            "What is the Harbour Line telling its passengers today?",
            "Check if the railway has any announcements, please.",
            "Are any exits closed at the railway's stations at present?",
            "I would like the railway's current passenger messages.",
            "Anything to watch out for on the Harbour Line?",
        ),
    ),
}
