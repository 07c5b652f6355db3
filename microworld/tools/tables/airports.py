"""Forty-four large airports of the world.

IATA code, city, country and the position in degrees (north and east positive), rounded to 0.01 degrees, about a
kilometre. Public facts, as given in the aeronautical publications of the countries; codes and positions checked in
November 2026 against public copies of OpenFlights and OurAirports. One airport a city.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Airport:
    """An airport: three-letter IATA code, the city it serves, country, latitude and longitude in degrees."""

    code: str
    city: str
    country: str
    latitude: float
    longitude: float


_ROWS = (
    Airport("AKL", "Auckland", "New Zealand", -37.01, 174.79),
    Airport("AMS", "Amsterdam", "Netherlands", 52.31, 4.76),
    Airport("ATH", "Athens", "Greece", 37.94, 23.94),
    Airport("ATL", "Atlanta", "United States", 33.64, -84.43),
    Airport("BCN", "Barcelona", "Spain", 41.30, 2.08),
    Airport("BER", "Berlin", "Germany", 52.36, 13.50),
    Airport("BKK", "Bangkok", "Thailand", 13.68, 100.75),
    Airport("BOS", "Boston", "United States", 42.36, -71.01),
    Airport("BUD", "Budapest", "Hungary", 47.43, 19.26),
    Airport("CAI", "Cairo", "Egypt", 30.12, 31.41),
    Airport("CDG", "Paris", "France", 49.01, 2.55),
    Airport("CPH", "Copenhagen", "Denmark", 55.62, 12.66),
    Airport("CPT", "Cape Town", "South Africa", -33.96, 18.60),
    Airport("DEL", "Delhi", "India", 28.57, 77.10),
    Airport("DEN", "Denver", "United States", 39.86, -104.67),
    Airport("DUB", "Dublin", "Ireland", 53.42, -6.27),
    Airport("DXB", "Dubai", "United Arab Emirates", 25.25, 55.36),
    Airport("EZE", "Buenos Aires", "Argentina", -34.82, -58.54),
    Airport("FCO", "Rome", "Italy", 41.80, 12.24),
    Airport("FRA", "Frankfurt", "Germany", 50.03, 8.57),
    Airport("GRU", "Sao Paulo", "Brazil", -23.44, -46.47),
    Airport("HEL", "Helsinki", "Finland", 60.32, 24.96),
    Airport("HKG", "Hong Kong", "China", 22.31, 113.91),
    Airport("HND", "Tokyo", "Japan", 35.55, 139.78),
    Airport("ICN", "Seoul", "South Korea", 37.47, 126.45),
    Airport("IST", "Istanbul", "Turkey", 41.28, 28.75),
    Airport("JFK", "New York", "United States", 40.64, -73.78),
    Airport("JNB", "Johannesburg", "South Africa", -26.14, 28.25),
    Airport("LAX", "Los Angeles", "United States", 33.94, -118.41),
    Airport("LHR", "London", "United Kingdom", 51.47, -0.46),
    Airport("LIM", "Lima", "Peru", -12.02, -77.11),
    Airport("LIS", "Lisbon", "Portugal", 38.78, -9.14),
    Airport("MAD", "Madrid", "Spain", 40.47, -3.56),
    Airport("MEX", "Mexico City", "Mexico", 19.44, -99.07),
    Airport("MUC", "Munich", "Germany", 48.35, 11.79),
    Airport("NBO", "Nairobi", "Kenya", -1.32, 36.93),
    Airport("OSL", "Oslo", "Norway", 60.12, 11.05),
    Airport("PER", "Perth", "Australia", -31.94, 115.97),
    Airport("SFO", "San Francisco", "United States", 37.62, -122.38),
    Airport("SIN", "Singapore", "Singapore", 1.35, 103.99),
    Airport("SYD", "Sydney", "Australia", -33.95, 151.18),
    Airport("VIE", "Vienna", "Austria", 48.11, 16.57),
    Airport("YYZ", "Toronto", "Canada", 43.68, -79.63),
    Airport("ZRH", "Zurich", "Switzerland", 47.46, 8.55),
)

#: the airports by code
AIRPORTS: dict[str, Airport] = {airport.code: airport for airport in _ROWS}
