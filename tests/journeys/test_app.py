"""A trader's ways through the app, in a real browser at the sizes of a desktop and a phone."""

import asyncio
import re
from typing import Any

from playwright.async_api import Response, Route, expect

from tests.journeys.conftest import EMAIL, PASSWORD, Visit, until

RESOLUTIONS = ("15", "60", "240", "1D", "1W", "1M")
SIGN_IN = re.compile(r"/sign-in")


async def test_the_wrong_password_is_refused_and_the_right_one_leads_to_the_hoppers(visit: Visit) -> None:
    await visit.go("/")
    await expect(visit.page).to_have_url(SIGN_IN)
    await visit.on("sign-in-email", "cw-sign-in").fill(EMAIL)
    await visit.on("sign-in-password", "cw-sign-in").fill("not-the-password")
    await visit.on("sign-in-submit", "cw-sign-in").click()
    await expect(visit.on("sign-in-failure", "cw-sign-in")).to_contain_text("wrong")
    await visit.picture("sign-in-refused")
    await visit.on("sign-in-password", "cw-sign-in").fill(PASSWORD)
    await visit.on("sign-in-submit", "cw-sign-in").click()
    await expect(visit.page).to_have_url(re.compile(r"/hoppers$"))
    await expect(visit.on("hopper-row", "cw-hoppers")).to_have_count(len(visit.doors.hoppers))


async def test_the_list_shows_every_hopper_with_a_value_that_lives(visit: Visit) -> None:
    await visit.be_signed_in()
    await visit.go("/hoppers")
    rows = visit.on("hopper-row", "cw-hoppers")
    await expect(rows).to_have_count(len(visit.doors.hoppers))
    shown = {await row.get_attribute("data-id") for row in await rows.all()}
    assert shown == set(visit.doors.hoppers)
    first: dict[str, str] = {}

    async def values() -> dict[str, str]:
        return {
            str(await row.get_attribute("data-id")): await row.locator('[data-test="hopper-value"]').inner_text()
            for row in await rows.all()
        }

    async def are_alive() -> bool:
        now = await values()
        for hopper, text in now.items():
            if re.search(r"\d", text):
                first.setdefault(hopper, text)
        return len(first) == len(now) and sum(now[hopper] != text for hopper, text in first.items()) >= 2

    await until(are_alive, 30, "every hopper has a value, and values change", pause=0.5)
    await visit.picture("hoppers")
    await rows.first.click()
    await expect(visit.page).to_have_url(re.compile(rf"/hoppers/{re.escape((await values_of(visit))[0])}$"))
    await expect(visit.on("chart")).to_be_visible()


async def values_of(visit: Visit) -> list[str]:
    """Ids of the rows, as they are listed."""
    rows = visit.page.locator('cw-hoppers [data-test="hopper-row"]')
    return [str(await row.get_attribute("data-id")) for row in await rows.all()]


async def test_the_chart_has_a_past_and_its_last_candle_lives(visit: Visit) -> None:
    hopper = visit.doors.hoppers[0]
    await visit.be_signed_in()
    await visit.go(f"/hoppers/{hopper}")
    await expect(visit.on("chart-state")).to_have_attribute("data-state", "live")
    await until(lambda: has_bars(visit, 250), 30, "the newest page of history")
    assert await visit.chart("resolution") == "15"
    updates = int(await visit.chart("updates"))

    async def is_what_the_api_tells() -> bool:
        shown = float(await visit.chart("last-close"))
        async with asyncio.timeout(10):
            for _ in range(20):  # two seconds: the rhythm of live values
                if await visit.doors.value(hopper) == shown:
                    return True
                await asyncio.sleep(0.1)
        return False

    await until(is_what_the_api_tells, 12, "the close that is shown is the value the API tells")
    await until(lambda: has_updates(visit, updates + 2), 10, "updates of the last candle")
    value = await visit.on("portfolio-value").get_attribute("data-value")
    assert abs(float(value) / float(await visit.chart("last-close")) - 1) < 0.05
    await expect(visit.on("holdings")).to_contain_text(re.compile(r"[A-Z]{3}"))
    await expect(visit.on("positions")).to_be_attached()
    await visit.picture("chart")
    width = await visit.page.evaluate("window.innerWidth")
    for part in ("portfolio-value", "portfolio-change", "portfolio-today", "prices-age", "assets-age"):
        right = await visit.on(part).evaluate(
            "e => Math.max(...[e, ...e.querySelectorAll('*')].map(x => x.getBoundingClientRect().right))"
        )
        assert right <= width, f"{part} is cut off"


