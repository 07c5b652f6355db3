"""Which parameters a request to a server holds: what the server refuses and a request can do without is left out.

>>> parameters = Parameters("m", ["seed"])
>>> parameters.body({"model": "m", "seed": 1, "stop": ["Thought:"]}, 64)
{'model': 'm', 'stop': ['Thought:'], 'max_completion_tokens': 64, 'max_tokens': 64}
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ste_core.core.errors import one_line, tell
from ste_core.models import refusals

#: the limit of an answer, by the name that servers know today and the one that they knew before: both are sent, since
#: some servers ignore the one and some refuse the other
LIMITS = ("max_completion_tokens", "max_tokens")

#: what a server may refuse and a request can do without, the least important first
OPTIONAL = ("logprobs", "min_p", "top_k", "top_p", "n", "seed", "stop", "temperature", *reversed(LIMITS))


class Parameters:
    """What requests to one model hold and leave out.

    Args:
        model: its name, for what is told.
        leave_out: names, of `OPTIONAL`, that no request holds.
        extra: further keys of each request.

    Attributes:
        left_out: names that no request holds now.
        identity: what of it the answers depend on, behind the model's name.
    """

    def __init__(self, model: str, leave_out: Iterable[str] = (), extra: Mapping[str, Any] | None = None) -> None:
        self._model = model
        self._asked = sorted(set(leave_out))
        self._extra = dict(extra or {})
        self._alone: set[str] = set()  # limits that were sent without the other one
        self.left_out = set(self._asked)
        without = f" without {json.dumps(self._asked)}" if self._asked else ""
        self.identity = without + (f" with {json.dumps(self._extra, sort_keys=True)}" if self._extra else "")

    def body(self, request: Mapping[str, Any], max_tokens: int) -> dict[str, Any]:
        """A request as it is sent."""
        limits = [name for name in LIMITS if name not in self.left_out]
        self._alone.update(limits if len(limits) == 1 else ())
        body = {name: value for name, value in request.items() if name not in self.left_out}
        return body | dict.fromkeys(limits, max_tokens) | self._extra

    def leave_out(self, name: str, reason: str) -> None:
        """Leave a parameter out from now on, and say so."""
        if name not in self.left_out:
            self.left_out.add(name)
            tell(f"model {self._model}: {reason}; {name} is left out from now on (leave_out: [{name}])")

    def give_way(self, said: Any, body: Mapping[str, Any]) -> bool:
        """Leave out what a refusal of a request names; False if there is nothing that it could do without."""
        named = refusals.blamed(said, [name for name in OPTIONAL if name in body and name not in self._extra])
        if not named:
            return False
        if any(name in self.left_out for name in named):
            return True  # another request was refused for the same reason
        name = named[0]
        if name not in LIMITS:
            self.leave_out(name, f"its server refuses '{name}' ({one_line(refusals.reason(said), 120)})")
            return True
        other = LIMITS[1 - LIMITS.index(name)]
        if other in self._alone or other in self._asked:
            return False  # there has to be a limit
        self.left_out = self.left_out - {other} | {name}
        return True

    def named(self, said: Any, request: Mapping[str, Any]) -> list[str]:
        """The parameters that a refusal speaks of and that could still be left out."""
        return refusals.mentioned(said, [one for one in OPTIONAL[:-2] if one in request and one not in self.left_out])
