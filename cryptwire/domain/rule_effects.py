"""What a rule set leaves behind when it has acted, and which of two would undo what the other did (R19, R21)."""

from collections.abc import Mapping

from cryptwire.domain.rule_set import (
    SELLS,
    ChangeConfig,
    PanicSell,
    RuleSetBody,
    SellPositions,
    Switch,
    Turn,
    Which,
)


def is_destructive(body: RuleSetBody) -> bool:
    """Whether it sells or turns the hopper off: what a person must confirm in so many words before it is armed."""
    return any(isinstance(action.deed, SELLS) or action.deed == Turn(Switch.HOPPER, False) for action in body.then)


def opposing(one: RuleSetBody, other: RuleSetBody) -> str | None:
    """What ``one`` sets and ``other`` sets to something else, in words; None when there is no such thing.

    Selling all counts as turning buying off, which is done first (R14). Of what a rule set does twice the last counts.
    When they would fire is not looked at: two triggers that exclude each other now meet in another market, and then
    each undoes what the other did, for ever.
    """
    first, second = _left_by(one), _left_by(other)
    for what in sorted(first.keys() & second.keys()):
        if first[what] != second[what]:
            return f"{what} {first[what]}, where the other sets it {second[what]}"
    return None


def _left_by(body: RuleSetBody) -> Mapping[str, str]:
    """Switches (on, off) and fields of the configuration (their values), by name."""
    left: dict[str, str] = {}
    for action in body.then:
        match action.deed:
            case PanicSell() | SellPositions(which=Which.ALL):
                left[Switch.BUYING.value] = "off"
            case Turn(switch, is_on):
                left[switch.value] = "on" if is_on else "off"
            case ChangeConfig(changes):
                left |= {f"field {name[:60]}": f"to {value[:40]!r}" for name, value in changes.items()}
            case _:
                pass
    return left
