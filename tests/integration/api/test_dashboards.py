"""What a user does with dashboards over HTTP: kept in versions, never overwritten unseen, taken out and in."""

import asyncio
from typing import Any

import pytest

from cryptwire.codec.dashboard import body_from_json, body_to_json
from cryptwire.codec.dashboard_schema import schema
from cryptwire.domain.dashboard import first_body
from cryptwire.messaging import subjects
from cryptwire.storage.api_tokens import ApiTokens
from cryptwire.storage.dashboards import KEPT_VERSIONS, MOST_OF_A_USER
from tests.integration.api.accounts import bearer, tokens
from tests.integration.api.conftest import EMAIL, World, code_of

FIELDS = "id name version body createdAt changedAt"
LIST = f"{{ dashboards {{ {FIELDS} }} }}"
ONE = f"query($id: ID!) {{ dashboard(id: $id) {{ {FIELDS} }} }}"
CREATE = f"mutation($n: String!, $b: JSON) {{ createDashboard(name: $n, body: $b) {{ {FIELDS} }} }}"
SAVE = f"""mutation($id: ID!, $b: JSON!, $v: Int!) {{
  saveDashboard(id: $id, body: $b, expectedVersion: $v) {{ {FIELDS} }} }}"""
RENAME = f"mutation($id: ID!, $n: String!) {{ renameDashboard(id: $id, name: $n) {{ {FIELDS} }} }}"
DUPLICATE = f"mutation($id: ID!, $n: String!) {{ duplicateDashboard(id: $id, name: $n) {{ {FIELDS} }} }}"
RESET = f"mutation($id: ID!, $v: Int!) {{ resetDashboard(id: $id, expectedVersion: $v) {{ {FIELDS} }} }}"
RESTORE = f"""mutation($id: ID!, $o: Int!, $v: Int!) {{
  restoreDashboard(id: $id, version: $o, expectedVersion: $v) {{ {FIELDS} }} }}"""
DELETE = "mutation($id: ID!) { deleteDashboard(id: $id) }"
VERSIONS = "query($id: ID!) { dashboardVersions(id: $id) { number body madeAt } }"
EXPORT = "query($id: ID!, $v: Int) { exportedDashboard(id: $id, version: $v) }"
IMPORT = f"""mutation($t: String!, $n: String) {{
  importDashboard(text: $t, name: $n) {{ dashboard {{ {FIELDS} }} leftOut }} }}"""
NOBODYS = "00000000-0000-4000-8000-000000000000"
BEGINNING = body_to_json(first_body())


def body(*kinds: str, **settings: object) -> dict[str, Any]:
    widgets = [{"id": f"w-{n}", "kind": kind, "settings": settings} for n, kind in enumerate(kinds)]
    return {"format": 1, "widgets": widgets}


def whole(value: dict[str, Any]) -> dict[str, Any]:
    """All of it written out."""
    return body_to_json(body_from_json(value))


def words_of(answer: dict[str, Any]) -> str:
    (error,) = answer["errors"]
    return str(error["message"])


async def done(world: World, text: str, **variables: Any) -> Any:
    """The only thing that was asked for."""
    answer = await world.ask(text, **variables)
    assert "errors" not in answer, answer
    (found,) = answer["data"].values()
    return found


@pytest.fixture(autouse=True)
async def signed_in(world: World) -> None:
    await world.sign_in()


async def test_who_has_none_is_given_one_and_keeps_it_with_his_first_change(world: World) -> None:
    (first,) = await done(world, LIST)
    assert first == {
        "id": "first", "name": "Overview", "version": 0, "body": BEGINNING, "createdAt": None, "changedAt": None,
    }  # fmt: skip
    assert await done(world, ONE, id="first") == first
    assert await done(world, VERSIONS, id="first") == []
    assert code_of(await world.ask(DELETE, id="first")) == "INVALID"
    assert await world.owner.value("SELECT count(*) FROM dashboards") == 0, "to look keeps nothing"
    assert code_of(await world.ask(SAVE, id="first", b=body("kpi"), v=1)) == "CONFLICT"
    both = await asyncio.gather(*(world.ask(SAVE, id="first", b=body(each), v=0) for each in ("kpi", "risk")))
    assert sorted("errors" in each for each in both) == [False, True], "of two devices one is first"
    assert code_of(next(each for each in both if "errors" in each)) == "CONFLICT"
    (kept,) = await done(world, LIST)
    assert (kept["name"], kept["version"]) == ("Overview", 1)
    assert kept["id"] != "first"
    assert code_of(await world.ask(ONE, id="first")) == "NOT_FOUND"
    assert await done(world, DELETE, id=kept["id"]) is True
    assert await done(world, LIST) == [first]

    for text, more in ((RENAME, {"n": "Mine"}), (RESET, {"v": 0}), (DUPLICATE, {"n": "Mine"})):
        made = await done(world, text, id="first", **more)
        kept = await done(world, LIST)
        assert made in kept
        assert [each["body"] for each in kept] == [BEGINNING] * len(kept)
        assert [each["name"] for each in kept] == (["Overview", "Mine"] if text == DUPLICATE else [made["name"]])
        assert code_of(await world.ask(text, id="first", **more)) in ("NOT_FOUND", "CONFLICT")
        for each in kept:
            await done(world, DELETE, id=each["id"])


