"""Users' webhooks: several that call, each user's one at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryptwire.codec.sealed import Seal
from cryptwire.domain.webhook_url import SEALED
from cryptwire.log import Log
from cryptwire.texts import Texts
from processor.adapters.calls import calling
from processor.handlers.looking import looking
from processor.handlers.webhooks_out import WebhookPost
from processor.parts import Part, Tools
from processor.parts.notices import router_of

_log = Log(__name__)
_CALLERS = 8


@asynccontextmanager
async def calling_out(tools: Tools) -> AsyncIterator[Part]:
    """Without the key that opens their secrets nobody is called."""
    settings, runtime = tools.settings, tools.runtime
    if settings.webhook_key is None:
        _log.warning("no webhook is called: CRYPTWIRE_PROCESSOR_WEBHOOK_KEY is not set")
        yield Part()
        return
    seal = Seal.read_from(settings.webhook_key, SEALED)
    async with calling(is_development=settings.is_development) as caller:
        post = WebhookPost(
            tools.rows,
            router_of(tools),
            caller,
            seal,
            Texts(),
            runtime.clock,
            runtime.meters,
            lasts=settings.webhook_lasts,
        )
        work = [looking("webhooks", post.call_due, runtime.clock, settings.look_every) for _ in range(_CALLERS)]
        yield Part(work=work)
