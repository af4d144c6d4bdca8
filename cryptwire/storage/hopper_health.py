"""How new what is known of hoppers is: one row a hopper, of every table that has something to say.

It reads ``hoppers``, ``hopper_reads``, ``midnights``, ``webhook_hints``, ``trades``, ``trade_comparisons``,
``candles``, ``flows``, ``flow_candidates``, ``backfills``, ``result_progress``, ``import_hoppers`` and ``assignments``,
whose own modules write them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import asyncpg

from cryptwire.domain.candle import Quality
from cryptwire.domain.hopper import HopperId
from cryptwire.storage.database import Database

_TRADE = "(SELECT {} FROM trades t WHERE t.hopper_id = h.hopper_id)"
_HEALTH = f"""
    SELECT h.hopper_id, h.seen_at, h.total, h.is_enabled, h.wrong, plan_now(u.plan, u.plan_until) <> 'free' AS is_paid,
           (SELECT now() - a.granted_at FROM assignments a WHERE a.hopper_id = h.hopper_id) AS held_for,
           greatest((SELECT max(r.read_at) FROM hopper_reads r WHERE r.hopper_id = h.hopper_id),
                    (SELECT m.taken_at FROM midnights m WHERE m.hopper_id = h.hopper_id AND m.taken_at IS NOT NULL
                      ORDER BY m.at DESC LIMIT 1)) AS read_at,
           (SELECT w.heard_at FROM webhook_hints w WHERE w.hopper_id = h.hopper_id) AS webhook_at,
           {_TRADE.format("max(t.at)")} AS trade_at, {_TRADE.format("max(t.stored_at)")} AS stored_at,
           c.complete_until, coalesce(c.mended, 0) AS mended,
           l.opened_at AS candle_at, l.quality, d.candles, d.gap,
           (SELECT opened_at FROM candles f WHERE f.hopper_id = h.hopper_id ORDER BY f.opened_at LIMIT 1) AS first_at,
           (SELECT count(*) FROM flows o WHERE o.hopper_id = h.hopper_id AND o.state = 'open'
               AND NOT EXISTS (SELECT FROM flows n WHERE n.flow_id = o.flow_id AND n.version > o.version))
         + (SELECT count(*) FROM flow_candidates k WHERE k.hopper_id = h.hopper_id AND k.at > $2::timestamptz - interval '30 days'
               AND NOT EXISTS (SELECT FROM flows f WHERE f.hopper_id = k.hopper_id AND f.at = k.at
                                  AND f.asset = k.asset)) AS open_flows,
           b.since AS filled_since, b.whole_until AS filled_until, b.filled_at, b.said AS fill_said,
           p.until_at AS results_until, p.computed_at AS results_at, p.said AS results_said,
           (SELECT min(t.stored_at) FROM trades t
             WHERE t.hopper_id = h.hopper_id AND t.stored_at > coalesce(p.computed_at - interval '10 minutes', '-infinity')
               AND NOT EXISTS (SELECT FROM trade_results r
                                WHERE r.hopper_id = t.hopper_id AND r.trade_id = t.trade_id)) AS result_waits_since,
           i.problem AS import_problem
      FROM hoppers h JOIN users u USING (user_id)
      LEFT JOIN trade_comparisons c USING (hopper_id)
      LEFT JOIN backfills b USING (hopper_id)
      LEFT JOIN result_progress p USING (hopper_id)
      LEFT JOIN import_hoppers i USING (hopper_id)
      LEFT JOIN LATERAL (SELECT opened_at, quality FROM candles n WHERE n.hopper_id = h.hopper_id
                          ORDER BY n.opened_at DESC LIMIT 1) l ON true
      LEFT JOIN LATERAL (SELECT count(*) AS candles, coalesce(sum(gap), 0) AS gap FROM candles n
                          WHERE n.hopper_id = h.hopper_id AND n.opened_at >= $3 AND n.opened_at < $4) d ON true
     WHERE h.hopper_id = ANY($1::text[])
"""  # noqa: S608, E501 - columns of ours


@dataclass(frozen=True, slots=True)
class HopperHealth:
    """What the tables say of one hopper; None: never, or nothing.

    ``seen_at``: when Cryptohopper last listed it, with its own ``total`` in the base currency; ``wrong``: what it says
    is wrong. ``held_for``: since when a pod holds it; ``is_paid``: whether its user's plan lets it be tracked.
    ``read_at``: the last reading of positions or balance that is stored. ``candles`` and their ``gap`` are those of the
    span that was asked for, ``first_at`` opened the first candle of all. ``result_waits_since``: when the oldest trade
    was stored that has no result yet.
    """

    hopper: HopperId
    seen_at: datetime | None
    total: Decimal | None
    is_enabled: bool | None
    wrong: str
    is_paid: bool
    held_for: timedelta | None
    read_at: datetime | None
    webhook_at: datetime | None
    trade_at: datetime | None
    stored_at: datetime | None
    complete_until: datetime | None
    mended: int
    candle_at: datetime | None
    quality: Quality | None
    candles: int
    gap: timedelta
    first_at: datetime | None
    open_flows: int
    filled_since: datetime | None
    filled_until: datetime | None
    filled_at: datetime | None
    fill_said: str
    results_until: datetime | None
    results_at: datetime | None
    results_said: str
    result_waits_since: datetime | None
    import_problem: str | None

    @property
    def is_tracked(self) -> bool:
        """Whether it is to be tracked live."""
        return self.is_paid and self.held_for is not None


class HopperHealths:
    """Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(
        self, hoppers: Sequence[HopperId], now: datetime, since: datetime, until: datetime
    ) -> dict[HopperId, HopperHealth]:
        """Of each of these that is there, with the candles opened in ``[since, until)``."""
        rows = await self._database.fetch(_HEALTH, list(hoppers), now, since, until)
        return {HopperId(row["hopper_id"]): _health(row) for row in rows}


def _health(row: asyncpg.Record) -> HopperHealth:
    told = dict(row)
    return HopperHealth(
        HopperId(told.pop("hopper_id")),
        **{
            **told,
            "quality": None if row["quality"] is None else Quality(row["quality"]),
            "gap": timedelta(seconds=row["gap"]),
            "fill_said": row["fill_said"] or "",
            "results_said": row["results_said"] or "",
        },
    )
