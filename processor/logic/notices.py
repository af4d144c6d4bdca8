"""By which channels a notice goes, at once or later, and in which mail."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from cryptwire.domain.notice import NoticeClass
from cryptwire.domain.preferences import MUST_REACH, Preferences

MAIL, WEBHOOK = "mail", "webhook"
WEBHOOK_TEST = "webhook-test"
_BOTH = ("silence", "sound-again")  # what does not watch over a hopper may be what would have told (R24)
_ONLY_MAIL = ("webhook-off",)


def channels(about: NoticeClass, kind: str, preferences: Preferences, *, has_webhook: bool) -> list[str]:
    """By which channels a notice goes; none means that it is in the app alone.

    ``has_webhook``: there is one and it is on. Actions and failures go by one channel at least, silence by all (R26).
    """
    if kind == WEBHOOK_TEST:
        return [WEBHOOK]
    if kind in _ONLY_MAIL:
        return [MAIL]
    if kind in _BOTH:
        return [MAIL, WEBHOOK] if has_webhook else [MAIL]
    wanted = preferences.channels(about)
    chosen = [MAIL] if wanted.by_mail else []
    if has_webhook and wanted.by_webhook:
        chosen.append(WEBHOOK)
    return chosen or ([MAIL] if about in MUST_REACH else [])


def likeness(kind: str, hopper: str | None, facts: Mapping[str, str]) -> str:
    """The same for notices that read the same; when it happened (``…_at``) makes no difference."""
    told = sorted((name, value) for name, value in facts.items() if not name.endswith("_at"))
    return hashlib.sha256(json.dumps([kind, hopper, told]).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class ToMail:
    """A notice that is to be mailed: its number, whether it may wait for others, and its likeness."""

    notice: int
    is_loud: bool
    likeness: str


@dataclass(frozen=True, slots=True)
class Plan:
    """``mails``: the notices of each mail, alike or not; ``held``: those that wait."""

    mails: list[list[ToMail]]
    held: list[ToMail]


def planned(fresh: Sequence[ToMail], held: Sequence[ToMail], *, mailed: int, alike: frozenset[str], most: int) -> Plan:
    """Which mails a user gets now.

    ``mailed``: mails of the quiet classes in the last hour, of which there are ``most``; ``alike``: what was mailed a
    moment ago. An action or failure goes at once unless its like has just gone: then it waits for what else is alike.
    The others go one by one while there is room; what had no room goes in one mail when there is some again.
    """
    mails: list[list[ToMail]] = []
    waiting: list[ToMail] = []
    by_likeness: dict[str, list[ToMail]] = {}
    for one in (*held, *fresh):
        if one.is_loud:
            by_likeness.setdefault(one.likeness, []).append(one)
    for key, group in by_likeness.items():
        if key in alike:
            waiting += group
        else:
            mails.append(group)
    waited = [one for one in held if not one.is_loud]
    arrived = [one for one in fresh if not one.is_loud]
    room = max(0, most - mailed)
    if room and (waited or len(arrived) > room):
        together = waited + (arrived if waited else arrived[room - 1 :])
        alone = [] if waited else arrived[: room - 1]
        mails += [[one] for one in alone]
        mails.append(together)
    elif room:
        mails += [[one] for one in arrived]
    else:
        waiting += waited + arrived
    return Plan(mails, waiting)


def loud(about: NoticeClass) -> bool:
    """Whether it is an action or a failure: never held back for being one of many."""
    return about in MUST_REACH


_DAY = timedelta(days=1)
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=4)


def webhook_pause(tries: int) -> timedelta:
    """How long to wait after the ``tries``-th call that was not taken: longer each time, four hours at most."""
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * (1 << 2 * min(tries - 1, 12)))


def is_over(tries_for: timedelta, lasts: timedelta = _DAY) -> bool:
    """Whether a call, or a webhook, has failed for long enough."""
    return tries_for >= lasts
