"""Tables ``daily_statistics`` and ``statistics_progress``: the only module that knows their columns."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import asyncpg

from cryptwire.domain.daily import Daily, DayCandles, Progress, Standing
from cryptwire.domain.flow import Index
from cryptwire.domain.hopper import Asset, Hopper, HopperId
from cryptwire.storage.database import Database
from cryptwire.storage.hopper_events import bases
from cryptwire.storage.hoppers import hopper_of

_HOPPER = "h.hopper_id, h.user_id::text, h.name, h.exchange, h.base_currency, h.is_paper, h.refresh_seconds"
_ZONES = "SELECT DISTINCT zone FROM users u WHERE EXISTS (SELECT FROM hoppers h WHERE h.user_id = u.user_id)"
_UNTAKEN = f"""
    SELECT {_HOPPER} FROM hoppers h JOIN users u USING (user_id)
     WHERE u.zone = ANY($1::text[]) AND u.deletion_asked_at IS NULL AND h.hopper_id > $3
       AND h.deleted_at IS NULL AND h.unlinked_at IS NULL
       AND NOT EXISTS (SELECT FROM midnights m WHERE m.hopper_id = h.hopper_id AND m.at = $2
                          AND m.taken_at IS NOT NULL)
     ORDER BY h.hopper_id LIMIT $4
"""  # noqa: S608 - columns of ours
# Days are computed anew from where anything they were computed from has changed: flows (a new version of the history),
# trades stored since, better candles than the last ones of the day, its midnight if that was taken after the day was
# computed without it, and, of a hopper that is new to us, earlier candles.
_DUE = f"""
    SELECT * FROM (
        SELECT {_HOPPER}, u.zone, z.last_at, p.version, p.begins_at, p.until_at, p.ledger, now() AS read_at,
               least(h.deleted_at, h.unlinked_at) AS gone_at,
               p.hopper_id IS NULL AS is_new,
               coalesce((SELECT max(v.version) FROM hopper_histories v WHERE v.hopper_id = h.hopper_id), 1) AS newest,
               least((SELECT min(v.changed_from) FROM hopper_histories v
                       WHERE v.hopper_id = h.hopper_id AND v.version > p.version),
                     (SELECT min(t.at) FROM trades t
                       WHERE t.hopper_id = h.hopper_id AND t.stored_at > p.computed_at - interval '1 minute'
                         AND t.at < p.until_at),
                     (SELECT min(s.begins_at)
                        FROM daily_statistics s JOIN candles c
                          ON c.hopper_id = s.hopper_id AND c.opened_at = s.ends_at - interval '15 minutes'
                       WHERE s.hopper_id = h.hopper_id AND s.zone = u.zone AND s.closing_quality < 2
                         AND c.quality > s.closing_quality AND s.computed_at > now() - interval '2 days'
                         AND s.ends_at <= p.until_at
                         AND s.version = (SELECT max(n.version) FROM daily_statistics n
                                           WHERE n.hopper_id = s.hopper_id AND n.zone = s.zone AND n.date = s.date)),
                     (SELECT CASE WHEN s.is_made_up THEN s.begins_at END
                        FROM daily_statistics s
                       WHERE s.hopper_id = h.hopper_id AND s.zone = u.zone AND s.ends_at = p.until_at
                         AND s.date >= (p.until_at - interval '3 days')::date
                         AND EXISTS (SELECT FROM midnights m WHERE m.hopper_id = h.hopper_id AND m.at = p.until_at
                                        AND m.taken_at IS NOT NULL)
                       ORDER BY s.version DESC LIMIT 1),
                     CASE WHEN p.began_at > now() - interval '2 days' THEN
                         (SELECT c.opened_at FROM candles c WHERE c.hopper_id = h.hopper_id
                             AND c.opened_at < p.begins_at ORDER BY c.opened_at LIMIT 1) END) AS anew_from
          FROM hoppers h JOIN users u USING (user_id)
          JOIN unnest($1::text[], $2::timestamptz[]) AS z(zone, last_at) ON z.zone = u.zone
          LEFT JOIN statistics_progress p ON p.hopper_id = h.hopper_id AND p.zone = u.zone
         WHERE u.deletion_asked_at IS NULL AND h.hopper_id > $3) AS standing
     WHERE is_new OR until_at < least(last_at, gone_at) OR anew_from IS NOT NULL OR version < newest
     ORDER BY hopper_id LIMIT $4
