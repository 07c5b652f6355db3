"""Prices of one trading day on an invented stock exchange.

Openly fictional: neither the companies nor the prices exist, and any likeness of a ticker to a real one is chance. The
table stands for a frozen market feed of Monday 17 March 2031, the day before the microworld's present.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """A share: its ticker, the company, the currency it trades in and the day's four prices."""

    ticker: str
    company: str
    currency: str
    open: float
    high: float
    low: float
    close: float


SHARES: dict[str, Share] = {
    row.ticker: row
    for row in (
        Share("VELA", "Vela Shipping", "EUR", 41.2, 42.05, 40.9, 41.75),
        Share("ZORA", "Zora Foods", "EUR", 18.4, 18.62, 18.11, 18.2),
        Share("KILN", "Kiln Ceramics", "GBP", 7.35, 7.52, 7.3, 7.48),
        Share("MIRA", "Mira Optics", "USD", 112.6, 115.3, 111.8, 114.9),
        Share("ORBI", "Orbi Satellites", "USD", 64.05, 64.9, 62.4, 62.75),
        Share("TANO", "Tano Motors", "EUR", 88.3, 89.75, 87.2, 89.1),
        Share("PLUM", "Plum Stores", "USD", 23.9, 24.15, 23.55, 23.6),
        Share("FJOR", "Fjor Energy", "NOK", 310.5, 318.0, 309.0, 316.5),
        Share("SOLU", "Solu Chemicals", "EUR", 52.7, 53.1, 51.6, 52.15),
        Share("BRYN", "Bryn Timber", "SEK", 146.2, 148.8, 144.6, 145.4),
        Share("NIMB", "Nimb Cloud", "USD", 205.0, 211.4, 203.7, 210.2),
        Share("QUIL", "Quil Books", "GBP", 3.62, 3.7, 3.55, 3.58),
        Share("HALO", "Halo Lighting", "EUR", 15.85, 16.2, 15.7, 16.05),
        Share("RUMA", "Ruma Railways", "CHF", 71.9, 72.6, 70.8, 72.3),
        Share("DELT", "Delt Insurance", "CHF", 133.4, 134.2, 131.9, 132.5),
        Share("WEND", "Wend Outdoor", "USD", 36.75, 37.9, 36.5, 37.65),
        Share("CASK", "Cask Drinks", "GBP", 11.08, 11.3, 10.94, 11.25),
        Share("LYRA", "Lyra Music", "USD", 48.15, 48.7, 46.9, 47.3),
        Share("OSTA", "Osta Water", "EUR", 29.6, 30.1, 29.45, 29.95),
        Share("JUNO", "Juno Airways", "USD", 9.42, 9.66, 9.2, 9.31),
    )
}