async def test_each_save_is_a_version_and_nobody_overwrites_what_he_has_not_seen(world: World) -> None:
    heard: list[str] = []

    async def hear(message: Any) -> None:
        heard.append(message.subject)

    me = await world.owner.value("SELECT user_id::text FROM users WHERE email = $1", EMAIL)
    await world.bus.subscribe(subjects.account(me), hear)
    await world.bus.flush()
    one = await done(world, CREATE, n=" Night ", b=body("kpi"))
    assert (one["name"], one["version"], one["body"]) == ("Night", 1, whole(body("kpi")))
    saved = await done(world, SAVE, id=one["id"], b=body("risk"), v=1)
    assert (saved["version"], saved["body"], saved["name"]) == (2, whole(body("risk")), "Night")
    late = await world.ask(SAVE, id=one["id"], b=body("equity"), v=1)
    assert (code_of(late), late["errors"][0]["extensions"]["version"]) == ("CONFLICT", 2)
    assert "2 is" in words_of(late)
    named = await done(world, RENAME, id=one["id"], n="Day")
    assert (named["version"], named["name"]) == (2, "Day"), "a name is no version"
    restored = await done(world, RESTORE, id=one["id"], o=1, v=2)
    assert (restored["version"], restored["body"]) == (3, whole(body("kpi")))
    reset = await done(world, RESET, id=one["id"], v=3)
    assert (reset["version"], reset["body"]) == (4, BEGINNING)
    for answer in (await world.ask(RESTORE, id=one["id"], o=1, v=3), await world.ask(RESET, id=one["id"], v=3)):
        assert code_of(answer) == "CONFLICT"
    assert code_of(await world.ask(RESTORE, id=one["id"], o=5, v=4)) == "NOT_FOUND"
    versions = await done(world, VERSIONS, id=one["id"])
    assert [(each["number"], each["body"]["widgets"][0]["kind"]) for each in versions] == [
        (4, "kpi"), (3, "kpi"), (2, "risk"), (1, "kpi"),
    ]  # fmt: skip
    copy = await done(world, DUPLICATE, id=one["id"], n="Copy")
    assert (copy["version"], copy["body"]) == (1, BEGINNING)
    assert [each["name"] for each in await done(world, LIST)] == ["Day", "Copy"]
    await world.bus.flush()
    assert len(heard) == 6, "each change is told, what changed nothing is not"


async def test_twenty_versions_of_twenty_dashboards_are_kept(world: World) -> None:
    one = await done(world, CREATE, n="x", b=body("kpi"))
    for version in range(1, KEPT_VERSIONS + 3):
        await done(world, SAVE, id=one["id"], b=body("risk"), v=version)
    versions = await done(world, VERSIONS, id=one["id"])
    assert [each["number"] for each in versions] == list(range(KEPT_VERSIONS + 3, 3, -1))
    assert code_of(await world.ask(RESTORE, id=one["id"], o=3, v=KEPT_VERSIONS + 3)) == "NOT_FOUND"
    few = "query($id: ID!) { dashboardVersions(id: $id, first: 2, before: 10) { number } }"
    assert await done(world, few, id=one["id"]) == [{"number": 9}, {"number": 8}]
    for wrong in ("first: 0", "first: 21", "before: 0", "before: -1"):
        text = f"query($id: ID!) {{ dashboardVersions(id: $id, {wrong}) {{ number }} }}"
        assert code_of(await world.ask(text, id=one["id"])) == "INVALID", wrong
    made = await asyncio.gather(*(world.ask(CREATE, n=f"{n}", b=body("kpi")) for n in range(MOST_OF_A_USER + 2)))
    refused = [each for each in made if "errors" in each]
    assert [(code_of(each), "20 dashboards" in words_of(each)) for each in refused] == [("INVALID", True)] * 3
    assert len(await done(world, LIST)) == MOST_OF_A_USER


WRONG: list[tuple[object, str]] = [
    ([], "$: is an object"),
    ("x", "$: is an object"),
    ({}, "$: needs format"),
    ({"format": 2, "widgets": []}, "$.format: this dashboard was written in format 2 by a newer release"),
    ({"format": 1, "widgets": [{"id": "a", "kind": "kpi", "settings": {"x": 1}}]}, "does not know 'x'; it has"),
    ({"format": 1, "widgets": [{"id": "a", "kind": "kpi", "title": "\x00"}]}, "can be printed"),
    ({"format": 1, "widgets": [{"id": "a", "kind": "<script>"}]}, "is one of portfolio-candles"),
    ({"format": 1, "widgets": [{"id": "a", "kind": "risk"}] * 41}, "at most 40"),
    (body("kpi", range={"since": "9999-99-99"}), "a date is written"),
]


