"""Any rule set there may be, for hypothesis."""

from datetime import time

from hypothesis import strategies as st

from cryptwire.domain.bar import Resolution
from cryptwire.domain.figure import CATALOGUE, FigureKey
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.rule_set import (
    Action,
    After,
    AllOf,
    AnyOf,
    CancelOrders,
    ChangeConfig,
    Compare,
    Confirmation,
    DrawdownGuard,
    FigureOf,
    FundsUsage,
    Node,
    Not,
    Notify,
    Once,
    PairChange,
    PanicSell,
    PositionCount,
    Recovery,
    Relation,
    Restore,
    Rule,
    RuleSetBody,
    SellPositions,
    StopLoss,
    Switch,
    TakeProfit,
    TimeWindow,
    TrailingStop,
    Turn,
    Wait,
    Which,
    rules_of,
)
from cryptwire.domain.ticker import Pair

_NAMES = sorted(CATALOGUE)
_FALL = st.floats(0.001, 0.99)
_SIDE = st.sampled_from([Relation.ABOVE, Relation.BELOW])
_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=40)
_COINS = st.sampled_from([Asset(each) for each in ("BTC", "ETH", "1000SHIB", "币安人生", "$PAC")])


def keys(*, of_pair: bool) -> st.SearchStrategy[FigureKey]:
    """Any figure of hoppers, or of pairs."""
    names = [each for each in _NAMES if (CATALOGUE[each].of_pairs if of_pair else CATALOGUE[each].of_hoppers)]

    @st.composite
    def build(draw: st.DrawFn) -> FigureKey:
        name = draw(st.sampled_from(names))
        definition, numbers = CATALOGUE[name], {}
        for each in definition.parameters:
            whole = st.integers(int(each.least), int(each.most)).map(float)
            numbers[each.name] = draw(whole if each.is_whole else st.floats(each.least, each.most))
        if name.startswith("macd"):
            numbers["fast"], numbers["slow"] = sorted((min(numbers["fast"], 199.0), numbers["slow"]))
            numbers["fast"] = min(numbers["fast"], 199.0)
            numbers["slow"] = max(numbers["slow"], numbers["fast"] + 1)
        resolution = draw(st.sampled_from(Resolution)).value if definition.of_bars else ""
        return FigureKey.of(name, resolution, **numbers)

    return build()


PAIRS = st.builds(
    Pair, st.sampled_from([Exchange("binance"), Exchange("coinbase"), Exchange("gate_io")]), _COINS, _COINS
)
FIGURES = st.one_of(st.builds(FigureOf, keys(of_pair=False)), st.builds(FigureOf, keys(of_pair=True), PAIRS))
_TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
_COMPARES = st.tuples(FIGURES, st.sampled_from(Relation), st.one_of(st.floats(-1e15, 1e15), FIGURES)).filter(
    lambda each: each[0] != each[2]
)
CONDITIONS = st.one_of(
    st.builds(TrailingStop, st.floats(0, 100), _FALL),
    st.builds(StopLoss, _FALL),
    st.builds(TakeProfit, st.floats(0.001, 1000)),
    st.builds(DrawdownGuard, _FALL, st.integers(15, 525_600)),
    _COMPARES.map(lambda each: Compare(*each)),
    st.builds(PairChange, PAIRS, st.one_of(st.floats(0.001, 100), st.floats(-0.999, -0.001)), st.integers(1, 40_320)),
    st.builds(PositionCount, _SIDE, st.integers(0, 10_000)),
    st.builds(FundsUsage, _SIDE, st.floats(0, 1)),
    st.builds(TimeWindow, _TIMES, _TIMES, st.frozensets(st.integers(0, 6), min_size=1)),
)
RULES = st.builds(Rule, CONDITIONS, st.builds(Confirmation, st.integers(1, 1000), st.floats(0, 86_400)))


def _grouped(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(nodes, min_size=1, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, nodes), st.builds(AnyOf, several), st.builds(AllOf, several))


_LEVEL_1 = st.one_of(RULES, _grouped(RULES))
NODES: st.SearchStrategy[Node] = st.one_of(_LEVEL_1, _grouped(_LEVEL_1))

_DEEDS = st.one_of(
    st.builds(PanicSell, st.booleans()),
    st.builds(SellPositions, st.sampled_from([Which.ALL, Which.LOSING, Which.WINNING]), is_market=st.booleans()),
    st.builds(
        SellPositions,
        st.just(Which.COINS),
        st.lists(_COINS, min_size=1, unique=True).map(tuple),
        st.booleans(),
    ),
    st.builds(Turn, st.sampled_from(Switch), st.booleans()),
    st.builds(ChangeConfig, st.dictionaries(_TEXT, _TEXT, min_size=1, max_size=5)),
    st.builds(CancelOrders),
    st.builds(Notify, _TEXT),
    st.builds(Wait, st.integers(1, 86_400)),
    st.builds(Restore),
)
ACTIONS = st.builds(Action, _DEEDS, st.booleans())
_MINUTES = st.integers(1, 525_600)
AGAIN = st.one_of(st.builds(Once), st.builds(After, _MINUTES), st.builds(Recovery, st.floats(0.001, 100), _MINUTES))


def _is_no_calendar(when: AllOf) -> bool:
    rules = list(rules_of(when))
    return len(rules) <= 20 and any(not isinstance(rule.condition, TimeWindow) for rule in rules)


BODIES = st.builds(
    RuleSetBody,
    _TEXT,
    st.lists(NODES, min_size=1, max_size=3).map(lambda nodes: AllOf(tuple(nodes))).filter(_is_no_calendar),
    st.lists(ACTIONS, min_size=1, max_size=12).map(tuple),
    AGAIN,
)
"""Bodies in which groups stand three deep at most."""
