"""The walk: everybody asks for every field of the built schema, and gets just what the policy gives him.

A field that no rule mentions, an argument that names something of somebody's and is not tried with somebody else's,
and a route without a need fail here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
import strawberry
from graphql import GraphQLID, get_named_type
from starlette.routing import Route

import api.main
from api.schema import SCHEMA, Mutation, Query
from api.schema.rules import needs_of
from cryptwire.codec.rule_set import body_from_json
from cryptwire.domain.dashboard import first_body
from cryptwire.domain.day_range import Rolling
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.domain.share import Share, SharePart
from cryptwire.permissions import Permissions, Roles
from cryptwire.storage.api_tokens import ApiTokens
from cryptwire.storage.dashboards import Dashboards
from cryptwire.storage.notices import Notices
from cryptwire.storage.rule_sets import RuleSets
from cryptwire.storage.share_links import ShareLinks
from cryptwire.storage.users import Users
from tests.integration.api.conftest import World
from tests.integration.api.walking import Place, Step, places, unmentioned

PERMISSIONS = Permissions()
WALK = places(SCHEMA._schema)
REFUSALS = {"UNAUTHENTICATED", "FORBIDDEN"}
SAY_SO_THEMSELVES = {
    "Mutation.refreshSession",  # what it is asked for is whether there is a session
}
SOMEBODY_ELSES = {
    "Query.hopper.id": "{ hoppers { id } }",
    "Subscription.livePortfolio.hopperId": "{ hoppers { id } }",
    "Mutation.endSession.id": "{ sessions { id } }",
    "Mutation.endApiToken.id": "{ apiTokens { id } }",
    "Query.dailyStatistics.hopperId": "{ hoppers { id } }",
    "Query.analytics.hopperIds": "{ hoppers { id } }",
    "Query.trades.hopperIds": "{ hoppers { id } }",
    "Query.results.hopperIds": "{ hoppers { id } }",
    "Query.flows.hopperIds": "{ hoppers { id } }",
    "Mutation.decideFlow.id": '{ flows(hopperIds: ["2"]) { nodes { id } } }',
    "Mutation.createShareLink.hopperIds": "{ hoppers { id } }",
    "Mutation.revokeShareLink.id": "{ shareLinks { id } }",
    "Mutation.markNoticesRead.until": "{ notices { nodes { id } } }",
    "Query.ruleSets.hopperId": "{ hoppers { id } }",
    "Query.ruleSetPreview.hopperId": "{ hoppers { id } }",
    "Query.intents.hopperId": "{ hoppers { id } }",
    "Query.auditLog.hopperId": "{ hoppers { id } }",
    "Subscription.ruleActions.hopperId": "{ hoppers { id } }",
    "Subscription.trades.hopperIds": "{ hoppers { id } }",
    "Mutation.createRuleSet.hopperId": "{ hoppers { id } }",
    "Mutation.setHopperKillSwitch.hopperId": "{ hoppers { id } }",
    "Query.targets.hopperId": "{ hoppers { id } }",
    "Mutation.setTargets.hopperId": "{ hoppers { id } }",
    "Mutation.clearTargets.hopperId": "{ hoppers { id } }",
    **dict.fromkeys(
        (
            "Query.ruleSet.id",
            "Query.ruleSetVersions.id",
            "Query.ruleSetChanges.id",
            "Query.ruleSetState.id",
            "Query.ruleSetPreview.id",
            "Query.intents.ruleSetId",
            "Mutation.editRuleSet.id",
            "Mutation.setRuleSetMode.id",
            "Mutation.deleteRuleSet.id",
            "Mutation.replayRuleSet.id",
            "Mutation.resumeRuleSet.id",
            "Mutation.setRuleKillSwitch.id",
        ),
        '{ intents(hopperId: "2") { nodes { id: ruleSetId } } }',
    ),
    **dict.fromkeys(
        (
            "Query.dashboard.id",
            "Query.dashboardVersions.id",
            "Query.exportedDashboard.id",
            "Mutation.saveDashboard.id",
            "Mutation.renameDashboard.id",
            "Mutation.duplicateDashboard.id",
            "Mutation.resetDashboard.id",
            "Mutation.restoreDashboard.id",
            "Mutation.deleteDashboard.id",
        ),
        "{ dashboards { id } }",
    ),
    **dict.fromkeys(
        ("Mutation.retryIntent.id", "Mutation.abandonIntent.id"),
        '{ intents(hopperId: "2") { nodes { id } } }',
    ),
}
"""Each argument that names something of a user's, and how that one finds it."""


