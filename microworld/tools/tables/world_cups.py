"""The men's football World Cups, 1930 to 2022: host and the first four teams.

Public facts; checked in November 2026 against Joshua C. Fjelstul's World Cup Database. Teams and hosts bear their
names of the time (West Germany, Soviet Union). There was no match for third place in 1930, the order is FIFA's later
one; in 1950 the first four played a league.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorldCup:
    """A tournament: its year, who held it, and the first four teams in order."""

    year: int
    host: str
    teams: tuple[str, str, str, str]


_ROWS = (
    WorldCup(1930, "Uruguay", ("Uruguay", "Argentina", "United States", "Yugoslavia")),
    WorldCup(1934, "Italy", ("Italy", "Czechoslovakia", "Germany", "Austria")),
    WorldCup(1938, "France", ("Italy", "Hungary", "Brazil", "Sweden")),
    WorldCup(1950, "Brazil", ("Uruguay", "Brazil", "Sweden", "Spain")),
    WorldCup(1954, "Switzerland", ("West Germany", "Hungary", "Austria", "Uruguay")),
    WorldCup(1958, "Sweden", ("Brazil", "Sweden", "France", "West Germany")),
    WorldCup(1962, "Chile", ("Brazil", "Czechoslovakia", "Chile", "Yugoslavia")),
    WorldCup(1966, "England", ("England", "West Germany", "Portugal", "Soviet Union")),
    WorldCup(1970, "Mexico", ("Brazil", "Italy", "West Germany", "Uruguay")),
    WorldCup(1974, "West Germany", ("West Germany", "Netherlands", "Poland", "Brazil")),
    WorldCup(1978, "Argentina", ("Argentina", "Netherlands", "Brazil", "Italy")),
    WorldCup(1982, "Spain", ("Italy", "West Germany", "Poland", "France")),
    WorldCup(1986, "Mexico", ("Argentina", "West Germany", "France", "Belgium")),
    WorldCup(1990, "Italy", ("West Germany", "Argentina", "Italy", "England")),
    WorldCup(1994, "United States", ("Brazil", "Italy", "Sweden", "Bulgaria")),
    WorldCup(1998, "France", ("France", "Brazil", "Croatia", "Netherlands")),
    WorldCup(2002, "South Korea and Japan", ("Brazil", "Germany", "Turkey", "South Korea")),
    WorldCup(2006, "Germany", ("Italy", "France", "Germany", "Portugal")),
    WorldCup(2010, "South Africa", ("Spain", "Netherlands", "Germany", "Uruguay")),
    WorldCup(2014, "Brazil", ("Germany", "Argentina", "Netherlands", "Brazil")),
    WorldCup(2018, "Russia", ("France", "Croatia", "Belgium", "England")),
    WorldCup(2022, "Qatar", ("Argentina", "France", "Croatia", "Morocco")),
)

#: the tournaments by year
WORLD_CUPS: dict[int, WorldCup] = {cup.year: cup for cup in _ROWS}
