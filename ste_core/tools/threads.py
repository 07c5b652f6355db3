"""Work in a daemon thread of its own, so that what hangs keeps neither its caller nor the interpreter's exit waiting.

>>> asyncio.run(in_thread(lambda: 6 * 7, "sum"))
42

That holds for what waits or runs as Python. A call in C that keeps the interpreter's lock (a catastrophic regular
expression) stops all threads until it returns, and no time-out is noticed before; that takes another process.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any


async def in_thread(work: Callable[[], Any], name: str) -> Any:
    """What `work` returns or raises; whoever stops waiting leaves it to itself.

    Raises:
        RuntimeError: it raised what would end the interpreter (`SystemExit` and the like), named in the text.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if result.done():
            return  # timed out meanwhile
        if error is None:
            result.set_result(value)
        elif isinstance(error, Exception) and not isinstance(error, StopIteration):
            result.set_exception(error)
        else:  # SystemExit and the like must not end the study
            result.set_exception(RuntimeError(type(error).__name__))

    def run() -> None:
        try:
            outcome = (work(), None)
        except BaseException as error:
            outcome = (None, error)
        try:
            loop.call_soon_threadsafe(settle, *outcome)
        except RuntimeError:
            pass  # the loop is gone: nobody waits any more

    threading.Thread(target=run, name=name, daemon=True).start()
    return await result
