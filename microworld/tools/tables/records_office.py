"""The records office of the microworld: its fees and opening times. Openly fictional, written for this project in 2026.

No real office, fee or timetable is meant.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """A kind of document and what one copy of it costs, in euros."""

    name: str
    fee: float


#: by category code, the first three letters of the name
DOCUMENTS: dict[str, Document] = {
    "BIR": Document("birth certificate", 12.00),
    "BUI": Document("building permit", 260.00),
    "BUS": Document("business licence", 145.00),
    "DEA": Document("death certificate", 10.50),
    "DOG": Document("dog licence", 24.00),
    "EVE": Document("event permit", 95.00),
    "FIS": Document("fishing licence", 32.50),
    "MAR": Document("marriage certificate", 18.00),
    "NAM": Document("name change", 87.00),
    "PAR": Document("parking permit", 45.00),
    "TAX": Document("tax certificate", 15.50),
    "WIL": Document("will", 66.00),
}

#: what an express filing costs on top, in euros
EXPRESS_FEE = 20.00

#: by way of delivery, in euros
DELIVERY_FEES: dict[str, float] = {"counter": 0.00, "post": 4.50, "courier": 16.00}

OPENING_TIMES: dict[str, str] = {
    "Mon-Wed": "08:30-16:00",
    "Thu": "10:00-18:30",
    "Fri": "08:30-12:30",
    "Sat-Sun": "closed",
}
