"""Ninety days of a hopper's candles told again, and a rule set evaluated at every point: CPU time of both services.

The same lines as a replay that is asked for, through the JSON of its pages and without the servers between them.
"""

import json
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from analyser.logic.rerun import Past, Rerun
from bench.report import Row, at_most, told
from controller.logic.replay import Replayer, rule_set_of
from cryptwire.codec.recall import Page, page_from_json, page_to_json
from cryptwire.domain.bar import Columns
from cryptwire.domain.figure import FigureKey, figure_key
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.rule_set import (
    Action,
    After,
    AllOf,
    Compare,
    FigureOf,
    PanicSell,
    Relation,
    Rule,
    RuleSetBody,
    TrailingStop,
)

_DAYS = 90
_SPAN = 900
_HISTORY = 2_000
_PAGE = 500
_BEGINS = 1_769_990_400
_HOPPER = Hopper(HopperId("1"), UserId("u"), "bench", Exchange("binance"), Asset("USDT"), False, timedelta(minutes=5))
_FIGURES = tuple(map(figure_key, ("rsi@15", "macd@60", "drawdown", "change")))


async def measure() -> list[Row]:
    """One trailing stop, and one with four figures beside it."""
    rows = []
    for keys, name in (((), "a trailing stop"), (_FIGURES, "with RSI, MACD, drawdown and change beside it")):
        figures, evaluation, points = _replayed(keys)
        what = f"replay: {_DAYS} days ({points:,} points), {name}"
        rows.append(at_most(f"{what}: figures and pages, CPU", figures, 15, "s"))
        rows.append(at_most(f"{what}: evaluation, CPU", evaluation, 15, "s"))
    tracemalloc.start()
    _replayed(_FIGURES, days=10)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    rows.append(told("replay: most memory at once, of pages and candles (10 days)", peak / 1e6, "MB"))
    return rows


def _replayed(keys: tuple[FigureKey, ...], days: int = _DAYS) -> tuple[float, float, int]:
    """Seconds for figures and pages, for evaluation; points."""
    candles = _candles(days * 96 + _HISTORY)
    began, until = int(candles.at[_HISTORY]), int(candles.at[-1]) + _SPAN
    since = datetime.fromtimestamp(began, UTC)
    others = (Rule(Compare(FigureOf(key), Relation.BELOW, 1e9)) for key in keys)
    body = RuleSetBody("bench", AllOf((Rule(TrailingStop(0, 0.05)), *others)), (Action(PanicSell()),), After(60))
    replayer = Replayer(rule_set_of(_HOPPER, body, since), ZoneInfo("UTC"), since)
    begun = time.process_time()
    rerun = Rerun(Past(keys, candles, began, until, True, ZoneInfo("Europe/Berlin"), _SPAN))
    figures, evaluation = time.process_time() - begun, 0.0
    while rerun.at is not None:
        begun = time.process_time()
        page = rerun.page(_PAGE)
        text = json.dumps(
            page_to_json(Page(_HOPPER.id, _HOPPER.base, 1, page.points, page.pairs, {}, *page[2:], following=rerun.at))
        )
        figures += time.process_time() - begun
        begun = time.process_time()
        for snapshot, pairs in page_from_json(json.loads(text)).snapshots():
            replayer.see(snapshot, pairs)
        evaluation += time.process_time() - begun
    return figures, evaluation, replayer.points


def _candles(count: int) -> Columns:
    chance = np.random.default_rng(1)
    close = 1000 * np.exp(np.cumsum(chance.normal(0, 0.003, count)))
    open_ = np.concatenate([[1000.0], close[:-1]])
    high, low = np.maximum(open_, close) * 1.001, np.minimum(open_, close) * 0.999
    return Columns(_BEGINS + _SPAN * np.arange(count, dtype=np.int64), open_, high, low, close, np.ones(count))
