"""What is too old or too incomplete to decide on (R3, R4)."""

from datetime import datetime, timedelta

from controller.logic.inputs import Care
from cryptwire.domain.figure import PairSnapshot, Snapshot


def missing(snapshot: Snapshot, now: datetime, care: Care) -> str | None:
    """Why nothing can be told from ``snapshot``, None when it is complete and fresh.

    A feed lives or not: a pair that merely did not trade has a fresh price. Balances are good for two refreshes.
    """
    if _is_off(snapshot.at, now, care):
        return f"the last message is of {snapshot.at:%H:%M:%S}"
    if not snapshot.is_fresh or snapshot.prices_at is None:
        heard = "never" if snapshot.prices_at is None else f"last at {snapshot.prices_at:%H:%M:%S}"
        return f"the exchange is not heard, {heard}"
    if snapshot.at - snapshot.assets_at > 2 * timedelta(seconds=snapshot.refresh_seconds):
        return f"balances and positions were last read at {snapshot.assets_at:%H:%M:%S}"
    if not snapshot.unpriced_share <= care.unpriced:
        return f"{snapshot.unpriced_share:.1%} of the value has no price"
    if snapshot.index is None or not 0 < snapshot.index < float("inf") or not 0 < snapshot.balance < float("inf"):
        return "there is nothing left to watch"
    return None


def missing_of_pair(pair: PairSnapshot, now: datetime, care: Care) -> str | None:
    """The same of a pair."""
    if _is_off(pair.at, now, care):
        return f"the last message of {pair.pair} is of {pair.at:%H:%M:%S}"
    if not pair.is_fresh or pair.price_at is None:
        return f"the exchange of {pair.pair} is not heard"
    return None


def _is_off(at: datetime, now: datetime, care: Care) -> bool:
    return abs(now - at) > care.oldest