async def test_a_body_or_name_that_is_none_is_refused_in_words_and_nothing_is_written(world: World) -> None:
    one = await done(world, CREATE, n="x", b=None)
    assert one["body"] == BEGINNING
    for wrong, says in WRONG:
        for answer in (await world.ask(CREATE, n="y", b=wrong), await world.ask(SAVE, id=one["id"], b=wrong, v=1)):
            assert (code_of(answer), says in words_of(answer)) == ("INVALID", True), answer
            assert len(words_of(answer)) < 600
    for name in ("", " ", "a\nb", "x" * 81, "\x00"):
        for text, more in ((CREATE, {}), (RENAME, {"id": one["id"]}), (DUPLICATE, {"id": one["id"]})):
            answer = await world.ask(text, n=name, **more)
            assert (code_of(answer), "1 to 80 characters" in words_of(answer)) == ("INVALID", True)
    assert await done(world, LIST) == [one]


async def test_what_is_taken_out_can_be_taken_in_by_others_without_what_is_not_theirs(world: World) -> None:
    asked = "{ dashboardSchema widgetKinds { kind title shows settings usual { w h } least { w } most { h } } }"
    told = (await world.ask(asked))["data"]
    assert told["dashboardSchema"] == schema()
    assert len(told["widgetKinds"]) == 22
    assert told["widgetKinds"][2]["usual"] == {"w": 12, "h": 2}
    one = await done(world, CREATE, n="Mine", b=body("kpi", "risk", hoppers=["1"]))
    await done(world, SAVE, id=one["id"], b=body("equity", hoppers=["1", "2"]), v=1)
    text = await done(world, EXPORT, id=one["id"])
    same = await done(world, IMPORT, t=text)
    assert (same["dashboard"]["name"], same["dashboard"]["version"], same["leftOut"]) == ("Mine", 1, ["w-0: hopper 2"])
    assert same["dashboard"]["body"] == whole(body("equity", hoppers=["1"]))
    earlier = await done(world, EXPORT, id=one["id"], v=1)
    assert (await done(world, IMPORT, t=earlier, n="Other"))["dashboard"]["name"] == "Other"
    assert code_of(await world.ask(EXPORT, id=one["id"], v=3)) == "NOT_FOUND"
    token, _ = await tokens(world, "you@example.com", "other")
    theirs = await world.ask(IMPORT, bearer(token), t=text)
    assert theirs["data"]["importDashboard"]["leftOut"] == ["w-0: hopper 1"]
    assert code_of(await world.ask(IMPORT, t='{"format": 1}')) == "INVALID"
    assert "format 9 by a newer release" in words_of(await world.ask(IMPORT, t='{"format": 9}'))


async def test_what_is_somebody_elses_is_not_there_and_scripts_may_what_their_scope_says(world: World) -> None:
    one = await done(world, CREATE, n="Mine", b=body("kpi"))
    you, _ = await tokens(world, "you@example.com", "other")
    asked: list[tuple[str, dict[str, Any]]] = [
        (ONE, {}), (VERSIONS, {}), (EXPORT, {}), (SAVE, {"b": body("kpi"), "v": 1}), (RENAME, {"n": "x"}),
        (DUPLICATE, {"n": "x"}), (RESET, {"v": 1}), (RESTORE, {"o": 1, "v": 1}), (DELETE, {}),
    ]  # fmt: skip
    for text, more in asked:
        answers = [
            await world.ask(text, bearer(you), id=id, **more) for id in (one["id"], NOBODYS, "x", one["id"] + " ")
        ]
        assert {(code_of(each), words_of(each)) for each in answers} == {("NOT_FOUND", "there is no such dashboard")}, (
            text
        )
    assert (await done(world, ONE, id=one["id"])) == one
    user = await world.owner.value("SELECT user_id::text FROM users WHERE email = $1", EMAIL)
    reads, writes = [(await ApiTokens(world.owner).add(user, s, [s], None))[1] for s in ("read", "write")]
    assert (await world.ask(ONE, bearer(reads), id=one["id"]))["data"]["dashboard"] == one
    assert code_of(await world.ask(RENAME, bearer(reads), id=one["id"], n="x")) == "FORBIDDEN"
    assert (await world.ask(RENAME, bearer(writes), id=one["id"], n="x"))["data"]["renameDashboard"]["name"] == "x"


async def test_one_that_cannot_be_read_keeps_nobody_from_the_others(world: World) -> None:
    one, other = [await done(world, CREATE, n=name, b=body("kpi")) for name in ("one", "other")]
    put = "UPDATE dashboard_versions SET body = $2::text::json WHERE dashboard_id = $1::text::uuid"
    await world.owner.execute(put, one["id"], '{"format": 2, "panes": []}')
    answer = await world.ask(LIST)
    assert [each["body"] for each in answer["data"]["dashboards"]] == [None, other["body"]]
    assert "newer release" in words_of(answer)
    assert code_of(await world.ask(DUPLICATE, id=one["id"], n="x")) == "INVALID"
    assert (await done(world, RESET, id=one["id"], v=1))["version"] == 2, "it can be begun anew"
    await world.owner.execute(put, other["id"], "[]")
    assert code_of(await world.ask(ONE, id=other["id"])) == "INVALID"
    await world.owner.execute(put, other["id"], '{"format": 1}')
    assert code_of(await world.ask(ONE, id=other["id"])) == "INTERNAL"
