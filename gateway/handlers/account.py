"""Calls that link an account, unlink it, and tell how it is linked."""

from datetime import timedelta

from cryptwire import log
from cryptwire.codec.gateway import timestamp
from cryptwire.errors import Invalid, Unavailable
from gateway import logic
from gateway.custody import Custody
from gateway.handlers.admission import Context, Desk, user_of
from gateway.reads import Reads
from generated.wire.v1 import gateway_pb2 as pb
from generated.wire.v1 import gateway_pb2_grpc as pb_grpc

_log = log.Log("gateway.handlers")
_MOST = 2_000  # characters of an address


class AccountCalls(pb_grpc.GatewayServicer):
    _desk: Desk
    _custody: Custody
    _reads: Reads

    async def BeginLink(self, request: pb.BeginLinkRequest, context: Context) -> pb.BeginLinkResponse:
        async with self._desk.admission("BeginLink", context):
            user = user_of(request.user_id)
            if not 0 < len(request.redirect_uri) <= _MOST or "\0" in request.redirect_uri:
                raise Invalid("redirect_uri must be an address")
            url, state = await self._custody.begin_link(user, request.redirect_uri)
            return pb.BeginLinkResponse(authorize_url=url, state=state)

    async def LinkAccount(self, request: pb.LinkAccountRequest, context: Context) -> pb.LinkAccountResponse:
        """Never repeated here: a code is good for once. Its hoppers may fail to come; the next list brings them."""
        async with self._desk.admission("LinkAccount", context) as admitted:
            user = user_of(request.user_id)
            if not (request.code and request.state):
                raise Invalid("code and state must be given")
            await self._custody.link(user, request.code, request.state)
            self._reads.forget(user)
            urgency = logic.urgency(admitted.service, "LinkAccount", is_import=False)
            try:
                await self._reads.hoppers(user, timedelta(0), admitted.until, urgency)
            except Unavailable as error:
                _log.warning("hoppers of a new link are not known yet", user=user, reason=error)
            return pb.LinkAccountResponse(state=pb.LINK_STATE_LINKED)

    async def UnlinkAccount(self, request: pb.UnlinkAccountRequest, context: Context) -> pb.UnlinkAccountResponse:
        async with self._desk.admission("UnlinkAccount", context):
            user = user_of(request.user_id)
            try:
                return pb.UnlinkAccountResponse(is_revoked=await self._custody.unlink(user))
            finally:
                self._reads.forget(user)

    async def GetLinkState(self, request: pb.GetLinkStateRequest, context: Context) -> pb.GetLinkStateResponse:
        async with self._desk.admission("GetLinkState", context):
            link = await self._custody.link_of(user_of(request.user_id))
            if link is None:
                return pb.GetLinkStateResponse(state=pb.LINK_STATE_NONE)
            return pb.GetLinkStateResponse(
                state=pb.LINK_STATE_MUST_LINK_AGAIN if link.is_revoked else pb.LINK_STATE_LINKED,
                scopes=link.scopes,
                expires_at=timestamp(link.expires_at),
                linked_at=timestamp(link.linked_at),
            )
