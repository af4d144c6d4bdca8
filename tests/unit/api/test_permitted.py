"""However an operation is written, each field that it can execute is decided, and none that it cannot."""

import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Annotated, Any, cast

import pytest
import strawberry
from starlette.requests import Request
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types import ExecutionResult

from api.schema.context import Context, Services
from api.schema.permitted import Permitted
from api.schema.rules import covered, field, mutation, subscription
from cryptwire.errors import Forbidden, Unauthenticated, Unavailable
from cryptwire.permissions import Permissions

executed: list[str] = []


def noted(name: str) -> str:
    executed.append(name)
    return name


@strawberry.interface
class Named:
    @field("view", "hoppers", "…")
    def name(self) -> str:
        return noted("name")


@covered("view", "hoppers")
@strawberry.type
class Plain(Named):
    plain: str = "plain"


@covered("view", "live-portfolio")
@strawberry.type
class Secret(Named):
    secret: str = "secret"

    @field("view", "live-portfolio", "…")
    def name(self) -> str:
        return noted("secret name")


@covered("view", "hoppers")
@strawberry.type
class Base:
    inherited: str = "inherited"


@strawberry.type
class Derived(Base):
    own: str = "own"


Either = Annotated[Plain | Secret, strawberry.union("Either")]


@strawberry.type
class Query:
    @field("view", "hoppers", "…")
    def named(self) -> list[Named]:
        return [Plain()]

    @field("view", "hoppers", "…")
    def either(self) -> list[Either]:
        return [Plain()]

    @field("view", "hoppers", "…")
    def derived(self) -> Derived:
        return Derived()

    @field("view", "live-portfolio", "…")
    def live(self) -> str:
        return noted("live")

    @field("view", "app", "…")
    def open(self) -> str:
        return noted("open")

    @strawberry.field
    def forgotten(self) -> str:
        return noted("forgotten")


@strawberry.type
class Mutation:
    @mutation("change", "security", "…")
    def change(self) -> bool:
        noted("change")
        return True


@strawberry.type
class Subscription:
    @subscription("view", "live-portfolio", "…")
    async def lives(self) -> AsyncIterator[int]:
        noted("lives")
        yield 1


SCHEMA = strawberry.Schema(
    Query,
    Mutation,
    Subscription,
    types=[Plain, Secret],
    extensions=[lambda: ParserCache(64), lambda: ValidationCache(64), Permitted],
)


class TwinSessions:
    """Somebody with this plan; nobody without."""

    def __init__(self, plan: str | None, scopes: frozenset[str] | None = None) -> None:
        self._plan = plan
        self._scopes = scopes
        self.asked = 0

    async def who(self, _: str) -> Any:
        self.asked += 1
        if self._plan == "away":
            raise Unavailable("away")
        if self._plan is None:
            raise Unauthenticated("sign in first")
        return SimpleNamespace(plan=self._plan, scopes=self._scopes)


def context(sessions: TwinSessions) -> Context:
    services = SimpleNamespace(sessions=sessions, permissions=PERMISSIONS)
    return Context(cast(Services, services), Request({"type": "http", "headers": []}))


PERMISSIONS = Permissions()


async def ask(
    query: str, plan: str | None = "free", name: str | None = None, variables: dict[str, Any] | None = None
) -> ExecutionResult:
    executed.clear()
    return await SCHEMA.execute(query, variables, context(TwinSessions(plan)), operation_name=name)


ALLOWED = [
    "{ open }",
    "{ __typename __schema { types { name } } }",
    "{ named { ... on Plain { name plain } } }",
    "{ either { ... on Plain { name } __typename } }",
    "{ live @skip(if: true) open }",
    "{ live @include(if: false) open }",
    "{ ...A @include(if: false) open } fragment A on Query { live }",
    "{ ... @skip(if: true) { live } open }",
    "query($live: Boolean = false) { live @include(if: $live) open }",
    "query($hide: Boolean! = true) { live @skip(if: $hide) open }",
]
REFUSED = [
    "{ live }",
    "{ open: live }",
    "{ ...A } fragment A on Query { ...B } fragment B on Query { live }",
    "{ ... { ... on Query { live } } }",
    "{ named { name } }",
    "{ named { ...A } } fragment A on Named { name }",
    "{ either { ... on Named { name } } }",
    "{ either { ... on Secret { secret } } }",
    "{ derived { own } }",
    "{ forgotten }",
    "{ open live @include(if: true) }",
    "{ live @include(if: true) @skip(if: false) }",
    "{ a: open @include(if: false) ...A @include(if: false) ...A } fragment A on Query { live }",
    "mutation { change }",
    "query($live: Boolean = true) { live @include(if: $live) }",
]


