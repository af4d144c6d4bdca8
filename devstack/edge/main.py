"""The edge's wiring: the path decides which app answers."""

from starlette.types import ASGIApp, Receive, Scope, Send

import api.main
import api.settings
import candles.datafeed.main
import candles.datafeed.settings
import webhook.main
import webhook.settings
from api.handlers.billing import PATH as BILLING
from api.handlers.errors import MOST_BODY
from cryptwire import config
from cryptwire.runtime import Runtime, serving
from devstack.edge import checkout
from devstack.edge.settings import Settings
from devstack.mailbox.kept import Kept
from devstack.mailbox.page import PATH, mailbox
from devstack.mailbox.server import receiving


def by_path(prefixes: dict[str, ASGIApp], rest: ASGIApp) -> ASGIApp:
    """An app that hands a request to the app of the first prefix its path lies under, or to ``rest``."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        for prefix, chosen in prefixes.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                return await chosen(scope, receive, send)
        return await rest(scope, receive, send)

    return app


async def main(settings: Settings, runtime: Runtime) -> None:
    """Serve all three, and the mails of the stack, under one address until told to stop."""
    kept = Kept(settings.mail_folder)
    mails = mailbox(kept)
    webhook_url = f"http://{settings.host}:{settings.port}{BILLING}"
    pages: dict[str, ASGIApp] = {
        checkout.PATH: checkout.Checkout(webhook_url, settings.billing_secret, runtime.clock).app()
    }
    async with (
        receiving(kept, settings.mail_port),
        api.main.opened(config.load(api.settings.Settings, "api"), runtime) as graphql,
        candles.datafeed.main.opened(config.load(candles.datafeed.settings.Settings, "datafeed"), runtime) as datafeed,
        webhook.main.opened(config.load(webhook.settings.Settings, "webhook"), runtime) as webhooks,
    ):
        app = by_path(
            {"/udf": datafeed, "/stream": datafeed, "/webhooks": webhooks, PATH: mails, f"{PATH}.json": mails} | pages,
            graphql,
        )
        # compression of small frames costs more than it saves; what may be long is an operation of GraphQL
        async with serving(app, settings.host, settings.port, ws_per_message_deflate=False, ws_max_size=MOST_BODY):
            runtime.health.mark("edge", True, f"http://{settings.host}:{settings.port}")
            await runtime.stop.wait()
