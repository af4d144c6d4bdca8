"""What became of hoppers between two looks at an account."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from cryptwire.domain.hopper import Hopper, HopperId, LinkedHopper


class HopperChange(Enum):
    """The kinds that are written down and told."""

    CREATED = "created"
    RENAMED = "renamed"
    DELETED = "deleted"
    RESTORED = "restored"
    BASE_CHANGED = "base-changed"
    EXCHANGE_CHANGED = "exchange-changed"
    MODE_CHANGED = "mode-changed"
    """From play money to real money, or back."""


@dataclass(frozen=True, slots=True)
class HopperEvent:
    """``was`` and ``became`` are what changed, as text; of what was created or deleted the name."""

    hopper: HopperId
    name: str
    kind: HopperChange
    was: str
    became: str


@dataclass(frozen=True, slots=True)
class KnownHopper:
    """A hopper with its history here: ``created_at`` at Cryptohopper where that is told, else when it was first seen.

    ``unlinked_at``: since when its owner's account is not linked, so that nothing of it can be read.
    """

    hopper: Hopper
    created_at: datetime
    deleted_at: datetime | None
    unlinked_at: datetime | None

    @property
    def is_linked(self) -> bool:
        return self.deleted_at is None and self.unlinked_at is None


def changes(known: Mapping[HopperId, KnownHopper], seen: Collection[LinkedHopper]) -> list[HopperEvent]:
    """How an account as ``seen`` now differs from what is ``known`` of it, in the order of ids.

    Of an account that was not known at all nothing is new: its hoppers are all old. One that is not linked is not
    deleted by not being seen.
    """
    events: list[HopperEvent] = []
    now = {linked.id: linked.hopper for linked in seen}
    for id in sorted(known.keys() | now.keys()):
        old, new = known.get(id), now.get(id)
        if old is None:
            if known and new is not None:
                events.append(HopperEvent(id, new.name, HopperChange.CREATED, "", new.name))
        elif new is None:
            if old.is_linked:
                events.append(HopperEvent(id, old.hopper.name, HopperChange.DELETED, old.hopper.name, ""))
        else:
            if old.deleted_at is not None:
                events.append(HopperEvent(id, new.name, HopperChange.RESTORED, "", new.name))
            for kind, was, became in (
                (HopperChange.RENAMED, old.hopper.name, new.name),
                (HopperChange.BASE_CHANGED, old.hopper.base, new.base),
                (HopperChange.EXCHANGE_CHANGED, old.hopper.exchange, new.exchange),
                (HopperChange.MODE_CHANGED, _mode(old.hopper), _mode(new)),
            ):
                if was != became:
                    events.append(HopperEvent(id, new.name, kind, was, became))
    return events


def _mode(hopper: Hopper) -> str:
    return "paper" if hopper.is_paper else "live"
