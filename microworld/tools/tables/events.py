"""One event a year in each of three topics, 1951 to 2000.

Written down from general knowledge in November 2026 and checked against no source: an encyclopedia may date one or the
other differently. `film` is meant to be the winner of the Academy Award for Best Picture among the films of that year
(the ceremony was the year after). World events are kept under 30 characters, so that four years make one short result.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Year:
    """What a year is remembered for, in each topic."""

    year: int
    world: str
    science: str
    film: str


YEARS: tuple[Year, ...] = (
    Year(1951, "Libya becomes independent", "First UNIVAC computer completed", "An American in Paris"),
    Year(1952, "Elizabeth II becomes queen", "First hydrogen bomb test", "The Greatest Show on Earth"),
    Year(1953, "Korean War armistice", "DNA double helix described", "From Here to Eternity"),
    Year(1954, "Battle of Dien Bien Phu", "First successful kidney transplant", "On the Waterfront"),
    Year(1955, "Warsaw Pact signed", "Salk polio vaccine approved", "Marty"),
    Year(1956, "Suez Crisis", "Neutrino detected", "Around the World in 80 Days"),
    Year(1957, "Treaty of Rome signed", "Sputnik 1 launched", "The Bridge on the River Kwai"),
    Year(1958, "Fifth Republic in France", "First integrated circuit", "Gigi"),
    Year(1959, "Castro takes power in Cuba", "Luna 2 hits the Moon", "Ben-Hur"),
    Year(1960, "Nigeria becomes independent", "First working laser", "The Apartment"),
    Year(1961, "Berlin Wall built", "Gagarin orbits the Earth", "West Side Story"),
    Year(1962, "Cuban Missile Crisis", "Telstar satellite launched", "Lawrence of Arabia"),
    Year(1963, "President Kennedy is shot", "First woman in space", "Tom Jones"),
    Year(1964, "US Civil Rights Act", "Quark model proposed", "My Fair Lady"),
    Year(1965, "Singapore leaves Malaysia", "First spacewalk", "The Sound of Music"),
    Year(1966, "Cultural Revolution begins", "Luna 9 lands on the Moon", "A Man for All Seasons"),
    Year(1967, "Six-Day War", "First human heart transplant", "In the Heat of the Night"),
    Year(1968, "Prague Spring", "Apollo 8 orbits the Moon", "Oliver!"),
    Year(1969, "De Gaulle resigns", "First people on the Moon", "Midnight Cowboy"),
    Year(1970, "Allende elected in Chile", "Lunokhod 1 drives on the Moon", "Patton"),
    Year(1971, "Bangladesh independence war", "First space station", "The French Connection"),
    Year(1972, "Nixon visits China", "Last Apollo Moon landing", "The Godfather"),
    Year(1973, "First oil crisis", "First call from a handheld phone", "The Sting"),
    Year(1974, "Carnation Revolution", "Lucy skeleton found", "The Godfather Part II"),
    Year(1975, "Vietnam War ends", "Apollo-Soyuz docking", "One Flew Over the Cuckoo's Nest"),
    Year(1976, "Mao Zedong dies", "Viking 1 lands on Mars", "Rocky"),
    Year(1977, "Sadat visits Jerusalem", "Voyager probes launched", "Annie Hall"),
    Year(1978, "Camp David Accords", "First test-tube baby born", "The Deer Hunter"),
    Year(1979, "Iranian Revolution", "Voyager 1 passes Jupiter", "Kramer vs. Kramer"),
    Year(1980, "Solidarity founded in Poland", "Smallpox declared eradicated", "Ordinary People"),
    Year(1981, "Greece joins the EEC", "First Space Shuttle flight", "Chariots of Fire"),
    Year(1982, "Falklands War", "First permanent artificial heart", "Gandhi"),
    Year(1983, "US invasion of Grenada", "HIV identified", "Terms of Endearment"),
    Year(1984, "Indira Gandhi is shot", "DNA fingerprinting invented", "Amadeus"),
    Year(1985, "Gorbachev takes office", "Ozone hole reported", "Out of Africa"),
    Year(1986, "Chernobyl disaster", "Voyager 2 passes Uranus", "Platoon"),
    Year(1987, "INF Treaty signed", "Supernova 1987A observed", "The Last Emperor"),
    Year(1988, "Iran-Iraq War ends", "First transatlantic fibre cable", "Rain Man"),
    Year(1989, "Berlin Wall falls", "World Wide Web proposed", "Driving Miss Daisy"),
    Year(1990, "German reunification", "Hubble telescope launched", "Dances with Wolves"),
    Year(1991, "Soviet Union dissolved", "Linux first released", "The Silence of the Lambs"),
    Year(1992, "Maastricht Treaty signed", "First exoplanets confirmed", "Unforgiven"),
    Year(1993, "Oslo Accords signed", "Hubble telescope repaired", "Schindler's List"),
    Year(1994, "Mandela elected president", "Comet Shoemaker-Levy hits Jupiter", "Forrest Gump"),
    Year(1995, "Dayton Agreement", "Top quark discovered", "Braveheart"),
    Year(1996, "Nuclear test ban signed", "Dolly the sheep born", "The English Patient"),
    Year(1997, "Hong Kong returns to China", "Pathfinder lands on Mars", "Titanic"),
    Year(1998, "Good Friday Agreement", "Cosmic expansion found to accelerate", "Shakespeare in Love"),
    Year(1999, "Euro introduced", "Chandra telescope launched", "American Beauty"),
    Year(2000, "Putin elected president", "Draft human genome announced", "Gladiator"),
)
