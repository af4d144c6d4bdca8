"""What strangers see by a link, over HTTP: what was chosen, nothing else, and only as long as the link lives."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from api.handlers.reports import words
from api.schema import SCHEMA
from cryptwire.domain.day_range import Rolling
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.share import Share, SharePart
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.storage import database
from cryptwire.storage.api_tokens import ApiTokens
from cryptwire.storage.database import url_of
from cryptwire.storage.hoppers import Hoppers
from cryptwire.storage.share_links import MOST_LINKS, ShareLinks
from cryptwire.storage.trades import Trades
from tests.integration.api.accounts import bearer, tokens
from tests.integration.api.analytics import put_days
from tests.integration.api.conftest import EMAIL, PASSWORD, World, code_of, running
from tests.integration.api.test_statements import whole
from tests.integration.api.test_trade_figures import work_out
from tests.integration.processor.resulting import TwinPast
from tests.unit.api.reports.test_markup import Seen

FIELDS = "id title hopperIds parts rolling since until currency isMasked showsNames expiresAt revokedAt views viewedAt"
CREATE = f"""
    mutation($t: String!, $p: [SharePart!]!, $d: DayRangeInput!, $x: DateTime!, $h: [ID!], $k: HopperKind, $c: String,
             $m: Boolean, $n: Boolean) {{
      createShareLink(title: $t, parts: $p, days: $d, expiresAt: $x, hopperIds: $h, kind: $k, currency: $c, masked: $m,
                      showsNames: $n) {{ url link {{ {FIELDS} }} }}
    }}"""
REVOKE = "mutation($id: ID!) { revokeShareLink(id: $id) }"
LIST = f"{{ shareLinks {{ {FIELDS} }} }}"
SHARED = f"query($t: String!) {{ shared(token: $t) {whole(SCHEMA._schema.type_map['Shared'], 6)} }}"
SECRET = ("h-secret-77", "Secret Bot", "Me@Example.com")
PRIVATE = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
}
GONE = "there is no such link, or it has ended"
SECTIONS = [
    "Over time",
    "Returns by month",
    "What was earned",
    "What this is made of",
    "What was risked",
    "Drawdown",
    "Beside other ways",
    "By coin",
    "Trades, amounts in",
    "Fees, amounts in",
]
"""Of the page; the first four are those of PERFORMANCE."""
ALL = [part.name for part in SharePart]


class Public:
    """A world in which a hopper has a past, and a stranger looks at it."""

    def __init__(self, world: World, http: aiohttp.ClientSession, me: UserId) -> None:
        self.world = world
        self.http = http
        self.me = me

    async def make(self, headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
        now = self.world.runtime.clock.now()
        usual: dict[str, Any] = {"t": "Mine", "p": ALL, "d": {"rolling": "DAYS_30"}, "x": later(now), "m": True}
        return await self.world.ask(CREATE, headers, **{"n": False, "h": ["h-secret-77"], **usual, **more})

    async def made(self, **more: Any) -> tuple[dict[str, Any], str]:
        """A new link, and its token."""
        answer = await self.make(**more)
        assert "errors" not in answer, answer
        created = answer["data"]["createShareLink"]
        address, _, token = created["url"].rpartition("/share/")
        assert (address, len(token)) == ("http://127.0.0.1:8080", 43)
        return created["link"], token

    async def follow(self, token: str, base: str | None = None) -> tuple[dict[str, Any], str]:
        """What a stranger gets, and its text."""
        body = {"query": SHARED, "variables": {"t": token}}
        async with self.http.post(f"{base or self.world.base}/graphql", json=body) as response:
            text = await response.text()
            assert response.status == 200, text
            assert response.headers["cache-control"] == "no-store"
            assert "set-cookie" not in response.headers
            return json.loads(text), text

    async def page(self, token: str, base: str | None = None) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers of the page that a link leads to."""
        async with self.http.get(f"{base or self.world.base}/share/{token}") as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            assert {name: headers[name] for name in PRIVATE} == PRIVATE
            assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
            assert "set-cookie" not in headers
            return response.status, await response.text(), headers


def later(at: datetime, days: float = 1) -> str:
    return (at + timedelta(days=days)).isoformat()


@pytest.fixture
async def public(world: World) -> AsyncIterator[Public]:
    me = UserId(await world.owner.value("SELECT user_id::text FROM users WHERE email = $1", EMAIL))
    await world.owner.execute("UPDATE users SET zone = 'UTC', currency = 'USDT'")
    every = timedelta(seconds=60)
    for id, name, is_paper in (("h-secret-77", "Secret Bot", False), ("paper", "Play", True)):
        await Hoppers(world.owner).put(
            Hopper(HopperId(id), me, name, Exchange("binance"), Asset("USDT"), is_paper, every)
        )
    today = world.runtime.clock.now().date()
    await put_days(world.owner, "h-secret-77", today - timedelta(days=1), [1234.5, 1300.25, 1250.75], opening=1200.0)
    await world.sign_in()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield Public(world, http, me)


