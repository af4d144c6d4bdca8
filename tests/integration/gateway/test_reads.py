"""Linked accounts are read through the gateway; whatever upstream does becomes an error that says what to do."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from starlette.responses import HTMLResponse, JSONResponse, Response

from cryptwire.clock import EPOCH
from cryptwire.errors import Exhausted, Forbidden, Invalid, LinkAgain, NotFound, Unavailable
from cryptwire.gateway_client import GatewayClient, LinkState
from devstack.servers import free_port
from tests.integration.gateway.conftest import HOPPER, REDIRECT, Stage

ASSETS = "/v1/hopper/501/assets"
POSITIONS = "/v1/hopper/501/position"
TRADES = "/v1/hopper/501/trade"
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def trade(number: int, **other: Any) -> dict[str, Any]:
    """Trade ``number``, one a minute since BEGAN."""
    at = BEGAN + timedelta(minutes=number)
    return {
        "id": str(number),
        "exchange": "gdax",
        "currency": "ETH",
        "pair": "ETHUSDT",
        "type": "buy",
        "date": f"{at:%Y-%m-%d %H:%M:%S}",
        "amount": "0.5",
        "rate": "2000",
        "total": "1000",
        "fee": "1",
        "buy_id": "0",
        **other,
    }


async def test_a_link_brings_its_hoppers(gateway: Stage) -> None:
    user = await gateway.user()
    async with gateway.client("api") as api:
        assert (await api.link_state(user)).state is LinkState.NONE
        with pytest.raises(LinkAgain):
            await api.hoppers(user)
        assert await gateway.link(api, user) is LinkState.LINKED
        link = await api.link_state(user)
        assert link.state is LinkState.LINKED
        assert link.scopes == ("read", "trade")
        assert link.expires_at is not None
        (hopper,) = await api.hoppers(user)
    assert hopper.hopper.exchange == "coinbase"
    assert hopper.hopper.base == "USDT"
    assert hopper.refresh_every == timedelta(seconds=60)
    assert hopper.total == Decimal("1234.5")
    assert hopper.is_enabled
    assert not hopper.hopper.is_paper


async def test_a_code_that_is_spent_is_invalid_and_leaves_the_link(gateway: Stage) -> None:
    user = await gateway.linked_user()
    async with gateway.client("api") as api:
        _, state = await api.begin_link(user, REDIRECT)
        with pytest.raises(Invalid, match="code"):
            await api.link(user, "bad", state)
        assert (await api.link_state(user)).state is LinkState.LINKED


async def test_nobody_can_be_linked_who_is_not_there(gateway: Stage) -> None:
    async with gateway.client("api") as api:
        with pytest.raises(Invalid):
            await api.begin_link("7e1f27d4-0000-4000-8000-000000000000", REDIRECT)  # type: ignore[arg-type]
        with pytest.raises(Invalid, match="UUID"):
            await api.link_state("somebody")  # type: ignore[arg-type]


async def test_assets_and_positions(gateway: Stage) -> None:
    user = await gateway.linked_user()
    gateway.upstream.data |= {
        ASSETS: {"BTC": "0.50", "usdt": 120.1, "DOGE": "", "XRP": None},
        POSITIONS: [{"id": 7, "pair": "BTC-USDT", "currency": "BTC", "amount": "0.5", "rate": "60000", "cost": ""}],
    }
    async with gateway.client("tracker") as tracker:
        assets, read_at = await tracker.assets(user, HOPPER)
        (position,) = await tracker.positions(user, HOPPER)
        hopper = await tracker.hopper(user, HOPPER)
    assert assets == {"BTC": Decimal("0.5"), "USDT": Decimal("120.1")}
    assert read_at.tzinfo is not None
    assert (position.base, position.quote, position.cost) == ("BTC", "USDT", Decimal(30000))
    assert hopper.plan == "Hero"
    assert all("x-api-app-key" not in headers for headers in gateway.upstream.headers)
    assert all("authorization" not in headers for headers in gateway.upstream.headers)


@pytest.mark.parametrize("as_text", [True, False])
async def test_trades_over_two_pages_come_oldest_first(gateway: Stage, as_text: bool) -> None:
    user = await gateway.linked_user()
    rows = [trade(number) for number in range(700, 0, -1)]
    rows[3]["id"] = None

    def page(rows: list[dict[str, Any]]) -> Response:
        results = str(len(rows)) if as_text else len(rows)
        return JSONResponse({"data": {"trades": rows, "offset": "0", "results": results}})

    # a page with a row that cannot be read is asked for once more
    gateway.upstream.queue(TRADES, page(rows[:500]), page(rows[:500]), page(rows[500:]))
    async with gateway.client("processor") as processor:
        trades = await processor.trades_since(user, HOPPER, EPOCH)
    assert [t.id for t in trades] == [str(number) for number in range(1, 701) if number != 697]
    assert trades[0].pair.exchange == "coinbase"
    assert trades[0].fee_currency == "USDT"
    assert [query["offset"] for query in gateway.upstream.queries[-2:]] == ["0", "500"]


async def test_trades_since_a_moment_need_no_page_beyond_it(gateway: Stage) -> None:
    user = await gateway.linked_user()
    gateway.upstream.data[TRADES] = {"trades": [trade(number) for number in range(900, 400, -1)], "results": "500"}
    async with gateway.client("webhook") as webhook:
        trades = await webhook.trades_since(user, HOPPER, BEGAN + timedelta(minutes=895))
    assert [t.id for t in trades] == ["895", "896", "897", "898", "899", "900"]
    assert gateway.upstream.count(TRADES) == 1
    assert gateway.upstream.queries[-1]["dateFrom"] == "2026-02-28"


async def test_somebody_elses_hopper_is_not_there_and_nobody_is_asked(gateway: Stage) -> None:
    await gateway.linked_user()
    stranger = await gateway.user()
    asked = len(gateway.upstream.seen)
    async with gateway.client("tracker") as tracker:
        with pytest.raises(NotFound):
            await tracker.assets(stranger, HOPPER)
        with pytest.raises(NotFound):
            await tracker.trades_since(stranger, HOPPER, EPOCH)
    assert len(gateway.upstream.seen) == asked


async def test_an_expired_token_is_renewed_once_for_twenty_reads(roomy: Stage) -> None:
    user = await roomy.linked_user()
    roomy.upstream.data |= {ASSETS: {"BTC": "1"}, POSITIONS: [], TRADES: {"trades": []}}
    await roomy.sql("UPDATE custody.tokens SET expires_at = now() - interval '1 second'")
    before = roomy.upstream.count("/oauth2/token")
    async with roomy.client("tracker") as tracker:
        reads = [
            read
            for number in range(5)
            for read in (
                tracker.assets(user, HOPPER),
                tracker.positions(user, HOPPER),
                tracker.hopper(user, HOPPER),
                tracker.trades_since(user, HOPPER, BEGAN + timedelta(days=number)),
            )
        ]
        await asyncio.gather(*reads)
    assert roomy.upstream.count("/oauth2/token") == before + 1


async def test_a_token_that_upstream_refuses_is_renewed_once(roomy: Stage) -> None:
    user = await roomy.linked_user()
    roomy.upstream.data |= {ASSETS: {"BTC": "1"}, POSITIONS: []}
    roomy.upstream.access = "another"
    async with roomy.client("tracker") as tracker:
        await asyncio.gather(*(tracker.assets(user, HOPPER) for _ in range(10)), tracker.positions(user, HOPPER))
    assert roomy.upstream.count("/oauth2/token") == 2


async def test_two_gateways_renew_once(stage: Stage) -> None:
    stage.upstream.data[ASSETS] = {"BTC": "1"}
    other = stage.on(f"127.0.0.1:{free_port()}")
    async with stage.running(), other.running():
        user = await stage.linked_user()
        await stage.sql("UPDATE custody.tokens SET expires_at = now() - interval '1 second'")
        async with stage.client("tracker") as one, other.client("tracker") as two:
            await asyncio.gather(one.assets(user, HOPPER), two.assets(user, HOPPER))
    assert stage.upstream.count("/oauth2/token") == 2


async def test_a_revoked_link_must_be_linked_again(gateway: Stage) -> None:
    user = await gateway.linked_user()
    gateway.upstream.data[ASSETS] = {"BTC": "1"}
    gateway.upstream.is_revoked = True
    async with gateway.client("tracker") as tracker, gateway.client("api") as api:
        with pytest.raises(LinkAgain):
            await tracker.assets(user, HOPPER)
        assert (await api.link_state(user)).state is LinkState.MUST_LINK_AGAIN
        asked = len(gateway.upstream.seen)
        with pytest.raises(LinkAgain):
            await tracker.assets(user, HOPPER)
        assert len(gateway.upstream.seen) == asked
        gateway.upstream.is_revoked = False
        await gateway.link(api, user)
        assert (await tracker.assets(user, HOPPER))[0] == {"BTC": Decimal(1)}


async def test_passing_failures_are_tried_again(gateway: Stage) -> None:
    user = await gateway.linked_user()
    gateway.upstream.data[ASSETS] = {"BTC": "1"}
    gateway.upstream.queue(
        ASSETS,
        HTMLResponse("<html>502</html>", 502),
        Response(b'{"data":{"BTC":"0.', media_type="application/json"),
        JSONResponse({"error": 500, "message": "oh"}),
    )
    async with gateway.client("tracker") as tracker:
        assert (await tracker.assets(user, HOPPER))[0] == {"BTC": Decimal(1)}
    assert gateway.upstream.count(ASSETS) == 4


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (JSONResponse({"status": 402, "error": 1}, 402), Forbidden),
        (JSONResponse({"error": {"code": 403, "message": "scope"}}, 403), Forbidden),
        (JSONResponse({"error": 404, "message": "gone"}), NotFound),
        (JSONResponse({"status": 422, "error": 1}, 422), Invalid),
        (JSONResponse({"status": 429, "message": "slow down"}), Exhausted),
        (JSONResponse({"status": 429}, 429, {"Retry-After": "90"}), Exhausted),
    ],
)
async def test_errors_say_what_to_do(gateway: Stage, answer: Response, error: type[Exception]) -> None:
    user = await gateway.linked_user()
    gateway.upstream.queue(ASSETS, answer, answer)
    async with gateway.client("tracker") as tracker:
        with pytest.raises(error) as raised:
            await tracker.assets(user, HOPPER, within=timedelta(seconds=3))
    if isinstance(raised.value, Exhausted):
        assert raised.value.retry_after > 3
    assert gateway.upstream.count(ASSETS) == 1


async def test_a_slow_upstream_is_given_up(gateway: Stage) -> None:
    user = await gateway.linked_user()

    class Slow(Response):
        async def __call__(self, *_: Any) -> None:
            await asyncio.sleep(2)
            await super().__call__(*_)

    gateway.upstream.queue(ASSETS, Slow(b"{}"))
    async with gateway.client("tracker") as tracker:
        with pytest.raises(Unavailable):
            await tracker.assets(user, HOPPER, within=timedelta(seconds=0.5))


async def test_an_endless_answer_is_cut(stage: Stage) -> None:
    stage.settings = replace(stage.settings, response_limit=10_000)
    async with stage.running():
        user = await stage.linked_user()
        stage.upstream.queue(ASSETS, Response(b'{"data":{}}' + b" " * 20_000, media_type="application/json"))
        async with stage.client("tracker") as tracker:
            with pytest.raises(Exception, match="longer than 10000"):
                await tracker.assets(user, HOPPER)
    assert stage.upstream.count(ASSETS) == 1


async def test_the_budget_of_a_token_is_kept(stage: Stage) -> None:
    stage.settings = replace(stage.settings, requests_per_window=8, reserved_per_window=3)
    async with stage.running():
        user = await stage.linked_user()
        stage.upstream.data[ASSETS] = {"BTC": "1"}
        async with stage.client("tracker") as tracker:
            for _ in range(4):  # one more went for the hoppers of the link
                await tracker.assets(user, HOPPER)
            with pytest.raises(Exhausted) as refused:
                await tracker.assets(user, HOPPER)
            assert 50 < refused.value.retry_after <= 61
            kept, _ = await tracker.assets(user, HOPPER, timedelta(minutes=1))
            assert kept == {"BTC": Decimal(1)}
    assert stage.upstream.count(ASSETS) == 4


async def test_equal_reads_are_one_and_max_age_is_heeded(gateway: Stage) -> None:
    user = await gateway.linked_user()
    gateway.upstream.data[ASSETS] = {"BTC": "1"}

    async def read(client: GatewayClient, max_age: float = 0) -> datetime:
        return (await client.assets(user, HOPPER, timedelta(seconds=max_age)))[1]

    async with gateway.client("tracker") as tracker:
        await read(tracker)
        gateway.upstream.read_delay = 1.0
        first = await asyncio.gather(*(read(tracker) for _ in range(10)))
        assert len(set(first)) == 1
        gateway.upstream.read_delay = 0
        asked = gateway.upstream.count(ASSETS)
        assert asked == 2
        assert await read(tracker, 60) == max(first)
        assert gateway.upstream.count(ASSETS) == asked
        assert await read(tracker) > max(first)
        assert gateway.upstream.count(ASSETS) == asked + 1


async def test_secrets_of_a_configuration_stay_behind(gateway: Stage) -> None:
    user = await gateway.linked_user()
    gateway.upstream.data["/v1/hopper/501/config"] = {
        "name": "Main",
        "api_key": "hush",
        "kraken_private_extra_key": "hush",
        "pools": [{"api_secret": "hush", "name": "p"}],
        "stop_loss": "1",
        "trading_fees": [],
    }
    async with gateway.client("processor") as processor:
        fields = await processor.config(user, HOPPER)
    assert fields == {"name": "Main", "pools": '[{"name":"p"}]', "stop_loss": "1", "trading_fees": "[]"}
