"""What a synthetic tool accepts although its documentation may not say so, and how its errors tell.

>>> import random
>>> limit = Limit(low=3, high=9)
>>> limit.holds(5), limit.holds(12), 3 <= limit.draw(random.Random(0)) <= 9
(True, False, True)

A request for a value outside is lost, whatever its form; but the error says what would be accepted, and the next
request imagined for the tool can ask for that. This is what short-term memory is for.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from microworld.language.values import Convention, Kind, joined

LISTED = frozenset("city country currency language unit airport element firm word person enumeration weekday".split())
RANGED = {"number": 400, "count": 50, "days": 60, "percent": 40, "position": 12, "year": 0}  # largest upper end


@dataclass(frozen=True, slots=True)
class Limit:
    """Accepted values: some listed ones, or those from `low` to `high`."""

    options: tuple[Any, ...] = ()
    low: int = 0
    high: int = 0

    def holds(self, value: Any) -> bool:
        """Whether a value is accepted."""
        return value in self.options if self.options else self.low <= value <= self.high

    def draw(self, rng: random.Random) -> Any:
        """An accepted value."""
        return rng.choice(self.options) if self.options else rng.randint(self.low, self.high)


def limit(rng: random.Random, kind: Kind) -> Limit | None:
    """A limit for an argument of this kind; None for kinds that take none."""
    if kind.label in LISTED:
        options = list(dict.fromkeys(kind.draw(rng) for _ in range(rng.randint(2, 6))))
        return Limit(options=tuple(options))
    if kind.label == "year":
        low = rng.randint(1900, 2030)
        return Limit(low=low, high=low + rng.choice((4, 10, 20, 50)))
    if kind.label in RANGED:
        most = RANGED[kind.label]
        low = rng.choice([low for low in (0, 1, 1, 1, 2, 5, 10) if low > 0 or kind.label != "position"])
        return Limit(low=low, high=min(most, low + rng.randint(3, max(4, most // rng.choice((1, 4, 10))))))
    return None


def outside(rng: random.Random, kind: Kind, limit: Limit) -> Any:
    """A value of the kind that is not accepted; None if chance gives none."""
    drawn = (kind.draw(rng) for _ in range(12))
    return next((value for value in drawn if not limit.holds(value)), None)


def stated(limit: Limit, convention: Convention) -> str:
    """The limit as documentation states it."""
    if limit.options:
        return f"{convention.hint}: {', '.join(_shown(convention.json, each) for each in limit.options)}"
    return f"{convention.hint} from {limit.low} to {limit.high}"


def complaint(rng: random.Random, name: str, limit: Limit, convention: Convention, value: Any) -> str:
    """The error on a value that is not accepted; it says what is."""
    bad = _shown(convention.json, value)
    if limit.options:
        several = rng.sample(limit.options, min(len(limit.options), rng.randint(2, 6)))
        shown = [_shown(convention.json, each) for each in several]
        if any(str(each) != code for each, code in zip(several, shown, strict=True)) and rng.random() < 0.4:
            shown = [f"{code} ({_said(each)})" for each, code in zip(several, shown, strict=True)]
        listed = ", ".join(shown)
        return rng.choice((
            f"{name}: {bad} is unknown; known: {listed}",
            f"{name} must be one of {listed}",
            f"{name}: choose from {listed}",
            f"no {bad} here, there is {joined(shown)}",
            f"{name}: only {joined(shown, 'or')}",
            f"{name}: possible {name}s are {listed}",
            f"'{bad}' is not among {listed}",
        ))  # fmt: skip
    low, high = (_shown(convention.json, each) for each in (limit.low, limit.high))
    return rng.choice((
        f"{name}: {low} to {high} only",
        f"{name} must lie between {low} and {high}",
        f"{name}: expected from {low} up to {high}",
        f"{name} is out of range ({low} to {high})",
        f"{name}: not below {low} and not above {high}",
        f"{bad} is beyond the {name}s {low} to {high}",
    ))  # fmt: skip


def _said(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _shown(write: Callable[[Any], Any], value: Any) -> str:
    written = write(value)
    return written if isinstance(written, str) else json.dumps(written, ensure_ascii=False)