async def test_a_stranger_sees_what_was_chosen_masked_and_without_names(public: Public) -> None:
    link, token = await public.made(p=["PERFORMANCE"])
    assert link == {
        "id": link["id"], "title": "Mine", "hopperIds": ["h-secret-77"], "parts": ["PERFORMANCE"], "rolling": "DAYS_30",
        "since": None, "until": None, "currency": None, "isMasked": True, "showsNames": False,
        "expiresAt": link["expiresAt"], "revokedAt": None, "views": 0, "viewedAt": None,
    }  # fmt: skip
    row = await public.world.owner.row("SELECT * FROM share_links")
    assert token not in str(dict(row or {})), "only its hash is kept"
    answer, text = await public.follow(token)
    assert "errors" not in answer, answer
    shared = answer["data"]["shared"]
    figures = shared.pop("analytics")
    assert shared["hoppers"] == [{"__typename": "SharedHopper", "id": "1", "name": "Hopper 1"}]
    assert (shared["title"], shared["isMasked"], shared["currency"]) == ("Mine", True, "USDT")
    assert figures["days"]["return"][:3] == pytest.approx(
        [1234.5 / 1200 - 1, 1300.25 / 1234.5 - 1, 1250.75 / 1300.25 - 1]
    )
    assert {each for column in (figures["days"]["value"], figures["days"]["balance"]) for each in column} == {None}
    assert figures["returns"]["value"]["amount"] is None
    chosen = {"days", "returns", "calendar", "__typename"}
    assert {name for name, value in figures.items() if value is not None} == chosen
    assert not [each for each in SECRET if each in text]
    assert "1250.75" not in text
    status, page, _ = await public.page(token)
    said = Seen(page).words
    assert status == 200
    assert "Hopper 1 (real money)" in said
    assert "Amounts are masked." in said
    told = {name: name in said for name in SECTIONS}
    assert [name for name, is_told in told.items() if is_told] == SECTIONS[:4]
    assert not [each for each in (*SECRET, "1,250.75", "BTC") if each in page]
    _, everything = await public.made(t="<b>All</b>")
    answer, text = await public.follow(everything)
    assert "errors" not in answer, answer
    assert None not in answer["data"]["shared"]["analytics"].values(), "whatever can be shown was chosen"
    assert not [each for each in SECRET if each in text]
    assert "1250.75" not in text

    _, page, _ = await public.page(everything)
    said = Seen(page).words
    assert [name for name in SECTIONS if name not in said] == []
    assert "<b>All</b>" in said, "a title is text"
    assert not [each for each in (*SECRET, "1,250.75") if each in page]
    assert (await public.page(everything))[1] == page, "it is made once in half a minute"


