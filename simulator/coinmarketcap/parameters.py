"""What requests ask for, and what is said about those that cannot be."""

from collections.abc import Collection
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from simulator.coinmarketcap.plans import Failed

SORTS = (
    "market_cap", "name", "symbol", "date_added", "market_cap_strict", "price", "circulating_supply", "total_supply",
    "max_supply", "num_market_pairs", "volume_24h", "percent_change_1h", "percent_change_24h", "percent_change_7d",
)  # fmt: skip
FILTERS = ("price", "market_cap", "volume_24h", "circulating_supply", "percent_change_24h")
PERIODS = ("all_time", "yesterday", "24h", "7d", "30d", "90d", "365d")
_KEY = "CMC_PRO_API_KEY"
_LISTINGS = {
    "start", "limit", "convert", "convert_id", "sort", "sort_dir", "cryptocurrency_type", "tag", "aux",
    *(f"{name}_{end}" for name in FILTERS for end in ("min", "max")),
}  # fmt: skip
_PERFORMANCE = {"id", "slug", "symbol", "time_period", "convert", "convert_id", "skip_invalid"}


def bad(said: str) -> Failed:
    """A parameter that cannot be."""
    return Failed(400, said, 400)


@dataclass(frozen=True, slots=True)
class Listing:
    start: int
    limit: int
    convert: tuple[str, ...]
    sort: str
    is_descending: bool
    kind: str
    bounds: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class Performance:
    by: str
    names: tuple[str, ...]
    periods: tuple[str, ...]
    convert: tuple[str, ...]
    skips_invalid: bool


def listing(query: QueryParams) -> Listing:
    """Raises Failed, 400, naming the parameter."""
    _only(query, _LISTINGS)
    bounds = []
    for name in FILTERS:
        least, most = (_real(query, f"{name}_{end}") for end in ("min", "max"))
        bounds.append((name, float("-inf") if least is None else least, float("inf") if most is None else most))
    return Listing(
        _whole(query, "start", 1, 10_000_000),
        _whole(query, "limit", 100, 5_000),
        _convert(query),
        _one(query, "sort", SORTS),
        _one(query, "sort_dir", ("desc", "asc")) == "desc",
        _one(query, "cryptocurrency_type", ("all", "coins", "tokens")),
        tuple(bounds),
    )


def performance(query: QueryParams) -> Performance:
    """Raises Failed, 400, naming the parameter."""
    _only(query, _PERFORMANCE)
    given = [name for name in ("id", "slug", "symbol") if query.get(name)]
    if len(given) != 1:
        raise bad('"value" must contain exactly one of [id, slug, symbol]')
    names = tuple(each.strip() for each in query[given[0]].split(",") if each.strip())
    if given[0] == "id" and not all(name.isdecimal() for name in names):
        raise bad('"id" should include at least one valid id')
    periods = tuple(query.get("time_period", "all_time").split(","))
    if unknown := [each for each in periods if each not in PERIODS]:
        raise bad(f'"time_period" must be one of [{", ".join(PERIODS)}], not {unknown[0][:20]}')
    skips = query.get("skip_invalid", "true")
    if skips not in ("true", "false"):
        raise bad('"skip_invalid" must be a boolean')
    return Performance(given[0], names, periods, _convert(query), skips == "true")


def _only(query: QueryParams, known: Collection[str]) -> None:
    for name in query:
        if name not in known and name != _KEY:
            raise bad(f'"{name[:40]}" is not allowed')


def _whole(query: QueryParams, name: str, otherwise: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return otherwise
    if not text.isdecimal() or len(text) > 9:
        raise bad(f'"{name}" must be a number')
    if not 1 <= int(text) <= most:
        raise bad(f'"{name}" must be larger than or equal to 1 and less than or equal to {most}')
    return int(text)


def _real(query: QueryParams, name: str) -> float | None:
    text = query.get(name)
    try:
        return None if text is None else float(text)
    except ValueError:
        raise bad(f'"{name}" must be a number') from None


def _one(query: QueryParams, name: str, known: tuple[str, ...]) -> str:
    """One of ``known``, the first where nothing is said."""
    value = query.get(name, known[0])
    if value not in known:
        raise bad(f'"{name}" must be one of [{", ".join(known)}]')
    return value


def _convert(query: QueryParams) -> tuple[str, ...]:
    if query.get("convert_id"):
        raise bad('"convert_id" is not played by this simulator; use "convert"')
    symbols = tuple(dict.fromkeys(each.strip().upper() for each in query.get("convert", "USD").split(",")))
    if not 1 <= len(symbols) <= 120 or not all(symbols):
        raise bad('"convert" must be 1 to 120 symbols')
    return symbols
