"""What a verdict says in words: the rules that decide it, whatever groups they stand in."""

from dataclasses import replace

from controller.logic.evaluation import would_fire_now
from controller.logic.groups import untold
from controller.logic.verdict import Stage, Verdict
from cryptwire.domain.rule_set import AllOf, AnyOf, Confirmation, FundsUsage, Not, PositionCount, Relation, Rule
from tests.unit.controller.logic.builders import AT_ONCE, Watch, body, inputs, snapshot, told

SHOWN = told({"funds.usage": 0.8})
MANY = Rule(PositionCount(Relation.ABOVE, 0), AT_ONCE)
FEW = Rule(PositionCount(Relation.BELOW, 1), AT_ONCE)
SPENT = Rule(FundsUsage(Relation.ABOVE, 0.7), AT_ONCE)
ALL_SPENT = Rule(FundsUsage(Relation.ABOVE, 0.9), AT_ONCE)
YES, NO = "3 positions are open, more than 0", "3 positions are open, not fewer than 1"


def said(*when: Rule | Not | AnyOf | AllOf) -> str:
    """Of three positions and four fifths invested."""
    return would_fire_now(body(*when), inputs(snapshot(100, 9, positions=3, figures=SHOWN))).words


def leaf(stage: Stage, text: str) -> Verdict:
    return Verdict(stage, text)


def test_r21_what_is_true_says_why_it_is() -> None:
    assert said(MANY) == YES
    assert said(MANY, SPENT) == f"{YES}; 80 % of the balance is invested, more than 70 %"


def test_r21_what_waits_says_what_for_and_no_more() -> None:
    assert said(MANY, ALL_SPENT) == "80 % of the balance is invested, not more than 90 %"
    assert said(FEW, ALL_SPENT) == f"{NO}; 80 % of the balance is invested, not more than 90 %"


def test_r21_groups_are_told_by_the_rules_that_decide_them() -> None:
    assert said(AnyOf((FEW, MANY, ALL_SPENT))) == YES
    assert said(AnyOf((FEW, ALL_SPENT)), MANY) == f"{NO}; 80 % of the balance is invested, not more than 90 %"
    assert said(AllOf((MANY, AnyOf((Not(FEW), ALL_SPENT))))) == f"{YES}; {NO}"
    assert said(Not(AnyOf((FEW, ALL_SPENT)))) == f"{NO}; 80 % of the balance is invested, not more than 90 %"
    assert said(Not(AllOf((MANY, SPENT)))) == f"{YES}; 80 % of the balance is invested, more than 70 %"


def test_what_is_being_confirmed_is_called_so() -> None:
    watch = Watch.of(Rule(PositionCount(Relation.ABOVE, 0), Confirmation(5, 0)), MANY)
    for _ in range(3):
        watch.see(100, positions=3)
    assert watch.last is not None
    assert watch.last.verdict.words == f"{YES} (being confirmed)"


def test_the_same_is_said_once_and_what_cannot_be_told_is_told_as_it_is() -> None:
    assert said(MANY, MANY, AnyOf((MANY,))) == YES
    assert untold(body(MANY, Not(SPENT)).when, "nothing is heard").words == "nothing is heard"


def test_a_phase_says_more_than_the_rules() -> None:
    watch = Watch.of(MANY)
    for _ in range(5):
        watch.see(100, positions=3)
    assert watch.last is not None
    assert watch.last.verdict.words == "it fired, and its actions are being done"


def test_words_have_an_end_and_what_is_left_out_is_counted() -> None:
    parts = tuple(leaf(Stage.TRUE, f"{number} " + "x" * 96) for number in range(9))
    words = Verdict(Stage.TRUE, "all of", parts=parts).words
    assert words.endswith("x; and 7 more")
    assert words.count(";") == 2
    assert 200 < len(words) <= 300
    for stage, text in ((Stage.TRUE, "all of"), (Stage.WAITS, "y" * 500)):
        long = Verdict(stage, text, parts=tuple(replace(part, said="x" * 500) for part in parts[:1])).words
        assert long.endswith("…")
        assert len(long) <= 300
    edge = Verdict(Stage.TRUE, "any of", parts=(leaf(Stage.TRUE, "a" * 139), leaf(Stage.TRUE, "b" * 141))).words
    assert edge == f"{'a' * 139}; {'b' * 141}"
