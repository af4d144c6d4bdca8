"""``/graphql`` over HTTP: whatever is sent is answered with a code, in time; queries are known by their hash."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from api.handlers.persisted import MOST_TEXT, manifest_of, read_manifest
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.hopper_change import KnownHopper
from cryptwire.errors import Invalid, Unavailable
from tests.unit.api.playing import ME, Played, PlayedHoppers, playing

QUERY = "{ hoppers { id } }"
MINE = {"data": {"hoppers": [{"id": "1"}]}}
BEARER = {"Authorization": "Bearer mine"}


@pytest.fixture
async def played() -> AsyncIterator[Played]:
    async with playing() as played:
        played.sessions.begin("mine", ME)
        yield played


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def by_hash(hashed: str, query: str | None = None, **more: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hashed}}} | more
    return said if query is None else said | {"query": query}


async def posted(played: Played, data: Any, kind: str = "application/json") -> tuple[int, Any]:
    """Status and answer; bytes are sent as they are."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    async with (
        aiohttp.ClientSession(headers=BEARER) as http,
        http.post(f"{played.base}/graphql", data=body, headers={"content-type": kind}) as response,
    ):
        return response.status, await response.json()


def code_of(answer: Any) -> str:
    (error,) = answer["errors"]
    assert error["message"]
    return str(error["extensions"]["code"])


NO_OPERATIONS = [
    b"", b"{", b"null", b"7", b'"x"', b"[]", b'[{"query":"{ hoppers { id } }"}]', b"\xff", b"[" * 50_000,
    b'{"query":7}', b'{"query":["x"]}', b'{"query":"{ hoppers { id } }","variables":[]}', b'{"query":null}', b"{}",
    b'{"query":"{ hoppers { id } }","variables":"{}"}', b'{"query":"{ hoppers { id } }","operationName":{}}',
    b'{"query":"{ hoppers { id } }","operationName":"nobody"}', b'{"query":"{ hoppers { id } }","extensions":[]}',
    b'{"query":"\\ud800"}', b'{"query":"subscription { accountChanged }"}', b'{"query":"   "}',
    b'{"query":"fragment A on Query { me { id } }"}',
    b'{"query":"{ hoppers { id } }","variables":{"x":' + b"9" * 5_000 + b"}}x",
]  # fmt: skip


async def test_what_is_no_operation_is_refused(played: Played) -> None:
    for sent in NO_OPERATIONS:
        status, answer = await posted(played, sent)
        assert (status in (200, 400), code_of(answer)) == (True, "INVALID"), (sent[:80], status, answer)


async def test_files_and_forms_are_not_taken(played: Played) -> None:
    for kind in ("multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain", "x" * 200):
        status, answer = await posted(played, {"query": QUERY}, kind)
        assert (status, code_of(answer)) == (400, "INVALID")
    assert await posted(played, {"query": QUERY}, "application/json; charset=utf-8") == (200, MINE)
    async with aiohttp.ClientSession() as http:
        for method in ("PUT", "DELETE", "HEAD"):
            async with http.request(method, f"{played.base}/graphql") as response:
                assert response.status == 405


async def test_a_query_is_known_by_its_hash_once_it_was_sent(played: Played) -> None:
    status, answer = await posted(played, by_hash(sha(QUERY)))
    assert (status, code_of(answer)) == (200, "PERSISTED_QUERY_NOT_FOUND")
    assert answer["errors"][0]["message"] == "PersistedQueryNotFound"
    assert await posted(played, by_hash(sha(QUERY), QUERY)) == (200, MINE)
    assert await posted(played, by_hash(sha(QUERY))) == (200, MINE)
    params = {"extensions": json.dumps(by_hash(sha(QUERY))["extensions"])}
    async with (
        aiohttp.ClientSession(headers=BEARER) as http,
        http.get(f"{played.base}/graphql", params=params) as response,
    ):
        assert await response.json() == MINE


async def test_a_hash_that_is_none_or_not_the_querys_is_refused(played: Played) -> None:
    zeros = "0" * 64
    wrong = [7, {}, {"version": 2, "sha256Hash": zeros}, {"version": 1}, {"version": 1, "sha256Hash": ["0"]}]
    for extension in (*wrong, {"version": 1, "sha256Hash": "x"}, {"version": 1, "sha256Hash": zeros + "\n"}):
        assert code_of((await posted(played, {"extensions": {"persistedQuery": extension}}))[1]) == "INVALID"
    assert code_of((await posted(played, by_hash(zeros, QUERY)))[1]) == "INVALID"


async def test_a_change_by_get_is_refused_even_by_its_hash(played: Played) -> None:
    change = "mutation { signOut }"
    await posted(played, by_hash(sha(change), change))
    assert sha(change) in played.texts
    params = {"extensions": json.dumps(by_hash(sha(change))["extensions"])}
    async with (
        aiohttp.ClientSession(headers=BEARER) as http,
        http.get(f"{played.base}/graphql", params=params) as response,
    ):
        assert response.status == 400


async def test_what_is_no_document_or_too_long_is_not_kept_and_what_was_altered_is_not_used(played: Played) -> None:
    long = QUERY + "#" + "x" * MOST_TEXT
    for text in ("{", long):
        await posted(played, by_hash(sha(text), text))
    assert not played.texts
    played.texts[sha(QUERY)] = "{ me { id } }"
    assert code_of((await posted(played, by_hash(sha(QUERY))))[1]) == "PERSISTED_QUERY_NOT_FOUND"