"""  # noqa: S608
_EARLIEST = """
    SELECT n.hopper_id,
           least((SELECT c.opened_at FROM candles c WHERE c.hopper_id = n.hopper_id ORDER BY c.opened_at LIMIT 1),
                 (SELECT t.at FROM trades t WHERE t.hopper_id = n.hopper_id ORDER BY t.at LIMIT 1),
                 (SELECT m.at - interval '1 second' FROM midnights m WHERE m.hopper_id = n.hopper_id
                     AND m.taken_at IS NOT NULL ORDER BY m.at LIMIT 1)) AS earliest
      FROM unnest($1::text[]) AS n(hopper_id)
"""
_CANDLES = """
    SELECT n.number, c.*
      FROM unnest($1::int[], $2::text[], $3::timestamptz[], $4::timestamptz[]) AS n(number, hopper_id, since, until)
     CROSS JOIN LATERAL (
        SELECT min(opened_at) AS first_at, max(opened_at) AS last_at, sum(gap) AS gap, count(*)::int AS count,
               (array_agg(open ORDER BY opened_at))[1] AS open,
               (array_agg(close ORDER BY opened_at DESC))[1] AS close,
               (array_agg(quality ORDER BY opened_at DESC))[1] AS quality
          FROM candles c WHERE c.hopper_id = n.hopper_id AND c.opened_at >= n.since AND c.opened_at < n.until) c
     WHERE c.count > 0
