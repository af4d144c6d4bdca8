"""Prices that walk, stand still and jump, for tests of indicators."""

import numpy as np
from hypothesis import strategies as st

from cryptwire.domain.bar import Columns
from cryptwire.domain.figure import CATALOGUE, FigureKey

QUARTER = 900
OF_BARS = tuple(name for name, definition in CATALOGUE.items() if definition.of_bars)


def walk(seed: int, bars: int = 300, start: float = 100.0, volatility: float = 0.01, jumps: float = 0.02) -> Columns:
    """Quarters of an hour; each close is the last one, moved. ``jumps``: the share of bars that open somewhere else."""
    chance = np.random.default_rng(seed)
    jump = np.where(chance.random(bars) < jumps, chance.normal(0, 0.05, bars), 0.0)
    moves = chance.normal(0, volatility, bars)
    close = start * np.exp(np.cumsum(jump + moves))
    open_ = close / np.exp(moves)
    high = np.maximum(open_, close) * (1 + np.abs(chance.normal(0, volatility / 2, bars)))
    low = np.minimum(open_, close) / (1 + np.abs(chance.normal(0, volatility / 2, bars)))
    stamps = (
        np.cumsum(np.where(chance.random(bars) < jumps, 5, 1)) * QUARTER
    )  # where it jumps, or not, bars are missing
    return Columns(stamps.astype(np.int64), open_, high, low, close, chance.lognormal(3, 1, bars))


def flat(price: float, bars: int, volume: float = 5.0) -> Columns:
    """A price that does not move."""
    column = np.full(bars, price)
    return Columns(np.arange(bars, dtype=np.int64) * QUARTER, column, column, column, column, np.full(bars, volume))


def of_closes(*closes: float) -> Columns:
    """Bars that are their close alone, each with a volume of 1."""
    column = np.array(closes, np.float64)
    return Columns(
        np.arange(len(closes), dtype=np.int64) * QUARTER, column, column, column, column, np.ones(len(closes))
    )


def of_bars(*bars: tuple[float, float, float], volumes: tuple[float, ...] = ()) -> Columns:
    """Bars of (high, low, close), opening where they close."""
    high, low, close = np.array(bars, np.float64).T.copy()
    volume = np.array(volumes or [1.0] * len(bars), np.float64)
    return Columns(np.arange(len(bars), dtype=np.int64) * QUARTER, close, high, low, close, volume)


def after(first: Columns, second: Columns) -> Columns:
    """One behind the other."""
    shift = first.at[-1] + QUARTER - second.at[0]
    return Columns(
        np.concatenate([first.at, second.at + shift]),
        *(np.concatenate([getattr(first, name), getattr(second, name)]) for name in Columns.__slots__[1:]),
    )


def scaled(bars: Columns, factor: float) -> Columns:
    """The same with prices in another unit."""
    return Columns(bars.at, bars.open * factor, bars.high * factor, bars.low * factor, bars.close * factor, bars.volume)


@st.composite
def keys(draw: st.DrawFn, name: str, longest: int = 30, shortest: int = 1) -> FigureKey:
    """A figure of quarters of an hour with any parameters, none longer than ``longest`` bars."""
    numbers = {}
    for parameter in CATALOGUE[name].parameters:
        if parameter.is_whole:
            least = max(int(parameter.least), shortest) if parameter.name == "length" else int(parameter.least)
            numbers[parameter.name] = float(draw(st.integers(least, longest)))
        else:
            numbers[parameter.name] = draw(st.integers(1, 50)) / 10
    if "slow" in numbers:
        numbers["fast"] = float(draw(st.integers(2, int(numbers["slow"]) - 1)))
    return FigureKey.of(name, "15", **numbers)


def some_walks(bars: int) -> st.SearchStrategy[Columns]:
    """Walks at prices and with moves as markets have them."""
    return st.builds(
        walk,
        st.integers(0, 10_000),
        st.just(bars),
        st.sampled_from([0.004, 1.0, 73.5, 61_234.0]),
        st.sampled_from([0.003, 0.01, 0.04]),
    )
