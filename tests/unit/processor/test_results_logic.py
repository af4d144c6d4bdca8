"""Which prices results need, and what is done about those that nobody knows."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId, UserId
from cryptwire.domain.result import Ledger
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.domain.trade_result import KnownTrade, Wanted
from processor.logic.results import Missing, Prices, again_at, missing_of, prices_needed, worked

T = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
D = Decimal
BINANCE = Exchange("binance")
BTC, ETH, BNB, USDT, EUR = (Asset(name) for name in ("BTC", "ETH", "BNB", "USDT", "EUR"))
HOPPER = Hopper(HopperId("1"), UserId("u"), "n", BINANCE, USDT, False, timedelta(minutes=1))


def trade(number: int, base: Asset, quote: Asset, fee_in: Asset, fee: str = "1", side: Side = Side.BUY) -> Trade:
    amounts = D(1), D(10), D(10), D(fee)
    return Trade(HOPPER.id, TradeId(str(number)), Pair(BINANCE, base, quote), side, *amounts, fee_in, T + number * HOUR)


def needed(*trades: Trade, bases: tuple[tuple[datetime, Asset], ...] = (), ledger: Ledger | None = None) -> set[Wanted]:
    return prices_needed(HOPPER, bases, [KnownTrade(each) for each in trades], ledger or Ledger())


def test_of_a_trade_in_the_base_currency_with_its_fee_in_it_no_price_is_needed() -> None:
    assert needed(trade(1, ETH, USDT, USDT), trade(2, BTC, USDT, BTC), trade(3, ETH, USDT, BNB, fee="0")) == set()


def test_third_coins_fees_and_other_quotes_are_asked_for_at_their_time() -> None:
    assert needed(trade(1, ETH, BTC, BNB)) == {(BINANCE, BNB, BTC, T + HOUR), (BINANCE, BTC, USDT, T + HOUR)}
    bases = ((T + HOUR, EUR),)
    told = needed(trade(1, ETH, USDT, USDT), trade(2, ETH, USDT, USDT), bases=bases)
    assert told == {(BINANCE, USDT, EUR, T + HOUR)}, "at that moment it was the euro still"


def test_what_a_coin_was_bought_for_is_asked_for_in_its_other_quotes() -> None:
    ledger = Ledger()
    ledger.add(trade(1, ETH, BTC, BTC), Prices({}))
    told = needed(trade(2, ETH, USDT, USDT, side=Side.SELL), ledger=ledger)
    assert told == {(BINANCE, BTC, USDT, T + HOUR), (BINANCE, USDT, BTC, T + 2 * HOUR)}


def test_what_is_known_is_not_asked_for_and_stays() -> None:
    one = trade(1, ETH, BTC, BNB)
    known = KnownTrade(one, D("0.5"), USDT, D(40_000))
    assert prices_needed(HOPPER, (), [known], Ledger()) == set()
    prices = Prices({})
    (row,) = worked(HOPPER, (), [known], Ledger(), prices)
    assert (row.fee, row.rate, prices.missing) == (D("0.5"), D(40_000), set())
    assert prices_needed(HOPPER, ((T + 2 * HOUR, EUR),), [known], Ledger()) == {(BINANCE, BTC, EUR, one.at)}


def test_what_nobody_knows_is_remembered() -> None:
    prices = Prices({})
    (row,) = worked(HOPPER, (), [KnownTrade(trade(1, ETH, BTC, BNB))], Ledger(), prices)
    assert (row.fee, row.rate) == (None, None)
    assert prices.missing == {(BINANCE, BNB, BTC, T + HOUR), (BINANCE, BTC, USDT, T + HOUR)}
    missing = Missing()
    missing.add(prices.missing)
    assert missing.said == "2 prices of the past are not known: BNB in BTC, BTC in USDT"
    assert missing_of(missing.as_json()).kept == missing.kept


def test_of_many_the_last_are_remembered() -> None:
    missing = Missing()
    assert (missing.said, missing_of({}).said) == ("", "")
    for number in range(150):
        missing.add([(BINANCE, Asset(f"C{number}"), USDT, T + number * HOUR), (BINANCE, BNB, USDT, T + number * HOUR)])
    assert len(missing.kept) == 200
    assert min(at for *_, at in missing.kept) == T + 50 * HOUR
    again = missing_of(missing.as_json())
    assert again.said == missing.said
    assert missing.said.startswith("more than 200 prices of the past are not known: BNB in USDT, C100 in USDT")
    assert missing.said.endswith(" and 96 others")


def test_it_is_asked_for_again_ever_later_and_then_not_any_more() -> None:
    pauses = [(again_at(T, tries) or T) - T for tries in range(20)]
    assert pauses[0] == timedelta(minutes=1)
    assert sorted(pauses[:16]) == pauses[:16]
    assert set(pauses[16:]) == {timedelta(0)}