@pytest.mark.parametrize("query", ALLOWED)
async def test_what_cannot_be_executed_is_not_asked_for(query: str) -> None:
    assert (await ask(query)).errors is None


@pytest.mark.parametrize("query", REFUSED)
async def test_a_field_that_may_not_be_asked_for_is_found_and_nothing_is_executed(query: str) -> None:
    plan = None if query.startswith("mutation") else "free"
    answer = await ask(query, plan)
    assert answer.errors, query
    kinds = (Unauthenticated,) if plan is None else (Forbidden,)
    assert all(isinstance(error.original_error, kinds) for error in answer.errors)
    assert all(error.path and error.locations for error in answer.errors)
    assert executed == []


async def test_the_error_says_where_in_the_answer_it_would_have_been() -> None:
    answer = await ask("{ open all: named { ... on Secret { whisper: secret } } }")
    assert answer.errors is not None
    assert [error.path for error in answer.errors] == [["all", "whisper"]]


async def test_a_remembered_walk_heeds_the_variables_of_the_moment() -> None:
    query = "query($live: Boolean = false) { live @include(if: $live) open }"
    outcomes = []
    for variables in ({}, {"live": True}, {"live": False}, {"live": None}, {"live": "true"}, {}):
        answer = await ask(query, variables=variables)
        outcomes.append(answer.errors is None)
        assert "live" not in executed
    assert outcomes == [True, False, True, False, False, True]
    assert (await ask(query, "pro", variables={"live": True})).errors is None
    assert executed == ["live", "open"]


async def test_only_the_operation_that_is_executed_is_decided() -> None:
    both = "query A { open } query B { live }"
    assert (await ask(both, name="A")).errors is None
    assert (await ask(both, name="B")).errors
    assert executed == []


async def test_of_several_without_a_name_the_first_is_executed_and_decided() -> None:
    assert (await ask("query A { open } query B { live }")).errors is None
    assert executed == ["open"]
    assert (await ask("query B { live } query A { open }")).errors
    assert executed == []


@pytest.mark.parametrize("name", ["", "C"])
@pytest.mark.parametrize(
    "query", ["query A { open } query B { live }", "query B { live } query A { open }", "{ live }"]
)
async def test_an_operation_that_is_not_there_executes_nothing_that_was_not_decided(query: str, name: str) -> None:
    with contextlib.suppress(CannotGetOperationTypeError):  # the endpoint answers it as a bad request
        await ask(query, name=name)
    assert "live" not in executed


async def test_what_no_rule_mentions_is_refused_to_everybody() -> None:
    answer = await ask("{ forgotten }", "admin")
    assert answer.errors is not None
    assert "no rule mentions" in answer.errors[0].message


async def test_a_type_that_inherits_a_covered_one_must_say_itself_what_it_needs() -> None:
    for name in ("own", "inherited"):
        assert (await ask(f"{{ derived {{ {name} }} }}", "admin")).errors


async def test_without_somebody_who_asks_nothing_is_given() -> None:
    executed.clear()
    assert (await SCHEMA.execute("{ open }")).errors
    assert executed == []


async def test_a_subscription_is_decided_before_it_begins() -> None:
    executed.clear()
    for plan, is_allowed in (("free", False), ("pro", True)):
        answer = await SCHEMA.subscribe("subscription { lives }", context_value=context(TwinSessions(plan)))
        if isinstance(answer, AsyncIterator):
            first = await anext(answer)
            assert (first.errors is None) is is_allowed
        else:
            assert not is_allowed
            assert answer.errors
        assert executed == (["lives"] if is_allowed else [])


async def test_while_nobody_can_be_told_who_asks_there_is_one_answer_and_one_question() -> None:
    sessions = TwinSessions("away")
    answer = await SCHEMA.execute("{ live named { ... on Plain { name } } }", context_value=context(sessions))
    assert answer.errors is not None
    assert [type(error.original_error) for error in answer.errors] == [Unavailable]
    assert sessions.asked == 1


async def test_each_thing_that_is_lacking_is_told_once() -> None:
    answer = await ask("{ a: live b: live either { ... on Secret { secret } } forgotten }")
    assert answer.errors is not None
    assert len(answer.errors) == 2
