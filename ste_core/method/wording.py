"""Which values stand in a query: what hindsight, paraphrases and imagined requests are held to."""

import re
from collections.abc import Iterator, Mapping

from pydantic import JsonValue


def share_held(query: str, arguments: Mapping[str, JsonValue]) -> float:
    """The share of a call's texts and numbers that stand in a query, whatever their case; `13.0` is there as 13.

    >>> share_held("Is 17.5 kg too much in cabin m?", {"weight": 17.5, "cabin": "M", "airline": "LX"})
    0.6666666666666666
    """
    said = _plain(query)
    held = [mentions(said, _plain(value.removesuffix(".0"))) for value in values_in(dict(arguments))]
    return sum(held) / len(held) if held else 1.0


def holds_values(query: str, arguments: Mapping[str, JsonValue]) -> bool:
    """Whether every text and number of a call stands in a query; of a text of several words, half of its words: people
    say "Paris" for "Europe/Paris", and "from 1971 to 1973" for "1971/1973".

    >>> holds_values("Is 17.5 kg too much in cabin m?", {"weight": 17.5, "cabin": "M"})
    True
    >>> holds_values("What time is it in Paris?", {"zone": "Europe/Paris"})
    True
    """
    said = _plain(query)
    return all(_told(said, _plain(value.removesuffix(".0"))) for value in values_in(dict(arguments)))


def _told(said: str, value: str) -> bool:
    words = [] if re.fullmatch(r"[-+]?[\d.]+", value) else re.findall(r"\w+", value)
    return mentions(said, value) or (len(words) > 1 and 2 * sum(mentions(said, word) for word in words) >= len(words))


def refuses(text: str) -> bool:
    """Whether a model declines instead of writing what it is asked for.

    >>> refuses("I'm sorry, but I can't assist with that."), refuses("I can't find a train to Rome.")
    (True, False)
    """
    declined = r"(i['’]m|i am) (sorry|unable)|i (can['’]t|cannot) (assist|help|provide|fulfil)|as an ai"
    return bool(re.match(declined, text.casefold().strip()))


def _plain(text: str) -> str:
    return re.sub("[,'\"]", " ", text.casefold())


def mentions(query: str, value: str) -> bool:
    """Whether a query has a value word for word: not as a part of a longer word or number.

    >>> mentions("90 days from 2022-10-14", "90"), mentions("190 days", "90")
    (True, False)
    """
    value = " ".join(value.split())
    return bool(value) and bool(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", " ".join(query.split())))


def values_in(value: JsonValue) -> Iterator[str]:
    """The texts and numbers in a JSON value, as text."""
    if isinstance(value, dict):
        for one in value.values():
            yield from values_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from values_in(one)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
