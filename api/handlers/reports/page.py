"""The performance report as one page of HTML that needs nothing else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from api.handlers.analytics.scope import Person, Scope
from api.handlers.reports import sections, trade_sections, words
from api.handlers.reports.figures import Figures
from api.handlers.reports.markup import Child, Markup, element
from api.handlers.reports.sections import Named
from api.handlers.reports.style import policy, style_of
from api.handlers.reports.words import Amounts
from api.schema.analytics.performance import AnalyticsDays
from cryptwire.domain.day import zone_of

_MOST_NAMES = 12


@dataclass(frozen=True, slots=True)
class Shown:
    """What a link is called, and when it ends."""

    title: str
    ends_at: datetime


def page_of(figures: Figures, scope: Scope, person: Person, shared: Shown | None = None) -> tuple[str, str]:
    """The page, and the content policy that it is to be served with; ``shared``: for whoever has a link."""
    amounts = Amounts.of(scope.currency, person.preferences, is_masked=scope.is_masked)
    style, zone = style_of(person.preferences.colours.value), zone_of(scope.zone)
    title = shared.title if shared else f"Performance, {words.day(scope.since)} to {words.day(scope.until)}"
    header = _header(figures, scope, amounts, title, zone, shared)
    return whole(
        title, style, header, *_body(figures, scope, amounts, zone, is_shared=shared is not None), _footer(scope)
    ), policy(style)


def whole(title: str, style: str, *body: Child) -> str:
    """A page of ours, which nobody indexes."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="robots", content="noindex, nofollow"),
        element("title", f"{title} – Cryptwire"),
        element("style", Markup(style)),
    )
    return f'<!doctype html>\n<html lang="en">{head}{element("body", *body)}</html>\n'


def _body(figures: Figures, scope: Scope, amounts: Amounts, zone: ZoneInfo, *, is_shared: bool) -> Iterator[Child]:
    """The sections, but those of which nothing is told."""
    days, benchmark, holding = figures.days, figures.benchmark, figures.holding
    earned = sections.earned(figures.returns, amounts) if figures.returns else []
    risked = sections.risked(figures.risk) if figures.risk else []
    beside = sections.beside_named(benchmark, amounts) if benchmark else []
    traded = trade_sections.traded(figures.trades, amounts) if figures.trades else []
    paid = trade_sections.paid(figures.fees, amounts) if figures.fees else []
    if days:
        yield _nothing(days)
    yield _cards(earned, risked)
    if days:
        yield sections.value_section(days, benchmark, holding, amounts)
    if figures.months and figures.years:
        yield sections.calendar_section(figures.months, figures.years)
    if earned:
        yield sections.section(f"What was earned, amounts in {amounts.currency}", sections.figure_table(earned))
    if risked:
        yield sections.section("What was risked for it", sections.figure_table(risked))
    if figures.drawdowns is not None:
        yield sections.drawdown_section(figures.drawdowns, days)
    if benchmark and holding:
        yield sections.beside_section(benchmark, holding, amounts)
    if figures.coins:
        yield sections.coin_section(figures.coins, amounts)
    if figures.held:
        best, worst = figures.best or [], figures.worst or []
        yield trade_sections.trade_section(traded, best, worst, figures.held, amounts, zone, is_shared=is_shared)
    if figures.attribution:
        yield trade_sections.attribution_section(figures.attribution, amounts)
    if figures.fees:
        yield trade_sections.fee_section(paid, figures.fees, amounts)
    if days:
        yield sections.data_section(days, scope.since, scope.until)
    more = sections.coin_definitions(figures.coins) if figures.coins else []
    held = trade_sections.held_times(figures.held) if figures.held else []
    yield sections.definitions([*earned, *risked, *beside, *traded, *held, *paid], more)


def _header(
    figures: Figures, scope: Scope, amounts: Amounts, title: str, zone: ZoneInfo, shared: Shown | None
) -> Markup:
    names = [known.hopper.name for known in scope.hoppers]
    told = ", ".join(names[:_MOST_NAMES])
    if len(names) > _MOST_NAMES:
        told += f" and {len(names) - _MOST_NAMES} more"
    kind = "play money" if scope.is_paper else "real money"
    data = None
    if figures.days:
        data = f"to {words.moment(figures.days.as_of, zone)}, {words.age(figures.days.as_of, scope.now)}"
    facts = (
        ("Hoppers", f"{told or 'none'} ({kind})"),
        ("Days", f"{words.day(scope.since)} to {words.day(scope.until)}, days of {scope.zone}"),
        ("Currency", f"{amounts.currency}, converted at the rates of each moment"),
        ("Data", data),
        ("Made", words.moment(scope.now, zone)),
        ("Link", f"ends {words.moment(shared.ends_at, zone)}" if shared else None),
    )
    told_facts = [part for name, fact in facts if fact for part in (element("dt", name), element("dd", fact))]
    masked = element("p", "Amounts are masked.", class_="warn") if scope.is_masked else None
    return element("header", element("h1", title), element("dl", *told_facts), masked)


def _nothing(days: AnalyticsDays) -> Markup | None:
    if days.dates:
        return None
    return element(
        "p",
        "Of these days nothing is known yet: a day is known when it has ended and its hopper was seen.",
        class_="warn",
    )


def _cards(earned: Sequence[Named], risked: Sequence[Named]) -> Markup | None:
    """The figures that most look at first, each with how much it says."""
    by_name = {one.name: one for one in (*earned, *risked)}
    chosen = (
        "Time-weighted return",
        "Gain",
        "Value at the end",
        "Deposits less withdrawals",
        "Money-weighted return",
        "Greatest drawdown",
        "Sharpe",
        "Volatility, a year",
    )
    cards = [_card(by_name[name]) for name in chosen if name in by_name]
    return element("ul", *cards, class_="cards") if cards else None


def _card(one: Named) -> Markup:
    size = f"n = {words.count(one.figure.sample_size)}"
    why = one.figure.note if one.told == words.UNKNOWN else None  # notes of known figures stand in their tables
    note = size if why is None else f"{size}; {why}"
    return element("li", element("span", one.name), element("b", one.told), element("small", note))


def _footer(scope: Scope) -> Markup:
    told = (
        "Made by Cryptwire from stored candles, balances and trades; a past return says nothing of the next."
        f" Moments are of {scope.zone}."
    )
    return element("footer", element("p", told))
