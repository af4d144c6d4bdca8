"""The audit (R25): a chain per hopper that shows every change but a cut at its end, whoever may write beside it."""

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.admin_audit import export_audit, verify_audit
from cryptwire.config import environment
from cryptwire.domain.action import IntentId, RuleSetId
from cryptwire.domain.audit import FIRST, Entry, body_text, sealed, verify
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.errors import Corrupt, NotFound
from cryptwire.storage import database
from cryptwire.storage.audit import Audit, append
from cryptwire.storage.database import Database, url_of

ONE, OTHER = HopperId("501"), HopperId("502")
AT = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def entry(hopper: HopperId = ONE, number: int = 0, **more: object) -> Entry:
    values: dict[str, object] = {
        "hopper": hopper,
        "at": AT + timedelta(seconds=number),
        "kind": "fired",
        "body": {"text": "ünï \x00 \ud800", "big": 1e22, "small": 1e-7, "none": None, "number": number},
        "rule_set": RuleSetId(str(uuid.uuid4())),
        "version": 3,
        "intent": IntentId(str(uuid.uuid4())),
    }
    return Entry(**{**values, **more})  # type: ignore[arg-type]


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Database]:
    """With the controller's rights."""
    async with database.connect(url_of("controller", database_url), "test", 12) as found:
        yield found


async def added(rows: Database, *entries: Entry) -> list[int]:
    async with rows.transaction() as connection:
        return [one.number for one in await append(connection, entries)]


async def test_R25_entries_stand_in_their_order_each_in_its_hoppers_chain(rows: Database, database_url: str) -> None:
    assert await added(rows, entry(), entry(OTHER), entry(number=1)) == [1, 1, 2]
    assert await added(rows, entry(number=2)) == [3]
    audit = Audit(rows)
    chain = await audit.chain_of(ONE)
    assert (await audit.verify(chain))[0] == 3
    assert chain != await audit.chain_of(OTHER)
    lines = [json.loads(line) async for line in export_audit(database_url, ONE)]
    assert [line["number"] for line in lines] == [1, 2, 3]
    assert [json.loads(line["body"])["big"] for line in lines] == [1e22] * 3
    assert "holds: 3 entries" in (await verify_audit(database_url, ONE))[0]
    with pytest.raises(NotFound):
        await verify_audit(database_url, "999")


async def test_R25_many_who_write_at_once_make_one_chain(rows: Database) -> None:
    """Ten at a time, in both orders of hoppers: nobody waits for who waits for him."""

    async def write(number: int) -> None:
        both = [entry(number=number), entry(OTHER, number)]
        await added(rows, *(both if number % 2 else reversed(both)))

    await asyncio.gather(*map(write, range(60)))
    audit = Audit(rows)
    for hopper in (ONE, OTHER):
        assert (await audit.verify(await audit.chain_of(hopper)))[0] == 60


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE audit SET body = '{}' WHERE number = 2",
        "UPDATE audit SET kind = 'x' WHERE number = 2",
        "UPDATE audit SET at = at + interval '1 microsecond' WHERE number = 2",
        "UPDATE audit SET version = 4 WHERE number = 2",
        "UPDATE audit SET rule_set_id = NULL WHERE number = 2",
        "UPDATE audit SET intent_id = gen_random_uuid() WHERE number = 2",
        "UPDATE audit SET hash = sha256('x') WHERE number = 2",
        "UPDATE audit SET previous = sha256('x') WHERE number = 2",
        "DELETE FROM audit WHERE number = 2",
        "DELETE FROM audit WHERE number = 1",
        "UPDATE audit SET number = 9 WHERE number = 2",
    ],
)
async def test_R25_every_forgery_shows(rows: Database, database_url: str, forgery: str) -> None:
    await added(rows, *(entry(number=number) for number in range(3)))
    owner = await asyncpg.connect(database_url)
    try:
        await owner.execute(forgery)
    finally:
        await owner.close()
    audit = Audit(rows)
    with pytest.raises(Corrupt, match=r"number [123]"):
        await audit.verify(await audit.chain_of(ONE))


async def test_R25_nobody_but_the_owner_changes_or_deletes(rows: Database, database_url: str) -> None:
    await added(rows, entry())
    for service in database.SERVICES:
        connection = await asyncpg.connect(url_of(service, database_url))
        try:
            for statement in ("UPDATE audit SET kind = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
        finally:
            await connection.close()


async def test_R25_who_did_it_goes_with_his_account_and_the_chain_still_holds(
    rows: Database, database_url: str
) -> None:
    owner = await asyncpg.connect(database_url)
    try:
        user = await owner.fetchval(
            "INSERT INTO users (email, password_hash) VALUES ('a@x.test', '') RETURNING user_id::text"
        )
        await added(rows, entry(by=UserId(user)), entry(by=UserId(str(uuid.uuid4()))))
        assert await owner.fetchval("SELECT count(*) FROM audit_people") == 1
        await owner.execute("DELETE FROM users WHERE user_id = $1::text::uuid", user)
        assert await owner.fetchval("SELECT count(*) FROM audit_people") == 0
        chain = await Audit(rows).chain_of(ONE)
        assert (await Audit(rows).verify(chain))[0] == 2
        assert user not in str([dict(row) for row in await owner.fetch("SELECT * FROM audit")])
    finally:
        await owner.close()


async def test_R25_the_command_tells_what_is_broken(rows: Database, database_url: str) -> None:
    await added(rows, entry(), entry(number=1))
    assert await said(database_url, "verify-audit") == (0, 1, "")
    assert await said(database_url, "export-audit") == (0, 2, "")
    owner = await asyncpg.connect(database_url)
    await owner.execute("UPDATE audit SET kind = 'x' WHERE number = 2")
    await owner.close()
    assert await said(database_url, "verify-audit") == (1, 0, "cryptwire: number 2 is not what was written\n")


async def said(url: str, verb: str) -> tuple[int | None, int, str]:
    """The exit code of the command, how many lines it prints, and what it complains of."""
    command = ("-m", "cryptwire", "admin", "rules", verb, "--hopper", ONE)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=pipe, stderr=pipe, env={**environment(), "CRYPTWIRE_DATABASE_URL": url}
    )
    out, errors = await process.communicate()
    return process.returncode, len(out.splitlines()), errors.decode()


@given(st.lists(st.dictionaries(st.text(), st.one_of(st.text(), st.floats(allow_nan=False), st.booleans()))))
def test_R25_any_body_is_sealed_and_verified(bodies: list[dict[str, object]]) -> None:
    chain, previous, entries = str(uuid.uuid4()), FIRST, []
    for number, body in enumerate(bodies, 1):
        one = sealed(chain, number, entry(body=body), previous) if _is_plain(body) else None
        if one is None:
            return
        entries.append(one)
        previous = one.hash
    assert verify(entries) == len(entries)


def _is_plain(body: dict[str, object]) -> bool:
    try:
        body_text(body)
    except ValueError:
        return False  # an infinite number
    return True
