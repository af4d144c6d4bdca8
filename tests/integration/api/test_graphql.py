"""GraphQL: sign-in, what belongs to whom, live portfolios, and limits."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import asyncpg
import pytest

from api.settings import Settings
from cryptwire.codec.candle import candle_to_message
from cryptwire.domain.candle import Candle, Quality, opening
from cryptwire.domain.hopper import HopperId
from cryptwire.messaging.subjects import LIVE
from cryptwire.storage.database import with_database
from generated.wire.v1 import portfolio_pb2 as pb
from tests.integration.api.conftest import OURS, World, code_of, running

HOPPERS = "{ hoppers { id name exchange baseCurrency isPaper portfolio { value } } }"
PORTFOLIO = """
query($id: ID!, $masked: Boolean) { hopper(id: $id) { id portfolio(masked: $masked) {
  at value open change pricesAt assetsAt isFresh unpriced
  holdings { asset quantity price value share }
  positions { id pair quantity rate cost openedAt } } } }
"""


def portfolio(hopper: str, at: datetime) -> bytes:
    candle = Candle(
        HopperId(hopper), opening(at), 1000.0, 1010.0, 990.0, 1005.5, timedelta(0), Quality.COMPLETE, fence=1
    )
    us = int(at.timestamp() * 1e6)
    return pb.Portfolio(
        hopper_id=hopper,
        at_us=us,
        base_currency="USDT",
        candle=candle_to_message(candle),
        is_fresh=True,
        assets_at_us=us,
        assets=["BTC", "USDT", "XYZ"],
        quantities=["0.00012300", "1000", "1E-8"],
        prices=[50000.0, 1.0, float("nan")],
        positions=[pb.OpenPosition(id="7", base="BTC", quote="USDT", quantity="0.000123", rate="40000", cost="4.92")],
    ).SerializeToString()


async def test_changes_from_another_site_are_refused(world: World) -> None:
    mutation = "mutation { signOut }"
    assert code_of(await world.ask(mutation, {})) == "FORBIDDEN"
    assert code_of(await world.ask(mutation, {"Origin": "https://evil.example"})) == "FORBIDDEN"
    assert "errors" not in await world.ask(mutation, {"Origin": world.base})
    async with world.http.get(f"{world.base}/graphql", params={"query": mutation}, headers=OURS) as response:
        assert response.status == 400
    async with world.http.get(f"{world.base}/graphql", params={"query": "{ me { id } }"}) as response:
        assert await response.json() == {"data": {"me": None}}
    async with world.http.post(f"{world.base}/graphql", data="query=x", headers={"content-type": "text/plain"}) as r:
        assert r.status == 400
        assert code_of(await r.json()) == "INVALID"


async def test_a_strangers_hopper_is_not_there(world: World) -> None:
    await world.sign_in()
    answers = [await world.ask(PORTFOLIO, id=number) for number in ("2", "999", "", "\x00", "x" * 100)]
    assert {code_of(answer) for answer in answers} == {"NOT_FOUND"}


async def test_the_last_live_state_is_the_portfolio(world: World) -> None:
    await world.sign_in()
    assert (await world.ask(PORTFOLIO, id="1"))["data"]["hopper"]["portfolio"] is None
    now = datetime.now(UTC)  # noqa: TID251 - real servers, real time
    await world.bus.publish(LIVE.live(HopperId("1")), portfolio("1", now))
    await world.bus.flush()
    shown: dict[str, Any] | None = None
    async with asyncio.timeout(5):
        while shown is None:
            shown = (await world.ask(PORTFOLIO, id="1"))["data"]["hopper"]["portfolio"]
    assert (shown["value"], shown["open"], shown["isFresh"], shown["unpriced"]) == (1005.5, 1000.0, True, ["XYZ"])
    assert shown["pricesAt"] is None
    assert datetime.fromisoformat(shown["at"]) == now
    assert shown["change"] == pytest.approx(0.0055, rel=1e-12)
    btc, _, xyz = shown["holdings"]
    assert btc.pop("share") == pytest.approx(6.15 / 1005.5, rel=1e-12)
    assert btc == {"asset": "BTC", "quantity": "0.00012300", "price": 50000.0, "value": 6.15}
    assert xyz == {"asset": "XYZ", "quantity": "0.00000001", "price": None, "value": None, "share": None}
    assert shown["positions"] == [
        {"id": "7", "pair": "BTC/USDT", "quantity": "0.000123", "rate": "40000", "cost": "4.92", "openedAt": None}
    ]
    for payload in (portfolio("1", now - timedelta(minutes=11)), b"\xff", portfolio("2", now)):
        await world.bus.publish(LIVE.live(HopperId("1")), portfolio("1", now))
        await world.bus.publish(LIVE.live(HopperId("1")), payload)
        await world.bus.flush()
        async with asyncio.timeout(5):
            while (await world.ask(PORTFOLIO, id="1"))["data"]["hopper"]["portfolio"] is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_live_state_is_told_without_amounts_on_request_or_as_one_prefers(world: World) -> None:
    await world.sign_in()
    now = datetime.now(UTC)  # noqa: TID251 - real servers, real time
    await world.bus.publish(LIVE.live(HopperId("1")), portfolio("1", now))
    await world.bus.flush()

    async def shown(masked: bool | None = None) -> Any:
        return (await world.ask(PORTFOLIO, id="1", masked=masked))["data"]["hopper"]["portfolio"]

    async with asyncio.timeout(5):
        while (whole := await shown()) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    expected = {**whole, "value": None, "open": None, "change": 0.0055}
    expected["holdings"] = [{**one, "quantity": None, "value": None} for one in whole["holdings"]]
    expected["holdings"][0]["share"] = 0.00611636  # six digits, of which nobody finds the amounts
    expected["holdings"][1]["share"] = 0.99453
    expected["positions"] = [{**one, "quantity": None, "cost": None} for one in whole["positions"]]
    assert await shown(masked=True) == expected
    await world.owner.execute("UPDATE users SET preferences = '{\"masksAmounts\": true}'")
    assert await shown() == expected
    assert await shown(masked=False) == whole, "who asks for them is told"


@pytest.mark.parametrize(
    "query",
    [
        "{",
        "{ nothing }",
        "query($id: ID!) { hopper(id: $id) { id } }",
        "query { ...A } fragment A on Query { ...A }",
    ],
)
async def test_what_is_wrong_is_refused_and_told(world: World, query: str) -> None:
    await world.sign_in()
    answer = await world.ask(query)
    assert all(error["extensions"]["code"] == "INVALID" for error in answer["errors"])


async def test_long_bodies_are_refused_and_counted(world: World) -> None:
    async def chunks() -> Any:
        for _ in range(30):
            yield b"x" * 10_000

    for data in (b"x" * 100_001, chunks()):
        async with world.http.post(
            f"{world.base}/graphql", data=data, headers={"content-type": "application/json"}
        ) as r:
            assert r.status == 413
    assert world.runtime.meters.value("api_too_long") == 2


async def test_it_starts_without_database_and_nats_and_says_so(
    world: World, servers: Any, database_url: str, redis_url: str, nats_url: str
) -> None:
    settings = Settings(
        is_warmed_up=False,
        database_url="postgresql://nobody:x@127.0.0.1:9/none",
        nats_url="nats://127.0.0.1:9",
        redis_url="redis://127.0.0.1:9",
        **world.keys.settings(),
        is_development=True,
    )
    async with (
        running(settings) as (base, runtime),
        aiohttp.ClientSession(headers={"authorization": "Bearer cwp_x"}) as http,
    ):
        async with http.post(f"{base}/graphql", json={"query": HOPPERS}) as response:
            assert code_of(await response.json()) == "UNAVAILABLE"
        assert not runtime.health.is_ready


async def test_it_works_again_when_the_database_is_back(world: World, database_url: str) -> None:
    await world.sign_in()
    admin = with_database(database_url, "postgres")
    name = database_url.rpartition("/")[2]
    connection = await asyncpg.connect(admin)
    try:
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = 'cryptwire_api'",
            name,
        )
        assert code_of(await world.ask(HOPPERS)) == "UNAVAILABLE"
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    finally:
        await connection.close()
    async with asyncio.timeout(10):
        while "errors" in await world.ask(HOPPERS):  # noqa: ASYNC110 - a server that comes back
            await asyncio.sleep(0.05)