_FLOW = """
    INSERT INTO flows (flow_id, version, hopper_id, at, asset, quantity, price, value_before, kind, state, decided_by, decided_at)
    VALUES (gen_random_uuid(), 1, '2', $1, 'USDT', 1, 1, 1, 'deposit', 'open', 'tracker', $1)
"""  # noqa: E501
_BODY = {
    "name": "yours",
    "when": [{"rule": "stop-loss", "loss": 0.1}],
    "then": [{"action": "notify", "text": "look"}],
}
_INTENT = """
    INSERT INTO intents (rule_set_id, version, mode_number, epoch, hopper_id, user_id, is_shadow, snapshot_id, snapshot,
                         decided_at, actions, progress, state)
    VALUES ($1::text::uuid, 1, 1, 1, '2', $2::text::uuid, true, 's/1', '', $3, '[]', '{}', 'failed')
"""


_SILENCE, _REFUSED_WITHIN = 0.5, 15.0
"""Seconds for the first answer of a subscription: who is allowed may hear nothing at first; a refusal always comes."""


@dataclass
class Somebody:
    """Who asks, in what roles; ``token`` of a script."""

    world: World
    http: aiohttp.ClientSession
    roles: Roles
    user: UserId | None = None
    token: str | None = None
    _session: str | None = field(default=None, init=False)

    async def headers(self, *, is_fresh: bool) -> dict[str, str]:
        """Those of his requests; of a fresh session for what may end it."""
        if self.user is None:
            return {"X-Cryptwire": "1"}
        if self.token is not None:
            return {"Authorization": f"Bearer {self.token}"}
        if is_fresh or self._session is None:
            session = await self.world.keys.signed_in(self.world.owner, self.user)
            if is_fresh:
                return {"Authorization": f"Bearer {session}"}
            self._session = session
        return {"Authorization": f"Bearer {self._session}"}

    async def ask(self, place: Place, told: dict[str, str] | None = None) -> dict[str, Any]:
        headers = await self.headers(is_fresh=place.operation != "query")
        if place.operation == "subscription":
            is_refused = told is not None or not is_allowed(self.roles, place)
            return await self._subscribe(place.text(told), headers, _REFUSED_WITHIN if is_refused else _SILENCE)
        return await self.post(place.text(told), headers)

    async def post(self, text: str, headers: dict[str, str]) -> dict[str, Any]:
        url = f"{self.world.base}/graphql"
        async with self.http.post(url, json={"query": text}, headers=headers) as answer:
            body = await answer.json()
            assert answer.status == 200, (text, body)
            assert isinstance(body, dict)
            return body

    async def _subscribe(self, text: str, headers: dict[str, str], patience: float) -> dict[str, Any]:
        """The first answer; none within so many seconds is one without errors."""
        url = f"{self.world.base}/graphql"
        async with self.http.ws_connect(url, headers=headers, protocols=["graphql-transport-ws"]) as socket:
            await socket.send_json({"type": "connection_init"})
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                assert socket.close_code == 4401, (socket.close_code, text)
                return {"data": None, "errors": [{"message": "closed", "extensions": {"code": "UNAUTHENTICATED"}}]}
            await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": text}})
            try:
                told = await socket.receive_json(timeout=patience)
            except TimeoutError:
                return {"data": {}}
            return {"data": None, "errors": told["payload"]} if told["type"] == "error" else dict(told["payload"])


