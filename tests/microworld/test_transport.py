"""The tools of the family `transport`, against published distances and a timetable read by hand."""

import itertools
import math
import re
from typing import Any

import pytest
from calls import error, observe, value

from microworld.tools.tables.airports import AIRPORTS
from microworld.tools.tables.rail import SERVICES, STATIONS

# Right results

#: statute miles as lists of the longest flights print them (surf4hub.com, 1tattedpassport.com; read in November 2026);
#: London to New York is commonly given as 5,554 km
PUBLISHED_MILES = {
    ("JFK", "LHR"): 3451,
    ("DXB", "AKL"): 8824,
    ("SFO", "SIN"): 8446,
    ("ATL", "JNB"): 8439,
    ("DXB", "LAX"): 8339,
    ("PER", "LHR"): 9009,
}


@pytest.mark.parametrize("pair", list(PUBLISHED_MILES), ids="-".join)
def test_flight_distance_agrees_with_published_ones(pair: tuple[str, str]) -> None:
    miles = value("flight_distance", origin=pair[0], destination=pair[1], unit="mi")
    assert miles == {"distance": pytest.approx(PUBLISHED_MILES[pair], rel=0.006), "unit": "mi"}
    assert value("flight_distance", origin=pair[1], destination=pair[0], unit="mi") == miles


def test_flight_distance_agrees_with_the_angle_between_vectors() -> None:
    def direction(code: str) -> tuple[float, float, float]:
        north, east = math.radians(AIRPORTS[code].latitude), math.radians(AIRPORTS[code].longitude)
        return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)

    pairs = list(itertools.pairwise(AIRPORTS))
    calls = [("flight_distance", {"origin": one, "destination": two}) for one, two in pairs]
    for (one, two), observation in zip(pairs, observe(calls), strict=True):
        angle = math.acos(sum(a * b for a, b in zip(direction(one), direction(two), strict=True)))
        assert observation.value == {"distance": pytest.approx(6371.0088 * angle, abs=0.51), "unit": "km"}


def test_flight_distance_units() -> None:
    # 5,540 km on the sphere divided by 1.609344 and by 1.852
    call = {"origin": "LHR", "destination": "JFK"}
    assert value("flight_distance", **call) == {"distance": 5540, "unit": "km"}
    assert value("flight_distance", **call, unit="km") == value("flight_distance", **call)
    assert value("flight_distance", **call, unit="mi") == {"distance": 3442, "unit": "mi"}
    assert value("flight_distance", **call, unit="nmi") == {"distance": 2991, "unit": "nmi"}


def test_route_distance_adds_legs() -> None:
    def leg(origin: str, destination: str) -> int:
        return value("flight_distance", origin=origin, destination=destination)["distance"]

    one_way = leg("OSL", "FRA") + leg("FRA", "NBO") + leg("NBO", "CPT")
    stops = ["OSL", "FRA", "NBO", "CPT"]
    assert value("route_distance", stops=stops)["distance"] == pytest.approx(one_way, abs=2)  # legs round one by one
    there_and_back = value("route_distance", stops=stops, return_home=True)["distance"]
    assert there_and_back == pytest.approx(one_way + leg("CPT", "OSL"), abs=2)
    assert value("route_distance", stops=stops, return_home=False) == value("route_distance", stops=stops)
    there = value("route_distance", stops=["LHR", "JFK"], return_home=True)["distance"]
    assert there == pytest.approx(2 * 5540, abs=1)


@pytest.mark.parametrize(
    ("origin", "destination", "after", "limit", "trains"),
    [  # read off the timetable by hand
        ("Harbour", "Stadium", "09:00", None, ["09:05-09:20"]),
        ("Harbour", "Hillcrest", "07:06", 3, ["07:20-07:42", "07:35-08:05", "08:05-08:35"]),
        ("Oldtown", "Hillcrest", "08:10", None, ["08:39-09:05"]),
        ("oldtown", "HILLCREST", "08:09", None, ["08:09-08:35"]),
        ("Hillcrest", "Riverside", "16:11", 2, ["16:25-16:40", "16:40-17:01"]),
        ("Lakeview", "Stadium", "22:50", 5, ["23:18-23:25"]),
        ("Stadium", "Oldtown", "23:59", 5, []),
        ("Riverside", "Oldtown", "00:00", None, ["05:31-05:36"]),
    ],
)
def test_find_trains(origin: str, destination: str, after: str, limit: int | None, trains: list[str]) -> None:
    optional = {} if limit is None else {"limit": limit}
    assert value("find_trains", origin=origin, destination=destination, after=after, **optional) == trains


def test_timetable_is_sound() -> None:
    for service in SERVICES:
        assert list(service.calls.values()) == sorted(service.calls.values())
        assert set(service.calls) <= set(STATIONS)
        assert max(service.starts) + max(service.calls.values()) < 24 * 60


