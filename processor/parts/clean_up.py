"""Clean-up, once a day."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from cryptwire.storage import (
    api_tokens,
    one_time_tokens,
    refresh_tokens,
    session_book,
    share_links,
    sign_ups,
    strange_calls,
)
from cryptwire.storage.deliveries import Deliveries
from cryptwire.storage.job_runs import JobRuns
from cryptwire.storage.mails import Mails
from cryptwire.storage.notices import Notices
from processor.handlers.clean_up import CleanUp, Rule
from processor.handlers.jobs import Job
from processor.parts import Part, Tools

_DAY = timedelta(days=1)
_MONTH, _QUARTER, _YEAR = timedelta(days=30), timedelta(days=90), timedelta(days=365)


def cleaner(tools: Tools) -> CleanUp:
    """Every rule there is. Mails hold addresses, so they go first.

    A refresh token may be used a month after it was made, and is known as used for another: so long it betrays a thief.
    """
    rows = tools.rows
    rules = {
        "mails": Rule(_MONTH, Mails(rows).forget),
        "deliveries": Rule(_MONTH, Deliveries(rows).forget),
        "one-time tokens": Rule(_MONTH, partial(one_time_tokens.forget, rows)),
        "sign-ups": Rule(_MONTH, partial(sign_ups.forget, rows)),
        "refresh tokens": Rule(2 * _MONTH, partial(refresh_tokens.forget, rows)),
        "sessions": Rule(_MONTH, partial(session_book.forget, rows)),
        "personal tokens": Rule(_MONTH, partial(api_tokens.forget, rows)),
        "share links": Rule(_QUARTER, partial(share_links.forget, rows)),
        "runs": Rule(_QUARTER, JobRuns(rows).forget),
        "strange calls": Rule(strange_calls.KEPT_FOR, partial(strange_calls.forget, rows)),
        "notices": Rule(_YEAR, Notices(rows).forget),
    }
    return CleanUp(rules, tools.runtime.clock, tools.runtime.meters)


@asynccontextmanager
async def cleaning_up(tools: Tools) -> AsyncIterator[Part]:
    """One job; a day that was missed is made up by the next."""
    yield Part([Job("clean-up", _DAY, timedelta(0), cleaner(tools).clean)])
