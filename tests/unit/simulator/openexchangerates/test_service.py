"""Open Exchange Rates as its documents say: rates by the hour, conditional requests, plans and every error."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette

from simulator.clock import TurnedClock, milliseconds
from simulator.market.prices import Market
from simulator.openexchangerates.service import OpenExchangeRates
from tests.unit.simulator.asking import Answer, ask

NOW = datetime(2026, 2, 5, 14, 22, 31, tzinfo=UTC)
MARKET = Market("cryptwire")


class Play:
    def __init__(self) -> None:
        self.clock = TurnedClock(NOW)
        self.app = Starlette(routes=OpenExchangeRates(MARKET, self.clock).routes())

    async def get(self, path: str = "latest", headers: dict[str, str] | None = None, **query: Any) -> Answer:
        return await ask(self.app, "GET", f"/openexchangerates/api/{path}.json", query=query, headers=headers)

    async def latest(self, app_id: str = "sim-free", headers: dict[str, str] | None = None, **query: Any) -> Answer:
        return await self.get("latest", headers, app_id=app_id, **query)

    async def told(self, **told: Any) -> Answer:
        return await ask(self.app, "POST", "/control/openexchangerates", body=told)

    async def requests(self, app_id: str = "sim-free") -> int:
        return int((await self.get("usage", app_id=app_id)).data["usage"]["requests"])


@pytest.fixture
def play() -> Play:
    return Play()


def failed(answer: Answer) -> tuple[int, str]:
    body = answer.json
    assert (body["error"], body["status"]) == (True, answer.status)
    assert body["description"]
    return answer.status, body["message"]


async def test_rates_are_units_for_a_dollar_published_by_the_hour(play: Play) -> None:
    body = (await play.latest()).json
    assert set(body) == {"disclaimer", "license", "timestamp", "base", "rates"}
    hour = int(NOW.replace(minute=0, second=0).timestamp())
    assert (body["base"], body["timestamp"], body["rates"]["USD"]) == ("USD", hour, 1.0)
    assert 160 <= len(body["rates"]) <= 180
    pair = MARKET.pair("binance", "EUR", "USDT")
    assert body["rates"]["EUR"] == pytest.approx(pair.scale / pair.at(hour * 1000), abs=1e-6)
    play.clock.turn(timedelta(minutes=37))
    assert (await play.latest()).json == body
    play.clock.turn(timedelta(minutes=1))
    later = (await play.latest()).json
    assert later["timestamp"] == hour + 3600
    assert later["rates"]["JPY"] != body["rates"]["JPY"]


async def test_symbols_narrow_and_alternatives_are_added(play: Play) -> None:
    assert set((await play.latest(symbols="eur, jpy,XXX")).json["rates"]) == {"EUR", "JPY"}
    rates = (await play.latest(show_alternative="1")).json["rates"]
    bitcoin = MARKET.pair("binance", "BTC", "USDT")
    at = milliseconds(NOW.replace(minute=0, second=0))
    assert rates["BTC"] == pytest.approx(bitcoin.scale / bitcoin.at(at))
    assert "BTC" not in (await play.latest()).json["rates"]


async def test_another_base_takes_a_paid_plan(play: Play) -> None:
    assert failed(await play.latest(base="EUR")) == (403, "not_allowed")
    dollars = (await play.latest("sim-developer")).json["rates"]
    euros = (await play.latest("sim-developer", base="EUR")).json
    assert euros["base"] == "EUR"
    assert euros["rates"]["JPY"] == pytest.approx(dollars["JPY"] / dollars["EUR"])
    assert failed(await play.latest("sim-developer", base="XXX")) == (400, "invalid_base")
    assert (await play.latest(base="USD")).status == 200


async def test_what_has_not_changed_is_not_sent_again_and_counts_all_the_same(play: Play) -> None:
    first = await play.latest()
    for headers in (
        {"If-None-Match": first.headers["etag"]},
        {"If-None-Match": f'"x", W/{first.headers["etag"]}'},
        {"If-Modified-Since": first.headers["last-modified"]},
    ):
        again = await play.latest(headers=headers)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (await play.latest(headers={"If-None-Match": '"x"'})).status == 200
    assert await play.requests() == 5
    play.clock.turn(timedelta(hours=1))
    assert (await play.latest(headers={"If-None-Match": first.headers["etag"]})).status == 200


async def test_of_a_past_day_its_last_rates_are_told_and_counted(play: Play) -> None:
    told = (await play.get("historical/2026-02-03", app_id="sim-free", show_alternative="1")).json
    assert told["timestamp"] == int(datetime(2026, 2, 3, 23, tzinfo=UTC).timestamp())
    play.clock.turn(datetime(2026, 2, 3, 23, 30, tzinfo=UTC) - NOW)
    assert (await play.latest(show_alternative="1")).json == told
    play.clock.turn(NOW - datetime(2026, 2, 3, 23, 30, tzinfo=UTC))
    assert (await play.get("historical/2026-02-05", app_id="sim-free")).json == (await play.latest()).json
    for nowhere in ("1998-12-31", "2026-02-06"):
        assert failed(await play.get(f"historical/{nowhere}", app_id="sim-free")) == (400, "not_available")
    for nonsense in ("20260203", "yesterday", "2026-02-30"):
        assert failed(await play.get(f"historical/{nonsense}", app_id="sim-free")) == (404, "not_found")
    assert await play.requests() == 6
    await play.told(app_id="sim-free", used=1000)
    assert failed(await play.get("historical/2026-02-03", app_id="sim-free")) == (429, "access_restricted")


async def test_the_id_is_needed_and_known(play: Play) -> None:
    assert failed(await play.get()) == (401, "missing_app_id")
    assert failed(await play.latest("nonsense")) == (401, "invalid_app_id")
    assert failed(await play.latest("sim-restricted")) == (429, "access_restricted")
    assert (await play.get(headers={"Authorization": "Token sim-free"})).status == 200
    assert failed(await play.get("nothing", app_id="sim-free")) == (404, "not_found")


async def test_the_free_plan_has_so_many_requests_a_month(play: Play) -> None:
    await play.told(app_id="sim-free", used=999)
    assert (await play.latest()).status == 200
    assert failed(await play.latest()) == (429, "access_restricted")
    assert (await play.get("currencies")).json["EUR"] == "Euro"
    usage = (await play.get("usage", app_id="sim-free")).data["usage"]
    assert (usage["requests"], usage["requests_remaining"], usage["days_elapsed"], usage["days_remaining"]) == (
        1000, 0, 4, 24,
    )  # fmt: skip
    play.clock.turn(timedelta(days=30))
    assert (await play.latest()).status == 200
    unlimited = (await play.get("usage", app_id="sim-unlimited")).data["usage"]
    assert (unlimited["requests_quota"], unlimited["requests_remaining"]) == (-1, -1)


STATUSES = {
    "missing_app_id": 401, "invalid_app_id": 401, "not_allowed": 403, "access_restricted": 429, "invalid_base": 400,
    "not_available": 400, "not_found": 404, "server_error": 500,
}  # fmt: skip


@pytest.mark.parametrize("message", STATUSES)
async def test_every_error_can_be_asked_for(play: Play, message: str) -> None:
    await play.told(error=message)
    assert failed(await play.latest()) == (STATUSES[message], message)
    assert (await play.latest()).status == 200


async def test_and_broken_answers(play: Play) -> None:
    await play.told(error="503", times=2)
    assert [(await play.latest()).status for _ in range(3)] == [503, 503, 200]
    assert (await play.told(error="nonsense")).status == 400
    assert (await play.told(app_id="nobody", used=1)).status == 400