@pytest.mark.parametrize(
    ("weight", "cabin", "result"),
    [  # by hand: (30 - 23) * 12, (34.5 - 32) * 8, (28 - 28) * 10, (70 - 40) * 6
        (30, "Y", {"free_kg": 23, "extra_kg": 7.0, "fee_eur": 84.0}),
        (34.5, "J", {"free_kg": 32, "extra_kg": 2.5, "fee_eur": 20.0}),
        (28.0, "W", {"free_kg": 28, "extra_kg": 0.0, "fee_eur": 0.0}),
        (70, "F", {"free_kg": 40, "extra_kg": 30.0, "fee_eur": 180.0}),
    ],
)
def test_baggage_fee(weight: float, cabin: str, result: dict[str, float]) -> None:
    assert value("baggage_fee", weight=weight, cabin=cabin) == result


def test_service_notices() -> None:
    notices = value("service_notices")
    assert 1 <= len(notices) <= 5
    assert all(notice.split(":")[0] in STATIONS for notice in notices)


def test_airports_are_where_they_should_be() -> None:
    # roughly: hemispheres of well-known cities, and no two airports within 200 km
    assert all(re.fullmatch("[A-Z]{3}", code) for code in AIRPORTS) and 40 <= len(AIRPORTS) <= 50
    south = {"AKL", "CPT", "EZE", "GRU", "JNB", "LIM", "NBO", "PER", "SYD"}
    west = {"ATL", "BOS", "DEN", "DUB", "EZE", "GRU", "JFK", "LAX", "LHR", "LIM", "LIS", "MAD", "MEX", "SFO", "YYZ"}
    assert {code for code, airport in AIRPORTS.items() if airport.latitude < 0} == south
    assert {code for code, airport in AIRPORTS.items() if airport.longitude < 0} == west
    pairs = list(itertools.combinations(AIRPORTS, 2))
    calls = [("flight_distance", {"origin": one, "destination": two}) for one, two in pairs]
    distances = [observation.value["distance"] for observation in observe(calls)]  # type: ignore[index,call-overload]
    assert 200 < min(distances) and max(distances) < 20_016  # half the Earth's circumference


# Errors

_FLIGHT = {"origin": "LHR", "destination": "JFK"}
_TRAIN = {"origin": "Harbour", "destination": "Stadium", "after": "09:00"}

#: tool, arguments, and what the message must say
ERRORS: list[tuple[str, dict[str, Any], str]] = [
    (
        "flight_distance",
        {**_FLIGHT, "origin": "London"},
        "origin: use a three-letter airport code in capitals, like CDG",
    ),
    ("flight_distance", {**_FLIGHT, "origin": "lhr"}, "origin: use a three-letter airport code in capitals, like CDG"),
    (
        "flight_distance",
        {**_FLIGHT, "destination": "XXX"},
        "destination: no airport with this code, use a code like CDG",
    ),
    ("flight_distance", {**_FLIGHT, "destination": "LHR"}, "destination: must not be the origin"),
    ("flight_distance", {**_FLIGHT, "unit": "miles"}, "unit: use km, mi or nmi"),
    ("route_distance", {"stops": ["Rome", "FRA"]}, "stops: use a three-letter airport code in capitals, like CDG"),
    ("route_distance", {"stops": ["FCO", "QQQ"]}, "stops: no airport with this code, use a code like CDG"),
    ("route_distance", {"stops": []}, "stops: give 2 to 8 airport codes"),
    ("route_distance", {"stops": ["FCO"]}, "stops: give 2 to 8 airport codes"),
    ("route_distance", {"stops": ["FCO", "FRA"] * 5}, "stops: give 2 to 8 airport codes"),
    ("route_distance", {"stops": ["FCO", "FCO", "FRA"]}, "stops: the same airport twice in a row"),
    ("route_distance", {"stops": ["FCO", "FRA", "FCO"], "return_home": True}, "stops: the same airport twice in a row"),
    ("find_trains", {**_TRAIN, "origin": "Central"}, f"origin: stations are {', '.join(STATIONS)}"),
    ("find_trains", {**_TRAIN, "destination": ""}, f"destination: stations are {', '.join(STATIONS)}"),
    ("find_trains", {**_TRAIN, "destination": "harbour"}, "destination: must not be the origin"),
    ("find_trains", {**_TRAIN, "after": "9:00"}, "after: use a time HH:MM, like 17:45"),
    ("find_trains", {**_TRAIN, "after": "24:00"}, "after: use a time HH:MM, like 17:45"),
    ("find_trains", {**_TRAIN, "after": "09:00\n"}, "after: use a time HH:MM, like 17:45"),
    ("find_trains", {**_TRAIN, "limit": 0}, "limit: give 1 to 5 trains"),
    ("find_trains", {**_TRAIN, "limit": 6}, "limit: give 1 to 5 trains"),
    ("baggage_fee", {"weight": 0, "cabin": "Y"}, "weight: give kilograms from 1 to 70"),
    ("baggage_fee", {"weight": 70.1, "cabin": "Y"}, "weight: give kilograms from 1 to 70"),
    ("baggage_fee", {"weight": float("nan"), "cabin": "Y"}, "weight: give kilograms from 1 to 70"),
    (
        "baggage_fee",
        {"weight": 30, "cabin": "y"},
        "cabin: use F (first), J (business), W (premium economy) or Y (economy)",
    ),
]


@pytest.mark.parametrize(("tool", "arguments", "message"), ERRORS)
def test_errors(tool: str, arguments: dict[str, Any], message: str) -> None:
    assert error(tool, **arguments) == message
