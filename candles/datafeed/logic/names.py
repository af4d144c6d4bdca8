"""Finding pairs of exchanges by what somebody types."""

from collections.abc import Iterable

from cryptwire.domain.pair_names import Named

_QUOTES = ("USDT", "USD", "USDC", "EUR", "BTC", "ETH", "FDUSD", "GBP", "BNB", "KCS")
_RANKS = {quote: rank for rank, quote in enumerate(_QUOTES)}


def matching(named: Iterable[Named], query: str, limit: int) -> list[Named]:
    """Those whose name holds ``query``, in whatever case: those that begin with it first, in the usual quotes first."""
    wanted = query.strip().upper()
    exchange, colon, rest = wanted.rpartition(":")
    plain = _plain(rest if colon else wanted)
    found = []
    for one in named:
        if colon and exchange != one.pair.exchange.upper():
            continue
        name = _plain(f"{one.pair.base}{one.pair.quote}")
        if plain in name:
            quote = _RANKS.get(one.pair.quote, len(_RANKS))
            found.append(((one.pair.base != plain, not name.startswith(plain), quote, len(name), one.symbol), one))
    return [one for _, one in sorted(found)[:limit]]


def _plain(text: str) -> str:
    return text.replace("/", "").replace("-", "").replace(" ", "")
