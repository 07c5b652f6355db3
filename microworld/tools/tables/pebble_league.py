"""The Pebble League: an openly fictional football league of eight clubs, and what happened when two of them met.

Made up for this study: drawn once with a seeded generator, six matches a pair, then frozen. A club's code is the
first three letters of its name.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meeting:
    """Totals of the six matches of two clubs, given by code; each pair is (of the first, of the second)."""

    first: str
    second: str
    wins: tuple[int, int]
    goals: tuple[int, int]
    corners: tuple[int, int]
    cards: tuple[int, int]


CLUBS = {
    "COP": "Copper",
    "FAL": "Falcon",
    "GRA": "Granite",
    "HAZ": "Hazel",
    "MAP": "Maple",
    "MEA": "Meadow",
    "THU": "Thunder",
    "WIL": "Willow",
}

STATISTICS = ("wins", "goals", "corners", "cards")

MEETINGS = (
    Meeting("COP", "FAL", wins=(5, 0), goals=(7, 0), corners=(18, 35), cards=(10, 16)),
    Meeting("COP", "GRA", wins=(1, 1), goals=(7, 8), corners=(36, 34), cards=(16, 7)),
    Meeting("COP", "HAZ", wins=(0, 0), goals=(7, 7), corners=(22, 31), cards=(4, 13)),
    Meeting("COP", "MAP", wins=(2, 3), goals=(8, 8), corners=(36, 20), cards=(5, 11)),
    Meeting("COP", "MEA", wins=(2, 2), goals=(5, 7), corners=(41, 36), cards=(16, 6)),
    Meeting("COP", "THU", wins=(0, 6), goals=(2, 13), corners=(25, 26), cards=(14, 10)),
    Meeting("COP", "WIL", wins=(1, 1), goals=(8, 7), corners=(25, 31), cards=(8, 15)),
    Meeting("FAL", "GRA", wins=(4, 0), goals=(7, 2), corners=(36, 29), cards=(6, 11)),
    Meeting("FAL", "HAZ", wins=(4, 2), goals=(10, 6), corners=(34, 41), cards=(6, 9)),
    Meeting("FAL", "MAP", wins=(2, 2), goals=(6, 6), corners=(29, 21), cards=(9, 16)),
    Meeting("FAL", "MEA", wins=(5, 0), goals=(14, 3), corners=(25, 28), cards=(9, 10)),
    Meeting("FAL", "THU", wins=(4, 1), goals=(10, 3), corners=(25, 35), cards=(4, 13)),
    Meeting("FAL", "WIL", wins=(1, 0), goals=(7, 5), corners=(35, 38), cards=(6, 15)),
    Meeting("GRA", "HAZ", wins=(5, 0), goals=(10, 1), corners=(41, 31), cards=(15, 10)),
    Meeting("GRA", "MAP", wins=(4, 0), goals=(12, 5), corners=(37, 42), cards=(16, 13)),
    Meeting("GRA", "MEA", wins=(4, 1), goals=(8, 4), corners=(29, 33), cards=(5, 9)),
    Meeting("GRA", "THU", wins=(0, 4), goals=(3, 9), corners=(34, 29), cards=(5, 5)),
    Meeting("GRA", "WIL", wins=(4, 1), goals=(12, 4), corners=(40, 35), cards=(13, 5)),
    Meeting("HAZ", "MAP", wins=(1, 5), goals=(3, 5), corners=(30, 22), cards=(10, 14)),
    Meeting("HAZ", "MEA", wins=(0, 0), goals=(5, 5), corners=(42, 42), cards=(10, 9)),
    Meeting("HAZ", "THU", wins=(0, 3), goals=(3, 7), corners=(38, 20), cards=(16, 8)),
    Meeting("HAZ", "WIL", wins=(4, 0), goals=(8, 3), corners=(28, 24), cards=(6, 13)),
    Meeting("MAP", "MEA", wins=(1, 4), goals=(5, 9), corners=(21, 23), cards=(9, 16)),
    Meeting("MAP", "THU", wins=(0, 4), goals=(3, 9), corners=(19, 42), cards=(7, 6)),
    Meeting("MAP", "WIL", wins=(0, 4), goals=(2, 11), corners=(37, 29), cards=(13, 11)),
    Meeting("MEA", "THU", wins=(1, 4), goals=(5, 11), corners=(29, 39), cards=(11, 7)),
    Meeting("MEA", "WIL", wins=(3, 2), goals=(7, 7), corners=(39, 29), cards=(14, 4)),
    Meeting("THU", "WIL", wins=(3, 1), goals=(9, 5), corners=(41, 20), cards=(11, 11)),
)