async def test_of_single_trades_the_day_is_told_and_only_their_owner_knows_the_second(
    public: Public, database_url: str
) -> None:
    world, berlin = public.world, ZoneInfo("Europe/Berlin")
    await world.owner.execute("UPDATE users SET zone = 'Europe/Berlin'")
    day = datetime.combine(world.runtime.clock.now().date() - timedelta(days=9), time(), berlin)
    bought, sold = day + timedelta(hours=13, seconds=2261), day + timedelta(hours=38, seconds=133)
    pair, dollars = Pair(Exchange("binance"), Asset("ETH"), Asset("USDT")), Asset("USDT")

    def trade(name: str, side: Side, rate: int, at: datetime, closes: TradeId | None = None) -> Trade:
        quantity, hopper = Decimal("7.319"), HopperId("h-secret-77")
        total, none = quantity * rate, Decimal(0)
        return Trade(
            hopper, TradeId(name), pair, side, quantity, Decimal(rate), total, none, dollars, at.astimezone(UTC), closes
        )

    buy, close = trade("1", Side.BUY, 100, bought), trade("2", Side.SELL, 110, sold, TradeId("1"))
    lost = trade("3", Side.BUY, 100, bought), trade("4", Side.SELL, 90, sold, TradeId("3"))
    async with database.connect(url_of("processor", database_url), "test", 2) as rows:
        await Trades(rows).add([buy, close, *lost])
        await work_out(rows, "h-secret-77", TwinPast())
    _, token = await public.made(p=["TRADES", "COINS", "PERFORMANCE"])
    answer, text = await public.follow(token)
    assert "errors" not in answer, answer
    figures = answer["data"]["shared"]["analytics"]
    midnights = [(day + timedelta(days=n)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for n in (0, 1)]
    for name in ("bestTrades", "worstTrades"):
        (one,) = figures[name]
        assert [one["openedAt"], one["at"], one["heldFor"]] == [*midnights, None]
    assert figures["tradeFigures"]["net"]["asOf"] == figures["coinResults"]["asOf"] == midnights[1]
    seconds = f"{(close.at - buy.at).total_seconds():.0f}"
    exact = [moment.astimezone(UTC).strftime("%H:%M:%S") for moment in (bought, sold)]
    assert not [each for each in (*exact, "7.319") if each in text]
    _, page, _ = await public.page(token)
    said = Seen(page).words
    assert "Of single trades the day is told" in said
    assert words.day(sold.date()) in said
    best = said[said.index("The best") : said.index("The worst")]
    assert "Held" not in best
    activity = "query($t: String!) { shared(token: $t) { analytics { activity(resolution: %s) { at } } } }"
    codes = [await world.ask(activity % json.dumps(each), {}, t=token) for each in ("240", "1D", "no")]
    assert [code_of(each) if "errors" in each else None for each in codes] == ["INVALID", None, "INVALID"]
    own = 'query($s: Date) { analytics(hopperIds: ["h-secret-77"], since: $s) { bestTrades { at heldFor } } }'
    told = await world.ask(own, s=str(day.date()))
    assert "errors" not in told, told
    (one,) = told["data"]["analytics"]["bestTrades"]
    assert (exact[1] in one["at"], f"{one['heldFor']}") == (True, seconds)


async def test_amounts_are_shown_only_when_a_person_says_so_who_has_just_given_his_password(public: Public) -> None:
    world = public.world
    token, _ = await tokens(world)
    await world.owner.execute("UPDATE sessions SET authenticated_at = now() - interval '11 minutes'")
    late = await public.make(bearer(token), m=False)
    assert (code_of(late), "confirmPassword" in late["errors"][0]["message"]) == ("FORBIDDEN", True)
    assert "errors" not in await public.make(bearer(token)), "what is masked needs no password"
    await world.ask("mutation($p: String!) { confirmPassword(password: $p) }", bearer(token), p=PASSWORD)
    assert "errors" not in await public.make(bearer(token), m=False)
    link, token = await public.made(headers=bearer(token), m=False, n=True, c="usdt")
    assert (link["isMasked"], link["showsNames"], link["currency"]) == (False, True, "USDT")
    answer, text = await public.follow(token)
    assert answer["data"]["shared"]["analytics"]["returns"]["value"]["amount"] == "1250.75"
    assert answer["data"]["shared"]["hoppers"][0]["name"] == "Secret Bot"
    assert "h-secret-77" not in text
    _, page, _ = await public.page(token)
    assert "1,250.75" in page
    assert "Secret Bot (real money)" in Seen(page).words
    reads, writes = [(await ApiTokens(world.owner).add(public.me, s, [s], None))[1] for s in ("read", "write")]
    assert code_of(await public.make(bearer(reads))) == "FORBIDDEN"
    assert code_of(await public.make(bearer(writes), m=False)) == "FORBIDDEN"
    assert "errors" not in await public.make(bearer(writes))
    assert (await world.ask(LIST, bearer(reads)))["data"]["shareLinks"][0]["isMasked"]


async def test_what_has_ended_is_answered_as_what_never_was(public: Public) -> None:
    world = public.world
    ended = [await public.made() for _ in range(5)]
    never = await public.follow("x" * 43)
    assert never[0]["errors"][0]["message"] == GONE
    assert code_of(never[0]) == "NOT_FOUND"
    assert (await public.follow(ended[0][1]))[0]["data"] is not None
    assert (await public.page(ended[0][1]))[0] == 200
    assert await world.ask(REVOKE, id=ended[0][0]["id"]) == {"data": {"revokeShareLink": True}}
    assert code_of(await world.ask(REVOKE, id=ended[0][0]["id"])) == "NOT_FOUND"
    then = "UPDATE share_links SET created_at = now() - interval '2 days', expires_at = now() - interval '1 second'"
    await world.owner.execute(f"{then} WHERE link_id = $1::text::uuid", ended[1][0]["id"])
    answers = [await public.follow(ended[0][1]), await public.follow(ended[1][1])]
    gone = [(await public.page(token))[:2] for token in ("x" * 43, ended[0][1], ended[1][1], "x", "%00", "%ff")]
    assert set(gone) == {(404, gone[0][1])}
    assert "does not exist, or it has ended" in gone[0][1]
    await world.owner.execute("UPDATE hoppers SET user_id = (SELECT user_id FROM users WHERE email LIKE 'you%')")
    answers.append(await public.follow(ended[2][1]))
    await world.owner.execute("UPDATE hoppers SET user_id = $1::text::uuid", public.me)
    assert (await public.follow(ended[3][1]))[0]["data"] is not None
    listed = (await world.ask(LIST))["data"]["shareLinks"]
    revoked = [each["revokedAt"] is not None for each in listed]
    assert revoked == [False, False, False, True, False], "what goes on first"
    await world.owner.execute("UPDATE users SET deletion_asked_at = now()")
    answers.append(await public.follow(ended[3][1]))
    await world.owner.execute("DELETE FROM users")
    answers.append(await public.follow(ended[4][1]))
    answers += [await public.follow(strange) for strange in ("", "\x00", "x" * 50_000)]
    assert {text for _, text in answers} == {never[1]}


async def test_guesses_are_limited_by_the_address_whence_they_come(public: Public) -> None:
    _, token = await public.made()
    settings = replace(public.world.settings, address_attempts_a_minute=3, trusted_proxies=1)
    async with running(settings) as (base, _):
        for _ in range(3):
            assert code_of((await public.follow("x" * 43, base))[0]) == "NOT_FOUND"
        for guess in ("x" * 43, token):
            answer, _ = await public.follow(guess, base)
            assert code_of(answer) == "EXHAUSTED"
            assert answer["errors"][0]["extensions"]["retryAfter"] > 0
            status, _, headers = await public.page(guess, base)
            assert (status, int(headers["retry-after"]) > 0) == (429, True)
        public.http.headers["X-Forwarded-For"] = "192.0.2.9"
        assert (await public.follow(token, base))[0]["data"] is not None, "of another address"
        assert (await public.page(token, base))[0] == 200


async def test_a_link_that_cannot_be_is_refused_in_words_and_views_are_written_down(public: Public) -> None:
    world = public.world
    now = world.runtime.clock.now()
    for code, says, wrong in (
        ("INVALID", "5 minutes to 366 days", {"x": later(now, 366.1)}),
        ("INVALID", "5 minutes to 366 days", {"x": later(now, -1)}),
        ("INVALID", "one part at least", {"p": []}),
        ("INVALID", "say rolling, or since", {"d": {}}),
        ("INVALID", "say rolling, or since", {"d": {"rolling": "ALL", "since": "2026-01-01"}}),
        ("INVALID", "say rolling, or since", {"d": {"rolling": "ALL", "until": "2026-01-01"}}),
        ("INVALID", "swap the dates", {"d": {"since": "2026-01-02", "until": "2026-01-01"}}),
        ("INVALID", "since is from 1971-01-02 to today", {"d": {"since": "0001-01-01", "until": "0002-01-01"}}),
        ("INVALID", "since is from 1971-01-02 to today", {"d": {"since": "9999-01-01"}}),
        ("INVALID", "1 to 80 characters", {"t": " "}),
        ("INVALID", "no currency", {"c": "euro!"}),
        ("INVALID", "never summed", {"h": ["h-secret-77", "paper"]}),
        ("INVALID", "name a hopper", {"h": []}),
        ("NOT_FOUND", "no hopper 2", {"h": ["h-secret-77", "2"]}),
        ("NOT_FOUND", "no hopper 7", {"h": ["7"]}),
    ):
        answer = await public.make(**wrong)
        assert (code_of(answer), says in answer["errors"][0]["message"]) == (code, True), answer
    assert (await world.ask(LIST))["data"] == {"shareLinks": []}
    link, _ = await public.made(h=None, k="PAPER", d={"since": "2026-01-01", "until": "2026-01-31"})
    assert (link["hopperIds"], link["rolling"], link["since"], link["until"]) == (
        ["paper"], None, "2026-01-01", "2026-01-31",
    )  # fmt: skip
    share = Share("x", (HopperId("1"),), frozenset(SharePart), Rolling.ALL)
    async with database.connect(world.settings.database_url, "test") as api:
        rows = ShareLinks(api)
        await rows.viewed({link["id"]: (3, now)})
        await rows.viewed({link["id"]: (2, now - timedelta(hours=1))})
        (seen,) = (await world.ask(LIST))["data"]["shareLinks"]
        assert (seen["views"], seen["viewedAt"]) == (5, now.isoformat().replace("+00:00", "Z"))
        for _ in range(MOST_LINKS - 1):
            await rows.add(public.me, share, now + timedelta(days=1))
    answer = await public.make()
    assert (code_of(answer), "50 links" in answer["errors"][0]["message"]) == ("INVALID", True)
    you, _ = await tokens(world, "you@example.com", "other")
    assert code_of(await world.ask(REVOKE, bearer(you), id=link["id"])) == "NOT_FOUND"
    assert code_of(await world.ask(REVOKE, id="x")) == "NOT_FOUND"
