"""What a rule set does to a hopper: whether a person must confirm it in words (R21), and what undoes what (R19)."""

from collections.abc import Iterable, Mapping

from cryptwire.domain.rule_set import SELLS, ChangeConfig, RuleSetBody, SellPositions, Switch, Turn, Which


def is_destructive(body: RuleSetBody) -> bool:
    """Whether it sells or turns the hopper off: what a person must confirm in so many words before it is armed."""
    return any(isinstance(action.deed, SELLS) or action.deed == Turn(Switch.HOPPER, False) for action in body.then)


def opposing(body: RuleSetBody, others: Iterable[RuleSetBody]) -> str | None:
    """Why ``body`` cannot stand beside ``others`` of its hopper, None when it can.

    Two oppose when one turns on what the other turns off, sets a field to another value, or turns buying on while the
    other sells everything: conditions that look apart today meet tomorrow, and then they take turns. What one rule set
    does and undoes within itself is a sequence, and Restore brings back its own changes only.
    """
    for other in others:
        why = _between(body, other)
        if why:
            return f"{body.name!r} and {other.name!r} would undo each other: {why}; change or delete one of them"
    return None


def _between(one: RuleSetBody, two: RuleSetBody) -> str | None:
    switches, others = _switches(one), _switches(two)
    for switch in Switch:
        if any((switch, not is_on) in others for each, is_on in switches if each is switch):
            return f"one turns {switch.value} on, the other off"
    buying = (Switch.BUYING, True)
    if (buying in switches and sells_all(two)) or (buying in others and sells_all(one)):
        return "one sells everything, the other turns buying on"
    fields, values = _fields(one), _fields(two)
    both = sorted(name for name in fields.keys() & values.keys() if fields[name] != values[name])
    return f"they set {', '.join(both[:5])} to different values" if both else None


def _switches(body: RuleSetBody) -> set[tuple[Switch, bool]]:
    return {(action.deed.switch, action.deed.is_on) for action in body.then if isinstance(action.deed, Turn)}


def sells_all(body: RuleSetBody) -> bool:
    """Whether one of its actions leaves no position."""
    return any(
        isinstance(action.deed, SELLS)
        and not (isinstance(action.deed, SellPositions) and action.deed.which is not Which.ALL)
        for action in body.then
    )


def _fields(body: RuleSetBody) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for action in body.then:
        if isinstance(action.deed, ChangeConfig):
            for name, value in action.deed.changes.items():
                found[name] = found.get(name, frozenset()) | {value}
    return found