async def has_bars(visit: Visit, number: int) -> bool:
    return await visit.bars() >= number and await visit.chart("loading") != "true"


async def has_updates(visit: Visit, number: int) -> bool:
    return int(await visit.chart("updates") or 0) >= number


async def test_the_last_bar_of_every_resolution_lives(visit: Visit) -> None:
    await visit.be_signed_in()
    await visit.go(f"/hoppers/{visit.doors.hoppers[0]}")
    for resolution in reversed(RESOLUTIONS):
        await visit.on(f"resolution-{resolution}").click()
        await expect(visit.on("chart")).to_have_attribute("data-resolution", resolution)
        await until(lambda: has_bars(visit, 1), 30, f"bars of {resolution}")
        if visit.size == "desktop":  # each takes two seconds: once is enough
            await until(lambda: has_updates(visit, 1), 10, f"a live bar of {resolution}")
        status, body = await visit.doors.udf(
            "history", symbol=f"HOPPER:{visit.doors.hoppers[0]}", resolution=resolution, to=4_000_000_000, countback=1
        )
        assert status == 200
        assert int(await visit.chart("last-time")) == body["t"][-1], resolution
        if resolution in ("240", "1D"):
            await visit.picture(f"chart-{resolution}")


async def test_scrolling_back_loads_bars_until_the_past_ends(visit: Visit) -> None:
    hopper = visit.doors.hoppers[0]
    await visit.be_signed_in()
    await visit.go(f"/hoppers/{hopper}")
    await until(lambda: has_bars(visit, 250), 30, "the newest page of history")
    page = await visit.bars()
    asked: dict[str, Any] = {"symbol": f"HOPPER:{hopper}", "resolution": "15", "to": 4_000_000_000, "countback": 5_000}
    _, body = await visit.doors.udf("history", **asked)
    everything = len(body["t"])
    assert everything > page, "there is more than the first page"
    await visit.on("chart").focus()

    async def is_all_there() -> bool:
        for _ in range(8):
            await visit.page.keyboard.press("ArrowLeft")
        return await visit.bars() >= everything

    await until(is_all_there, 20, f"{everything} bars")
    await until(is_all_there, 20, "it stays so")
    for _ in range(30):
        await visit.page.keyboard.press("ArrowLeft")
    await visit.picture("chart-start")
    assert everything <= await visit.bars() <= everything + 1
    await expect(visit.on("chart-state")).to_have_attribute("data-state", "live")
    await visit.page.keyboard.press("End")
    await until(lambda: has_updates(visit, 1), 10, "the last candle lives after scrolling")


async def test_a_reload_keeps_the_session_and_signing_out_ends_it(visit: Visit) -> None:
    secret = await visit.be_signed_in()
    await visit.go(f"/hoppers/{visit.doors.hoppers[-1]}")
    await expect(visit.on("chart-state")).to_have_attribute("data-state", "live")
    await visit.page.reload()
    await expect(visit.on("chart-state")).to_have_attribute("data-state", "live")
    await expect(visit.page).to_have_url(re.compile(r"/hoppers/"))
    await visit.on("sign-out").click()
    await expect(visit.page).to_have_url(SIGN_IN)
    _, body, _ = await visit.doors.graphql("{ hoppers { id } }", secret)
    assert body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    await visit.go(f"/hoppers/{visit.doors.hoppers[0]}")
    await expect(visit.page).to_have_url(SIGN_IN)


async def test_somebody_elses_hopper_is_not_found_like_one_that_is_not_there(visit: Visit) -> None:
    await visit.be_signed_in()
    said = []
    for hopper in (visit.doors.others[0], "999999999"):
        await visit.go(f"/hoppers/{hopper}")
        await expect(visit.on("not-found")).to_be_visible()
        said.append(await visit.on("not-found").inner_text())
    assert said[0] == said[1]
    await visit.picture("not-found")
    await visit.go("/no/such/page")
    await expect(visit.on("not-found", "cw-not-found")).to_be_visible()