async def test_while_texts_are_away_queries_are_sent_whole(played: Played) -> None:
    async def away(*_: Any) -> Any:
        raise Unavailable("Redis is away")

    played.texts.of = played.texts.keep = away  # type: ignore[method-assign, assignment]
    assert code_of((await posted(played, by_hash(sha(QUERY))))[1]) == "PERSISTED_QUERY_NOT_FOUND"
    assert await posted(played, by_hash(sha(QUERY), QUERY)) == (200, MINE)


async def test_with_a_list_only_its_operations_are_executed(tmp_path: Path) -> None:
    (tmp_path / "a.graphql").write_text("query A { hoppers { ...H } } query B { hoppers { name } }")
    (tmp_path / "b.graphql").write_text("fragment H on Hopper { id }")
    known = manifest_of(tmp_path)
    assert len(known) == 2
    (hashed,) = [hashed for hashed, text in known.items() if "query A" in text]
    file = tmp_path / "known.json"
    file.write_text(json.dumps(known))
    async with playing(known=read_manifest(file)) as played:
        played.sessions.begin("mine", ME)
        assert await posted(played, by_hash(hashed)) == (200, MINE)
        text = "fragment H on Hopper{id}#\nquery A{hoppers{...H}}"
        assert await posted(played, {"query": text}) == (200, MINE)
        assert await posted(played, by_hash(sha(text), text)) == (200, MINE)
        for other in (
            QUERY,
            "query A { hoppers { id } }",
            "query A { hoppers { ...H } } fragment H on Hopper { name }",
        ):
            assert code_of((await posted(played, {"query": other}))[1]) == "INVALID"
        assert code_of((await posted(played, by_hash(sha(QUERY), QUERY)))[1]) == "INVALID"
        assert not played.texts
    for text in ("[]", "{", '{"a":7}'):
        file.write_text(text)
        with pytest.raises(Invalid):
            read_manifest(file)


class Slow(PlayedHoppers):
    """Hoppers that never come."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.given_up = asyncio.Event(), asyncio.Event()

    async def known(self, user: UserId) -> list[KnownHopper]:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up.set()
        raise AssertionError

    async def known_one(self, user: UserId, hopper: HopperId) -> KnownHopper:
        raise RuntimeError(f"secret {hopper}")


async def test_a_query_that_takes_too_long_is_given_up_and_told() -> None:
    slow = Slow()
    async with playing(hoppers=slow, request_time=timedelta(seconds=0.3)) as played:
        played.sessions.begin("mine", ME)
        status, answer = await posted(played, {"query": QUERY})
        assert (status, code_of(answer)) == (200, "UNAVAILABLE")
        assert slow.given_up.is_set()


async def test_a_query_ends_when_its_client_goes_away() -> None:
    slow = Slow()
    async with playing(hoppers=slow) as played:
        played.sessions.begin("mine", ME)
        asking = asyncio.create_task(posted(played, {"query": QUERY}))
        await asyncio.wait_for(slow.asked.wait(), 5)
        asking.cancel()
        await asyncio.wait_for(slow.given_up.wait(), 5)
        assert played.meters.value("api_given_up", reason="left") == 1


async def test_a_fault_of_ours_is_noted_once_and_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with playing(hoppers=Slow()) as played:
        played.sessions.begin("mine", ME)
        status, answer = await posted(played, {"query": '{ hopper(id: "1234567") { id } }'})
        assert (status, code_of(answer)) == (200, "INTERNAL")
        assert "secret" not in json.dumps(answer)
        assert [record.name for record in caplog.records if record.levelname == "ERROR"] == ["api.handlers.errors"]
        assert played.meters.value("api_errors", code="INTERNAL") == 1


class SlowNotices:
    """Marking takes its time; ``has_ended`` says how it went."""

    def __init__(self) -> None:
        self.begun, self.may_end, self.has_ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def mark_read(self, user: UserId, until: int) -> int:
        self.begun.set()
        await self.may_end.wait()
        self.has_ended.set()
        return 1


async def test_a_change_goes_on_to_its_end_when_it_takes_long_or_its_client_goes_away() -> None:
    change = {"query": "mutation { markNoticesRead(until: 7) }"}
    for goes_away in (True, False):
        notices = SlowNotices()
        told = SimpleNamespace(notices=notices)
        async with playing(told=told, request_time=timedelta(seconds=30 if goes_away else 0.5)) as played:
            played.sessions.begin("mine", ME)
            asking = asyncio.create_task(posted(played, change))
            await asyncio.wait_for(notices.begun.wait(), 5)
            if goes_away:
                asking.cancel()
                async with asyncio.timeout(5):
                    while not played.meters.value("api_given_up", reason="left"):  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
            else:
                _, answer = await asking
                assert code_of(answer) == "UNAVAILABLE"
                assert "may still be done" in answer["errors"][0]["message"]
            notices.may_end.set()
            await asyncio.wait_for(notices.has_ended.wait(), 5)


async def test_what_is_no_number_or_date_is_told_where_it_stands() -> None:
    query = "query($since: Date) { analytics(since: $since) { scope { zone } } }"
    async with playing() as played:
        played.sessions.begin("mine", ME)
        for body, column, words in (
            ({"query": "{ results(filter: { heldFor: { least: -1 } }) { total } }"}, 39, 'such as "0.5"'),
            ({"query": query, "variables": {"since": "soon"}}, 7, 'such as "2026-01-31"'),
        ):
            status, answer = await posted(played, body)
            (error,) = answer["errors"]
            assert (status, code_of(answer)) == (200, "INVALID")
            assert words in error["message"]
            assert error["locations"] == [{"line": 1, "column": column}]
