"""What the development stack says of the past that the processor fills."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from cryptwire.errors import CryptwireError
from cryptwire.storage import database
from cryptwire.storage.backfills import Backfills

_EVERY = 1.0


async def show(database_url: str, say: Callable[[str], None]) -> None:
    """Say how the filling of new hoppers comes along, and when it is done, forever."""
    async with database.connect(database_url, "devstack", 1) as rows:
        backfills = Backfills(rows)
        began: float | None = None
        said = ""
        while True:
            with contextlib.suppress(CryptwireError):
                progress = await backfills.progress_of_all()
                if progress.hoppers:
                    began = time.monotonic() if began is None else began
                    share = 100 * progress.done // max(1, progress.total)
                    line = f"{share} % of {progress.total} candles filled; {progress.hoppers} hoppers to go"
                    if progress.total and line != said:
                        say(f"history: {line}")
                        said = line
                elif began is not None:
                    say(f"history: done, {progress.done} candles filled in {time.monotonic() - began:.0f} s")
                    began, said = None, ""
            await asyncio.sleep(_EVERY)
