"""One whole stack for all journeys, real down to the simulated exchange; and a Chromium that goes through its doors."""

import asyncio
import os
import re
import secrets
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import asyncpg
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from playwright.async_api import Error as PlaywrightError

from cryptwire.codec.access_token import ACCESS_COOKIE
from cryptwire.domain.hopper import UserId
from cryptwire.storage import database
from cryptwire.storage.session_book import Lifetimes, SessionBook
from devstack import accounts, app
from devstack import servers as embedded
from devstack.servers import free_port, prepared
from devstack.stack import Stack
from tests.signing import Keys

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / ".cryptwire" / "tests" / "pictures"
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
DAYS = 5  # of history: more candles than a chart asks for at first
EMAIL, PASSWORD = accounts.DEMOS[0].email, accounts.PASSWORD
_PATIENCE = 540
"""Seconds for a journey with the start of its stack: histories wait for budgets and for balances, as a user's do."""
_SOON = 15_000
"""Milliseconds for whatever a page does: other tests may have the cores."""
expect.set_options(timeout=_SOON)
_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(_PATIENCE))


async def until(condition: Callable[[], Awaitable[bool]], seconds: float, what: str, pause: float = 0.1) -> None:
    """Return when ``condition`` holds; fail with ``what`` was awaited after ``seconds``."""
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - what is awaited has no event
                await asyncio.sleep(pause)
    except TimeoutError:
        pytest.fail(f"not within {seconds} s: {what}")


