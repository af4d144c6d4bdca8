"""Sums over trades are right to the last digit, however they are grouped."""

from decimal import Decimal

from cryptwire.domain.trade_statistics import Tally, added, grouped
from cryptwire.domain.trade_tally import Earned, PaidFees, Stretch, TradeTally, joined

D = Decimal
LARGE, SMALL = D("1" + "0" * 30), D("0." + "0" * 29 + "1")


def test_sums_do_not_round() -> None:
    parts = [TradeTally(1, 0, 0, 0, LARGE, D(0), SMALL), TradeTally(0, 2, 1, 1, D(0), SMALL, D(3))]
    whole = added(TradeTally, parts)
    assert whole == TradeTally(1, 2, 1, 1, LARGE, SMALL, D("3." + "0" * 29 + "1"))
    assert str(whole.volume) == "1" + "0" * 30 + "." + "0" * 29 + "1"
    assert whole.count == 3
    assert added(TradeTally, parts[:1]) == parts[0]
    assert added(TradeTally, []) == TradeTally()


def test_groups_add_up_to_the_whole_and_keep_their_order() -> None:
    pairs = [("b", PaidFees(1, D(2), D(0), SMALL)), ("a", PaidFees(2, D(5), D(1), LARGE)), ("b", PaidFees(1, D(1)))]
    groups = grouped(PaidFees, pairs)
    assert list(groups) == ["b", "a"]
    assert groups["b"] == PaidFees(2, D(3), D(0), SMALL)
    assert added(PaidFees, groups.values()) == added(PaidFees, [one for _, one in pairs])
    assert grouped(Tally, []) == {}


def test_stretches_become_one() -> None:
    some = [Stretch(TradeTally(buys=number), Earned(1, number % 2, SMALL * number)) for number in range(5)]
    assert joined(some) == Stretch(TradeTally(buys=10), Earned(5, 2, SMALL * 10))
    assert joined(some[:1]) is some[0]