async def test_hidden_amounts_are_nowhere_on_the_page(visit: Visit) -> None:
    await visit.be_signed_in()
    await visit.go(f"/hoppers/{visit.doors.hoppers[0]}")
    await expect(visit.on("portfolio-value")).to_have_attribute("data-value", re.compile(r"\d"))
    await visit.on("mask").click()
    await expect(visit.on("portfolio-value")).not_to_have_attribute("data-value", re.compile(r"\d"))
    assert not re.search(r"\d", await visit.on("portfolio-value").inner_text())
    await visit.picture("masked")


async def test_a_restart_of_the_edge_is_shown_and_leaves_no_hole(desktop: Visit) -> None:
    hopper = desktop.doors.hoppers[0]
    await desktop.be_signed_in()
    await desktop.go(f"/hoppers/{hopper}")
    await expect(desktop.on("chart-state")).to_have_attribute("data-state", "live")
    await until(lambda: has_bars(desktop, 250), 30, "the newest page of history")
    before = await desktop.bars()
    await desktop.page.evaluate(
        """() => {
            const state = document.querySelector('cw-portfolio:not(.ion-page-hidden) [data-test="chart-state"]');
            window.states = [];
            new MutationObserver(() => window.states.push(state.getAttribute('data-state')))
                .observe(state, { attributes: true, attributeFilter: ['data-state'] });
        }"""
    )
    desktop.doors.stack.services["edge"].process.kill()
    await expect(desktop.on("chart-state")).to_have_attribute("data-state", re.compile("retrying|offline"))
    await desktop.picture("retrying")
    await expect(desktop.on("chart-state")).to_have_attribute("data-state", "live", timeout=30_000)
    updates = int(await desktop.chart("updates"))
    await until(lambda: has_updates(desktop, updates + 2), 15, "live candles after the restart")
    assert await desktop.page.evaluate("window.states.at(-1)") == "live"
    asked: dict[str, Any] = {"symbol": f"HOPPER:{hopper}", "resolution": "15", "to": 4_000_000_000, "countback": before}

    async def is_whole() -> bool:
        """When a boundary passes meanwhile, the quarter in which the stack began is filled in some seconds later."""
        _, body = await desktop.doors.udf("history", **asked)
        steps = {after - first for first, after in zip(body["t"], body["t"][1:], strict=False)}
        return steps == {900} and int(await desktop.chart("last-time")) == body["t"][-1]

    await until(is_whole, 75, "a history without a hole, and the chart at its end")
    assert before <= await desktop.bars() <= before + 2


async def test_a_session_ended_elsewhere_leads_to_the_sign_in_within_five_seconds(desktop: Visit) -> None:
    secret = await desktop.be_signed_in()
    await desktop.go(f"/hoppers/{desktop.doors.hoppers[0]}")
    await expect(desktop.on("chart-state")).to_have_attribute("data-state", "live")
    session = desktop.doors.keys.verifier().verified(secret).session
    await desktop.doors.rows("UPDATE sessions SET ended_at = now() WHERE session_id = $1", session)
    await expect(desktop.page).to_have_url(SIGN_IN, timeout=5_000)
    await expect(desktop.on("session-expired", "cw-sign-in")).to_be_visible()
    await desktop.picture("session-ended")
    await desktop.on("sign-in-email", "cw-sign-in").fill(EMAIL)
    await desktop.on("sign-in-password", "cw-sign-in").fill(PASSWORD)
    await desktop.on("sign-in-submit", "cw-sign-in").click()
    await expect(desktop.page).to_have_url(re.compile(rf"/hoppers/{desktop.doors.hoppers[0]}$"))
    await expect(desktop.on("chart-state")).to_have_attribute("data-state", "live")


async def test_a_zone_chosen_on_another_device_is_drawn_at_once(desktop: Visit) -> None:
    visit, page = desktop, desktop.page
    zone = "mutation($z: String) { changePreferences(input: {zone: $z}) { zone } }"
    _, before, _ = await visit.doors.graphql("{ me { zone } }")
    await visit.be_signed_in()
    await visit.go(f"/hoppers/{visit.doors.hoppers[0]}")
    await expect(visit.on("chart-state")).to_have_attribute("data-state", "live")
    async with (
        page.expect_response(re.compile("/udf/symbols")) as symbol,
        page.expect_response(re.compile("/udf/history")),
    ):
        _, said, _ = await visit.doors.graphql(zone, z="Asia/Kathmandu")
        assert "errors" not in said
    try:
        assert (await (await symbol.value).json())["timezone"] == "Asia/Kathmandu"
    finally:
        await visit.doors.graphql(zone, z=before["data"]["me"]["zone"])


