"""Twenty-five currencies and one frozen table of exchange rates.

Codes and minor units (digits after the point) follow ISO 4217; names and symbols are the usual English and local ones.
`per_euro` is how much one euro buys: the euro foreign exchange reference rates that the European Central Bank published
for Friday 28 February 2025, taken from a web page that repeats its table (eurodripusa.net/?p=3470). They are frozen: no
tool looks up newer ones.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency; `name` is singular, `plural` what follows a number."""

    code: str
    name: str
    plural: str
    symbol: str
    minor_units: int
    per_euro: float


CURRENCIES: dict[str, Currency] = {
    row.code: row
    for row in (
        Currency("EUR", "euro", "euros", "€", 2, 1.0),
        Currency("USD", "US dollar", "US dollars", "US$", 2, 1.0411),
        Currency("JPY", "Japanese yen", "Japanese yen", "¥", 0, 156.96),
        Currency("GBP", "British pound", "British pounds", "£", 2, 0.82608),
        Currency("CHF", "Swiss franc", "Swiss francs", "CHF", 2, 0.9394),
        Currency("SEK", "Swedish krona", "Swedish kronor", "kr", 2, 11.188),
        Currency("NOK", "Norwegian krone", "Norwegian kroner", "kr", 2, 11.7245),
        Currency("DKK", "Danish krone", "Danish kroner", "kr", 2, 7.4583),
        Currency("PLN", "Polish zloty", "Polish zlotys", "zł", 2, 4.1503),
        Currency("CZK", "Czech koruna", "Czech korunas", "Kč", 2, 25.029),
        Currency("HUF", "Hungarian forint", "Hungarian forints", "Ft", 2, 399.5),
        Currency("TRY", "Turkish lira", "Turkish lira", "₺", 2, 38.0186),
        Currency("AUD", "Australian dollar", "Australian dollars", "A$", 2, 1.6741),
        Currency("CAD", "Canadian dollar", "Canadian dollars", "C$", 2, 1.5019),
        Currency("NZD", "New Zealand dollar", "New Zealand dollars", "NZ$", 2, 1.8579),
        Currency("CNY", "Chinese yuan", "Chinese yuan", "CN¥", 2, 7.5782),
        Currency("HKD", "Hong Kong dollar", "Hong Kong dollars", "HK$", 2, 8.098),
        Currency("INR", "Indian rupee", "Indian rupees", "₹", 2, 90.971),
        Currency("KRW", "South Korean won", "South Korean won", "₩", 0, 1519.92),
        Currency("MXN", "Mexican peso", "Mexican pesos", "MX$", 2, 21.2191),
        Currency("BRL", "Brazilian real", "Brazilian reais", "R$", 2, 6.0712),
        Currency("ZAR", "South African rand", "South African rand", "R", 2, 19.1917),
        Currency("SGD", "Singapore dollar", "Singapore dollars", "S$", 2, 1.4037),
        Currency("THB", "Thai baht", "Thai baht", "฿", 2, 35.567),
        Currency("ILS", "Israeli shekel", "Israeli shekels", "₪", 2, 3.7457),
    )
}
