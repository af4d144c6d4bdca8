"""The performance report as one page of HTML that needs nothing else."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from api.handlers.analytics.scope import Person, Scope
from api.handlers.reports import sections, words
from api.handlers.reports.figures import Figures
from api.handlers.reports.markup import Child, Markup, element
from api.handlers.reports.sections import Named
from api.handlers.reports.style import policy, style_of
from api.handlers.reports.words import Amounts
from cryptwire.domain.day import zone_of

_MOST_NAMES = 12


def page_of(figures: Figures, scope: Scope, person: Person) -> tuple[str, str]:
    """The page, and the content policy that it is to be served with."""
    amounts = Amounts.of(scope.currency, person.preferences, is_masked=scope.is_masked)
    style, zone = style_of(person.preferences.colours.value), zone_of(scope.zone)
    title = f"Performance, {words.day(scope.since)} to {words.day(scope.until)}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="robots", content="noindex"),
        element("title", f"{title} – Cryptwire"),
        element("style", Markup(style)),
    )
    body = element("body", *_body(figures, scope, amounts, title, zone))
    return f'<!doctype html>\n<html lang="en">{head}{body}</html>\n', policy(style)


def _body(figures: Figures, scope: Scope, amounts: Amounts, title: str, zone: ZoneInfo) -> Sequence[Child]:
    earned, risked = sections.earned(figures, amounts), sections.risked(figures)
    return (
        _header(figures, scope, amounts, title, zone),
        _nothing(figures),
        _cards(earned, risked),
        sections.value_section(figures, amounts),
        sections.calendar_section(figures),
        sections.section(f"What was earned, amounts in {amounts.currency}", sections.figure_table(earned)),
        sections.section("What was risked for it", sections.figure_table(risked)),
        sections.drawdown_section(figures),
        sections.beside_section(figures, amounts),
        sections.coin_section(figures, amounts),
        sections.data_section(figures, scope.since, scope.until),
        sections.definitions(
            [*earned, *risked, *sections.beside_named(figures, amounts)], sections.coin_definitions(figures)
        ),
        _footer(scope),
    )


def _header(figures: Figures, scope: Scope, amounts: Amounts, title: str, zone: ZoneInfo) -> Markup:
    names = [known.hopper.name for known in scope.hoppers]
    told = ", ".join(names[:_MOST_NAMES])
    if len(names) > _MOST_NAMES:
        told += f" and {len(names) - _MOST_NAMES} more"
    kind = "play money" if scope.is_paper else "real money"
    facts = (
        ("Hoppers", f"{told or 'none'} ({kind})"),
        ("Days", f"{words.day(scope.since)} to {words.day(scope.until)}, days of {scope.zone}"),
        ("Currency", f"{amounts.currency}, converted at the rates of each moment"),
        ("Data", f"to {words.moment(figures.days.as_of, zone)}, {words.age(figures.days.as_of, scope.now)}"),
        ("Made", words.moment(scope.now, zone)),
    )
    told_facts = [part for name, fact in facts for part in (element("dt", name), element("dd", fact))]
    masked = element("p", "Amounts are masked.", class_="warn") if scope.is_masked else None
    return element("header", element("h1", title), element("dl", *told_facts), masked)


def _nothing(figures: Figures) -> Markup | None:
    if figures.days.dates:
        return None
    return element(
        "p",
        "Of these days nothing is known yet: a day is known when it has ended and its hopper was seen.",
        class_="warn",
    )


def _cards(earned: Sequence[Named], risked: Sequence[Named]) -> Markup:
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
    return element("ul", *(_card(by_name[name]) for name in chosen), class_="cards")


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
