"""Transport: flights between airports, a bag's fee, trains of a small city line.

>>> flight_distance("LHR", "SYD")
{'distance': 17021, 'unit': 'km'}

Airports are real; the railway and the airline's baggage rules are fictional.
"""

import itertools
import math
import re
from typing import Annotated, Any

from microworld.tools._base import Properties, ToolError, study_tool
from microworld.tools.tables.airports import AIRPORTS, Airport
from microworld.tools.tables.rail import NOTICES, SERVICES, STATIONS

_EARTH_RADIUS_KM = 6371.0088  # mean radius (IUGG)
_KM_IN = {"km": 1.0, "mi": 1.609344, "nmi": 1.852}

#: kilograms free of charge and the fee in euros for each further one, by cabin; a fictional airline's
_BAGGAGE = {"F": (40, 6), "J": (32, 8), "W": (28, 10), "Y": (23, 12)}

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def _airport(name: str, code: str) -> Airport:
    """The airport with this code, `name` being the argument it came in."""
    if not re.fullmatch("[A-Z]{3}", code):
        raise ToolError(f"{name}: use a three-letter airport code in capitals, like CDG")
    if code not in AIRPORTS:
        raise ToolError(f"{name}: no airport with this code, use a code like CDG")
    return AIRPORTS[code]


def _kilometres(start: Airport, end: Airport) -> float:
    """Great-circle distance on a sphere (haversine formula)."""
    north, east = math.radians(end.latitude - start.latitude), math.radians(end.longitude - start.longitude)
    cosines = math.cos(math.radians(start.latitude)) * math.cos(math.radians(end.latitude))
    half = math.sin(north / 2) ** 2 + cosines * math.sin(east / 2) ** 2
    return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, half)))


@study_tool(
    family="transport",
    description="Distance of a direct flight between two airports.",
    properties=Properties(
        convention="airports by three-letter IATA code in capitals",
        breaks={"origin": "Paris", "destination": "New York"},
        keeps={"origin": "CDG", "destination": "JFK"},
        near_duplicate="route_distance",
    ),
)
def flight_distance(
    origin: Annotated[str, "airport"], destination: Annotated[str, "airport"], unit: str = "km"
) -> dict[str, Any]:
    """Great-circle distance between two airports, in whole kilometres or another unit.

    Airports are named by IATA code in capitals; 44 are known (`tables/airports.py`). The unit is "km", "mi" (statute
    miles) or "nmi" (nautical miles). The sphere has the Earth's mean radius, so results are within 0.6 % of those on
    the ellipsoid.

    Raises:
        ToolError: not a code, an unknown code, twice the same airport, an unknown unit.
    """
    start, end = _airport("origin", origin), _airport("destination", destination)
    if start is end:
        raise ToolError("destination: must not be the origin")
    if unit not in _KM_IN:
        raise ToolError("unit: use km, mi or nmi")
    return {"distance": round(_kilometres(start, end) / _KM_IN[unit]), "unit": unit}


@study_tool(
    family="transport",
    description="Total distance of a flight route with several stops.",
    properties=Properties(
        convention="airports by three-letter IATA code in capitals",
        breaks={"stops": ["cdg", "dxb", "sin"]},
        keeps={"stops": ["CDG", "DXB", "SIN"]},
        near_duplicate="flight_distance",
    ),
)
def route_distance(
    stops: Annotated[list[str], "airports in order"], return_home: Annotated[bool, "back to start"] = False
) -> dict[str, Any]:
    """Sum of the great-circle distances along a route of 2 to 8 airports, in whole kilometres.

    Airports are named by IATA code in capitals, in the order they are flown to. With `return_home` the leg from the
    last airport back to the first is added. For two stops this is what `flight_distance` returns without a unit.

    Raises:
        ToolError: too few or too many stops, not a code, an unknown code, a leg from an airport to itself.
    """
    if not 2 <= len(stops) <= 8:
        raise ToolError("stops: give 2 to 8 airport codes")
    route = [_airport("stops", code) for code in stops]
    if return_home:
        route.append(route[0])
    legs = list(itertools.pairwise(route))
    if any(start is end for start, end in legs):
        raise ToolError("stops: the same airport twice in a row")
    return {"distance": round(sum(_kilometres(start, end) for start, end in legs)), "unit": "km"}