@dataclass
class Doors:
    """The stack as an outsider reaches it, and its owner's keys for what only he can bring about."""

    stack: Stack
    http: aiohttp.ClientSession  # keeps no cookies
    session: tuple[UserId, bytes] | None = None
    """The demo user's, and its id."""
    hoppers: list[str] = field(default_factory=list)
    """Those of the demo user, by name."""
    others: list[str] = field(default_factory=list)
    """Those of everybody else."""

    @property
    def keys(self) -> Keys:
        return Keys(self.stack.folder)

    @property
    def secret(self) -> str:
        """What the demo user shows, signed anew: an access token lives for ten minutes, and journeys take longer."""
        return "" if self.session is None else self.keys.access_token(*self.session)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.stack.port}"

    async def graphql(
        self, query: str, secret: str | None = None, **variables: Any
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, body and cookies of a question, with the demo user's session unless told otherwise."""
        async with self.http.post(
            f"{self.base}/graphql",
            json={"query": query, "variables": variables},
            headers={"x-cryptwire": "1", "cookie": f"{ACCESS_COOKIE}={self.secret if secret is None else secret}"},
        ) as answer:
            body = await answer.json()
            return answer.status, body, {name: morsel.value for name, morsel in answer.cookies.items()}

    async def sign_in(self) -> str:
        """A new session of the demo user: what it is shown by."""
        query = "mutation($e: String!, $p: String!) { signIn(email: $e, password: $p) { user { id } } }"
        status, body, cookies = await self.graphql(query, "", e=EMAIL, p=PASSWORD)
        assert status == 200, body
        assert "errors" not in body, body
        return cookies[ACCESS_COOKIE]

    async def value(self, hopper: str) -> float | None:
        """What the API says the hopper is worth."""
        _, body, _ = await self.graphql("query($id: ID!) { hopper(id: $id) { portfolio { value } } }", id=hopper)
        portfolio = body["data"]["hopper"]["portfolio"]
        return None if portfolio is None else float(portfolio["value"])

    async def udf(self, path: str, secret: str | None = None, **asked: Any) -> tuple[int, Any]:
        """Status and body of a question to the datafeed."""
        cookie = {"cookie": f"{ACCESS_COOKIE}={self.secret if secret is None else secret}"}
        async with self.http.get(f"{self.base}/udf/{path}", params=asked, headers=cookie) as answer:
            return answer.status, await answer.json()

    @asynccontextmanager
    async def stream(self, secret: str | None = None) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        cookie = {"cookie": f"{ACCESS_COOKIE}={self.secret if secret is None else secret}"}
        async with self.http.ws_connect(f"{self.base}/stream", headers=cookie) as socket:
            yield socket

    async def counted(self, service: str, name: str, **labels: str) -> float:
        """What a service's /metrics show of ``cryptwire_<name>``, summed over what ``labels`` leave open."""
        url = self.stack.services[service].ready_url.replace("/readyz", "/metrics")
        async with self.http.get(url) as answer:
            text = await answer.text()
        found = re.findall(rf"^cryptwire_{name}(?:_total)?(?:{{(.*)}})? (\S+)$", text, re.M)
        wanted = {f'{key}="{value}"' for key, value in labels.items()}
        return sum(float(value) for said, value in found if wanted <= set(said.split(",")))

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Asked of the database as its owner."""
        connection = await asyncpg.connect(self.stack.servers.postgres.url)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    async def sell(self, hopper: str) -> int:
        """Sell the open positions of one of the demo user's hoppers at the simulated Cryptohopper; how many.

        A hopper that happens to have none buys something before.
        """
        demo, stack = accounts.DEMOS[0], self.stack
        simulated = stack.services["simulator"].ready_url.removesuffix("/healthz")
        redirect = f"{self.base}/link/callback"
        query = {"response_type": "code", "client_id": "cryptwire-dev", "redirect_uri": redirect, "state": "x"}
        page = f"{simulated}/oauth2/authorize?{urlencode(query | {'scope': 'read,manage,trade'})}"
        code = await accounts.authorize(page, "x", demo.username, demo.password)
        grant = {
            "grant_type": "authorization_code",
            "client_id": "cryptwire-dev",
            "client_secret": (stack.folder / "client-secret").read_text().strip(),
            "redirect_uri": redirect,
            "code": code,
        }
        async with self.http.post(f"{simulated}/oauth2/token", data=grant) as answer:
            token = {"access-token": (await answer.json())["access_token"]}
        listed = f"{simulated}/v1/hopper/{hopper}/position"
        positions = [position["id"] for position in await self._simulated("GET", listed, token)]
        if not positions:
            order = {"command": "order", "value": "buy ETH market", "amount": "0.1"}
            async with self.http.post(f"{simulated}/control/hopper/{hopper}/command", json=order) as answer:
                assert answer.status == 200, await answer.text()

            async def is_bought() -> bool:
                positions[:] = [position["id"] for position in await self._simulated("GET", listed, token)]
                return bool(positions)

            await until(is_bought, 150, "what was bought is listed", pause=1)  # lists may be a refresh old
        await self._simulated("POST", f"{listed}/sell", token, json={"position_id": positions})
        return len(positions)

    async def _simulated(self, method: str, url: str, token: dict[str, str], **more: Any) -> Any:
        """What the simulated Cryptohopper answers, once the user's budget allows it."""
        for _ in range(80):
            async with self.http.request(method, url, headers=token, **more) as answer:
                if answer.status == 200:
                    return (await answer.json()).get("data")
                assert answer.status == 429, await answer.text()
            await asyncio.sleep(1)
        pytest.fail("the budget allows nothing for more than a minute")

    async def begin_session(self, user: str, lifetime: timedelta) -> str:
        """A session that lives for ``lifetime``, written by the owner of the database: what it is shown by."""
        async with database.connect(self.stack.servers.postgres.url, "test", 1) as rows:
            begun = await SessionBook(rows, Lifetimes(lifetime, lifetime)).begin(UserId(user))
        return self.keys.access_token(begun.user, begun.session)


@pytest.fixture(scope="package")
async def built() -> Path:
    """The folder of the built app."""
    return await app.build(ROOT, print)


@pytest.fixture(scope="package")
async def stack(built: Path) -> AsyncIterator[Stack]:
    """Simulator, services, edge with the built app, and some days of history; what ends is started again."""
    folder = ROOT / ".cryptwire" / "tests" / secrets.token_hex(4)
    settings = {
        "CRYPTWIRE_SIMULATOR_HISTORY_DAYS": str(DAYS),
        "CRYPTWIRE_SIMULATOR_TICK_SECONDS": "0.5",
        "CRYPTWIRE_PROCESSOR_BACKFILL_REACH": str(DAYS * 86_400),
    }
    stack = Stack(ROOT, folder, free_port(), prepared(folder), print, settings=settings)
    stop = asyncio.Event()
    watching: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(120):
            await stack.start_servers()
            await stack.start_chain()
            await stack.start_edge(built)
            await stack.ready("streamer", "writer")
            await stack.start_processor()
        watching = asyncio.create_task(stack.watch(stop))
        yield stack
    finally:
        stop.set()
        if watching is not None:
            await watching
        await stack.end()
        embedded.remove(folder)


@pytest.fixture(scope="package")
async def doors(stack: Stack) -> AsyncIterator[Doors]:
    """A signed-in demo user whose hoppers are live and whose past is filled."""
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=20)
    ) as http:
        doors = Doors(stack, http)
        access = doors.keys.verifier().verified(await doors.sign_in())
        doors.session = access.user, access.session
        _, body, _ = await doors.graphql("{ hoppers { id } }")
        doors.hoppers = [hopper["id"] for hopper in body["data"]["hoppers"]]
        everyone = await doors.rows("SELECT hopper_id FROM hoppers ORDER BY hopper_id")
        doors.others = [row["hopper_id"] for row in everyone if row["hopper_id"] not in doors.hoppers]
        assert doors.hoppers
        assert doors.others

        async def is_live() -> bool:
            return all([await doors.value(hopper) is not None for hopper in doors.hoppers])

        async def is_filled() -> bool:
            counts = await doors.rows("SELECT count(*) FROM candles GROUP BY hopper_id")
            return len(counts) == len(everyone) and all(row["count"] >= DAYS * 96 for row in counts)

        # a minute for the token's budget, and after a trade another one for balances that hold it
        await until(is_live, 150, "every hopper has a live value")
        await until(is_filled, 180, "the history is filled", pause=0.5)
        yield doors


