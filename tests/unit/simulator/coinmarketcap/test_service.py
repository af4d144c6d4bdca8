"""CoinMarketCap as its documents say: listings in pages, all-time highs, credits, limits and every error."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette

from simulator.clock import TurnedClock, milliseconds
from simulator.coinmarketcap.service import CoinMarketCap
from simulator.market.prices import Market
from tests.unit.simulator.asking import Answer, ask

NOW = datetime(2026, 3, 5, 14, 22, 31, 250_000, tzinfo=UTC)
MARKET = Market("cryptwire")
LISTINGS, PERFORMANCE = "/v1/cryptocurrency/listings/latest", "/v2/cryptocurrency/price-performance-stats/latest"


class Play:
    def __init__(self) -> None:
        self.clock = TurnedClock(NOW)
        self.app = Starlette(routes=CoinMarketCap(MARKET, self.clock).routes())

    async def get(self, path: str, key: str | None = "sim-startup", **query: Any) -> Answer:
        headers = {} if key is None else {"X-CMC_PRO_API_KEY": key}
        return await ask(self.app, "GET", f"/coinmarketcap{path}", query=query, headers=headers)

    async def told(self, **told: Any) -> Answer:
        return await ask(self.app, "POST", "/control/coinmarketcap", body=told)

    async def used(self, key: str) -> tuple[int, int]:
        usage = (await self.get("/v1/key/info", key)).data["usage"]
        return usage["current_minute"]["requests_made"], usage["current_month"]["credits_used"]


@pytest.fixture
def play() -> Play:
    return Play()


def failed(answer: Answer) -> tuple[int, int]:
    """HTTP status and error code, of an answer that holds nothing else."""
    assert set(answer.json) == {"status"}
    assert answer.json["status"]["error_message"]
    return answer.status, answer.json["status"]["error_code"]


async def test_a_listing_has_the_documented_fields_and_the_markets_prices(play: Play) -> None:
    answer = await play.get(LISTINGS)
    status = answer.json["status"]
    assert (answer.status, status["error_code"], status["error_message"]) == (200, 0, None)
    assert status["timestamp"] == "2026-03-05T14:22:31.250Z"
    assert (len(answer.data), status["credit_count"], status["total_count"]) == (100, 1, 3000)
    bitcoin = answer.data[0]
    assert (bitcoin["id"], bitcoin["symbol"], bitcoin["slug"], bitcoin["cmc_rank"]) == (1, "BTC", "bitcoin", 1)
    assert bitcoin["platform"] is None
    quote = bitcoin["quote"]["USD"]
    pair = MARKET.pair("binance", "BTC", "USDT")
    minute = milliseconds(NOW) // 60_000 * 60_000
    assert quote["price"] == pair.at(minute) / pair.scale
    day_before = pair.at(minute - 86_400_000) / pair.scale
    assert quote["percent_change_24h"] == pytest.approx((quote["price"] / day_before - 1) * 100)
    assert quote["market_cap"] == pytest.approx(quote["price"] * bitcoin["circulating_supply"])
    assert set(quote) >= {
        "volume_24h",
        "volume_change_24h",
        "percent_change_90d",
        "market_cap_dominance",
        "last_updated",
    }


async def test_a_listing_is_ordered_by_market_cap_and_comes_in_pages(play: Play) -> None:
    whole = (await play.get(LISTINGS, limit=5000)).data
    caps = [coin["quote"]["USD"]["market_cap"] for coin in whole]
    assert caps == sorted(caps, reverse=True)
    assert [coin["cmc_rank"] for coin in whole] == list(range(1, 3001))
    page = (await play.get(LISTINGS, start=1001, limit=500)).data
    assert [coin["id"] for coin in page] == [coin["id"] for coin in whole[1000:1500]]
    assert (await play.get(LISTINGS, start=9000)).data == []
    assert sum(coin["symbol"] == "BTC" for coin in whole) == 2


async def test_it_sorts_and_narrows(play: Play) -> None:
    cheap = (await play.get(LISTINGS, sort="price", sort_dir="asc", limit=3)).data
    prices = [coin["quote"]["USD"]["price"] for coin in cheap]
    assert prices == sorted(prices)
    dear = (await play.get(LISTINGS, price_min="100", limit=5000)).data
    assert {coin["symbol"] for coin in dear} >= {"BTC", "ETH"}
    assert all(coin["quote"]["USD"]["price"] >= 100 for coin in dear)
    tokens = (await play.get(LISTINGS, cryptocurrency_type="tokens", limit=10)).data
    assert all(coin["platform"] for coin in tokens)


@pytest.mark.parametrize(("limit", "convert", "credits_"), [(200, "USD", 1), (201, "USD", 2), (1000, "USD,EUR,BTC", 7)])
async def test_credits_are_counted(play: Play, limit: int, convert: str, credits_: int) -> None:
    answer = await play.get(LISTINGS, limit=limit, convert=convert)
    assert answer.json["status"]["credit_count"] == credits_
    assert (await play.used("sim-startup"))[1] == credits_
    quotes = answer.data[0]["quote"]
    assert set(quotes) == set(convert.split(","))
    if "BTC" in quotes:
        assert quotes["BTC"]["price"] == pytest.approx(1)
        assert quotes["EUR"]["price"] < quotes["USD"]["price"]


async def test_the_third_version_has_its_quotes_in_a_list(play: Play) -> None:
    first = (await play.get("/v3/cryptocurrency/listings/latest", limit=1)).data[0]
    assert [quote["symbol"] for quote in first["quote"]] == ["USD"]


async def test_prices_are_the_same_within_a_minute(play: Play) -> None:
    first = (await play.get(LISTINGS, limit=5)).data
    play.clock.turn(timedelta(seconds=20))
    assert (await play.get(LISTINGS, limit=5)).data == first
    play.clock.turn(timedelta(seconds=20))
    assert (await play.get(LISTINGS, limit=5)).data != first


async def test_the_all_time_high_is_told_by_id_and_is_above_everything_seen(play: Play) -> None:
    answer = await play.get(PERFORMANCE, id="1,1027,825")
    assert set(answer.data) == {"1", "1027", "825"}
    assert answer.json["status"]["credit_count"] == 1
    period = answer.data["1"]["periods"]["all_time"]
    quote = period["quote"]["USD"]
    listed = (await play.get(LISTINGS, limit=1)).data[0]["quote"]["USD"]["price"]
    assert quote["high"] >= listed == quote["close"] >= quote["low"]
    assert period["high"] == quote["high_timestamp"] < "2026-03-05"
    tether = answer.data["825"]["periods"]["all_time"]["quote"]["USD"]
    assert (tether["high"], tether["low"]) == (1.0, 1.0)
    play.clock.turn(timedelta(days=3))
    again = (await play.get(PERFORMANCE, id="1")).data["1"]["periods"]["all_time"]["quote"]["USD"]
    assert (again["high"], again["high_timestamp"]) == (quote["high"], quote["high_timestamp"])


async def test_by_symbol_each_is_a_list_and_by_slug_an_object(play: Play) -> None:
    assert [coin["id"] for coin in (await play.get(PERFORMANCE, symbol="btc")).data["BTC"]] == [1, 10007]
    assert (await play.get(PERFORMANCE, slug="ethereum")).data["1027"]["symbol"] == "ETH"


async def test_what_is_not_known_is_left_out_or_refused(play: Play) -> None:
    assert set((await play.get(PERFORMANCE, id="1,999999")).data) == {"1"}
    assert failed(await play.get(PERFORMANCE, id="1,999999", skip_invalid="false")) == (400, 400)
    assert failed(await play.get(PERFORMANCE, id="999999")) == (400, 400)


async def test_periods_may_be_chosen(play: Play) -> None:
    periods = (await play.get(PERFORMANCE, id="1", time_period="24h,90d,yesterday")).data["1"]["periods"]
    assert set(periods) == {"24h", "90d", "yesterday"}
    day, quarter = (periods[name]["quote"]["USD"] for name in ("24h", "90d"))
    assert day["close"] == quarter["close"]
    assert periods["yesterday"]["close"] == "2026-03-05T00:00:00.000Z"


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (None, (401, 1002)), ("nonsense", (401, 1001)), ("sim-unpaid", (402, 1003)), ("sim-expired", (402, 1004)),
        ("sim-disabled", (403, 1007)),
    ],
)  # fmt: skip
async def test_a_key_that_may_not_ask(play: Play, key: str | None, error: tuple[int, int]) -> None:
    assert failed(await play.get(LISTINGS, key)) == error


async def test_the_key_may_stand_in_the_query(play: Play) -> None:
    assert (await play.get(LISTINGS, None, CMC_PRO_API_KEY="sim-basic")).status == 200


@pytest.mark.parametrize("key", ["sim-basic", "sim-hobbyist"])
async def test_small_plans_have_no_price_performance(play: Play, key: str) -> None:
    assert failed(await play.get(PERFORMANCE, key, id="1")) == (403, 1006)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "5001"}, {"limit": "0"}, {"limit": "x"}, {"start": "0"}, {"sort": "luck"}, {"convert": "NOPE"},
        {"convert": ",".join(f"C{n:04d}" for n in range(121))}, {"price_min": "x"}, {"nonsense": "1"},
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_for_is_named(play: Play, query: dict[str, str]) -> None:
    answer = await play.get(LISTINGS, **query)
    assert failed(answer) == (400, 400)
    assert next(iter(query)).split("_")[0] in answer.json["status"]["error_message"]
    assert (await play.used("sim-startup"))[1] == 0


async def test_the_limit_of_a_minute_ends_with_it(play: Play) -> None:
    for _ in range(30):
        assert (await play.get(LISTINGS, "sim-basic", limit=1)).status == 200
    assert failed(await play.get(LISTINGS, "sim-basic", limit=1)) == (429, 1008)
    assert (await play.get(LISTINGS, "sim-hobbyist", limit=1)).status == 200
    play.clock.turn(timedelta(seconds=30))
    assert (await play.get(LISTINGS, "sim-basic", limit=1)).status == 200


@pytest.mark.parametrize(("span", "spent", "code"), [("day", 333, 1009), ("month", 10_000, 1010), ("minute", 30, 1008)])
async def test_credits_come_to_an_end(play: Play, span: str, spent: int, code: int) -> None:
    assert (await play.told(key="sim-basic", **{span: spent})).status == 200
    assert failed(await play.get(LISTINGS, "sim-basic")) == (429, code)
    play.clock.turn(timedelta(days=31))
    assert (await play.get(LISTINGS, "sim-basic")).status == 200


CODES = {
    "1001": 401, "1002": 401, "1003": 402, "1004": 402, "1005": 403, "1006": 403, "1007": 403, "1008": 429,
    "1009": 429, "1010": 429, "1011": 429, "500": 500,
}  # fmt: skip


@pytest.mark.parametrize("code", CODES)
async def test_every_error_can_be_asked_for(play: Play, code: str) -> None:
    assert (await play.told(error=code, times=2)).json == [code, code]
    for _ in range(2):
        assert failed(await play.get(LISTINGS)) == (CODES[code], int(code))
    assert (await play.get(LISTINGS)).status == 200


@pytest.mark.parametrize(("kind", "status"), [("502", 502), ("html", 200), ("cut", 200), ("empty", 200)])
async def test_and_every_broken_answer(play: Play, kind: str, status: int) -> None:
    await play.told(error=kind)
    answer = await play.get(LISTINGS)
    assert answer.status == status
    with pytest.raises(json.JSONDecodeError):
        assert answer.json


@pytest.mark.parametrize(
    "told", [{}, {"error": "418"}, {"error": "1008", "times": 0}, {"error": "1008", "x": 1}, {"key": "x", "day": 1}]
)
async def test_the_control_port_refuses_nonsense(play: Play, told: dict[str, Any]) -> None:
    assert (await play.told(**told)).status == 400


async def test_large_answers_are_compressed_for_who_takes_that(play: Play) -> None:
    headers = {"X-CMC_PRO_API_KEY": "sim-startup", "Accept-Encoding": "gzip"}
    answer = await ask(play.app, "GET", f"/coinmarketcap{LISTINGS}", headers=headers)
    assert answer.headers["content-encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(answer.body))["data"]) == 100


async def test_what_is_not_there_is_not_found(play: Play) -> None:
    assert (await play.get("/v1/nothing")).status == 404
