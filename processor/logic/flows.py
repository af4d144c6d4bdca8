"""What a flow was: decided from what was read after it, the trades that came late, and the user's other hoppers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

from cryptwire.domain.flow import DecidedBy, Flow, FlowKind, FlowState
from cryptwire.domain.hopper import Asset, Hopper
from cryptwire.domain.route import STEPPING_STONES
from cryptwire.domain.trade import Trade

DUST = Decimal("0.001")
"""What is worth less than this share of the portfolio is a difference, and nobody is asked about it."""
_SAME = Decimal("1e-9")
_FEE = Decimal("0.01")
"""What a transfer may cost on its way, as a share."""
_MOST_TRADES = 200
_MONEY = frozenset({*STEPPING_STONES[1:], "USD", "EUR", "GBP", "TRY", "BRL", "AUD"})
_DATA_ARE_LATE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of a hopper: its ``flows`` of late, newest versions, oldest first; the ``trades`` around the open
    ones; when its balances were ``read_at`` last; and the flows of the user's other hoppers of the same kind.
    """

    hopper: Hopper
    flows: Sequence[Flow]
    trades: Sequence[Trade]
    read_at: datetime | None
    others: Sequence[Flow]


def trades_around(hopper: Hopper, at: datetime) -> tuple[datetime, datetime]:
    """Which trades may explain what a poll ``at`` found: balances are a refresh old, and the list may be late."""
    return at - 3 * hopper.refresh_every - _DATA_ARE_LATE, at + hopper.refresh_every


def decided(sight: Sight, now: datetime, transfer_within: timedelta) -> list[Flow]:
    """The next versions of flows that can be decided: those of the hopper itself, and other sides of transfers.

    A candidate is confirmed by two polls: that which found it, and one at least a refresh later, after which neither a
    trade explains it nor another candidate has undone it.
    """
    found: list[Flow] = []
    gone = _undone(sight)
    for at, together in groupby(
        (flow for flow in sight.flows if flow.state is FlowState.OPEN), key=lambda flow: flow.at
    ):
        group = list(together)
        back = [flow for flow in group if flow.id in gone]
        found += [_next(flow, now, state=FlowState.EXPLAINED) for flow in back]
        group = [flow for flow in group if flow.id not in gone]
        if not group or sight.read_at is None or sight.read_at < at + sight.hopper.refresh_every:
            continue
        since, until = trades_around(sight.hopper, at)
        trades = [trade for trade in sight.trades if since <= trade.at < until]
        left = left_over({flow.asset: flow.quantity for flow in group}, trades)
        for flow in group:
            found += _confirmed(sight, flow, left[flow.asset], now, transfer_within)
    return found


def _confirmed(sight: Sight, flow: Flow, quantity: Decimal, now: datetime, transfer_within: timedelta) -> list[Flow]:
    if not quantity:
        return [_next(flow, now, state=FlowState.EXPLAINED)]
    one = replace(flow, quantity=quantity)
    if abs(one.amount) <= _threshold(sight.hopper, one):
        return [_next(one, now, state=FlowState.CONFIRMED, kind=FlowKind.DIFFERENCE)]
    side = next((other for other in sight.others if is_other_side(one, other, transfer_within)), None)
    if side is None:
        kind = FlowKind.DEPOSIT if quantity > 0 else FlowKind.WITHDRAWAL
        return [_next(one, now, state=FlowState.CONFIRMED, kind=kind)]
    here = _next(one, now, state=FlowState.CONFIRMED, kind=FlowKind.TRANSFER, counterpart=side.id)
    if side.counterpart == one.id:
        return [here]
    # the other side first: cut off between the two, this one is still open and finds it again
    return [_next(side, now, state=side.state, kind=FlowKind.TRANSFER, counterpart=one.id), here]


def is_other_side(one: Flow, other: Flow, within: timedelta) -> bool:
    """Whether what left one hopper came to the other, and nobody has said otherwise."""
    return (
        other.hopper != one.hopper
        and other.asset == one.asset
        and other.state in (FlowState.OPEN, FlowState.CONFIRMED)
        and other.kind in (FlowKind.DEPOSIT, FlowKind.WITHDRAWAL, FlowKind.TRANSFER)
        and other.decided_by is not DecidedBy.USER
        and other.counterpart in (None, one.id)
        and one.quantity * other.quantity < 0
        and abs(one.quantity + other.quantity) <= _FEE * max(abs(one.quantity), abs(other.quantity))
        and abs(one.at - other.at) <= within
    )


def left_over(unexplained: Mapping[Asset, Decimal], trades: Sequence[Trade]) -> dict[Asset, Decimal]:
    """What the run of ``trades`` that says most of it leaves of a poll's candidates; all of it when none says anything.

    Only trades between coins that are among the candidates count: another one was not missed. Amounts are exact, so a
    run that is right leaves nothing of one coin at least.
    """
    listed = [each for each in trades if {each.pair.base, each.pair.quote} <= unexplained.keys()][-_MOST_TRADES:]
    best, fewest = dict(unexplained), len(unexplained)
    for first in range(len(listed)):
        rest = dict(unexplained)
        for last in range(first, len(listed)):
            for asset, amount in listed[last].changes().items():
                if asset in rest:
                    rest[asset] -= amount
            over = {
                asset: amount if abs(amount) > _SAME * abs(unexplained[asset]) else Decimal(0)
                for asset, amount in rest.items()
            }
            number = sum(1 for amount in over.values() if amount)
            if number < fewest:
                best, fewest = over, number
    return best


def _undone(sight: Sight) -> set[str]:
    """Open flows that came and went within a few refreshes: a snapshot that flickered."""
    gone: set[str] = set()
    within = 4 * sight.hopper.refresh_every
    candidates = [flow for flow in sight.flows if flow.state is FlowState.OPEN]
    for number, flow in enumerate(candidates):
        if flow.id in gone:
            continue
        for later in candidates[number + 1 :]:
            if (
                later.asset == flow.asset
                and later.id not in gone
                and timedelta(0) < later.at - flow.at <= within
                and abs(flow.quantity + later.quantity) <= _SAME * abs(flow.quantity)
            ):
                gone |= {flow.id, later.id}
                break
    return gone


def _threshold(hopper: Hopper, flow: Flow) -> Decimal:
    """Up to what a flow is dust: a share of the portfolio, and at least one unit of a currency."""
    least = Decimal(1) if hopper.base in _MONEY else Decimal(0)
    return max(least, DUST * Decimal(repr(flow.value_before)))


def _next(
    flow: Flow, now: datetime, *, state: FlowState, kind: FlowKind | None = None, counterpart: str | None = None
) -> Flow:
    return replace(
        flow,
        version=flow.version + 1,
        state=state,
        kind=flow.kind if kind is None else kind,
        counterpart=flow.counterpart if counterpart is None else counterpart,  # type: ignore[arg-type]
        decided_by=DecidedBy.POLLS,
        decided_at=now,
    )
