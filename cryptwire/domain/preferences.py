"""How a user wants to see things, and by what he wants to be told of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from cryptwire.domain.notice import NoticeClass
from cryptwire.errors import Invalid

MOST_DECIMALS = 12
MUST_REACH = frozenset({NoticeClass.ACTION, NoticeClass.FAILURE})
"""Notices that cannot lose their last channel (requirement R26)."""


class Colours(Enum):
    """What gains and losses are drawn in."""

    GREEN_RED = "green-red"
    RED_GREEN = "red-green"
    BLUE_ORANGE = "blue-orange"


@dataclass(frozen=True, slots=True)
class Channels:
    """By what notices of one class go out; in the app they are shown in any case."""

    by_mail: bool = True
    by_webhook: bool = False


@dataclass(frozen=True, slots=True)
class Preferences:
    """Decimals after the point, whether amounts are masked, colours, and channels; Invalid when it contradicts R26."""

    stablecoin_decimals: int = 2
    other_decimals: int = 8
    masks_amounts: bool = False
    colours: Colours = Colours.BLUE_ORANGE
    notices: Mapping[NoticeClass, Channels] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, decimals in (("stablecoins", self.stablecoin_decimals), ("other coins", self.other_decimals)):
            if not 0 <= decimals <= MOST_DECIMALS:
                raise Invalid(f"decimals of {name} are 0 to {MOST_DECIMALS}, not {decimals}")
        for about in MUST_REACH:
            if not (channels := self.channels(about)).by_mail and not channels.by_webhook:
                raise Invalid(f"notices of class {about.name} must reach you: leave mail or webhook on")

    def channels(self, about: NoticeClass) -> Channels:
        """By what a class goes out: by mail, unless something else was chosen."""
        return self.notices.get(about, Channels())


def preferences_from(stored: Mapping[str, Any]) -> Preferences:
    """What ``users.preferences`` holds; what is not there is as for a new user. Raises Invalid."""
    try:
        notices = {
            NoticeClass(each["about"]): Channels(bool(each["byMail"]), bool(each["byWebhook"]))
            for each in stored.get("notices", ())
        }
        return Preferences(
            int(stored.get("stablecoinDecimals", 2)),
            int(stored.get("otherDecimals", 8)),
            bool(stored.get("masksAmounts", False)),
            Colours(stored.get("colours", Colours.BLUE_ORANGE.value)),
            notices,
        )
    except (KeyError, TypeError, ValueError):
        raise Invalid("preferences that were stored cannot be read") from None


def preferences_to(preferences: Preferences) -> dict[str, Any]:
    """What ``users.preferences`` is to hold: {stablecoinDecimals, otherDecimals, masksAmounts, colours, notices}."""
    return {
        "stablecoinDecimals": preferences.stablecoin_decimals,
        "otherDecimals": preferences.other_decimals,
        "masksAmounts": preferences.masks_amounts,
        "colours": preferences.colours.value,
        "notices": [
            {"about": about.value, "byMail": channels.by_mail, "byWebhook": channels.by_webhook}
            for about, channels in preferences.notices.items()
        ],
    }
