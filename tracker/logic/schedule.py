"""How often a hopper is polled."""

from datetime import timedelta

CALLS_A_POLL = 4
"""Assets, positions, assets again, and now and then the trade list."""
CALLS_A_MINUTE = 18
"""Of the thirty that a token has, twelve are kept for actions."""


def rhythm(plan: timedelta, hoppers_of_user: int) -> timedelta:
    """Time between polls of one hopper: the longer of what the plan renews and what the user's token affords."""
    return max(plan, timedelta(minutes=1) * hoppers_of_user * CALLS_A_POLL / CALLS_A_MINUTE)


def offset(position: int, hoppers_of_user: int, every: timedelta) -> timedelta:
    """When the poll after the first of a user's ``position``-th hopper comes: polls are spread over his hoppers.

    Never sooner than ``every``: the first ones came all at once and used that much of the budget.
    """
    return every * (1 + position / hoppers_of_user)
