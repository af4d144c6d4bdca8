"""Webhooks, form 1: signed messages about trades, sent to one address."""

import asyncio
import hashlib
import hmac
import logging

import aiohttp
import orjson

from simulator.cryptohopper.trades import shown
from simulator.settings import Settings
from simulator.worlds.books import Trade
from simulator.worlds.demo import Hopper

_log = logging.getLogger(__name__)


def signature(body: bytes, secret: str) -> str:
    """Lower-case hex HMAC-SHA512 of the raw body under the app's secret: header ``X-Hub-Signature``."""
    return hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()


def message(hopper: Hopper, trade: Trade) -> dict[str, object]:
    """``trade_completed``; some hoppers' messages do not say whose they are."""
    whose = {"hopper_id": hopper.id} if hopper.tells_hopper else {}
    done = "Bought" if trade.kind == "buy" else "Sold"
    return {
        "type": "trade_completed",
        "title": f"Hop completed for {trade.coin}",
        "message": f"{done} {trade.amount:f} {trade.coin} at {trade.rate:f} {hopper.base}",
        "data": {"coin": trade.coin, **whose, **shown(hopper, trade)},
    }


class Webhooks:
    """Sends validation first, then what is noted, each in its own task, so that nothing waits for a slow receiver.

    A call is tried ``webhook_attempts`` times, twice as long apart each time, and then dropped: the trade list is the
    truth. Validation is tried until it succeeds.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._noted: list[dict[str, object]] = []
        self._sending: set[asyncio.Task[bool]] = set()

    def note(self, hopper: Hopper, trade: Trade) -> None:
        if self._settings.webhook_url:
            self._noted.append(message(hopper, trade))

    async def run(self) -> None:
        """Send what was noted, once an interval, forever."""
        if not self._settings.webhook_url:
            return
        timeout = aiohttp.ClientTimeout(total=self._settings.webhook_timeout)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            try:
                self._start(session, "validate", [], attempts=1_000_000)
                while True:
                    await asyncio.sleep(self._settings.webhook_interval)
                    if self._noted:
                        messages, self._noted = self._noted, []
                        self._start(session, "messages", messages, self._settings.webhook_attempts)
            finally:
                for task in self._sending:
                    task.cancel()
                await asyncio.gather(*self._sending, return_exceptions=True)

    def _start(
        self, session: aiohttp.ClientSession, kind: str, messages: list[dict[str, object]], attempts: int
    ) -> None:
        body = orjson.dumps({"app_id": self._settings.app_id, "type": kind, "messages": messages})
        task = asyncio.create_task(self._deliver(session, body, attempts, kind == "validate"))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, session: aiohttp.ClientSession, body: bytes, attempts: int, is_validation: bool) -> bool:
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature": signature(body, self._settings.client_secret),
        }
        for attempt in range(attempts):
            if attempt:
                await asyncio.sleep(min(self._settings.webhook_backoff * 2 ** min(attempt - 1, 16), 60.0))
            try:
                async with session.post(self._settings.webhook_url, data=body, headers=headers) as answer:
                    said = (await answer.content.read(4096)).decode(errors="replace").strip()
                    expected = self._settings.webhook_verification
                    if answer.status == 200 and (not is_validation or not expected or said == expected):
                        return True
                    _log.info("webhook answered %s", answer.status)
            except (aiohttp.ClientError, TimeoutError) as error:
                _log.info("webhook not delivered: %r", error)
        _log.warning("webhook dropped after %s attempts", attempts)
        return False