def _station(name: str, station: str) -> str:
    """The station of this name in any case, `name` being the argument it came in."""
    found = station.strip().capitalize()
    if found not in STATIONS:
        raise ToolError(f"{name}: stations are {', '.join(STATIONS)}")
    return found


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@study_tool(
    family="transport",
    description="Departures and arrivals of Harbour Line trains between two stations.",
    properties=Properties(
        convention="time of day as HH:MM, 24 hours",
        breaks={"origin": "Harbour", "destination": "Stadium", "after": "5 pm"},
        keeps={"origin": "Harbour", "destination": "Stadium", "after": "17:00"},
    ),
)
def find_trains(
    origin: Annotated[str, "station"],
    destination: Annotated[str, "station"],
    after: Annotated[str, "earliest departure"],
    limit: Annotated[int, "how many"] = 1,
) -> list[str]:
    """The next trains between two stations of the fictional Harbour Line (`tables/rail.py`), as "HH:MM-HH:MM".

    Trains that leave at `after` or later on the same day, first departure first, at most `limit` (1 to 5); an empty
    list after the last one. The time is written HH:MM with two digits each, 00:00 to 23:59. A station's name may be
    in any case; a wrong one is answered with the list of all.

    Raises:
        ToolError: an unknown station, twice the same station, another form of time, a limit out of range.
    """
    start, end = _station("origin", origin), _station("destination", destination)
    if start == end:
        raise ToolError("destination: must not be the origin")
    time = _TIME.fullmatch(after)
    if time is None:
        raise ToolError("after: use a time HH:MM, like 17:45")
    if not 1 <= limit <= 5:
        raise ToolError("limit: give 1 to 5 trains")
    earliest = 60 * int(time[1]) + int(time[2])
    trains = sorted(
        (begin + service.calls[start], begin + service.calls[end])
        for service in SERVICES
        if service.calls.get(start, math.inf) < service.calls.get(end, -math.inf)
        for begin in service.starts
        if begin + service.calls[start] >= earliest
    )
    return [f"{_clock(departure)}-{_clock(arrival)}" for departure, arrival in trains[: int(limit)]]


@study_tool(
    family="transport",
    description="Free allowance and extra fee for one checked bag.",
    properties=Properties(
        convention="cabin by its one-letter code: F, J, W or Y",
        breaks={"weight": 30, "cabin": "economy"},
        keeps={"weight": 30, "cabin": "Y"},
    ),
)
def baggage_fee(weight: Annotated[float, "kilograms"], cabin: str) -> dict[str, float]:
    """What a fictional airline charges for one bag: kilograms free, kilograms above, and their fee in euros.

    Cabins go by the letters airlines book them with: F first, J business, W premium economy, Y economy. Free are 40,
    32, 28 and 23 kg; each further kilogram costs 6, 8, 10 and 12 euros, parts of one in proportion.

    Raises:
        ToolError: a weight outside 1 to 70 kg, an unknown cabin.
    """
    if not 1 <= weight <= 70:
        raise ToolError("weight: give kilograms from 1 to 70")
    if cabin not in _BAGGAGE:
        raise ToolError("cabin: use F (first), J (business), W (premium economy) or Y (economy)")
    free, euros = _BAGGAGE[cabin]
    extra = max(0.0, float(weight) - free)
    return {"free_kg": free, "extra_kg": round(extra, 2), "fee_eur": round(extra * euros, 2)}


@study_tool(
    family="transport",
    description="Current notices for passengers of the Harbour Line railway.",
    properties=Properties(compare="unordered"),
)
def service_notices() -> list[str]:
    """What the fictional Harbour Line tells its passengers on the frozen day, one short notice a station."""
    return list(NOTICES)


TOOLS: list[Any] = [flight_distance, route_distance, find_trains, baggage_fee, service_notices]
