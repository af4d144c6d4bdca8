"""Webhooks of both forms: an app's, signed with its secret, and those registered by ``webhook_create``."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from simulator.clock import Clock, SystemClock
from simulator.cryptohopper.webhook_messages import (
    TOPICS,
    message,
    of_command,
    of_topic,
    of_trade,
    shared_signature,
    signature,
)
from simulator.cryptohopper.webhook_rules import VERBS, Rules, Told
from simulator.settings import Settings
from simulator.worlds.books import Trade
from simulator.worlds.commands import Command
from simulator.worlds.demo import Hopper

__all__ = ["Webhooks", "message", "signature"]

_log = logging.getLogger(__name__)
_KEPT = 2_000  # deliveries
_LONGEST_HOLD = 5  # intervals that a message waits for the next one
_FOREVER = 1_000_000
_CONFIGURED = ("topics", "messages_per_call", "shared_secret", "registered", "rules")


@dataclass(slots=True)
class Registered:
    """An address that ``webhook_create`` was given; no events are all of them, no user is everybody."""

    id: int
    url: str
    events: tuple[str, ...]
    user: str = ""

    def wants(self, event: Mapping[str, Any]) -> bool:
        return not self.events or event["event"] in self.events

    def shown(self) -> dict[str, object]:
        return {"webhook_id": self.id, "url": self.url, "events": list(self.events)}


@dataclass(slots=True)
class Delivery:
    """One call and what became of it; ``answers`` are statuses, or the name of what failed."""

    number: int
    at: str
    url: str
    form: int
    kind: str
    hoppers: list[str]
    rule: str
    outcome: str = "waits"
    answers: list[int | str] = field(default_factory=list)

    def shown(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}


class Webhooks:
    """Sends validation first, then what is noted, each call in its own task, so that nothing waits for a slow receiver.

    A call is tried ``webhook_attempts`` times, twice as long apart each time, and then dropped: the trade list is the
    truth. Validation is tried until it succeeds. What is to go wrong is asked for by ``POST /control/webhooks``.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._topics: frozenset[str] = frozenset(TOPICS)
        self._per_call = 50
        self._shared_secret = settings.webhook_shared_secret
        self._rules = Rules()
        self._registered: dict[int, Registered] = {}
        self._users: dict[str, str] = {}
        self._noted: list[Told] = []
        self._held: list[tuple[int, Told]] = []
        self._round = 0
        self._sending: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._deliveries: deque[Delivery] = deque(maxlen=_KEPT)
        self._counts: Counter[str] = Counter()

    # -- what happens ----------------------------------------------------------------------------------------------

    def note(self, hopper: Hopper, trade: Trade) -> None:
        """A hopper has traded."""
        if self._is_heard:
            self._tell(hopper, of_trade(hopper, trade))

    def obeyed(self, hopper: Hopper, command: Command) -> None:
        """A hopper was told something by its user."""
        told = of_command(hopper, command) if self._is_heard else None
        if told is not None:
            self._tell(hopper, told)

    def tell(self, hopper: Hopper, topic: str, text: str, data: dict[str, object]) -> None:
        """Something else happened, such as ``config_error``."""
        if self._is_heard:
            self._tell(hopper, of_topic(hopper, topic, text, data))

    @property
    def _is_heard(self) -> bool:
        return bool(self._settings.webhook_url or self._registered)

    def _tell(self, hopper: Hopper, told: Told) -> None:
        self._users[hopper.id] = hopper.user
        self._noted.append(told)

    # -- who is told -----------------------------------------------------------------------------------------------

    def create(self, url: str, events: Sequence[str], user: str = "") -> int:
        """Register an address for events of a user's hoppers (second form); its number. Raises ValueError."""
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise ValueError("url must be an address")
        if isinstance(events, str) or not all(isinstance(event, str) for event in events):
            raise ValueError("events must be a list of texts")
        number = max(self._registered, default=7000) + 1
        self._registered[number] = Registered(number, url, tuple(events), user)
        return number

    def delete(self, number: int, user: str = "") -> bool:
        """End a registration; False when there is none (of this user)."""
        found = self._registered.get(number)
        if found is None or (user and found.user != user):
            return False
        del self._registered[number]
        return True

    def configure(self, given: Mapping[str, object]) -> None:
        """The ``webhooks`` part of a scenario. Raises ValueError naming what is unknown or cannot be."""
        if unknown := set(given) - set(_CONFIGURED):
            raise ValueError(f"webhooks: there is no {', '.join(sorted(map(repr, unknown)))}")
        topics, per_call = given.get("topics", list(self._topics)), given.get("messages_per_call", self._per_call)
        if not isinstance(topics, list) or not set(map(str, topics)) <= set(TOPICS):
            raise ValueError(f"webhooks.topics: must be a list of some of {', '.join(TOPICS)}")
        if type(per_call) is not int or not 1 <= per_call <= 10_000:
            raise ValueError("webhooks.messages_per_call: must be a number from 1 to 10000")
        secret = given.get("shared_secret", self._shared_secret)
        if not isinstance(secret, str):
            raise ValueError("webhooks.shared_secret: must be a text")
        registered = given.get("registered", [])
        if not isinstance(registered, list):
            raise ValueError("webhooks.registered: must be a list")
        for place, each in enumerate(registered):
            if not isinstance(each, Mapping) or set(each) - {"url", "events"} or "url" not in each:
                raise ValueError(f"webhooks.registered[{place}]: must hold url, and events if not all are wanted")
            self.create(each["url"], each.get("events", []))
        self._rules.add(given.get("rules", []), "webhooks.rules")
        self._topics, self._per_call, self._shared_secret = frozenset(map(str, topics)), per_call, secret

    # -- sending ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send what was noted, once an interval, forever."""
        timeout = aiohttp.ClientTimeout(total=self._settings.webhook_timeout)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            self._session = session
            try:
                if self._settings.webhook_url:
                    self._app_call("validate", [])
                while True:
                    await asyncio.sleep(self._settings.webhook_interval)
                    await self._send_noted()
            finally:
                self._session = None
                for task in self._sending:
                    task.cancel()
                await asyncio.gather(*self._sending, return_exceptions=True)

    async def _send_noted(self) -> None:
        """One round: what was noted since the last, each message as its rule says, those held back behind them."""
        self._round += 1
        noted, self._noted = self._noted, []
        whole: list[Told] = []
        held: list[Told] = []
        for told in noted:
            rule = self._rules.of(told)
            verb = rule.verb if rule else ""
            self._counts[verb or "sent"] += 1
            seconds = rule.seconds if rule else 0.0
            match verb:
                case "drop":
                    self._note_delivery("", 0, told.topic, [told], "drop").outcome = "dropped"
                case "delay":
                    self._later(seconds, [told], verb)
                case "reorder":
                    held.append(told)
                case "wrong_signature" | "garbage":
                    await self._calls([told], verb)
                case "unnamed":
                    whole.append(told.unnamed())
                case "bare":
                    whole.append(told.bare())
                case _:
                    whole.append(told)
                    if verb == "duplicate":
                        self._later(seconds, [told], verb)
        await self._calls(whole, "")
        due = [told for since, told in self._held if whole or self._round - since >= _LONGEST_HOLD]
        self._held = [(since, told) for since, told in self._held if told not in due]
        if whole:
            due += held  # of the same round: the others go first
        else:
            self._held += [(self._round, told) for told in held]
        if due:
            self._later(self._settings.webhook_interval / 2, due, "reorder")

    def _later(self, seconds: float, told: list[Told], rule: str) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            await self._calls(told, rule)

        self._spawn(wait())

    async def _calls(self, told: list[Told], rule: str) -> None:
        """The calls of both forms that tell this, begun one after the other: a burst keeps nothing else waiting."""
        of_app = [each for each in told if each.topic in self._topics]
        if self._settings.webhook_url:
            for begin in range(0, len(of_app), self._per_call):
                self._app_call("messages", of_app[begin : begin + self._per_call], rule)
                await asyncio.sleep(0)
        for each in told:
            for hook in tuple(self._registered.values()):
                is_his = hook.user in ("", self._users.get(each.hopper, ""))
                if each.event is not None and hook.wants(each.event) and is_his:
                    self._shared_call(hook, each, rule)
                    await asyncio.sleep(0)

    def _app_call(self, kind: str, told: list[Told], rule: str = "") -> None:
        messages = [each.message for each in told]
        body = orjson.dumps({"app_id": self._settings.app_id, "type": kind, "messages": messages})
        body = body[: len(body) // 2] if rule == "garbage" else body
        signed = signature(body, self._settings.client_secret + ("?" if rule == "wrong_signature" else ""))
        delivery = self._note_delivery(self._settings.webhook_url, 1, kind, told, rule)
        attempts = _FOREVER if kind == "validate" else self._settings.webhook_attempts
        expected = self._settings.webhook_verification if kind == "validate" else ""
        self._spawn(self._deliver(delivery, body, {"X-Hub-Signature": signed}, attempts, expected))

    def _shared_call(self, hook: Registered, told: Told, rule: str) -> None:
        body = orjson.dumps(told.event)
        body = body[: len(body) // 2] if rule == "garbage" else body
        headers = {}
        if self._shared_secret:
            wrong = "?" if rule == "wrong_signature" else ""
            headers["X-Cryptohopper-Signature"] = shared_signature(body, self._shared_secret + wrong)
        delivery = self._note_delivery(hook.url, 2, told.event["event"] if told.event else "", [told], rule)
        self._spawn(self._deliver(delivery, body, headers, self._settings.webhook_attempts, ""))

    async def _deliver(
        self, delivery: Delivery, body: bytes, headers: dict[str, str], attempts: int, expected: str
    ) -> None:
        headers = {"Content-Type": "application/json", **headers}
        for attempt in range(attempts):
            if attempt:
                await asyncio.sleep(min(self._settings.webhook_backoff * 2 ** min(attempt - 1, 16), 60.0))
            if self._session is None:
                return
            try:
                async with self._session.post(delivery.url, data=body, headers=headers) as answer:
                    said = (await answer.content.read(4096)).decode(errors="replace").strip()
                    self._answered(delivery, answer.status)
                    if answer.status == 200 and (not expected or said == expected):
                        delivery.outcome = "delivered"
                        return
                    _log.info("webhook answered %s", answer.status)
            except (aiohttp.ClientError, TimeoutError) as error:
                self._answered(delivery, type(error).__name__)
                _log.info("webhook not delivered: %r", error)
        delivery.outcome = "given up"
        self._counts["given up"] += 1
        _log.warning("webhook dropped after %s attempts", attempts)

    def _answered(self, delivery: Delivery, answer: int | str) -> None:
        self._counts["calls"] += 1
        if len(delivery.answers) < 20:
            delivery.answers.append(answer)

    def _note_delivery(self, url: str, form: int, kind: str, told: list[Told], rule: str) -> Delivery:
        self._counts["deliveries"] += 1
        at = self._clock.now().isoformat(timespec="milliseconds")
        hoppers = sorted({each.hopper for each in told})
        delivery = Delivery(self._counts["deliveries"], at, url, form, kind, hoppers, rule)
        self._deliveries.append(delivery)
        return delivery

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    # -- the control port ------------------------------------------------------------------------------------------

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/control/webhooks", self._list, methods=["GET"]),
            Route("/control/webhooks", self._add, methods=["POST"]),
            Route("/control/webhooks", self._clear, methods=["DELETE"]),
        ]

    async def _list(self, request: Request) -> Response:
        """What was sent and how it was answered, oldest first; rules that are left; who is told."""
        hopper = request.query_params.get("hopper")
        told = [each.shown() for each in self._deliveries if hopper is None or hopper in each.hoppers]
        return JSONResponse(
            {
                "rules": self._rules.shown(),
                "verbs": dict(VERBS),
                "registered": [each.shown() for each in self._registered.values()],
                "counts": dict(self._counts),
                "deliveries": told,
            }
        )

    async def _add(self, request: Request) -> Response:
        """One rule or a list of them: ``{"drop": 1, "hopper": "1042001"}``, ``{"duplicate": null, "share": 0.2}``."""
        try:
            self._rules.add(orjson.loads(await request.body()))
        except ValueError as error:  # orjson's errors are such, too
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(self._rules.shown())

    async def _clear(self, _: Request) -> Response:
        """Rules and what was sent are forgotten; who is told stays."""
        self._rules.clear()
        self._deliveries.clear()
        self._counts.clear()
        return JSONResponse([])
