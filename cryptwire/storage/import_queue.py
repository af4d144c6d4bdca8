"""The queue of imports: a Redis stream, by the library taskiq. It says at which user's import to look, and no more.

Whatever is lost in it (Redis emptied, a worker killed) is queued again from the table ``imports``; whatever it says
twice finds nothing to do there.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import redis.exceptions
from taskiq.acks import AcknowledgeType
from taskiq.exceptions import TaskiqError
from taskiq.kicker import AsyncKicker
from taskiq.receiver import Receiver
from taskiq_redis import RedisStreamBroker

from cryptwire.domain.hopper import UserId
from cryptwire.errors import Unavailable
from cryptwire.log import Log
from cryptwire.storage.redis import LIVE_KEYS
from cryptwire.tasks import end

_log = Log(__name__)
_TASK = "import"
_LOOK = "look-at-hoppers"
_MOST = 100_000  # entries of the stream, the newest
_GROUP = "processor"
_PAUSE = 1.0  # seconds before another try, while Redis is away
_UNREACHABLE = (OSError, TimeoutError, redis.exceptions.RedisError, TaskiqError)

Look = Callable[[UserId], Awaitable[None]]

# the library logs every task and its arguments; what became of an import is told by who did it
logging.getLogger("taskiq").setLevel(logging.ERROR)


class ImportQueue:
    """Puts users into the stream ``cw:imports``."""

    def __init__(self, url: str, keys: str = LIVE_KEYS) -> None:
        self._broker = _broker(url, keys, timedelta(minutes=1))

    async def put(self, user: UserId) -> None:
        """Somebody looks at this user's import soon. Raises Unavailable while Redis is away."""
        await self._kick(_TASK, user)

    async def put_look(self, user: UserId) -> None:
        """Somebody compares this user's hoppers with Cryptohopper's soon. Raises Unavailable while Redis is away."""
        await self._kick(_LOOK, user)

    async def close(self) -> None:
        """Let its connections go."""
        await self._broker.shutdown()

    async def _kick(self, task: str, user: UserId) -> None:
        kicker: AsyncKicker[[str], None] = AsyncKicker(task, self._broker, {})
        try:
            await kicker.kiq(user)
        except _UNREACHABLE as error:
            raise Unavailable(f"the queue of imports is away ({type(error).__name__})") from None


async def serve(
    url: str, do_import: Look, look: Look, *, at_once: int, reclaim: timedelta, keys: str = LIVE_KEYS
) -> None:
    """Hand every user in the stream to ``do_import`` or ``look``, ``at_once`` together, until this is cancelled.

    An entry is acknowledged when that returned; one that was not within ``reclaim`` is handed to another who serves.
    Goes on when Redis comes back, also emptied. What runs is cancelled with this.
    """
    running: set[asyncio.Task[None]] = set()

    async def run(work: Look, user: str) -> None:
        task = asyncio.ensure_future(work(UserId(user)))
        running.add(task)
        try:
            await asyncio.wait({task})
            if not task.cancelled() and (error := task.exception()) is not None:
                _log.error("what the queue said failed", user=user, exception=error)
        finally:
            running.discard(task)

    async def on_import(user: str) -> None:
        await run(do_import, user)

    async def on_look(user: str) -> None:
        await run(look, user)

    try:
        with ThreadPoolExecutor(1, "imports") as threads:
            while True:
                broker = _broker(url, keys, reclaim)
                broker.register_task(on_import, _TASK)
                broker.register_task(on_look, _LOOK)
                try:
                    await broker.startup()  # makes the group anew where Redis has forgotten it
                    receiver = Receiver(
                        broker,
                        threads,
                        validate_params=False,
                        max_async_tasks=at_once,
                        run_startup=False,
                        ack_type=AcknowledgeType.WHEN_EXECUTED,
                    )
                    await receiver.listen(asyncio.Event())
                except* _UNREACHABLE as error:
                    _log.warning("the queue of imports is away", reason=type(error.exceptions[0]).__name__)
                finally:
                    await broker.shutdown()
                await asyncio.sleep(_PAUSE)
    finally:
        await end(running)


def _broker(url: str, keys: str, reclaim: timedelta) -> RedisStreamBroker:
    return RedisStreamBroker(
        url,
        queue_name=f"{keys}imports",
        consumer_group_name=_GROUP,
        consumer_id="0",  # what was queued before anybody served is served, too
        maxlen=_MOST,
        xread_count=1,  # nobody takes more than he does
        xread_block=2_000,
        idle_timeout=int(reclaim.total_seconds() * 1000),
        unacknowledged_lock_timeout=10,
        max_connection_pool_size=50,
        socket_timeout=10,
        socket_connect_timeout=2,
    )
