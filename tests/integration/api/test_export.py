"""The export: all of one's data and nobody else's, for who has just given his password."""

import asyncio
import csv
import io
import json
import tracemalloc
import zipfile

import aiohttp

from tests.integration.api.accounts import bearer, tokens
from tests.integration.api.conftest import EMAIL, PASSWORD, World, code_of

YEAR = 35_040  # candles


async def export(world: World, headers: dict[str, str]) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as http, http.get(f"{world.base}/export", headers=headers) as response:
        if response.status == 200:
            assert response.headers["content-type"] == "application/zip"
            assert "attachment" in response.headers["content-disposition"]
        assert response.headers["cache-control"] == "no-store"
        return response.status, await response.read()


def code(body: bytes) -> str:
    return str(json.loads(body)["error"]["code"])


async def candles(world: World, count: int) -> None:
    for number in ("1", "2"):
        await world.owner.execute(
            "INSERT INTO candles SELECT $1, '2025-01-01'::timestamptz + n * interval '15 minutes', 1, 1, 1, 1, 0, 3, 1"
            "  FROM generate_series(0, $2::int - 1) n",
            number,
            count,
        )


async def test_all_of_ones_data_come_in_a_zip_and_nobody_elses(world: World) -> None:
    await candles(world, 4 * YEAR)
    access, refresh = await tokens(world)
    tracemalloc.start()
    try:
        status, body = await export(world, bearer(access))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    size = len(files["candles.csv"])
    assert peak < size / 2, f"{peak:,} bytes at most for a file of {size:,}"
    rows = list(csv.DictReader(io.StringIO(files["candles.csv"])))
    assert (len(rows), {row["hopper_id"] for row in rows}) == (4 * YEAR, {"1"})
    contents = json.loads(files.pop("contents.json"))
    assert contents["rows"]["candles"] == 4 * YEAR
    assert set(files) == {f"{table}.csv" for table in contents["rows"]}
    (me,) = csv.DictReader(io.StringIO(files["users.csv"]))
    assert me["email"] == EMAIL
    everything = "".join(files.values())
    for secret in ("argon2", refresh, "you@example.com"):
        assert secret not in everything
    await world.sign_in()
    async with world.http.get(f"{world.base}/export") as response:
        assert response.status == 200, "a browser follows a link"


async def test_who_may_not_or_has_not_just_given_his_password_gets_nothing(world: World) -> None:
    access, _ = await tokens(world)
    create = f'mutation {{ createApiToken(name: "x", scopes: [READ, WRITE], password: "{PASSWORD}") {{ token }} }}'
    token = (await world.ask(create, bearer(access)))["data"]["createApiToken"]["token"]
    for headers in ({}, bearer("x")):
        status, body = await export(world, headers)
        assert (status, code(body)) == (401, "UNAUTHENTICATED")
    status, body = await export(world, bearer(token))
    assert (status, code(body)) == (403, "FORBIDDEN")
    await world.owner.execute("UPDATE sessions SET authenticated_at = now() - interval '11 minutes'")
    prove = "mutation($p: String!) { confirmPassword(password: $p) }"
    assert code_of(await world.ask(prove, bearer(access), p="wrong")) == "INVALID"
    async with asyncio.timeout(6):
        while (await export(world, bearer(access)))[0] == 200:  # noqa: ASYNC110 - what is remembered for five seconds
            await asyncio.sleep(0.2)
    status, body = await export(world, bearer(access))
    assert (status, code(body), b"confirmPassword" in body) == (403, "FORBIDDEN", True)
    assert "errors" not in await world.ask(prove, bearer(access), p=PASSWORD)
    assert (await export(world, bearer(access)))[0] == 200


async def test_many_exports_at_once_wait_for_each_other(world: World) -> None:
    await candles(world, YEAR)
    access, _ = await tokens(world)
    statuses = [status for status, _ in await asyncio.gather(*(export(world, bearer(access)) for _ in range(5)))]
    assert 200 in statuses
    assert set(statuses) <= {200, 429}
