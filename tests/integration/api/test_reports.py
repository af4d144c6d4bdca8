"""The performance report: the same figures as everywhere, nothing but itself, and no amount when these are masked."""

import base64
import hashlib
import re
from datetime import UTC, date, datetime

from api.handlers.reports import words
from tests.integration.api.analytics import put_days, put_flow
from tests.integration.api.conftest import World
from tests.unit.api.reports.test_markup import Seen

LAST = date(2026, 3, 31)
SPAN = {"since": "2026-01-01", "until": "2026-03-31"}
_SAME = """{ analytics(since: "2026-01-01", until: "2026-03-31") {
  returns { timeWeighted { value } gain { amount } }
  risk { sharpe { value sampleSize } maxDrawdown { value } volatility { value } }
  calendar(span: MONTH) { beginsOn return } } }"""


async def get(world: World, **asked: str) -> tuple[int, str, str]:
    """Status, page and content policy."""
    async with world.http.get(f"{world.base}/reports/performance", params=asked) as answer:
        assert answer.headers["cache-control"] == "no-store"
        return answer.status, await answer.text(), answer.headers["content-security-policy"]


async def page(world: World, **asked: str) -> str:
    status, told, _ = await get(world, **asked)
    assert status == 200, told
    return told


async def a_quarter(world: World, name: str = "Bot 1") -> None:
    await world.owner.execute("UPDATE users SET currency = 'USDT', zone = 'UTC'")
    await world.owner.execute("UPDATE hoppers SET name = $1 WHERE hopper_id = '1'", name)
    values = [9_137.25 * (1 + 0.002 * number + 0.03 * (number % 5)) for number in range(91)]
    await put_days(world.owner, "1", LAST, [float(f"{value:.2f}") for value in values])
    at = datetime(2026, 2, 1, 12, tzinfo=UTC)
    await put_flow(world.owner, "11111111-1111-1111-1111-111111111111", "1", at, "4711.5", 9_500.0)
    await world.sign_in()


async def test_the_page_tells_what_graphql_tells(world: World) -> None:
    await a_quarter(world)
    told = (await world.ask(_SAME))["data"]["analytics"]
    said = Seen(await page(world, **SPAN)).words
    assert words.percent(told["returns"]["timeWeighted"]["value"]) in said
    assert words.percent(told["risk"]["maxDrawdown"]["value"], is_signed=False) in said
    assert f"Sharpe{words.ratio(told['risk']['sharpe']['value'], 3)}{told['risk']['sharpe']['sampleSize']}" in said
    gain = f"{float(told['returns']['gain']['amount']):,.2f}".replace("-", "\u2212")
    assert gain in said
    assert "".join(words.ratio(value * 100, 1) for value in told["calendar"]["return"]) in said
    assert "Bot 1 (real money)" in said
    assert "1 Jan 2026 to 31 Mar 2026, days of UTC" in said
    assert "taken out: the returns of all local days linked" in said, "with its definition"


async def test_it_needs_nothing_and_nothing_may_run_in_it(world: World) -> None:
    name = '</title><script>alert(1)</script><img src=x onerror="alert(2)">'
    await a_quarter(world, name)
    _, told, policy = await get(world, **SPAN)
    seen = Seen(told)
    assert f"{name} (real money)" in seen.words
    assert not {"script", "img", "iframe", "link", "object", "form", "base"} & set(seen.elements)
    assert not [each for each, _ in seen.attributes if each in ("style", "href", "src") or each.startswith("on")]
    (style,) = re.findall("<style>(.*?)</style>", told, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; ")
    assert not re.search(r"url\(|@import|https?:", told)


async def test_a_masked_page_holds_no_amount(world: World) -> None:
    await a_quarter(world)
    plain, masked = await page(world, **SPAN), await page(world, masked="true", **SPAN)
    assert "4,711.50" in plain
    amounts = set(re.findall(r"\d[\d,]*\.\d\d(?=<)", plain)) - set(re.findall(r"[\d.]+(?=\u202f%)", plain))
    large = {amount for amount in amounts if len(amount) > 6}
    assert len(large) >= 5
    assert {amount for amount in large if amount in masked} == set()
    assert masked.count("•••") >= 6
    assert "Value in USDT" not in masked
    assert 'points="' in masked, "the index is drawn"
    await world.owner.execute("""UPDATE users SET preferences = '{"masksAmounts": true}'""")
    assert "Amounts are masked." in await page(world, **SPAN)


async def test_of_few_days_little_is_said_and_of_none_nothing(world: World) -> None:
    await a_quarter(world)
    few = Seen(await page(world, since="2026-03-25", until="2026-03-31")).words
    assert "too short: 7 days, and 30 are needed" in few
    assert "7 of 7 days are known" in few
    none = Seen(await page(world, since="2025-01-01", until="2025-01-31")).words
    assert "Of these days nothing is known yet" in none
    assert "0 of 31 days are known" in none


async def test_who_may_not_gets_no_page(world: World) -> None:
    assert (await get(world))[0] == 401
    await world.sign_in()
    for asked, status in (({"hopper": "2"}, 404), ({"days": "7"}, 400), ({"until": "2026-01-01", "since": "x"}, 400)):
        told, body, _ = await get(world, **asked)
        assert (told, '{"error":{"code":' in body) == (status, True)