@asynccontextmanager
async def everybody(world: World) -> AsyncIterator[dict[str, Somebody]]:
    """One of each plan, one of whom nothing is anybody's, scripts, and a stranger."""
    users, tokens = Users(world.owner), ApiTokens(world.owner)
    http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
    found = {"stranger": Somebody(world, http, Roles())}
    for plan in ("free", "trial", "pro", "admin"):
        user = await users.add(f"{plan}@walk.test", "-", "UTC", "USD", plan)
        found[plan] = Somebody(world, http, Roles.of(plan, None), user)
    other = await world.owner.value("SELECT user_id::text FROM users WHERE email = 'you@example.com'")
    found["somebody else"] = Somebody(world, http, Roles.of("free", None), UserId(other))
    for scope in ("read", "write"):
        _, token = await tokens.add(found["pro"].user or UserId(""), scope, [scope], None)
        roles = Roles.of("pro", frozenset({f"scope:{scope}"}))
        found[f"a script that may {scope}"] = Somebody(world, http, roles, found["pro"].user, token)
    await world.owner.execute("UPDATE users SET trial_began_at = now()")  # nobody's plan changes on the way
    async with http:
        yield found


def codes(answer: dict[str, Any]) -> set[str]:
    return {error["extensions"]["code"] for error in answer.get("errors") or ()}


def is_allowed(roles: Roles, place: Place) -> bool:
    """What the policy says."""
    return all(one is not None and PERMISSIONS.can(roles, one) for one in place.needs)


def wrong(roles: Roles, place: Place, answer: dict[str, Any]) -> bool:
    """True for an answer that is not what the policy says."""
    if is_allowed(roles, place):
        return bool(codes(answer) & REFUSALS) and place.steps[0].name not in SAY_SO_THEMSELVES
    refusal = "UNAUTHENTICATED" if roles == Roles() else "FORBIDDEN"
    return answer["data"] is not None or codes(answer) != {refusal}


@pytest.mark.timeout(400)
async def test_everybody_gets_of_every_field_just_what_the_policy_gives_him(world: World) -> None:
    assert len(WALK) > 50
    assert {place.operation for place in WALK} == {"query", "mutation", "subscription"}
    failed = []
    async with everybody(world) as all_of_them:

        async def walks(name: str, who: Somebody) -> None:
            for place in WALK:
                answer = await who.ask(place)
                if wrong(who.roles, place, answer):
                    failed.append((name, place.name, place.text(), answer))

        await asyncio.gather(*(walks(name, who) for name, who in all_of_them.items()))
    assert failed == []


@pytest.mark.parametrize("header", [{}, {"Origin": "https://evil.example"}])
async def test_no_change_at_all_is_made_for_another_site(world: World, header: dict[str, str]) -> None:
    """With the cookies of who may everything, and without the header that only a page of ours can send."""
    await world.owner.execute("UPDATE users SET plan = 'admin'")
    await world.sign_in()
    changes = [place for place in WALK if place.operation == "mutation" and len(place.steps) == 1]
    assert len(changes) > 25
    answers = {place.name: await world.ask(place.text(), header) for place in changes}
    assert {name: codes(answer) for name, answer in answers.items() if codes(answer) != {"FORBIDDEN"}} == {}
    assert all("X-Cryptwire" in answer["errors"][0]["message"] for answer in answers.values())


def test_every_field_says_what_it_needs_and_the_policy_knows_it() -> None:
    assert list(unmentioned(SCHEMA._schema)) == []
    known = {needs for roles in ("stranger", "admin") for needs in _given(roles)}
    asked = {(place.name, needs) for place in WALK for needs in place.needs if needs is not None}
    assert [(name, str(needs)) for name, needs in asked if (needs.resource, needs.action) not in known] == []


def _given(plan: str) -> list[tuple[str, str]]:
    roles = Roles() if plan == "stranger" else Roles.of(plan, None)
    return [(resource, action) for resource, action, _ in PERMISSIONS.of(roles)]


def test_a_field_without_a_rule_would_be_found() -> None:
    @strawberry.type
    class Careless(Query):
        @strawberry.field
        def forgotten(self) -> str:
            return "forgotten"

    @strawberry.type
    class Harmless(Mutation):
        forgotten: str = "forgotten"

    schema = strawberry.Schema(Careless, Harmless, config=SCHEMA.config)._schema
    assert list(unmentioned(schema)) == ["Careless.forgotten", "Harmless.forgotten"]
    (place,) = [place for place in places(schema) if place.name == "Careless.forgotten"]
    assert place.needs == [None]


