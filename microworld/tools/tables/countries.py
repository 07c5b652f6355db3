"""Forty-six countries: codes, capital, continent, currency, calling code, languages, population, area.

Codes are ISO 3166-1, currencies ISO 4217, calling codes ITU-T E.164, languages ISO 639-1. Population is that of
mid-2023 in millions (United Nations, World Population Prospects 2022), area the total in thousands of square kilometres
(United Nations, Demographic Yearbook), both rounded so that revisions hardly touch them. Codes, capitals, continents
and calling codes were checked in November 2026 against GeoNames' countryInfo table, currencies against the Unicode
CLDR, areas and most populations against public copies of the figures named.

`languages` are those with official or de facto official standing in the whole country; regional ones and those without
a two-letter code are left out, and Norwegian is not split. Where a country lies on two continents the table has the one
GeoNames gives.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """A country; `population` in millions, `area` in thousands of square kilometres."""

    name: str
    code: str
    code3: str
    capital: str
    continent: str
    currency: str
    calling_code: str
    languages: tuple[str, ...]
    population: float
    area: float


_ROWS = (
    Country("Argentina", "AR", "ARG", "Buenos Aires", "South America", "ARS", "+54", ("es",), 45.8, 2780),
    Country("Australia", "AU", "AUS", "Canberra", "Oceania", "AUD", "+61", ("en",), 26.4, 7692),
    Country("Austria", "AT", "AUT", "Vienna", "Europe", "EUR", "+43", ("de",), 9.0, 84),
    Country("Belgium", "BE", "BEL", "Brussels", "Europe", "EUR", "+32", ("nl", "fr", "de"), 11.7, 31),
    Country("Brazil", "BR", "BRA", "Brasilia", "South America", "BRL", "+55", ("pt",), 216.4, 8516),
    Country("Canada", "CA", "CAN", "Ottawa", "North America", "CAD", "+1", ("en", "fr"), 38.8, 9985),
    Country("Chile", "CL", "CHL", "Santiago", "South America", "CLP", "+56", ("es",), 19.6, 756),
    Country("China", "CN", "CHN", "Beijing", "Asia", "CNY", "+86", ("zh",), 1425.7, 9597),
    Country("Colombia", "CO", "COL", "Bogota", "South America", "COP", "+57", ("es",), 52.1, 1142),
    Country("Czechia", "CZ", "CZE", "Prague", "Europe", "CZK", "+420", ("cs",), 10.5, 79),
    Country("Denmark", "DK", "DNK", "Copenhagen", "Europe", "DKK", "+45", ("da",), 5.9, 43),
    Country("Egypt", "EG", "EGY", "Cairo", "Africa", "EGP", "+20", ("ar",), 112.7, 1002),
    Country("Finland", "FI", "FIN", "Helsinki", "Europe", "EUR", "+358", ("fi", "sv"), 5.5, 338),
    Country("France", "FR", "FRA", "Paris", "Europe", "EUR", "+33", ("fr",), 64.8, 552),
    Country("Germany", "DE", "DEU", "Berlin", "Europe", "EUR", "+49", ("de",), 83.3, 357),
    Country("Greece", "GR", "GRC", "Athens", "Europe", "EUR", "+30", ("el",), 10.3, 132),
    Country("Hungary", "HU", "HUN", "Budapest", "Europe", "HUF", "+36", ("hu",), 10.2, 93),
    Country("Iceland", "IS", "ISL", "Reykjavik", "Europe", "ISK", "+354", ("is",), 0.4, 103),
    Country("India", "IN", "IND", "New Delhi", "Asia", "INR", "+91", ("hi", "en"), 1428.6, 3287),
    Country("Indonesia", "ID", "IDN", "Jakarta", "Asia", "IDR", "+62", ("id",), 277.5, 1905),
    Country("Ireland", "IE", "IRL", "Dublin", "Europe", "EUR", "+353", ("ga", "en"), 5.1, 70),
    Country("Italy", "IT", "ITA", "Rome", "Europe", "EUR", "+39", ("it",), 58.9, 301),
    Country("Japan", "JP", "JPN", "Tokyo", "Asia", "JPY", "+81", ("ja",), 123.3, 378),
    Country("Kenya", "KE", "KEN", "Nairobi", "Africa", "KES", "+254", ("sw", "en"), 55.1, 580),
    Country("Mexico", "MX", "MEX", "Mexico City", "North America", "MXN", "+52", ("es",), 128.5, 1964),
    Country("Morocco", "MA", "MAR", "Rabat", "Africa", "MAD", "+212", ("ar",), 37.8, 447),
    Country("Netherlands", "NL", "NLD", "Amsterdam", "Europe", "EUR", "+31", ("nl",), 17.6, 42),
    Country("New Zealand", "NZ", "NZL", "Wellington", "Oceania", "NZD", "+64", ("en", "mi"), 5.2, 268),
    Country("Nigeria", "NG", "NGA", "Abuja", "Africa", "NGN", "+234", ("en",), 223.8, 924),
    Country("Norway", "NO", "NOR", "Oslo", "Europe", "NOK", "+47", ("no",), 5.5, 324),
    Country("Pakistan", "PK", "PAK", "Islamabad", "Asia", "PKR", "+92", ("ur", "en"), 240.5, 882),
    Country("Peru", "PE", "PER", "Lima", "South America", "PEN", "+51", ("es", "qu", "ay"), 34.4, 1285),
    Country("Poland", "PL", "POL", "Warsaw", "Europe", "PLN", "+48", ("pl",), 41.0, 313),
    Country("Portugal", "PT", "PRT", "Lisbon", "Europe", "EUR", "+351", ("pt",), 10.2, 92),
    Country("Saudi Arabia", "SA", "SAU", "Riyadh", "Asia", "SAR", "+966", ("ar",), 36.9, 2150),
    Country("Senegal", "SN", "SEN", "Dakar", "Africa", "XOF", "+221", ("fr",), 17.8, 197),
    Country("Singapore", "SG", "SGP", "Singapore", "Asia", "SGD", "+65", ("en", "ms", "zh", "ta"), 6.0, 0.7),
    Country("South Korea", "KR", "KOR", "Seoul", "Asia", "KRW", "+82", ("ko",), 51.8, 100),
    Country("Spain", "ES", "ESP", "Madrid", "Europe", "EUR", "+34", ("es",), 47.5, 506),
    Country("Sweden", "SE", "SWE", "Stockholm", "Europe", "SEK", "+46", ("sv",), 10.6, 450),
    Country("Switzerland", "CH", "CHE", "Bern", "Europe", "CHF", "+41", ("de", "fr", "it", "rm"), 8.8, 41),
    Country("Thailand", "TH", "THA", "Bangkok", "Asia", "THB", "+66", ("th",), 71.8, 513),
    Country("Turkey", "TR", "TUR", "Ankara", "Asia", "TRY", "+90", ("tr",), 85.8, 784),
    Country("United Kingdom", "GB", "GBR", "London", "Europe", "GBP", "+44", ("en",), 67.7, 242),
    Country("United States", "US", "USA", "Washington", "North America", "USD", "+1", ("en",), 340.0, 9834),
    Country("Vietnam", "VN", "VNM", "Hanoi", "Asia", "VND", "+84", ("vi",), 98.9, 331),
)

#: by two-letter code
COUNTRIES: dict[str, Country] = {row.code: row for row in _ROWS}

#: millions of people in mid-2023 by continent, to ten millions (Oceania: to one), same source; its Latin America is
#: split at the border of Panama and Colombia, the Caribbean islands counting to North America
CONTINENTS: dict[str, int] = {
    "Asia": 4780,
    "Africa": 1460,
    "Europe": 740,
    "North America": 600,
    "South America": 440,
    "Oceania": 46,
    "Antarctica": 0,
}
