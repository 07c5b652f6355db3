"""Chemical elements: the first 36 and sixteen other well-known ones.

Atomic masses are the IUPAC standard atomic weights of 2021, abridged to at most five digits (Prohaska et al., Pure and
Applied Chemistry 94, 2022, 573-600). Melting points, in degrees Celsius at normal pressure and rounded to 0.1, follow
the CRC Handbook of Chemistry and Physics; other handbooks differ by a few degrees for some metals (tungsten 3422
instead of 3414). Phosphorus is the white, sulfur the monoclinic, selenium the grey, tin the white form. Groups are
numbered from 1 to 18. All columns were compared with the Python package `mendeleev` 1.3.0, masses also with
`periodictable` 2.1.0, in November 2026.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Element:
    """A chemical element.

    Attributes:
        symbol: as chemists write it, first letter a capital.
        name: in English.
        number: of protons.
        mass: standard atomic weight.
        group: 1 to 18; None for lanthanides and actinides.
        melting: point in degrees Celsius; None where the element does not melt at normal pressure.
    """

    symbol: str
    name: str
    number: int
    mass: float
    group: int | None
    melting: float | None


ELEMENTS: tuple[Element, ...] = (
    Element("H", "Hydrogen", 1, 1.008, 1, -259.2),
    Element("He", "Helium", 2, 4.0026, 18, None),
    Element("Li", "Lithium", 3, 6.94, 1, 180.5),
    Element("Be", "Beryllium", 4, 9.0122, 2, 1287.0),
    Element("B", "Boron", 5, 10.81, 13, 2077.0),
    Element("C", "Carbon", 6, 12.011, 14, None),
    Element("N", "Nitrogen", 7, 14.007, 15, -210.0),
    Element("O", "Oxygen", 8, 15.999, 16, -218.8),
    Element("F", "Fluorine", 9, 18.998, 17, -219.7),
    Element("Ne", "Neon", 10, 20.18, 18, -248.6),
    Element("Na", "Sodium", 11, 22.99, 1, 97.8),
    Element("Mg", "Magnesium", 12, 24.305, 2, 650.0),
    Element("Al", "Aluminium", 13, 26.982, 13, 660.3),
    Element("Si", "Silicon", 14, 28.085, 14, 1414.0),
    Element("P", "Phosphorus", 15, 30.974, 15, 44.2),
    Element("S", "Sulfur", 16, 32.06, 16, 115.2),
    Element("Cl", "Chlorine", 17, 35.45, 17, -101.5),
    Element("Ar", "Argon", 18, 39.95, 18, -189.3),
    Element("K", "Potassium", 19, 39.098, 1, 63.5),
    Element("Ca", "Calcium", 20, 40.078, 2, 842.0),
    Element("Sc", "Scandium", 21, 44.956, 3, 1541.0),
    Element("Ti", "Titanium", 22, 47.867, 4, 1670.0),
    Element("V", "Vanadium", 23, 50.942, 5, 1910.0),
    Element("Cr", "Chromium", 24, 51.996, 6, 1907.0),
    Element("Mn", "Manganese", 25, 54.938, 7, 1246.0),
    Element("Fe", "Iron", 26, 55.845, 8, 1538.0),
    Element("Co", "Cobalt", 27, 58.933, 9, 1495.0),
    Element("Ni", "Nickel", 28, 58.693, 10, 1455.0),
    Element("Cu", "Copper", 29, 63.546, 11, 1084.6),
    Element("Zn", "Zinc", 30, 65.38, 12, 419.5),
    Element("Ga", "Gallium", 31, 69.723, 13, 29.8),
    Element("Ge", "Germanium", 32, 72.63, 14, 938.2),
    Element("As", "Arsenic", 33, 74.922, 15, None),
    Element("Se", "Selenium", 34, 78.971, 16, 220.8),
    Element("Br", "Bromine", 35, 79.904, 17, -7.2),
    Element("Kr", "Krypton", 36, 83.798, 18, -157.4),
    Element("Rb", "Rubidium", 37, 85.468, 1, 39.3),
    Element("Sr", "Strontium", 38, 87.62, 2, 777.0),
    Element("Pd", "Palladium", 46, 106.42, 10, 1554.8),
    Element("Ag", "Silver", 47, 107.87, 11, 961.8),
    Element("Cd", "Cadmium", 48, 112.41, 12, 321.1),
    Element("Sn", "Tin", 50, 118.71, 14, 231.9),
    Element("Sb", "Antimony", 51, 121.76, 15, 630.6),
    Element("I", "Iodine", 53, 126.9, 17, 113.7),
    Element("Xe", "Xenon", 54, 131.29, 18, -111.7),
    Element("Ba", "Barium", 56, 137.33, 2, 727.0),
    Element("W", "Tungsten", 74, 183.84, 6, 3414.0),
    Element("Pt", "Platinum", 78, 195.08, 10, 1768.2),
    Element("Au", "Gold", 79, 196.97, 11, 1064.2),
    Element("Hg", "Mercury", 80, 200.59, 12, -38.8),
    Element("Pb", "Lead", 82, 207.2, 14, 327.5),
    Element("U", "Uranium", 92, 238.03, None, 1135.0),
)
