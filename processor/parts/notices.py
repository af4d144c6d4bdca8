"""Notices: their channels are chosen each second."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from processor.handlers.looking import looking
from processor.handlers.notices import Router
from processor.parts import Part, Tools


def router_of(tools: Tools) -> Router:
    """What chooses channels, as the settings say."""
    settings = tools.settings
    return Router(
        tools.rows,
        tools.runtime.meters,
        an_hour=settings.mails_an_hour,
        alike_for=settings.alike_for,
        operators=settings.operators_mail,
    )


@asynccontextmanager
async def noticing(tools: Tools) -> AsyncIterator[Part]:
    """One look at a time; of several replicas one chooses."""
    settings, clock = tools.settings, tools.runtime.clock
    yield Part(work=[looking("notices", router_of(tools).route, clock, settings.look_every)])