"""
_ROW = (
    "hopper_id, zone, date, version, begins_at, ends_at, currency, balance, opening, closing, closing_quality,"
    " realised, unrealised, fees, other_fees, results, trades, positions, free, invested, reserved, flows,"
    " differences, divisor, index_began_at, index, gap, is_made_up"
)
_TYPES = (
    *("text", "text", "date", "int", "timestamptz", "timestamptz", "text", "numeric", "float8", "float8", "smallint"),
    *("numeric", "numeric", "numeric", "jsonb", "int", "int", "int", "numeric", "numeric", "numeric", "numeric"),
    *("jsonb", "float8", "timestamptz", "float8", "float4", "bool"),
)
_CHANGED = ", ".join(f"{name} = excluded.{name}" for name in _ROW.split(", ")[4:])
_PUT = f"""
    INSERT INTO daily_statistics ({_ROW})
    SELECT * FROM unnest({", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_TYPES, 1))})
    ON CONFLICT (hopper_id, zone, date, version) DO UPDATE SET {_CHANGED}, computed_at = now()
"""  # noqa: S608
_ONE_AFTER_THE_OTHER = "SELECT pg_advisory_xact_lock(hashtext('daily_statistics'))"  # a new hopper has no row to lock
_STANDS = """
    SELECT p.hopper_id, p.zone, p.version, p.until_at FROM statistics_progress p
      JOIN unnest($1::text[], $2::text[]) AS n(hopper_id, zone) USING (hopper_id, zone)
"""
_MOVE = """
    INSERT INTO statistics_progress (hopper_id, zone, version, begins_at, until_at, ledger, computed_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::jsonb[],
                         $7::timestamptz[])
    ON CONFLICT (hopper_id, zone) DO UPDATE
       SET version = excluded.version, begins_at = excluded.begins_at, until_at = excluded.until_at,
           ledger = excluded.ledger, computed_at = excluded.computed_at
"""
# of each date the highest version that is not above the one asked for
_READ = f"""
    SELECT DISTINCT ON (date) {_ROW} FROM daily_statistics
     WHERE hopper_id = $1 AND zone = $2 AND date >= $3 AND date < $4 AND version <= $5
     ORDER BY date, version DESC
"""  # noqa: S608
_DIFFERENCES = """
    SELECT d.hopper_id, u.key AS asset, sum(u.value::numeric) AS units
      FROM (SELECT DISTINCT ON (hopper_id, date) hopper_id, differences FROM daily_statistics
             WHERE hopper_id = ANY($1::text[]) AND zone = $2 AND date BETWEEN $3 AND $4
             ORDER BY hopper_id, date, version DESC) d
     CROSS JOIN LATERAL jsonb_each_text(d.differences) AS u(key, value)
     GROUP BY d.hopper_id, u.key HAVING sum(u.value::numeric) <> 0 ORDER BY d.hopper_id, u.key
"""
_BEFORE = f"""
    SELECT {_ROW} FROM daily_statistics WHERE hopper_id = $1 AND zone = $2 AND date < $3 AND version <= $4
     ORDER BY date DESC, version DESC LIMIT 1
"""  # noqa: S608
_UNTIL = "SELECT until_at FROM statistics_progress WHERE hopper_id = $1 AND zone = $2"
_ALL = 2**31 - 1


class DailyStatistics:
    """The days of hoppers. Every method raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def zones(self) -> list[str]:
        """The zones of users who have hoppers."""
        return [row["zone"] for row in await self._database.fetch(_ZONES)]

    async def untaken(self, zones: Sequence[str], at: datetime, after: str, most: int) -> list[Hopper]:
        """Hoppers of users in these zones of which nothing was taken at the midnight ``at``, by id, after ``after``."""
        return [hopper_of(row) for row in await self._database.fetch(_UNTAKEN, list(zones), at, after, most)]

    async def due(self, lasts: Mapping[str, datetime], after: str, most: int) -> list[Standing]:
        """Hoppers whose days in their user's zone are not all there, or not as they should be, by id.

        ``lasts``: by zone, until when days have ended.
        """
        rows = await self._database.fetch(_DUE, list(lasts), list(lasts.values()), after, most)
        fresh = [row["hopper_id"] for row in rows]
        earliest = {
            row["hopper_id"]: row["earliest"] for row in (await self._database.fetch(_EARLIEST, fresh) if fresh else ())
        }
        others = await bases(self._database, fresh) if fresh else {}
        return [_standing(row, earliest.get(row["hopper_id"]), others.get(row["hopper_id"], ())) for row in rows]

    async def candles(self, days: Sequence[tuple[HopperId, datetime, datetime]]) -> list[DayCandles | None]:
        """What the candles of each ``[since, until)`` say, in this order; None where there are none."""
        columns = [list(range(len(days))), *(list(column) for column in zip(*days, strict=True))]
        found: list[DayCandles | None] = [None] * len(days)
        for row in await self._database.fetch(_CANDLES, *columns):
            found[row["number"]] = DayCandles(
                row["first_at"], row["last_at"], row["open"], row["close"], row["quality"], row["gap"], row["count"]
            )
        return found

    async def before(self, hopper: HopperId, zone: str, on: date, version: int = _ALL) -> Daily | None:
        """The last day before ``on``."""
        row = await self._database.row(_BEFORE, hopper, zone, on, version)
        return None if row is None else _daily(row)

    async def put(self, days: Sequence[Daily], moved: Sequence[tuple[Standing, Progress]]) -> set[HopperId]:
        """Write these days and how far their hoppers have come, at once; the hoppers that were written.

        A hopper that is not any more where its days were computed from (somebody else was quicker) is left out.
        """
        if not moved:
            return set()
        ordered = sorted(moved, key=lambda each: (each[1].hopper, each[1].zone))
        async with self._database.transaction() as connection:
            await connection.execute(_ONE_AFTER_THE_OTHER)
            keys = [each.hopper for _, each in ordered], [each.zone for _, each in ordered]
            stands = {row["hopper_id"]: row for row in await connection.fetch(_STANDS, *keys)}
            good = [each for before, each in ordered if _is_where_it_was(before, stands.get(each.hopper))]
            hoppers = {each.hopper for each in good}
            rows = [_row(day) for day in days if day.hopper in hoppers]
            if rows:
                await connection.execute(_PUT, *map(list, zip(*rows, strict=True)))
            if good:
                values = [
                    (p.hopper, p.zone, p.version, p.begins_at, p.until_at, json.dumps(p.ledger), p.read_at)
                    for p in good
                ]
                await connection.execute(_MOVE, *map(list, zip(*values, strict=True)))
        return hoppers

    async def read(
        self, hopper: HopperId, zone: str, since: date, until: date, version: int | None = None
    ) -> list[Daily]:
        """Days in ``[since, until)``, oldest first, as of ``version`` of the hopper's history (None: the newest)."""
        wanted = _ALL if version is None else version
        return [_daily(row) for row in await self._database.fetch(_READ, hopper, zone, since, until, wanted)]

    async def differences(
        self, hoppers: Sequence[HopperId], zone: str, since: date, until: date
    ) -> dict[HopperId, dict[Asset, Decimal]]:
        """Units that neither trades nor flows explain over the days from ``since`` to ``until``, both among them."""
        found: dict[HopperId, dict[Asset, Decimal]] = {}
        for row in await self._database.fetch(_DIFFERENCES, list(hoppers), zone, since, until):
            found.setdefault(HopperId(row["hopper_id"]), {})[Asset(row["asset"])] = row["units"]
        return found

    async def until(self, hopper: HopperId, zone: str) -> datetime | None:
        """Until when days are there; None when none is."""
        until: datetime | None = await self._database.value(_UNTIL, hopper, zone)
        return until


def _is_where_it_was(before: Standing, now: asyncpg.Record | None) -> bool:
    if now is None:
        return before.until_at is None
    return before.until_at is not None and (now["until_at"], now["version"]) == (before.until_at, before.version)


def _standing(row: asyncpg.Record, earliest: datetime | None, others: Sequence[tuple[datetime, Asset]]) -> Standing:
    return Standing(
        hopper_of(row),
        row["zone"],
        row["last_at"],
        row["newest"],
        earliest,
        row["read_at"],
        row["version"],
        row["begins_at"],
        row["until_at"],
        {} if row["ledger"] is None else json.loads(row["ledger"]),
        row["anew_from"],
        row["gone_at"],
        others,
    )


def _row(day: Daily) -> tuple[object, ...]:
    return (
        day.hopper,
        day.zone,
        day.date,
        day.version,
        day.begins_at,
        day.ends_at,
        day.currency,
        day.balance,
        day.opening,
        day.closing,
        day.closing_quality,
        day.realised,
        day.unrealised,
        day.fees,
        _texts(day.other_fees),
        day.results,
        day.trades,
        day.positions,
        day.free,
        day.invested,
        day.reserved,
        day.flows,
        _texts(day.differences),
        day.index.divisor,
        day.index.began_at,
        day.index_value,
        day.gap,
        day.is_made_up,
    )


def _texts(amounts: Mapping[Asset, Decimal]) -> str:
    return json.dumps({asset: str(amount) for asset, amount in sorted(amounts.items())})


def _decimals(kept: str) -> dict[Asset, Decimal]:
    return {Asset(asset): Decimal(amount) for asset, amount in json.loads(kept).items()}


def _daily(row: asyncpg.Record) -> Daily:
    return Daily(
        HopperId(row["hopper_id"]),
        row["zone"],
        row["date"],
        row["version"],
        row["begins_at"],
        row["ends_at"],
        Asset(row["currency"]),
        row["balance"],
        row["opening"],
        row["closing"],
        row["closing_quality"],
        row["realised"],
        row["unrealised"],
        row["fees"],
        _decimals(row["other_fees"]),
        row["results"],
        row["trades"],
        row["positions"],
        row["free"],
        row["invested"],
        row["reserved"],
        row["flows"],
        _decimals(row["differences"]),
        Index(row["divisor"], row["index_began_at"]),
        row["gap"],
        row["is_made_up"],
    )
