"""The Harbour Line: an openly fictional city railway with six stations, the same timetable every day.

Made up for this study. Local trains call everywhere, every half hour; express trains run in the two rush hours and
leave out Oldtown and Stadium.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """Trains that run alike.

    Attributes:
        calls: the stations called at, in order, and the minutes since the train's start.
        starts: when the trains start, in minutes since midnight.
    """

    calls: dict[str, int]
    starts: tuple[int, ...]


#: from end to end
STATIONS = ("Harbour", "Oldtown", "Riverside", "Stadium", "Lakeview", "Hillcrest")

#: minutes since midnight of the rush hours' express trains: 7 to 9 and 16 to 18 o'clock
_RUSH = (7 * 60, 8 * 60, 9 * 60, 16 * 60, 17 * 60, 18 * 60)

SERVICES = (
    Service(  # local, 05:05 to 23:05
        {"Harbour": 0, "Oldtown": 4, "Riverside": 9, "Stadium": 15, "Lakeview": 22, "Hillcrest": 30},
        tuple(range(5 * 60 + 5, 23 * 60 + 6, 30)),
    ),
    Service(  # local, 05:10 to 23:10
        {"Hillcrest": 0, "Lakeview": 8, "Stadium": 15, "Riverside": 21, "Oldtown": 26, "Harbour": 30},
        tuple(range(5 * 60 + 10, 23 * 60 + 11, 30)),
    ),
    Service(  # express, 20 minutes past the hour
        {"Harbour": 0, "Riverside": 7, "Lakeview": 16, "Hillcrest": 22},
        tuple(hour + 20 for hour in _RUSH),
    ),
    Service(  # express, 25 minutes past the hour
        {"Hillcrest": 0, "Lakeview": 6, "Riverside": 15, "Harbour": 22},
        tuple(hour + 25 for hour in _RUSH),
    ),
)

#: what the operator has to say today; none of it changes the timetable
NOTICES = (
    "Oldtown: lift out of order",
    "Stadium: ticket office closed until Friday",
    "Lakeview: bicycle parking full",
    "Riverside: use the north exit",
)
