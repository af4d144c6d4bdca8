"""What a link can show: nothing that nobody has decided about, and nothing that tells whose it is."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import strawberry
from graphql import GraphQLObjectType, OperationDefinitionNode, parse

from api.schema import SCHEMA
from api.schema.analytics import Analytics
from api.schema.analytics.parts import is_traded_at, leaf_of, traded_at
from api.schema.rules import asked, covered, field, needs_of, opening
from api.schema.shared import FIGURES, LEFT_OUT, NEVER, PARTS, SharedAnalytics, veil
from api.schema.shares import SharePart as Told
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.share import SharePart
from cryptwire.permissions import Needs, Permissions, Roles
from tests.unit.api.analytics.test_masking import below

WORDS = ("hopper", "user", "account", "address", "token", "url", "email")
HARMLESS = {
    "CoinProfit.hoppers": "a list of parts, whose ids are numbers",
}
"""Fields below that sound as if they told whose they are, and do not."""


def fields_of(kind: type) -> set[str]:
    definition: Any = kind.__strawberry_definition__  # type: ignore[attr-defined]
    return {one.python_name for one in definition.fields}


def test_of_each_field_of_analytics_it_is_decided_whether_a_link_may_show_it() -> None:
    shown = [name for names in PARTS.values() for name in names]
    assert len(shown) == len(set(shown))
    assert not {*shown} & NEVER.keys()
    undecided = fields_of(Analytics) - {*shown, *NEVER}
    assert undecided == set(), "say in api/schema/shared.py to which part it belongs, or NEVER"
    assert fields_of(SharedAnalytics) == set(shown)
    assert PARTS.keys() == set(SharePart), "a part without a field shows nothing"
    assert {str(part.value) for part in Told} == {part.value for part in SharePart}


def test_nothing_below_tells_a_hopper_or_a_row_of_somebodys_but_what_is_changed() -> None:
    telling, cursors = set(), set()
    for kind, name, declared in below("SharedAnalytics"):
        if kind.name == "SharedAnalytics":
            continue
        if "cursor" in name.lower():
            cursors.add(declared.python_name)
        elif leaf_of(declared) is not strawberry.ID and any(word in name.lower() for word in WORDS):
            telling.add(f"{kind.name}.{name}")
    assert telling == HARMLESS.keys()
    assert cursors <= LEFT_OUT


def test_what_stands_below_needs_nothing_that_is_not_of_figures_which_everybody_may_see_of_his_own() -> None:
    needed = {needs_of(kind, name) for kind, name, _ in below("SharedAnalytics") if kind.name != "SharedAnalytics"}
    assert needed <= FIGURES
    permissions = Permissions()
    assert all(permissions.can(Roles.of("free", None), needs) for needs in FIGURES)
    shared = SCHEMA._schema.type_map["SharedAnalytics"]
    assert isinstance(shared, GraphQLObjectType)
    assert {needs_of(shared, name) for name in shared.fields} == {Needs("view", "shared")}


# ---- the veil ----


@strawberry.type
class Row:
    hopper_id: strawberry.ID
    note: str | None = None


@strawberry.type
class Table:
    rows: list[Row]
    best: Row | None
    hopper_ids: list[strawberry.ID]
    end_cursor: strawberry.ID | None
    numbers: list[float]


def test_hoppers_are_numbers_and_cursors_are_left_out() -> None:
    row = Row(hopper_id=strawberry.ID("h-7"), note="x")
    ids = [strawberry.ID("h-8"), strawberry.ID("h-7"), strawberry.ID("other")]
    table = Table(rows=[row], best=row, hopper_ids=ids, end_cursor=strawberry.ID("abc"), numbers=[1.0])
    shown = veil([table, None], {HopperId("h-7"): "1", HopperId("h-8"): "2"}, ZoneInfo("UTC"))
    (told, nothing) = shown
    assert nothing is None
    assert (told.rows[0].hopper_id, told.rows[0].note, told.best.hopper_id) == ("1", "x", "1")
    assert (told.hopper_ids, told.end_cursor, told.numbers) == (["2", "1", "other"], None, [1.0])
    assert (row.hopper_id, table.end_cursor) == ("h-7", "abc"), "what others read is as it was"


@strawberry.type
class Made:
    at: datetime = traded_at("When it was made.")
    since: datetime
    held_for: int | None


def test_moments_of_trades_are_the_beginnings_of_days_by_the_owners_clock() -> None:
    late, since = datetime(2026, 3, 28, 23, 59, 41, tzinfo=UTC), datetime(2026, 3, 1, 7, 15, tzinfo=UTC)
    (shown,) = veil([Made(at=late, since=since, held_for=3601)], {}, ZoneInfo("Europe/Berlin"))
    assert (shown.at, shown.since, shown.held_for) == (datetime(2026, 3, 28, 23, tzinfo=UTC), since, None)


def test_of_each_moment_a_link_tells_it_is_decided_whether_it_is_of_a_trade() -> None:
    moments = {
        (f"{kind.name}.{name}", is_traded_at(declared))
        for kind, name, declared in below("SharedAnalytics")
        if leaf_of(declared) is datetime
    }
    of_days = {"Activity.at", "CoinProfit.asOf", "HopperCoinSum.since", "HopperCoinSum.until", "Benchmark.asOf"}
    of_days |= {"Calendar.asOf", *(f"AnalyticsDays.{name}" for name in ("endsAt", "asOf", "computedUntil"))}
    assert {name for name, is_of_a_trade in moments if not is_of_a_trade} == of_days
    assert ("RankedResult.openedAt", True) in moments


# ---- openings ----


@covered("view", "statistics")
@strawberry.type
class Inner:
    plain: str = "plain"
    forgotten: str = strawberry.field(default="x")

    @field("view", "rules", "…")
    def secret(self) -> str:
        return "secret"

    @field("view", "statistics", "…")
    def again(self) -> "Inner":
        return Inner()


@strawberry.type
class Careless:
    forgotten: str = "forgotten"

    @field("view", "app", "…")
    def inner(self) -> Inner:
        return Inner()


@strawberry.type
class Query:
    @opening("view", "shared", frozenset({Needs("view", "statistics")}), "…")
    def open(self) -> Inner:
        return Inner()

    @opening("view", "shared", frozenset({Needs("view", "app")}), "…")
    def other(self) -> Careless:
        return Careless()

    @field("view", "statistics", "…")
    def closed(self) -> Inner:
        return Inner()


PLAYED = strawberry.Schema(Query)._schema


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("{ open { plain again { plain } } }", {"view shared"}),
        ("{ open { secret } }", {"view shared", "view rules"}),
        ("{ closed { plain } }", {"view statistics"}),
        ("{ open { ...F } closed { ...F } } fragment F on Inner { plain }", {"view shared", "view statistics"}),
        ("{ closed { ...F } open { ...F } } fragment F on Inner { plain }", {"view shared", "view statistics"}),
        ("{ other { inner { plain } } }", {"view shared", "view statistics"}),
        ("{ other { forgotten } }", {"view shared", "None"}),
    ],
)
def test_an_opening_stands_for_what_it_says_below_it_and_for_nothing_else(text: str, needed: set[str]) -> None:
    document = parse(text)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    assert {str(one.needs) for one in asked(PLAYED, document, operation, {})} == needed
