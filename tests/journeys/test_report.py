"""The report in a real browser: its policy breaks nothing of it, it fits its window, and it prints."""

import csv
import io

from playwright.async_api import expect

from tests.journeys.conftest import Visit


async def test_the_report_is_whole_under_its_policy_and_prints_on_a4(visit: Visit) -> None:
    await visit.be_signed_in()
    said: list[str] = []
    visit.page.on("console", lambda message: said.append(message.text))
    await visit.go("/reports/performance")
    await expect(visit.page.locator("h1")).to_contain_text("Performance, ")
    await expect(visit.page.locator("header dd").first).to_contain_text("real money")
    assert said == [], "the content policy refused something"
    assert await visit.page.evaluate("getComputedStyle(document.querySelector('.cards')).display") == "grid"
    width = await visit.page.evaluate("document.documentElement.scrollWidth")
    assert width <= (visit.page.viewport_size or {"width": 0})["width"]
    await visit.picture("report")
    printed = await visit.page.pdf(prefer_css_page_size=True)
    assert printed.startswith(b"%PDF-")
    # as the tables of a run have more or fewer rows: seven or eight
    assert 2 <= printed.count(b"/Type /Page\n") <= 10
    assert b"/MediaBox [0 0 594" in printed or b"/MediaBox [0 0 595" in printed, "A4 is 595 points wide"


async def test_a_file_is_taken_along_with_the_cookie_of_the_page(desktop: Visit) -> None:
    await desktop.be_signed_in()
    answer = await desktop.context.request.get(f"{desktop.doors.base}/exports/candles.csv")
    assert answer.status == 200
    rows = list(csv.DictReader(io.StringIO(await answer.text(), newline="")))
    assert {row["hopper_id"] for row in rows} <= set(desktop.doors.hoppers)
    assert len(rows) > 100
    assert all(float(row["low"]) <= float(row["close"]) <= float(row["high"]) for row in rows if row["close"])
