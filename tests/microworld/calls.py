"""Calling the microworld's tools from tests, many calls in one event loop."""

import asyncio
from collections.abc import Iterable
from typing import Any

from microworld.tools import toolbox
from ste_core.core.records import Call, Observation

BOX = toolbox()
MAX_ERROR_WORDS = 18


def observe(calls: Iterable[tuple[str, dict[str, Any]]]) -> list[Observation]:
    """Execute calls (a tool's name and its arguments) one after the other."""

    async def run() -> list[Observation]:
        return [await BOX.execute(Call(tool=tool, arguments=arguments)) for tool, arguments in calls]

    return asyncio.run(run())


def value(tool: str, **arguments: Any) -> Any:
    """The result of a call that must succeed."""
    (observation,) = observe([(tool, arguments)])
    assert observation.ok, observation.text
    return observation.value


def error(tool: str, **arguments: Any) -> str:
    """The message of a call that must fail, without the executor's "Error: "; it must be short."""
    (observation,) = observe([(tool, arguments)])
    assert not observation.ok, observation.text
    message = observation.text.removeprefix("Error: ")
    assert len(message.split()) <= MAX_ERROR_WORDS, message
    return message
