"""A shard as production would hold it: who holds what, the same in every process that asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from cryptwire.domain.account import Account
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.ticker import Pair

EXCHANGE = Exchange("binance")
BASE = Asset("USDT")
MARKERS = tuple(range(250, 10_000, 500))
"""These hoppers hold one asset each that nobody else holds: its price shows in their live message alone."""
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class World:
    """``assets`` (hoppers, n) column numbers; ``quantities`` (hoppers, n) units; ``weights`` (columns,) sum to 1."""

    columns: int
    assets: npt.NDArray[np.int64]
    quantities: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]

    @property
    def pairs(self) -> list[Pair]:
        return [Pair(EXCHANGE, Asset(f"C{column}"), BASE) for column in range(self.columns)]

    def account(self, number: int) -> Account:
        """What hopper ``number`` holds."""
        held = {
            Asset(f"C{column}"): Decimal(f"{quantity:.6f}")
            for column, quantity in zip(self.assets[number].tolist(), self.quantities[number].tolist(), strict=True)
        }
        return Account(hopper_id(number), _BEGINNING, held, ())

    def deployed_account(self, number: int) -> Account:
        """The same, but that some hoppers are markers."""
        if number in MARKERS:
            return Account(hopper_id(number), _BEGINNING, {marker_pair(number).base: Decimal(1)}, ())
        return self.account(number)

    def ticks(self, count: int, seed: int = 1) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Columns that tick, as popular as they are held, and their prices: each walks by itself."""
        chance = np.random.default_rng(seed)
        columns = chance.choice(self.columns, count, p=self.weights)
        prices = np.empty(count)
        for column in range(self.columns):
            where = np.flatnonzero(columns == column)
            prices[where] = start_price(column) * np.exp(np.cumsum(chance.normal(0, 2e-4, len(where))))
        return columns.astype(np.int64), prices


def start_price(column: int) -> float:
    """The first price of a column."""
    return float(10.0 ** (column % 7 - 2))


def world(hoppers: int, *, columns: int = 500, assets: int = 10, by_zipf: bool = True) -> World:
    """``assets`` different columns for each hopper, popular by Zipf's law (the n-th by 1/n) or all alike."""
    chance = np.random.default_rng(7)
    weights = 1.0 / np.arange(1, columns + 1) if by_zipf else np.ones(columns)
    weights /= weights.sum()
    # the largest of log(weight) + Gumbel noise are drawn without putting back, as likely as their weights say
    keys = np.log(weights) + chance.gumbel(size=(hoppers, columns))
    chosen = np.argpartition(keys, -assets, axis=1)[:, -assets:]
    return World(columns, chosen, chance.lognormal(1, 1, (hoppers, assets)), weights)


def hopper_id(number: int) -> HopperId:
    return HopperId(str(1_000_000 + number))


def marker_pair(number: int) -> Pair:
    return Pair(EXCHANGE, Asset(f"MARK{number}"), BASE)


def hopper(number: int, user: str, every: timedelta) -> Hopper:
    return Hopper(hopper_id(number), UserId(user), f"bench {number}", EXCHANGE, BASE, False, every)


def feed_of_prices(columns: npt.NDArray[np.int64], prices: npt.NDArray[np.float64]) -> Iterator[tuple[int, float]]:
    """Plain numbers of both, in order."""
    return zip(columns.tolist(), prices.tolist(), strict=True)