def test_a_walk_that_got_what_it_must_not_would_be_found() -> None:
    place = next(place for place in WALK if place.name == "Query.plans")
    free, stranger = Roles.of("free", None), Roles()
    refused = {"data": None, "errors": [{"message": "", "extensions": {"code": "FORBIDDEN"}}]}
    given: dict[str, Any] = {"data": {"plans": []}}
    assert [wrong(free, place, given), wrong(free, place, refused)] == [False, True]
    assert [wrong(stranger, place, given), wrong(stranger, place, refused)] == [True, True]


def arguments() -> list[tuple[Place, Step, str]]:
    """Every argument that is an id."""
    return [
        (place, place.steps[-1], name)
        for place in WALK
        for name, one in place.steps[-1].arguments.items()
        if get_named_type(one.type) is GraphQLID or get_named_type(one.type).name == "ID"
    ]


def first_id(answer: Any) -> str | None:
    """The first id in an answer."""
    if isinstance(answer, dict) and isinstance(answer.get("id"), str):
        return str(answer["id"])
    inner = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else ()
    return next((found for each in inner if (found := first_id(each)) is not None), None)


def absent(id: str) -> str:
    """An id of the same form that nobody has."""
    return id[:-1] + ("7" if id[-1] != "7" else "3")


async def test_what_is_somebody_elses_is_answered_as_what_is_not_there(world: World) -> None:
    keys = {f"{step.name}.{name}" for _, step, name in arguments()}
    assert keys == SOMEBODY_ELSES.keys(), "an argument that is an id, and not tried with somebody else's"
    differing = []
    async with everybody(world) as all_of_them:
        me, you = all_of_them["admin"], all_of_them["somebody else"]
        assert you.user is not None
        await ApiTokens(world.owner).add(you.user, "yours", ["read"], None)
        at = world.runtime.clock.now()
        await Notices(world.owner).add(Notice(you.user, NoticeClass.INFO, "import-done", "yours", at))
        await world.owner.execute(_FLOW, at)
        body = body_from_json(_BODY)
        rule_set = await RuleSets(world.owner).add(you.user, HopperId("2"), body, lambda _: None)
        await world.owner.execute(_INTENT, rule_set.id, you.user, at)
        await Dashboards(world.owner).add(you.user, "yours", first_body())
        share = Share("yours", (HopperId("2"),), frozenset(SharePart), Rolling.ALL)
        await ShareLinks(world.owner).add(you.user, share, at + timedelta(days=1))
        yours = await you.headers(is_fresh=False)
        for place, step, name in arguments():
            key = f"{step.name}.{name}"
            id = first_id(await you.post(SOMEBODY_ELSES[key], yours))
            assert id is not None, f"nothing of somebody else's to try {key} with"
            answers = []
            for each in (id, absent(id)):
                answer = await me.ask(place, {key: each})
                errors = [{**error, "locations": None} for error in answer.get("errors") or ()]
                answers.append((answer, repr({**answer, "errors": errors}).replace(each, "#")))
            if answers[0][1] != answers[1][1] or not codes(answers[0][0]) <= {"NOT_FOUND", "INVALID"}:
                differing.append((key, answers))
    assert differing == []


async def test_every_route_says_what_it_needs(world: World) -> None:
    async with api.main.opened(world.settings, world.runtime) as app:
        paths = {getattr(route, "path", None) for route in app.routes}
        assert paths <= api.main.NEEDS.keys()
        app.routes.append(Route("/forgotten", lambda _: None))
        assert not {getattr(route, "path", None) for route in app.routes} <= api.main.NEEDS.keys()
    for path, needs in api.main.NEEDS.items():
        if not PERMISSIONS.can(Roles(), needs):
            async with aiohttp.ClientSession() as http, http.get(f"{world.base}{path}") as answer:
                assert answer.status == 401, path


def test_a_field_is_decided_by_what_it_says_and_not_by_its_root() -> None:
    root = SCHEMA._schema.query_type
    assert root is not None
    assert len({needs_of(root, name) for name in root.fields}) > 3
