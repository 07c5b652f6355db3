"""Units of measurement and their exact size in the base unit of their quantity.

Factors are definitions: the international yard and pound agreement of 1959 (1 in = 2.54 cm, 1 lb = 0.45359237 kg), the
US liquid gallon of 231 cubic inches, the international acre of 4840 square yards, the nautical mile of 1852 m, the
standard atmosphere of 101325 Pa, the thermochemical calorie of 4.184 J, decimal prefixes for bytes. A temperature is
`(value + offset) * factor` kelvin.
"""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: its abbreviation, its names (the first follows a number in our texts), its quantity and size."""

    code: str
    names: tuple[str, ...]
    quantity: str
    factor: Fraction
    offset: Fraction = Fraction(0)


_INCH = Fraction("0.0254")
_POUND = Fraction("0.45359237")
_GALLON = 231 * (_INCH * 10) ** 3  # cubic decimetres, that is litres

UNITS: dict[str, Unit] = {
    row.code: row
    for row in (
        Unit("mm", ("millimetres", "millimeters", "millimetre", "millimeter"), "length", Fraction(1, 1000)),
        Unit("cm", ("centimetres", "centimeters", "centimetre", "centimeter"), "length", Fraction(1, 100)),
        Unit("m", ("metres", "meters", "metre", "meter"), "length", Fraction(1)),
        Unit("km", ("kilometres", "kilometers", "kilometre", "kilometer"), "length", Fraction(1000)),
        Unit("in", ("inches", "inch"), "length", _INCH),
        Unit("ft", ("feet", "foot"), "length", 12 * _INCH),
        Unit("yd", ("yards", "yard"), "length", 36 * _INCH),
        Unit("mi", ("miles", "mile"), "length", 63360 * _INCH),
        Unit("nmi", ("nautical miles", "nautical mile"), "length", Fraction(1852)),
        Unit("mg", ("milligrams", "milligram"), "mass", Fraction(1, 10**6)),
        Unit("g", ("grams", "gram"), "mass", Fraction(1, 1000)),
        Unit("kg", ("kilograms", "kilogram", "kilos", "kilo"), "mass", Fraction(1)),
        Unit("t", ("tonnes", "tonne"), "mass", Fraction(1000)),
        Unit("oz", ("ounces", "ounce"), "mass", _POUND / 16),
        Unit("lb", ("pounds", "pound", "lbs"), "mass", _POUND),
        Unit("st", ("stone", "stones"), "mass", 14 * _POUND),
        Unit("ml", ("millilitres", "milliliters", "millilitre", "milliliter"), "volume", Fraction(1, 1000)),
        Unit("cl", ("centilitres", "centiliters", "centilitre", "centiliter"), "volume", Fraction(1, 100)),
        Unit("l", ("litres", "liters", "litre", "liter"), "volume", Fraction(1)),
        Unit("pt", ("US pints", "US pint", "pints", "pint"), "volume", _GALLON / 8),
        Unit("qt", ("US quarts", "US quart", "quarts", "quart"), "volume", _GALLON / 4),
        Unit("gal", ("US gallons", "US gallon", "gallons", "gallon"), "volume", _GALLON),
        Unit("m2", ("square metres", "square meters", "square metre", "square meter"), "area", Fraction(1)),
        Unit("km2", ("square kilometres", "square kilometers"), "area", Fraction(10**6)),
        Unit("ha", ("hectares", "hectare"), "area", Fraction(10**4)),
        Unit("ac", ("acres", "acre"), "area", 4840 * (36 * _INCH) ** 2),
        Unit("m/s", ("metres per second", "meters per second"), "speed", Fraction(1)),
        Unit("km/h", ("kilometres per hour", "kilometers per hour"), "speed", Fraction(5, 18)),
        Unit("mph", ("miles per hour",), "speed", 63360 * _INCH / 3600),
        Unit("kn", ("knots", "knot"), "speed", Fraction(1852, 3600)),
        Unit("C", ("degrees Celsius", "Celsius"), "temperature", Fraction(1), Fraction("273.15")),
        Unit("F", ("degrees Fahrenheit", "Fahrenheit"), "temperature", Fraction(5, 9), Fraction("459.67")),
        Unit("K", ("kelvins", "kelvin"), "temperature", Fraction(1)),
        Unit("s", ("seconds", "second"), "time", Fraction(1)),
        Unit("min", ("minutes", "minute"), "time", Fraction(60)),
        Unit("h", ("hours", "hour"), "time", Fraction(3600)),
        Unit("d", ("days", "day"), "time", Fraction(86400)),
        Unit("wk", ("weeks", "week"), "time", Fraction(604800)),
        Unit("kJ", ("kilojoules", "kilojoule"), "energy", Fraction(1000)),
        Unit("kcal", ("kilocalories", "kilocalorie"), "energy", Fraction(4184)),
        Unit("kWh", ("kilowatt hours", "kilowatt hour"), "energy", Fraction(3600000)),
        Unit("hPa", ("hectopascals", "hectopascal"), "pressure", Fraction(100)),
        Unit("bar", ("bars",), "pressure", Fraction(10**5)),
        Unit("atm", ("atmospheres", "atmosphere"), "pressure", Fraction(101325)),
        Unit("kB", ("kilobytes", "kilobyte"), "data", Fraction(1000)),
        Unit("MB", ("megabytes", "megabyte"), "data", Fraction(10**6)),
        Unit("GB", ("gigabytes", "gigabyte"), "data", Fraction(10**9)),
    )
}
