"""Faults that only a real connection shows: silence, resets, halves, drops."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.contract.simulator.conftest import running
from tests.contract.simulator.test_process import linked

HOPPER = "/v1/hopper/1042004"


class Alice:
    """Somebody with a token, and the control port."""

    def __init__(self, url: str, http: aiohttp.ClientSession, token: str) -> None:
        self.url, self.http, self.headers = url, http, {"access-token": token}

    async def ask(self, method: str, path: str, seconds: float = 10) -> tuple[int, bytes]:
        timeout = aiohttp.ClientTimeout(total=seconds)
        async with self.http.request(method, self.url + path, headers=self.headers, timeout=timeout) as answer:
            return answer.status, await answer.read()

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        async with self.http.request(method, f"{self.url}/control{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def arrived(self, path: str) -> list[tuple[str, str]]:
        """Command and fault of each request for a path."""
        told = await self.control("GET", f"/requests?path={path}")
        return [(each["command"], each["fault"]) for each in told["requests"]]


@pytest.fixture(scope="module")
async def alice(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Alice]:
    async with running(tmp_path_factory.mktemp("wire")) as here, aiohttp.ClientSession() as http:
        yield Alice(here.url, http, await linked(here, http, "read manage trade"))


@pytest.fixture(autouse=True)
async def forget(alice: Alice) -> None:
    await alice.control("DELETE", "/requests")
    await alice.control("DELETE", "/faults")


@pytest.mark.parametrize(("fault", "command"), [("timeout", ""), ("timeout-after", "buying")])
async def test_an_answer_never_comes_with_or_without_the_effect(alice: Alice, fault: str, command: str) -> None:
    path = f"{HOPPER}/disable/buying"
    await alice.control("POST", "/faults", {"fault": fault, "path": "disable/buying"})
    with pytest.raises(asyncio.TimeoutError):
        await alice.ask("PATCH", path, seconds=0.5)
    assert await alice.arrived("disable/buying") == [(command, fault)]
    assert (await alice.ask("GET", HOPPER))[0] == 200


@pytest.mark.parametrize(("fault", "command"), [("reset", ""), ("reset-after", "selling")])
async def test_the_connection_is_reset_with_or_without_the_effect(alice: Alice, fault: str, command: str) -> None:
    await alice.control("POST", "/faults", {"fault": fault, "path": "enable/selling"})
    with pytest.raises(aiohttp.ClientOSError):  # a mere end would be ServerDisconnectedError
        await alice.ask("PATCH", f"{HOPPER}/enable/selling")
    assert await alice.arrived("enable/selling") == [(command, fault)]


async def test_half_of_what_was_promised_comes(alice: Alice) -> None:
    _, whole = await alice.ask("GET", f"{HOPPER}/assets")
    await alice.control("POST", "/faults", {"fault": "half", "path": "/assets"})
    async with alice.http.get(f"{alice.url}{HOPPER}/assets", headers=alice.headers) as answer:
        assert (answer.status, int(answer.headers["content-length"])) == (200, len(whole))
        got = await answer.content.readexactly(len(whole) // 2)
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.content.read()
    assert got == whole[: len(whole) // 2]


async def test_answers_come_late_or_in_drops(alice: Alice) -> None:
    _, whole = await alice.ask("GET", f"{HOPPER}/assets")
    await alice.control("POST", "/faults", {"fault": "late", "path": "/assets", "seconds": 0.5})
    begin = time.perf_counter()
    assert await alice.ask("GET", f"{HOPPER}/assets") == (200, whole)
    assert time.perf_counter() - begin >= 0.5
    await alice.control("POST", "/faults", {"fault": "slow", "path": "/assets", "seconds": 0.5})
    begin = time.perf_counter()
    async with alice.http.get(f"{alice.url}{HOPPER}/assets", headers=alice.headers) as answer:
        drops = [drop async for drop in answer.content.iter_any()]
    assert b"".join(drops) == whole
    assert len(drops) > 5
    assert time.perf_counter() - begin >= 0.4


async def test_a_compressed_answer_is_read_by_who_can(alice: Alice) -> None:
    _, whole = await alice.ask("GET", f"{HOPPER}/assets")
    await alice.control("POST", "/faults", {"fault": "gzip", "path": "/assets"})
    async with alice.http.get(f"{alice.url}{HOPPER}/assets", headers=alice.headers) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert await answer.read() == whole


async def test_a_share_of_all_answers_is_faulty_and_nothing_hangs(alice: Alice) -> None:
    await alice.control("POST", "/faults", {"fault": "random", "share": 0.2, "seconds": 0.01, "seed": "soak"})
    found = {"well": 0, "ill": 0}
    for _ in range(150):
        try:
            status, body = await alice.ask("GET", f"{HOPPER}/assets", seconds=5)
            found["well" if status == 200 and body.startswith(b'{"data":{"') else "ill"] += 1
        except aiohttp.ClientError:
            found["ill"] += 1
    faults = [fault for _, fault in await alice.arrived("/assets") if fault]
    assert 15 <= len(faults) <= 45
    assert len(set(faults)) > 5
    assert found["ill"] <= len(faults)