async def test_a_change_is_shown_though_an_older_answer_is_still_on_its_way(desktop: Visit) -> None:
    visit, html = desktop, desktop.page.locator("html")
    colours = "mutation($c: Colours!) { changePreferences(input: {colours: $c}) { colours } }"
    _, before, _ = await visit.doors.graphql("{ me { preferences { colours } } }")
    is_held, is_shown = asyncio.Event(), asyncio.Event()
    asked = 0

    async def hold_the_second(route: Route) -> None:
        """Asked when the page is loaded, and when changes begin to be told: that answer is late."""
        nonlocal asked
        is_who = "query Me" in (route.request.post_data or "")
        asked += is_who
        is_second = is_who and asked == 2
        answer = await route.fetch()
        if is_second:
            is_held.set()
            await is_shown.wait()
        await route.fulfill(response=answer)

    await visit.doors.graphql(colours, c="RED_GREEN")
    try:
        await visit.page.route("**/graphql", hold_the_second)
        await visit.be_signed_in()
        await visit.go("/settings")
        async with asyncio.timeout(15):
            await is_held.wait()
        await expect(html).to_have_attribute("data-colours", "red-green")
        await visit.doors.graphql(colours, c="GREEN_RED")
        await expect(html).to_have_attribute("data-colours", "green-red", timeout=10_000)  # the app gives up after 12 s
        is_shown.set()
        await asyncio.sleep(0.5)
        await expect(html).to_have_attribute("data-colours", "green-red")
    finally:
        is_shown.set()
        await visit.page.unroute_all(behavior="wait")
        await visit.doors.graphql(colours, c=before["data"]["me"]["preferences"]["colours"])


async def test_a_trade_at_cryptohopper_shows_as_volume_and_as_a_mark(desktop: Visit) -> None:
    """Sold there, told by a webhook, read from the trade list: seen here within seconds, before the next poll."""
    doors, hopper = desktop.doors, desktop.doors.hoppers[1]
    await desktop.be_signed_in()
    marks: list[dict[str, object]] = []

    async def on_answer(answer: Response) -> None:
        if "/udf/marks" in answer.url and answer.ok:
            marks.extend(await answer.json())

    desktop.page.on("response", on_answer)
    await desktop.go(f"/hoppers/{hopper}")
    await until(lambda: has_bars(desktop, 250), 30, "the newest page of history")
    symbol: dict[str, Any] = {"symbol": f"HOPPER:{hopper}", "resolution": "1D", "to": 4_000_000_000}
    sales = "SELECT trade_id FROM trades WHERE hopper_id = $1 AND side = 2 AND at >= now() - interval '10 minutes'"
    earlier = {row["trade_id"] for row in await doors.rows(sales, hopper)}
    sold = await doors.sell(hopper)
    sold_marks: set[str] = set()

    async def are_read() -> bool:
        sold_marks.update(row["trade_id"] for row in await doors.rows(sales, hopper) if row["trade_id"] not in earlier)
        return len(sold_marks) >= sold

    # a list is read once in ten seconds; of a budget that the start has used up no turn comes for a minute
    await until(are_read, 150, "the trade list is read")
    _, me, _ = await doors.graphql("{ me { zone } }")
    # the first quarter of a hopper counts once the back-fill has made its candle
    traded = (
        "SELECT sum(total)::float8 FROM trades t"
        " WHERE hopper_id = $1 AND at >= date_trunc('day', now(), $2)"
        " AND (at >= date_bin('15 minutes', now(), 'epoch') OR EXISTS (SELECT FROM candles c"
        " WHERE c.hopper_id = t.hopper_id AND c.opened_at = date_bin('15 minutes', t.at, 'epoch')))"
    )

    async def has_volume() -> bool:
        _, body = await doors.udf("history", **symbol, countback=1)
        [row] = await doors.rows(traded, hopper, me["data"]["me"]["zone"])
        return bool(abs(body["v"][0] - row["sum"]) < 1e-6 * row["sum"])

    await until(has_volume, 10, "the day's volume holds what was traded, once")
    await expect(desktop.on("chart-legend")).to_contain_text("Vol")
    await desktop.page.reload()
    await until(lambda: has_bars(desktop, 250), 30, "the newest page of history")

    async def are_marked() -> bool:
        return sold_marks <= {mark["id"] for mark in marks if mark["label"] == "S"}

    await until(are_marked, 10, "the sales are marked")
    await desktop.picture("sold")
