"""What would bring a balance to its targets: done, it is there, and what has no target is left alone."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.hopper import Asset
from cryptwire.domain.rebalancing import Advice, Move, checked, rebalancing
from cryptwire.errors import Invalid

BTC, ETH, DOGE, USDT = ASSETS = tuple(map(Asset, ("BTC", "ETH", "DOGE", "USDT")))
ONE = dict.fromkeys(ASSETS, Decimal(1))
NONE = Decimal(0)


def by_asset(moves: object) -> dict[Asset, Move]:
    return {one.asset: one for one in moves}  # type: ignore[attr-defined]


def test_the_worked_example() -> None:
    held = {BTC: Decimal("0.01"), ETH: Decimal(2), DOGE: Decimal(500), USDT: Decimal(1200)}
    prices = {BTC: Decimal(50_000), ETH: Decimal(1_000), DOGE: Decimal("0.6"), USDT: Decimal(1)}  # 500, 2000, 300, 1200
    targets = {BTC: Decimal("0.4"), ETH: Decimal("0.25")}
    found = rebalancing(held, prices, USDT, targets, Decimal("0.001"), Decimal(10))
    moves = by_asset(found.moves)
    assert (found.value, found.is_whole) == (Decimal(4000), False)
    assert moves[BTC] == Move(
        BTC, Decimal("0.125"), Decimal("0.4"), Advice.BUY, Decimal(1100), Decimal("0.022"), Decimal("1.1")
    )
    assert (moves[ETH].advice, moves[ETH].amount, moves[ETH].quantity) == (Advice.SELL, Decimal(-1000), Decimal(-1))
    assert (moves[DOGE].advice, moves[DOGE].amount) == (Advice.LEAVE, None)
    assert moves[USDT].advice is Advice.LEAVE
    assert (found.bought, found.sold, found.fees, found.trades) == (Decimal(1100), Decimal(1000), Decimal("2.1"), 2)
    assert found.base_after == Decimal("1097.9")
    assert [one.asset for one in found.moves][:2] == [BTC, ETH]


def test_what_is_sold_is_right_to_the_last_digit() -> None:
    much = Decimal("123456789012345.123456789012345678")
    found = rebalancing({DOGE: much, USDT: Decimal(5)}, ONE, USDT, {DOGE: NONE}, NONE, Decimal(1))
    assert (found.sold, found.base_after) == (much, Decimal("123456789012350.123456789012345678"))


def test_targets_of_the_whole_leave_nothing_for_other_coins() -> None:
    held = {BTC: Decimal(60), DOGE: Decimal(30), USDT: Decimal(10)}
    found = rebalancing(held, ONE, USDT, {BTC: Decimal("0.7"), USDT: Decimal("0.3")}, None, Decimal(1))
    moves = by_asset(found.moves)
    assert found.is_whole
    assert (moves[DOGE].advice, moves[DOGE].amount, moves[DOGE].target) == (Advice.SELL, Decimal(-30), NONE)
    assert (moves[BTC].advice, moves[BTC].amount, moves[BTC].fee) == (Advice.BUY, Decimal(10), None)
    assert (moves[USDT].advice, moves[USDT].note) == (Advice.KEEP, "what the other trades leave")
    assert (found.base_after, found.fees) == (Decimal(30), None)


def test_too_little_is_no_trade_and_too_much_is_told() -> None:
    held = {BTC: Decimal(50), DOGE: Decimal(45), USDT: Decimal(5)}
    near = rebalancing(held, ONE, USDT, {BTC: Decimal("0.52")}, NONE, Decimal(3))
    assert by_asset(near.moves)[BTC] == Move(
        BTC, Decimal("0.5"), Decimal("0.52"), Advice.KEEP, Decimal(2), Decimal(2), None, "too little for a trade"
    )
    assert near.trades == 0
    far = rebalancing(held, ONE, USDT, {BTC: Decimal("0.7")}, Decimal("0.01"), Decimal(3))
    assert far.base_after == Decimal("-15.2"), "doge has no target: somebody has to sell it first"


def test_without_a_price_nothing_is_advised() -> None:
    found = rebalancing(
        {ETH: Decimal(1), USDT: Decimal(10)}, {USDT: Decimal(1)}, USDT, {ETH: Decimal("0.5")}, None, NONE
    )
    eth = by_asset(found.moves)[ETH]
    assert (eth.advice, eth.amount, eth.weight, eth.note) == (Advice.LEAVE, None, None, "nobody tells its price here")
    nothing = rebalancing({}, ONE, USDT, {ETH: Decimal("0.5")}, None, NONE)
    assert by_asset(nothing.moves)[ETH].note == "nothing that has a price is held"


amounts = st.decimals("0.01", "1000000", places=4)


@given(
    st.dictionaries(st.sampled_from([BTC, ETH, DOGE]), amounts, min_size=1),
    st.dictionaries(st.sampled_from([BTC, ETH, DOGE]), st.integers(1, 30), min_size=1),
    amounts,
    st.fixed_dictionaries(dict.fromkeys((BTC, ETH, DOGE), amounts)),
)
def test_who_does_what_is_advised_is_at_the_targets(
    held: dict[Asset, Decimal], shares: dict[Asset, int], cash: Decimal, prices: dict[Asset, Decimal]
) -> None:
    targets = checked([(asset, Decimal(share) / 100) for asset, share in shares.items()])
    before = {**held, USDT: cash}
    priced = {**prices, USDT: Decimal(1)}
    found = rebalancing(before, priced, USDT, targets, NONE, NONE)
    after = dict(before)
    for one in found.moves:
        if one.advice in (Advice.BUY, Advice.SELL):
            assert one.quantity is not None
            after[one.asset] = after.get(one.asset, NONE) + one.quantity
    after[USDT] = found.base_after
    value = sum(float(quantity) * float(priced[asset]) for asset, quantity in after.items())
    assert value == pytest.approx(float(found.value))
    for asset, target in targets.items():
        assert float(after.get(asset, NONE) * priced[asset]) == pytest.approx(float(target) * value)
    assert all(after[asset] == before[asset] for asset in held if asset not in targets)


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ([], "1 to 50 targets"),
        ([(BTC, "0.5"), (BTC, "0.2")], "BTC is named twice"),
        ([(BTC, "0")], "above 0"),
        ([(BTC, "1.5")], "at most 1"),
        ([(BTC, "0.6"), (ETH, "0.41")], "add up to 1.01"),
        ([(BTC, "0.1234567890123")], "12 digits"),
        ([(Asset(f"C{n}"), "0.01") for n in range(51)], "not 51"),
    ],
)
def test_targets_that_contradict_themselves_are_refused(targets: list[tuple[Asset, str]], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        checked([(asset, Decimal(weight)) for asset, weight in targets])