@pytest.fixture(scope="package")
async def chromium() -> AsyncIterator[Browser]:
    """Headless Chromium of this machine; skips with what to install when there is none."""
    program = next(filter(None, map(shutil.which, _CHROMIUMS)), None)
    async with async_playwright() as playwright:
        if program is None and not os.path.exists(playwright.chromium.executable_path):  # noqa: ASYNC240
            pytest.skip(
                "no Chromium: install the package `chromium` (apt install chromium), or run"
                f" `{Path(sys.executable).name} -m playwright install chromium`"
            )
        try:
            browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        except PlaywrightError as error:
            pytest.skip(f"Chromium does not start ({error.message.splitlines()[0]}): install the package `chromium`")
        yield browser
        await browser.close()


@dataclass
class Visit:
    """One window of a browser: who looks, at which size, and what went wrong on the page."""

    doors: Doors
    context: BrowserContext
    page: Page
    size: str
    faults: list[str] = field(default_factory=list)

    async def be_signed_in(self) -> str:
        """Bring a session of one's own along; what it is shown by."""
        secret = await self.doors.sign_in()
        await self.context.add_cookies([{"name": ACCESS_COOKIE, "value": secret, "url": self.doors.base}])
        return secret

    async def go(self, path: str) -> None:
        await self.page.goto(f"{self.doors.base}{path}")

    def on(self, part: str, page: str = "cw-portfolio") -> Any:
        """A part by its data-test on the page that is shown: Ionic keeps earlier pages in the document."""
        return self.page.locator(f'{page}:not(.ion-page-hidden) [data-test="{part}"]')

    async def chart(self, name: str) -> str:
        """An attribute ``data-<name>`` of the chart; empty when it has none."""
        return await self.on("chart").get_attribute(f"data-{name}") or ""

    async def bars(self) -> int:
        return int(await self.chart("bars") or 0)

    async def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=PICTURES / f"{name}-{self.size}.png")


@asynccontextmanager
async def visiting(chromium: Browser, doors: Doors, size: str) -> AsyncIterator[Visit]:
    width, height = SIZES[size]
    context = await chromium.new_context(
        viewport={"width": width, "height": height}, locale="en-GB", has_touch=size == "phone"
    )
    try:
        page = await context.new_page()
        page.set_default_timeout(_SOON)
        visit = Visit(doors, context, page, size)
        page.on("pageerror", lambda error: visit.faults.append(str(error)))
        yield visit
        assert visit.faults == [], "the page threw errors"
    finally:
        await context.close()


@pytest.fixture(params=list(SIZES))
async def visit(request: pytest.FixtureRequest, chromium: Browser, doors: Doors) -> AsyncIterator[Visit]:
    """A window of each size."""
    async with visiting(chromium, doors, request.param) as visit:
        yield visit


@pytest.fixture
async def desktop(chromium: Browser, doors: Doors) -> AsyncIterator[Visit]:
    """A window of a desktop."""
    async with visiting(chromium, doors, "desktop") as visit:
        yield visit
