"""Imports: which fields of a configuration are kept, how long it will take, and what its owner is told."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from cryptwire.domain.hopper import Hopper, UserId
from cryptwire.domain.hopper_change import HopperChange, HopperEvent
from cryptwire.domain.imports import ImportStage
from cryptwire.domain.notice import Notice, NoticeClass
from cryptwire.errors import Corrupt, CryptwireError, Forbidden, NotFound, Unavailable

OVERLAP = timedelta(days=1)
_FIRST_PAUSE = timedelta(seconds=1)
_LONGEST_PAUSE = timedelta(seconds=30)
_FIRST_FAULT_PAUSE = timedelta(minutes=1)
_MOST_FAULTS = 5
_LONGEST_TEXT = 20_000

# What an analyst asks of a configuration: how it buys, sells, limits and what it may trade. The gateway has stripped
# what looks like a secret; what is not named here is not kept at all.
_KEPT = re.compile(
    r"name|live|exchange|collect_currency|base_coins|allowed_coins|allow_all_coins|template_id|ticker_type"
    r"|perc_buy_amount|min_buy_amount(_force)?|max_amount_allocated|buy_btc_amount|set_percentage|num_targets_per_buy"
    r"|max_open_\w+|one_open_order|only_when_positive\w*|cooldown\w*|min_buy_score|min_sell_score"
    r"|stop_buying|stop_selling|paper_trading\w*|strategy|sell_with_strategy|hold_assets"
    r"|(buy|sell|dca)_order_type|(bid|ask)_percentage\w*|trading_fees"
    r"|stop_loss\w*|trailing_\w+|take_profit\w*|auto_close\w*|auto_dca\w*|auto_merge_positions|automatic_shorting|short_\w+"
    r"|last_loaded_config\w*"
)

# Shares of the whole, roughly, by what the stages ask of the budget; a past is reconstructed without asking for it.
_SHARES = {
    ImportStage.HOPPERS: 0.02,
    ImportStage.CONFIGURATION: 0.1,
    ImportStage.POSITIONS: 0.3,
    ImportStage.TRADES: 0.4,
    ImportStage.BACK_FILL: 0.18,
}
_TOLD_FROM = 0.05


def kept_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Those of a configuration that are stored; a text too long for a setting is not one."""
    return {name: value for name, value in fields.items() if _KEPT.fullmatch(name) and len(value) <= _LONGEST_TEXT}


def estimated_end(began_at: datetime, now: datetime, stage: ImportStage, share: float) -> datetime | None:
    """When it will be over if it goes on as until ``now``; None as long as that would be a guess.

    ``share`` of the stage is done, 0 to 1.
    """
    before = 0.0
    for each, part in _SHARES.items():
        if each is stage:
            done = before + part * min(1.0, max(0.0, share))
            break
        before += part
    if done < _TOLD_FROM or now <= began_at:
        return None
    return now + (now - began_at) * ((1.0 - done) / done)


def likely_total(done: int, first_at: datetime, at: datetime, now: datetime) -> int | None:
    """How many trades there will be when ``done`` of them lie from ``first_at`` to ``at``; None: too early to tell."""
    passed, whole = at - first_at, now - first_at
    if passed <= timedelta(0) or passed < whole / 20:
        return None
    return max(done, round(done * (whole / passed)))


def pause(failures: int) -> timedelta:
    """How long to wait after so many failures in a row, which may pass."""
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * float(2 ** min(failures - 1, 10)))


def problem(error: CryptwireError, stage: ImportStage = ImportStage.HOPPERS) -> str:
    """What its owner is told of a hopper that could not be read, and what he can do."""
    if stage is ImportStage.BACK_FILL:
        return "Its trades are there, but its past could not be reconstructed yet; that goes on by itself each hour."
    if isinstance(error, NotFound):
        return "Cryptohopper does not show this hopper any more; if it is still there, import again."
    if isinstance(error, Forbidden):
        return "Cryptohopper does not allow this to be read; link the account again and allow everything it asks for."
    if isinstance(error, Unavailable):
        return "Cryptohopper could not be read for too long; import again later."
    if isinstance(error, Corrupt):
        return "Cryptohopper's answer makes no sense; it was noted. Import again later."
    return f"It could not be read ({error}); import again later."


def fault_pause(faults: int) -> timedelta | None:
    """How long an import is left alone after our own code has failed at it so often; None: it is given up."""
    return _FIRST_FAULT_PAUSE * float(2 ** (faults - 1)) if faults < _MOST_FAULTS else None


BROKEN = (
    "Something is wrong at our end, at every try; we know of it. What was read is kept: begin the import again later,"
    " and it goes on from there."
)
LINK_AGAIN = "Cryptohopper does not accept the link any more; link the account again, and the import goes on from here."
NOT_OURS = "These hoppers belong to another account here; unlink, and link your own Cryptohopper account."
NO_HOPPERS = "The Cryptohopper account has no hoppers; make one there, then import again."


def import_notice(
    user: UserId,
    number: int,
    at: datetime,
    *,
    hoppers: int,
    trades: int,
    candles: int,
    problems: int,
    error: str | None,
) -> Notice:
    """What a user is told when an import is over; ``error``: nothing of it could be read."""
    if error is not None:
        facts = {"reason": error}
        return Notice(user, NoticeClass.FAILURE, "import-failed", f"import {number}", at, facts)
    facts = {
        "hoppers": str(hoppers),
        "trades": str(trades),
        "candles": str(candles),
        "problems": str(problems),
    }
    return Notice(user, NoticeClass.INFO, "import-done", f"import {number}", at, facts)


def broken_notice(user: UserId, number: int, at: datetime, what: str, stage: ImportStage) -> Notice:
    """What those who run the system are told of an import that our own code cannot do."""
    facts = {"account": user, "stage": stage.value, "reason": what}
    return Notice(None, NoticeClass.DATA_PROBLEM, "import-broken", f"import {user} {number}", at, facts)


def hopper_notice(user: UserId, event: HopperEvent, number: int, at: datetime) -> Notice:
    """What a user is told of what became of a hopper."""
    facts = {"hopper": event.name, "was": event.was, "became": event.became}
    kind = f"hopper-{event.kind.value}"
    if event.kind is HopperChange.BASE_CHANGED:
        facts["note"] = "Candles from before stay in the old currency; what follows is in the new one."
    return Notice(user, NoticeClass.INFO, kind, f"{kind} {number}", at, facts, event.hopper)


def is_readable(hopper: Hopper) -> bool:
    """False for what can be no row of ours."""
    texts = (hopper.id, hopper.name, hopper.exchange, hopper.base)
    return bool(hopper.id and hopper.base) and not any("\0" in text for text in texts)
