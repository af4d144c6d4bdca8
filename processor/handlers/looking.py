"""Work that looks for what is due again and again."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from cryptwire.clock import Clock
from cryptwire.errors import Corrupt, Invalid, Unavailable
from cryptwire.log import Log

_log = Log(__name__)
_LATER = timedelta(seconds=2)


async def looking(
    what: str,
    look: Callable[[], Awaitable[int]],
    clock: Clock,
    every: timedelta,
    told: Callable[[str], None] = lambda _: None,
) -> None:
    """``look`` each ``every``, at once again while it found something, forever; ``told`` of each that came back.

    What is away is waited for. What can never be done as it is must not end what everybody needs: it is logged, and
    looked at again.
    """
    while True:
        try:
            found = await look()
            told(what)
            pause = timedelta(0) if found else every
        except Unavailable as error:
            _log.warning("cannot look now", what=what, reason=error)
            pause = max(every, _LATER)
        except (Corrupt, Invalid) as error:
            _log.error("something here cannot be done", what=what, exception=error)
            pause = max(every, _LATER)
        await clock.sleep(pause)
