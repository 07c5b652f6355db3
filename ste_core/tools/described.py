"""Another toolbox's tools in other words: calls are passed on as they are.

>>> box = Described(toolbox, lambda tools: {name: better(tool) for name, tool in tools.items()})    # doctest: +SKIP
>>> serve(box, "improved")                                                                       # doctest: +SKIP
"""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from ste_core.core.records import Call, Observation, Tool
from ste_core.tools.base import Toolbox

#: characters of a result: what is passed on is not cut
WHOLE = 100_000_000


class Described(Toolbox):
    """The tools of another toolbox, described anew each time it is entered; names and arguments stay.

    Args:
        inner: whose tools they are; entered and left with this one.
        describe: the tools in other words, by name; one that it leaves out is not there any more.
    """

    _checks = False

    def __init__(self, inner: Toolbox, describe: Callable[[Mapping[str, Tool]], Mapping[str, Tool]]) -> None:
        super().__init__(timeout=inner.timeout, max_chars=WHOLE)
        inner.max_chars = WHOLE
        self._inner, self._describe = inner, describe
        relay = getattr(inner, "relay", None)
        if relay is not None:  # an MCP server's results go through as they are
            self.relay: Callable[[Call], Any] = relay

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        self._set_tools(self._describe(self._inner.tools).values(), self._inner.notes)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._inner.__aexit__(kind, error, trace)

    @property
    def lost(self) -> str:
        return self._inner.lost

    async def execute(self, call: Call) -> Observation:
        """Execute a call of a tool that is there; see `Toolbox.execute`."""
        return await self._inner.execute(call)
