"""Flows: the tracker's candidates are decided, and users are told of the money that was found."""

import contextlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from cryptwire.clock import Clock
from cryptwire.domain.flow import Flow, FlowState
from cryptwire.domain.hopper import Hopper
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.errors import CryptwireError, Unavailable
from cryptwire.log import Log
from cryptwire.messaging import subjects
from cryptwire.metrics import Meters
from processor.logic import flows as logic
from processor.logic.flows import Sight
from processor.ports.statistics import Account, Bus, FlowBook, HoppersOfUser, Live, Trades

_log = Log(__name__)
_YOUNGER = timedelta(days=30)
_HEARD = timedelta(minutes=1)


class FlowDecisions:
    """Each minute's look at what nobody has decided; what the user decided stays."""

    def __init__(
        self,
        book: FlowBook,
        hoppers: HoppersOfUser,
        trades: Trades,
        account: Account,
        live: Live,
        bus: Bus,
        clock: Clock,
        meters: Meters,
        *,
        transfer_within: timedelta = timedelta(hours=1),
    ) -> None:
        self._book = book
        self._hoppers = hoppers
        self._trades = trades
        self._account = account
        self._live = live
        self._bus = bus
        self._clock = clock
        self._meters = meters
        self._transfer_within = transfer_within

    async def decide(self, _: datetime) -> str:
        """Begin new flows and decide open ones. Raises Unavailable when the database is away; bears repeating."""
        found = await self._book.open_new(self._clock.now() - _YOUNGER)
        outcomes: Counter[str] = Counter(found=found)
        for hopper in await self._book.hoppers_with_open():
            for flow in await self._hopper(hopper):
                outcomes[f"{flow.state.value} as {flow.kind.value}"] += 1
                self._meters.count("processor_flows", "Flows decided", state=flow.state.value, kind=flow.kind.value)
        return ", ".join(f"{number} {what}" for what, number in outcomes.items() if number) or "no flows"

    async def _hopper(self, hopper: Hopper) -> list[Flow]:
        now = self._clock.now()
        siblings = {each.id: each for each in await self._hoppers.of_user(hopper.user)}
        flows = await self._book.within(hopper.id, now - _YOUNGER, now + timedelta(days=1))
        waiting = [flow for flow in flows if flow.state is FlowState.OPEN]
        if not waiting:
            return []
        first, last = waiting[0].at, waiting[-1].at
        others: list[Flow] = []
        for each in siblings.values():
            if each.id != hopper.id and each.is_paper == hopper.is_paper:
                others += await self._book.within(
                    each.id, first - self._transfer_within, last + self._transfer_within + timedelta(seconds=1)
                )
        since, until = logic.trades_around(hopper, first)[0], logic.trades_around(hopper, last)[1]
        trades = await self._trades.within(hopper.id, since, until)
        sight = Sight(hopper, flows, trades, await self._read_at(hopper, last), others)
        decided = logic.decided(sight, now, self._transfer_within)
        added: list[Flow] = []
        for flow in decided:
            notices = [_notice(siblings.get(flow.hopper, hopper), flow, now)] if flow.counts else []
            added += await self._book.decide([flow], notices)
        await self._tell(hopper, added)
        return added

    async def _read_at(self, hopper: Hopper, last: datetime) -> datetime | None:
        """When its balances were read last; asked for when nobody tracks it. None when they cannot be."""
        live = self._live.last(hopper.id)
        if live is not None and live.at > self._clock.now() - _HEARD:
            return live.assets_at
        if self._clock.now() < last + hopper.refresh_every:
            return None
        try:
            return (await self._account.assets(hopper, hopper.refresh_every))[1]
        except CryptwireError as error:
            _log.warning("a hopper cannot be read to confirm a flow", hopper=hopper.id, reason=error)
            return None

    async def _tell(self, hopper: Hopper, added: Sequence[Flow]) -> None:
        if any(flow.counts for flow in added):
            with contextlib.suppress(Unavailable):  # clients look again by themselves
                await self._bus.publish(subjects.notice(hopper.user), b"")
                await self._bus.publish(subjects.account(hopper.user), b"")


def _notice(hopper: Hopper, flow: Flow, now: datetime) -> Notice:
    """That money was found, and that the user may say what it was."""
    facts = {
        "flow": flow.id,
        "hopper": hopper.name,
        "kind": flow.kind.value,
        "quantity": _text(abs(flow.quantity)),
        "asset": flow.asset,
        "amount": _text(abs(flow.amount).quantize(Decimal("0.00000001"))),
        "currency": hopper.base,
        "at": flow.at.isoformat(),
    }
    return Notice(hopper.user, NoticeClass.DATA_PROBLEM, "flow-found", f"flow-{flow.id}", now, facts, hopper.id)


def _text(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
