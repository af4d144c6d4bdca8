"""How broken links are told; not a part that works by itself."""

from datetime import datetime

from cryptwire.domain.hopper import UserId
from cryptwire.gateway_client import GatewayClient
from cryptwire.storage.notices import Notices
from processor.handlers.links import BrokenLinks
from processor.parts import Tools


class GatewayLinks:
    """Links as the gateway knows them."""

    def __init__(self, gateway: GatewayClient) -> None:
        self._gateway = gateway

    async def linked_since(self, user: UserId) -> datetime | None:
        return (await self._gateway.link_state(user)).linked_at


def broken_links_of(tools: Tools) -> BrokenLinks:
    """What is told of a link that is refused."""
    return BrokenLinks(GatewayLinks(tools.gateway), Notices(tools.rows), tools.bus, tools.runtime.clock)
