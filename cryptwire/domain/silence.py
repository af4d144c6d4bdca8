"""After which silence who is told: the same for the observer, who tells, and for data health, which shows."""

from datetime import timedelta

OPERATORS_AFTER = timedelta(seconds=60)
USER_AFTER = timedelta(minutes=5)
