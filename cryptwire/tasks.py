"""Ending tasks."""

import asyncio
from collections.abc import Iterable
from typing import Any

_AGAIN = 0.5  # seconds


async def end(tasks: Iterable["asyncio.Future[Any]"]) -> list[BaseException | None]:
    """Cancel ``tasks`` and return when they have ended, with what each has raised.

    A cancellation can be lost on its way (``asyncio.wait_for`` of Python 3.11 swallows one that comes together with the
    result, and libraries are built on it), so whoever goes on is cancelled again.
    """
    known = list(tasks)
    pending = {task for task in known if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN)
    return [asyncio.CancelledError() if task.cancelled() else task.exception() for task in known]
