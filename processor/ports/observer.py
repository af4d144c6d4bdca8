"""Where the observer reads whether jobs and imports go on; each raises Unavailable."""

from collections.abc import Mapping
from typing import Protocol

from cryptwire.domain.imports import ImportsStanding
from cryptwire.storage.job_runs import JobStanding


class JobBook(Protocol):
    """See cryptwire/storage/job_runs.py."""

    async def standings(self) -> Mapping[str, JobStanding]: ...


class ImportBook(Protocol):
    """See cryptwire/storage/imports.py."""

    async def standing(self) -> ImportsStanding: ...
