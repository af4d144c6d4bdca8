"""No table that holds something of a user is forgotten by the export or by the erasure."""

import csv
import io
import json
import random
import re
from datetime import timedelta

from api.handlers.exports.cells import plain
from cryptwire.domain.formula import FORMULA, FORMULA_IN_JSON
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.storage import database
from cryptwire.storage.database import Database, url_of
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.own_data import ERASED, EXPORTED, KEPT, NOT_EXPORTED, OwnData
from cryptwire.storage.users import Users

_TABLES = """
    SELECT DISTINCT CASE WHEN c.table_schema = 'public' THEN '' ELSE c.table_schema || '.' END || c.table_name AS name
      FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
     WHERE c.column_name IN ('user_id', 'hopper_id') AND t.table_type = 'BASE TABLE'
       AND c.table_schema IN ('public', 'custody')
"""
_GO_WITH_THE_USER = """
    WITH RECURSIVE gone(id) AS (
        SELECT 'public.users'::regclass::oid
         UNION
        SELECT k.conrelid FROM pg_constraint k JOIN gone ON k.confrelid = gone.id
         WHERE k.contype = 'f' AND k.confdeltype = 'c')
    SELECT CASE WHEN n.nspname = 'public' THEN '' ELSE n.nspname || '.' END || r.relname AS name
      FROM gone JOIN pg_class r ON r.oid = gone.id JOIN pg_namespace n ON n.oid = r.relnamespace
"""


async def tables(owner: Database) -> set[str]:
    return {row["name"] for row in await owner.fetch(_TABLES)}


def not_exported(there: set[str]) -> set[str]:
    return there - {held.table for held in EXPORTED} - NOT_EXPORTED.keys()


async def not_erased(owner: Database, there: set[str]) -> set[str]:
    gone = {row["name"] for row in await owner.fetch(_GO_WITH_THE_USER)}
    return there - gone - set(ERASED) - KEPT.keys()


async def test_every_table_of_users_and_hoppers_is_exported_and_erased(database_url: str) -> None:
    async with database.connect(database_url, "test") as owner:
        there = await tables(owner)
        how = "name it in cryptwire/storage/own_data.py, and in a migration GRANT SELECT ON it TO cryptwire_api"
        assert not_exported(there) == set(), how
        how = "reference users or hoppers ON DELETE CASCADE; or name it in ERASED, and GRANT DELETE to the processor"
        assert await not_erased(owner, there) == set(), how
        assert {held.table for held in EXPORTED} | NOT_EXPORTED.keys() <= there | {"users", "audit"}, (
            "a table is not there"
        )
        await owner.execute("CREATE TABLE forgotten (hopper_id text)")
        there = await tables(owner)
        assert not_exported(there) == await not_erased(owner, there) == {"forgotten"}


async def test_the_api_may_read_what_it_exports_and_gives_a_users_own_rows_without_secrets(database_url: str) -> None:
    async with (
        database.connect(database_url, "test") as owner,
        database.connect(url_of("api", database_url), "test") as api,
    ):
        me, you = [
            await Users(owner).add(f"{name}@example.com", "$argon2id$secret", "UTC", "USD", "pro")
            for name in ("me", "you")
        ]
        for number, whose in (("1", me), ("2", you)):
            await Hoppers(owner).put(
                Hopper(HopperId(number), whose, "Bot", Exchange("binance"), Asset("USDT"), False, timedelta(minutes=1))
            )
            await owner.execute(
                "INSERT INTO candles SELECT $1, at, 1, 1, 1, 1, 0, 3, 1"
                "  FROM generate_series('2025-01-01'::timestamptz, '2025-01-02', '15 minutes') at",
                number,
            )
        own_data, exported = OwnData(api), dict[str, str]()
        for held in EXPORTED:
            pieces: list[bytes] = []

            async def write(piece: bytes, pieces: list[bytes] = pieces) -> None:
                pieces.append(piece)

            rows = await own_data.copy(UserId(me), held, write)
            exported[held.table] = b"".join(pieces).decode()
            assert len(list(csv.reader(io.StringIO(exported[held.table])))) == rows + 1, held.table
        assert exported["candles"].count("\n") == 98
        assert "me@example.com" in exported["users"]
        for text in exported.values():
            assert "$argon2id$" not in text
            assert "you@example.com" not in text
            assert you not in text


async def test_no_text_that_is_exported_is_a_formula_and_json_stays_json(database_url: str) -> None:
    evil, wide = '=HYPERLINK("http://x","y")', "\u3000\uff1d1"
    async with database.connect(database_url, "test") as owner:
        me = await Users(owner).add("me@example.com", "$argon2id$secret", "UTC", "USD", "pro")
        every = timedelta(minutes=1)
        await Hoppers(owner).put(Hopper(HopperId("1"), me, evil, Exchange("binance"), Asset("USDT"), False, every))
        await owner.execute(
            "INSERT INTO trades (hopper_id, trade_id, exchange, base, quote, side, quantity, rate, total, fee,"
            " fee_currency, at, strategy, trigger) VALUES ('1', '1', 'binance', 'ETH', 'USDT', 1, 2, 3, 6, -0.5,"
            " 'USDT', now(), $1, $2)",
            evil,
            wide,
        )
        told = {"a": evil, "b": ["-0.5", -2, "a;-2+cmd|' /C x'!A0", "-x"], "c": -1e-7, "d": "@x"}
        text = "UPDATE users SET preferences = $1::jsonb, zone = '+49'"
        await owner.execute(text, json.dumps(told))
        rows: dict[str, list[dict[str, str]]] = {}
        for held in EXPORTED:
            pieces: list[bytes] = []

            async def write(piece: bytes, pieces: list[bytes] = pieces) -> None:
                pieces.append(piece)

            await OwnData(owner).copy(UserId(me), held, write)
            rows[held.table] = list(csv.DictReader(io.StringIO(b"".join(pieces).decode(), newline="")))
    (trade,), (hopper,), (user,) = rows["trades"], rows["hoppers"], rows["users"]
    assert (trade["strategy"], trade["trigger"], trade["fee"]) == (plain(evil), f"'{wide}", "-0.5")
    assert hopper["name"] == plain(evil)
    assert user["zone"] == "'+49"
    kept = {"a": "'" + evil, "b": ["-0.5", -2, "a;'-2+cmd|' /C x'!A0", "'-x"], "c": -1e-7, "d": "'@x"}
    assert json.loads(user["preferences"]) == kept


async def test_postgresql_finds_formulas_where_we_do(database_url: str) -> None:
    dice = random.Random(7)
    letters = [*"=+-@;,|\t\r\n\"' ab1\uff1d\u00e4\u00a0\u3000\x1c\x85\\[]{}.", "\U0001f600"]
    texts = ["".join(dice.choices(letters, k=dice.randint(0, 12))) for _ in range(5_000)]
    async with database.connect(database_url, "test") as owner:
        for pattern in (FORMULA, FORMULA_IN_JSON):
            found = await owner.fetch(
                "SELECT regexp_replace(t, $2, '''', 'g') AS told FROM unnest($1::text[]) WITH ORDINALITY u(t, n)"
                " ORDER BY n",
                texts,
                pattern,
            )
            assert [row["told"] for row in found] == [re.sub(pattern, "'", text) for text in texts]
            assert sum(row["told"] != text for row, text in zip(found, texts, strict=True)) > 1_000
