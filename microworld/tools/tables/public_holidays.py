"""Nationwide public holidays of twelve countries, as rules that hold from 2026 to 2040.

Source: the countries' holiday laws as the Python package `holidays` 0.109 (November 2026) states them; a test compares
every year and country with that package. Only nationwide holidays are listed (GB: England), on the day itself: where a
country moves a holiday that falls on a weekend, the substitute day is left out. Names are common English ones,
shortened.
"""

from dataclasses import dataclass

FIRST_YEAR, LAST_YEAR = 2026, 2040

MONDAY, THURSDAY = 0, 3


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same date every year."""

    name: str
    month: int
    day: int


@dataclass(frozen=True, slots=True)
class Easter:
    """So many days after Easter Sunday."""

    name: str
    days: int


@dataclass(frozen=True, slots=True)
class OnOrAfter:
    """The first such weekday (Monday is 0) on or after a date: day 1 gives the first of a month, 8 the second."""

    name: str
    month: int
    day: int
    weekday: int


Rule = Fixed | Easter | OnOrAfter

NEW_YEAR = Fixed("New Year's Day", 1, 1)
EPIPHANY = Fixed("Epiphany", 1, 6)
MAUNDY_THURSDAY = Easter("Maundy Thursday", -3)
GOOD_FRIDAY = Easter("Good Friday", -2)
EASTER_SUNDAY = Easter("Easter Sunday", 0)
EASTER_MONDAY = Easter("Easter Monday", 1)
LABOUR_DAY = Fixed("Labour Day", 5, 1)
ASCENSION = Easter("Ascension Day", 39)
WHIT_SUNDAY = Easter("Whit Sunday", 49)
WHIT_MONDAY = Easter("Whit Monday", 50)
CORPUS_CHRISTI = Easter("Corpus Christi", 60)
ASSUMPTION = Fixed("Assumption Day", 8, 15)
ALL_SAINTS = Fixed("All Saints' Day", 11, 1)
IMMACULATE_CONCEPTION = Fixed("Immaculate Conception", 12, 8)
CHRISTMAS_EVE = Fixed("Christmas Eve", 12, 24)
CHRISTMAS = Fixed("Christmas Day", 12, 25)
BOXING_DAY = Fixed("Boxing Day", 12, 26)

#: by ISO 3166-1 alpha-2 code
PUBLIC_HOLIDAYS: dict[str, tuple[Rule, ...]] = {
    "AT": (
        NEW_YEAR,
        EPIPHANY,
        EASTER_MONDAY,
        LABOUR_DAY,
        ASCENSION,
        WHIT_MONDAY,
        CORPUS_CHRISTI,
        ASSUMPTION,
        Fixed("National Day", 10, 26),
        ALL_SAINTS,
        IMMACULATE_CONCEPTION,
        CHRISTMAS,
        BOXING_DAY,
    ),
    "BE": (
        NEW_YEAR,
        EASTER_SUNDAY,
        EASTER_MONDAY,
        LABOUR_DAY,
        ASCENSION,
        WHIT_SUNDAY,
        WHIT_MONDAY,
        Fixed("National Day", 7, 21),
        ASSUMPTION,
        ALL_SAINTS,
        Fixed("Armistice Day", 11, 11),
        CHRISTMAS,
    ),
    "BR": (
        NEW_YEAR,
        GOOD_FRIDAY,
        Fixed("Tiradentes' Day", 4, 21),
        LABOUR_DAY,
        Fixed("Independence Day", 9, 7),
        Fixed("Our Lady of Aparecida", 10, 12),
        Fixed("All Souls' Day", 11, 2),
        Fixed("Republic Day", 11, 15),
        Fixed("Black Awareness Day", 11, 20),
        CHRISTMAS,
    ),
    "DE": (
        NEW_YEAR,
        GOOD_FRIDAY,
        EASTER_MONDAY,
        LABOUR_DAY,
        ASCENSION,
        WHIT_MONDAY,
        Fixed("German Unity Day", 10, 3),
        CHRISTMAS,
        BOXING_DAY,
    ),
    "DK": (
        NEW_YEAR,
        MAUNDY_THURSDAY,
        GOOD_FRIDAY,
        EASTER_SUNDAY,
        EASTER_MONDAY,
        ASCENSION,
        WHIT_SUNDAY,
        WHIT_MONDAY,
        CHRISTMAS,
        BOXING_DAY,
    ),
    "ES": (
        NEW_YEAR,
        EPIPHANY,
        GOOD_FRIDAY,
        LABOUR_DAY,
        ASSUMPTION,
        Fixed("National Day", 10, 12),
        ALL_SAINTS,
        Fixed("Constitution Day", 12, 6),
        IMMACULATE_CONCEPTION,
        CHRISTMAS,
    ),
    "FR": (
        NEW_YEAR,
        EASTER_MONDAY,
        LABOUR_DAY,
        Fixed("Victory Day", 5, 8),
        ASCENSION,
        WHIT_MONDAY,
        Fixed("National Day", 7, 14),
        ASSUMPTION,
        ALL_SAINTS,
        Fixed("Armistice Day", 11, 11),
        CHRISTMAS,
    ),
    "GB": (
        NEW_YEAR,
        GOOD_FRIDAY,
        EASTER_MONDAY,
        OnOrAfter("Early May Bank Holiday", 5, 1, MONDAY),
        OnOrAfter("Spring Bank Holiday", 5, 25, MONDAY),
        OnOrAfter("Summer Bank Holiday", 8, 25, MONDAY),
        CHRISTMAS,
        BOXING_DAY,
    ),
    "NO": (
        NEW_YEAR,
        MAUNDY_THURSDAY,
        GOOD_FRIDAY,
        EASTER_SUNDAY,
        EASTER_MONDAY,
        LABOUR_DAY,
        Fixed("Constitution Day", 5, 17),
        ASCENSION,
        WHIT_SUNDAY,
        WHIT_MONDAY,
        CHRISTMAS,
        BOXING_DAY,
    ),
    "PL": (
        NEW_YEAR,
        EPIPHANY,
        EASTER_SUNDAY,
        EASTER_MONDAY,
        LABOUR_DAY,
        Fixed("Constitution Day", 5, 3),
        WHIT_SUNDAY,
        CORPUS_CHRISTI,
        ASSUMPTION,
        ALL_SAINTS,
        Fixed("Independence Day", 11, 11),
        CHRISTMAS_EVE,
        CHRISTMAS,
        BOXING_DAY,
    ),
    "PT": (
        NEW_YEAR,
        GOOD_FRIDAY,
        EASTER_SUNDAY,
        Fixed("Freedom Day", 4, 25),
        LABOUR_DAY,
        CORPUS_CHRISTI,
        Fixed("Portugal Day", 6, 10),
        ASSUMPTION,
        Fixed("Republic Day", 10, 5),
        ALL_SAINTS,
        Fixed("Restoration Day", 12, 1),
        IMMACULATE_CONCEPTION,
        CHRISTMAS,
    ),
    "US": (
        NEW_YEAR,
        OnOrAfter("Martin Luther King Day", 1, 15, MONDAY),
        OnOrAfter("Washington's Birthday", 2, 15, MONDAY),
        OnOrAfter("Memorial Day", 5, 25, MONDAY),
        Fixed("Juneteenth", 6, 19),
        Fixed("Independence Day", 7, 4),
        OnOrAfter("Labor Day", 9, 1, MONDAY),
        OnOrAfter("Columbus Day", 10, 8, MONDAY),
        Fixed("Veterans Day", 11, 11),
        OnOrAfter("Thanksgiving Day", 11, 22, THURSDAY),
        CHRISTMAS,
    ),
}
