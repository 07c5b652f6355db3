"""Sixty-three large cities: country, position, time zone, population.

Positions in degrees (north and east positive), rounded to 0.01 degrees, are those of GeoNames; tests compare them with
the time zone database and with `tables/airports.py`. Time zones are named as in the IANA time zone database;
`utc_offset` is what its release 2026f gives for the microworld's present day, 18 March 2031, when North America already
has summer time, Europe not yet, and Australia, Chile and New Zealand still. Population is that of the urban
agglomeration in 2020, in millions, rounded (United Nations, World Urbanization Prospects 2018; Reykjavik, too small for
it: Statistics Iceland); it only serves to put cities in order. Names are English, without accents.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class City:
    """A city; `utc_offset` in hours on 18 March 2031, `population` in millions."""

    name: str
    country: str
    latitude: float
    longitude: float
    zone: str
    utc_offset: float
    population: float


_ROWS = (
    City("Amsterdam", "NL", 52.37, 4.89, "Europe/Amsterdam", 1, 1.1),
    City("Ankara", "TR", 39.92, 32.85, "Europe/Istanbul", 3, 5.1),
    City("Athens", "GR", 37.98, 23.73, "Europe/Athens", 2, 3.2),
    City("Auckland", "NZ", -36.85, 174.76, "Pacific/Auckland", 13, 1.6),
    City("Bangkok", "TH", 13.75, 100.50, "Asia/Bangkok", 7, 10.5),
    City("Barcelona", "ES", 41.39, 2.16, "Europe/Madrid", 1, 5.6),
    City("Beijing", "CN", 39.91, 116.40, "Asia/Shanghai", 8, 20.5),
    City("Berlin", "DE", 52.52, 13.41, "Europe/Berlin", 1, 3.6),
    City("Bogota", "CO", 4.61, -74.08, "America/Bogota", -5, 11.0),
    City("Brussels", "BE", 50.85, 4.35, "Europe/Brussels", 1, 2.1),
    City("Budapest", "HU", 47.50, 19.04, "Europe/Budapest", 1, 1.8),
    City("Buenos Aires", "AR", -34.61, -58.38, "America/Argentina/Buenos_Aires", -3, 15.2),
    City("Cairo", "EG", 30.06, 31.25, "Africa/Cairo", 2, 20.9),
    City("Casablanca", "MA", 33.59, -7.61, "Africa/Casablanca", 0, 3.8),
    City("Chicago", "US", 41.85, -87.65, "America/Chicago", -5, 8.9),
    City("Copenhagen", "DK", 55.68, 12.57, "Europe/Copenhagen", 1, 1.3),
    City("Dakar", "SN", 14.69, -17.44, "Africa/Dakar", 0, 3.1),
    City("Delhi", "IN", 28.65, 77.23, "Asia/Kolkata", 5.5, 30.3),
    City("Denver", "US", 39.74, -104.98, "America/Denver", -6, 2.8),
    City("Dublin", "IE", 53.33, -6.25, "Europe/Dublin", 0, 1.2),
    City("Hamburg", "DE", 53.58, 10.02, "Europe/Berlin", 1, 1.8),
    City("Hanoi", "VN", 21.02, 105.84, "Asia/Ho_Chi_Minh", 7, 4.7),
    City("Helsinki", "FI", 60.17, 24.94, "Europe/Helsinki", 2, 1.3),
    City("Istanbul", "TR", 41.01, 28.95, "Europe/Istanbul", 3, 15.2),
    City("Jakarta", "ID", -6.21, 106.85, "Asia/Jakarta", 7, 10.8),
    City("Karachi", "PK", 24.86, 67.01, "Asia/Karachi", 5, 16.1),
    City("Lagos", "NG", 6.45, 3.39, "Africa/Lagos", 1, 14.4),
    City("Lahore", "PK", 31.56, 74.35, "Asia/Karachi", 5, 12.6),
    City("Lima", "PE", -12.04, -77.03, "America/Lima", -5, 10.7),
    City("Lisbon", "PT", 38.72, -9.13, "Europe/Lisbon", 0, 3.0),
    City("London", "GB", 51.51, -0.13, "Europe/London", 0, 9.3),
    City("Los Angeles", "US", 34.05, -118.24, "America/Los_Angeles", -7, 12.4),
    City("Madrid", "ES", 40.42, -3.70, "Europe/Madrid", 1, 6.6),
    City("Melbourne", "AU", -37.81, 144.96, "Australia/Melbourne", 11, 5.0),
    City("Mexico City", "MX", 19.43, -99.13, "America/Mexico_City", -6, 21.8),
    City("Milan", "IT", 45.46, 9.19, "Europe/Rome", 1, 3.1),
    City("Montreal", "CA", 45.51, -73.59, "America/Toronto", -4, 4.2),
    City("Mumbai", "IN", 19.07, 72.88, "Asia/Kolkata", 5.5, 20.4),
    City("Munich", "DE", 48.14, 11.58, "Europe/Berlin", 1, 1.5),
    City("Nairobi", "KE", -1.28, 36.82, "Africa/Nairobi", 3, 4.7),
    City("New York", "US", 40.71, -74.01, "America/New_York", -4, 18.8),
    City("Osaka", "JP", 34.69, 135.50, "Asia/Tokyo", 9, 19.2),
    City("Oslo", "NO", 59.91, 10.75, "Europe/Oslo", 1, 1.0),
    City("Paris", "FR", 48.85, 2.35, "Europe/Paris", 1, 11.0),
    City("Perth", "AU", -31.95, 115.86, "Australia/Perth", 8, 2.0),
    City("Prague", "CZ", 50.09, 14.42, "Europe/Prague", 1, 1.3),
    City("Reykjavik", "IS", 64.14, -21.90, "Atlantic/Reykjavik", 0, 0.2),
    City("Rio de Janeiro", "BR", -22.91, -43.18, "America/Sao_Paulo", -3, 13.5),
    City("Riyadh", "SA", 24.69, 46.72, "Asia/Riyadh", 3, 7.2),
    City("Rome", "IT", 41.89, 12.51, "Europe/Rome", 1, 4.3),
    City("Santiago", "CL", -33.46, -70.65, "America/Santiago", -3, 6.8),
    City("Sao Paulo", "BR", -23.55, -46.64, "America/Sao_Paulo", -3, 22.0),
    City("Seoul", "KR", 37.57, 126.98, "Asia/Seoul", 9, 10.0),
    City("Shanghai", "CN", 31.22, 121.46, "Asia/Shanghai", 8, 27.1),
    City("Singapore", "SG", 1.29, 103.85, "Asia/Singapore", 8, 5.9),
    City("Stockholm", "SE", 59.33, 18.06, "Europe/Stockholm", 1, 1.6),
    City("Sydney", "AU", -33.87, 151.21, "Australia/Sydney", 11, 4.9),
    City("Tokyo", "JP", 35.69, 139.69, "Asia/Tokyo", 9, 37.4),
    City("Toronto", "CA", 43.71, -79.40, "America/Toronto", -4, 6.2),
    City("Vancouver", "CA", 49.25, -123.12, "America/Vancouver", -7, 2.6),
    City("Vienna", "AT", 48.21, 16.37, "Europe/Vienna", 1, 1.9),
    City("Warsaw", "PL", 52.23, 21.01, "Europe/Warsaw", 1, 1.8),
    City("Zurich", "CH", 47.37, 8.55, "Europe/Zurich", 1, 1.4),
)

#: by name, the most populous first
CITIES: dict[str, City] = {row.name: row for row in sorted(_ROWS, key=lambda row: (-row.population, row.name))}
