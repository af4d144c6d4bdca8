"""Days, flows and candles of hoppers, put into the database for what is told of them; and live states."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from cryptwire.clock import to_us
from cryptwire.codec.candle import candle_to_message
from cryptwire.codec.portfolio import position_to_message
from cryptwire.domain.account import Position
from cryptwire.domain.candle import Candle, Quality, opening
from cryptwire.domain.hopper import HopperId
from cryptwire.messaging.subjects import LIVE
from cryptwire.storage.database import Database
from generated.wire.v1 import portfolio_pb2 as pb
from tests.integration.api.conftest import World, running  # noqa: F401 - for whoever tests analytics

_DAY = """
    INSERT INTO daily_statistics (hopper_id, zone, date, version, begins_at, ends_at, currency, balance, opening,
        closing, closing_quality, realised, unrealised, fees, other_fees, results, trades, positions, free, invested,
        reserved, flows, differences, divisor, index, gap, is_made_up)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 3, 0, $11, 0, '{}', 0, 0, 1, $12, $13, 0, 0, '{}', 1, $10, 0,
        false)
"""
_FLOW = """
    INSERT INTO flows (flow_id, version, hopper_id, at, asset, quantity, price, value_before, kind, state, decided_by,
        decided_at, counterpart)
    VALUES ($1::text::uuid, 1, $2, $3, 'USDT', $4, $5, $6, $7, 'confirmed', 'user', now(), $8::text::uuid)
"""
_CANDLE = """
    INSERT INTO candles (hopper_id, opened_at, open, high, low, close, gap, quality, fence)
    VALUES ($1, $2, $3, greatest($3::float8, $4), least($3::float8, $4), $4, 0, 3, 1) ON CONFLICT DO NOTHING
"""
_RATE = "INSERT INTO rates (currency, at, per_usd) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"


async def put_days(
    owner: Database,
    hopper: str,
    last: date,
    closings: list[float | None],
    *,
    currency: str = "USDT",
    zone: str = "UTC",
    offset: timedelta = timedelta(0),
    opening: float | None = None,
    version: int = 1,
) -> None:
    """Days that end with ``last``, each beginning at ``offset`` from midnight UTC."""
    before = opening
    for number, closing in enumerate(closings):
        on = last - timedelta(days=len(closings) - 1 - number)
        begins = datetime(on.year, on.month, on.day, tzinfo=UTC) + offset
        ends = begins + timedelta(days=1)
        balance = None if closing is None else Decimal(repr(closing))
        invested = None if balance is None else balance / 4
        free = None if balance is None or invested is None else balance - invested
        row = (hopper, zone, on, version, begins, ends, currency, balance, before, closing)
        await owner.execute(_DAY, *row, None if balance is None else Decimal(1), free, invested)
        before = closing


async def put_flow(
    owner: Database,
    id: str,
    hopper: str,
    at: datetime,
    amount: str,
    before: float,
    kind: str = "deposit",
    counterpart: str | None = None,
) -> None:
    await owner.execute(_FLOW, id, hopper, at, Decimal(amount), 1.0, before, kind, counterpart)


async def put_candle(owner: Database, hopper: str, opened_at: datetime, open: float, close: float) -> None:
    await owner.execute(_CANDLE, hopper, opened_at, open, close)


async def put_rate(owner: Database, currency: str, at: datetime, per_usd: str) -> None:
    await owner.execute(_RATE, currency, at, Decimal(per_usd))


async def put_live(
    world: World,
    at: datetime,
    close: float,
    held: Mapping[str, tuple[str, float]],
    positions: Sequence[Position] = (),
) -> None:
    """Tell the live state of hopper 1 at a moment: what it is worth, and the quantity and price of each asset."""
    candle = Candle(HopperId("1"), opening(at), close, close, close, close, timedelta(0), Quality.COMPLETE, fence=1)
    us = to_us(at)
    state = pb.Portfolio(
        hopper_id="1",
        at_us=us,
        base_currency="USDT",
        candle=candle_to_message(candle),
        is_fresh=True,
        assets_at_us=us,
        assets=list(held),
        quantities=[quantity for quantity, _ in held.values()],
        prices=[price for _, price in held.values()],
        positions=map(position_to_message, positions),
    )
    await world.bus.publish(LIVE.live(HopperId("1")), state.SerializeToString())
    await world.bus.flush()
