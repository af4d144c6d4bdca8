"""NOT, ANY-OF and ALL-OF; and what cannot be told."""

from itertools import product

import pytest

from controller.logic.groups import untold
from controller.logic.verdict import Stage
from cryptwire.domain.figure import figure_key
from cryptwire.domain.rule_set import AllOf, AnyOf, Compare, Confirmation, FigureOf, Node, Not, Relation, Rule
from tests.unit.controller.logic.builders import AT_ONCE, Watch, told

NAMES = ("balance", "positions", "funds.usage")
CONFIRMED_LATER = Confirmation(1000, 0)
VALUES = {Stage.NO_DATA: None, Stage.WAITS: 0.0, Stage.TRUE: 2.0}


def above(name: str, confirmation: Confirmation = AT_ONCE) -> Rule:
    return Rule(Compare(FigureOf(figure_key(name)), Relation.ABOVE, 1.0), confirmation)


def stage_of(node: Node, **values: float | None) -> Stage:
    watch = Watch.of(node)
    watch.see(100)
    watch.see(100, figures=told({name.replace("_", "."): value for name, value in values.items()}))
    assert watch.last is not None
    return watch.last.verdict.parts[0].stage


ONE, TWO = above("balance"), above("positions")
NONE, NO, MAYBE, YES = Stage.NO_DATA, Stage.WAITS, Stage.CONFIRMING, Stage.TRUE


@pytest.mark.parametrize(("one", "two"), list(product([NONE, NO, YES], repeat=2)))
def test_r4_a_group_is_what_its_members_are_and_cannot_be_told_when_one_cannot(one: Stage, two: Stage) -> None:
    values = {"balance": VALUES[one], "positions": VALUES[two]}
    is_blind, truths = NONE in (one, two), (one is YES, two is YES)

    def expected(is_true: bool) -> Stage:
        return NONE if is_blind else YES if is_true else NO

    assert stage_of(AnyOf((ONE, TWO)), **values) is expected(any(truths))
    assert stage_of(AllOf((ONE, TWO)), **values) is expected(all(truths))
    assert stage_of(Not(AnyOf((ONE, TWO))), **values) is expected(not any(truths))
    assert stage_of(Not(AllOf((ONE, TWO))), **values) is expected(not all(truths))
    assert stage_of(AnyOf((Not(ONE), TWO)), **values) is expected(not truths[0] or truths[1])
    assert stage_of(Not(AllOf((Not(ONE), Not(TWO)))), **values) is expected(any(truths))


def test_r4_not_of_no_data_is_no_data() -> None:
    assert stage_of(Not(ONE), balance=None) is NONE
    assert stage_of(Not(Not(ONE)), balance=None) is NONE
    assert stage_of(Not(ONE), balance=0.0) is YES
    assert stage_of(Not(ONE), balance=2.0) is NO
    assert stage_of(Not(Not(ONE)), balance=2.0) is YES


SLOWLY = above("balance", CONFIRMED_LATER)


def test_what_is_being_confirmed_stands_between() -> None:
    assert stage_of(AllOf((SLOWLY, TWO)), balance=2.0, positions=2.0) is MAYBE
    assert stage_of(AllOf((SLOWLY, TWO)), balance=2.0, positions=0.0) is NO
    assert stage_of(AnyOf((SLOWLY, TWO)), balance=2.0, positions=0.0) is MAYBE
    assert stage_of(AnyOf((SLOWLY, TWO)), balance=2.0, positions=2.0) is YES
    assert stage_of(Not(SLOWLY), balance=2.0) is NO


def test_r8_a_not_is_confirmed_in_being_false() -> None:
    assert stage_of(Not(SLOWLY), balance=0.0) is MAYBE
    watch = Watch.of(Not(above("balance", Confirmation(3, 0))))
    watch.see(100)
    wick = [2.0, 2.0, 0.0, 2.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0]
    fires = [watch.see(100, figures=told({"balance": value})).fires for value in wick]
    assert fires == [False] * 9 + [True]


def test_r8_not_any_of_and_not_all_of_are_confirmed_so_too() -> None:
    slowly = above("balance", Confirmation(2, 0))
    for node in (Not(AnyOf((slowly, TWO))), Not(AllOf((slowly, Not(TWO))))):
        watch = Watch.of(node)
        watch.see(100)
        fires = [watch.see(100, figures=told({"balance": 0.0, "positions": 0.0})).fires for _ in range(2)]
        assert fires == [False, True], node


def test_every_rule_is_looked_at_where_the_group_is_decided_without_it() -> None:
    watch = Watch.of(AnyOf((ONE, above("positions", Confirmation(9, 0)))), above("funds.usage"))
    watch.see(100)
    for _ in range(3):
        watch.see(100, figures=told({"balance": 2.0, "positions": 2.0, "funds.usage": 0.0}))
    assert [state.ticks for state in watch.state.rules] == [1, 3, 0]


def test_a_tree_says_why_it_cannot_be_told_and_how_far_it_is() -> None:
    watch = Watch.of(Not(ONE), AnyOf((above("positions"), above("funds.usage"))), AllOf((TWO, above("funds.usage"))))
    watch.see(100)
    watch.see(100, figures=told({"balance": 2.0, "positions": 0.5, "funds.usage": 0.8}))
    assert watch.last is not None
    root = watch.last.verdict
    assert [part.text for part in root.parts] == ["not", "any of", "all of"]
    negated, any_of, all_of = root.parts
    assert negated.parts[0].distance is None
    assert [any_of.distance, all_of.distance, root.distance] == pytest.approx([0.25, 1.0, 1.0])
    assert root.text == "all of"
    watch.see(100, figures=told({"balance": None, "positions": 2.0, "funds.usage": 0.8}))
    assert (watch.last.verdict.stage, watch.last.verdict.text) == (
        NONE,
        "balance needs more than the 10 readings there are",
    )
    assert watch.last.verdict.parts[0].text == "balance needs more than the 10 readings there are"
    assert (any_of := watch.last.verdict.parts[1]).stage is YES
    assert any_of.distance == 0


def test_a_group_without_any_distance_has_none() -> None:
    watch = Watch.of(AnyOf((Not(ONE),)))
    watch.see(100)
    watch.see(100, figures=told({"balance": 2.0}))
    assert watch.last is not None
    assert watch.last.verdict.parts[0].distance is None


def test_when_nothing_can_be_told_the_tree_is_the_same() -> None:
    verdict = untold(AllOf((Not(AnyOf((ONE, TWO))), ONE)), "why")
    assert [verdict.stage, verdict.text] == [NONE, "why"]
    assert len(verdict.parts) == 2
    assert len(verdict.parts[0].parts[0].parts) == 2
    assert verdict.parts[0].parts[0].parts[1].text == "why"
    assert verdict.parts[0].stage is verdict.parts[0].parts[0].stage is verdict.parts[1].stage is NONE
