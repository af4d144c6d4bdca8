"""Which figures rule sets read: what is wanted of the analysers."""

from collections.abc import Iterable

from cryptwire.domain.figure import FigureKey
from cryptwire.domain.hopper import HopperId
from cryptwire.domain.rule_set import RuleSetBody, figures_of
from cryptwire.domain.ticker import Pair

INDEX = FigureKey.of("index")
"""Wanted of every hopper that is watched: a hopper of which nobody wants anything has no figures."""


def wanted_by(rule_sets: Iterable[tuple[HopperId, RuleSetBody]]) -> dict[HopperId | Pair, tuple[str, ...]]:
    """The figures that rules read, of each hopper and pair; keys as texts, in order."""
    found: dict[HopperId | Pair, set[str]] = {}
    for hopper, body in rule_sets:
        for of, keys in wanted_of(hopper, body).items():
            found.setdefault(of, set()).update(keys)
    return {of: tuple(sorted(keys)) for of, keys in found.items()}


def wanted_of(hopper: HopperId, body: RuleSetBody) -> dict[HopperId | Pair, set[str]]:
    """The figures that one rule set reads; ``figures_of`` tells of each pair its price, too (R6)."""
    found: dict[HopperId | Pair, set[str]] = {hopper: {str(INDEX)}}
    for figure in figures_of(body.when):
        of: HopperId | Pair = hopper if figure.pair is None else figure.pair
        found.setdefault(of, set()).add(str(figure.key))
    return found
