"""An OAuth server that a test plays over HTTP: it rotates, revokes, dawdles and goes away, and knows what is alive."""

import asyncio
import base64
import hashlib
import os
import secrets
import signal
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class Consent:
    """What a user once agreed to: the tokens that are alive, and how many were given."""

    access: set[str] = field(default_factory=set)
    refresh: set[str] = field(default_factory=set)
    given: int = 0


@dataclass
class OAuthServer:
    """``marked`` is in every token. ``keeps_old``: the refresh token before stays good after a rotation.

    ``kills`` names where a client is killed that says its process id: "received" or "rotated".
    """

    marked: str = field(default_factory=lambda: "marked" + secrets.token_hex(8))
    keeps_old: bool = False
    lives: int = 3600
    delay: float = 0
    is_away: bool = False
    kills: str = ""
    rotations: int = 0
    revoked: list[str] = field(default_factory=list)
    refuses_to_revoke: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event | None = None
    consents: list[Consent] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/oauth2/token", self._token, methods=["POST"]),
                Route("/oauth2/revoke", self._revoke, methods=["POST"]),
            ]
        )

    def consent(self, authorize_url: str) -> str:
        """The user agrees: the code that goes back to where the address says."""
        asked = dict(parse_qsl(urlsplit(authorize_url).query))
        code = secrets.token_hex(8)
        self.codes[code] = asked
        return code

    def is_alive(self, access: str) -> bool:
        return any(access in consent.access for consent in self.consents)

    def may_renew(self, refresh: str | None) -> bool:
        return any(refresh in consent.refresh for consent in self.consents)

    async def _token(self, request: Request) -> Response:
        fields = dict(parse_qsl((await request.body()).decode()))
        self.asked.append(fields)
        self.arrived.set()
        pid = int(request.headers.get("x-process", "0"))
        self._maybe_kill("received", pid)
        if self.is_away:
            return Response("<html>bad gateway</html>", 502)
        if fields["grant_type"] == "authorization_code":
            consent = self._by_code(fields)
        else:
            consent = next((each for each in self.consents if fields["refresh_token"] in each.refresh), None)
        if consent is None:
            return JSONResponse({"error": "invalid_grant", "error_description": str(fields)}, 400)
        if fields["grant_type"] == "refresh_token":
            self.rotations += 1
        answer = self._give(consent)
        self._maybe_kill("rotated", pid)
        if self.go_on is not None:
            await self.go_on.wait()
        await asyncio.sleep(self.delay)
        return answer

    def _maybe_kill(self, where: str, pid: int) -> None:
        if pid and where == self.kills:
            os.kill(pid, signal.SIGKILL)

    def _by_code(self, fields: dict[str, str]) -> Consent | None:
        asked = self.codes.pop(fields["code"], None)
        if asked is None or asked["redirect_uri"] != fields["redirect_uri"]:
            return None
        digest = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
        if "code_challenge" in asked and asked["code_challenge"] != base64.urlsafe_b64encode(digest).decode().strip(
            "="
        ):
            return None
        consent = Consent()
        self.consents.append(consent)
        return consent

    def _give(self, consent: Consent) -> Response:
        """New tokens; the ones before are dead at once, unless ``keeps_old``."""
        if not self.keeps_old:
            consent.access.clear()
            consent.refresh.clear()
        consent.given += 1
        access, refresh = (f"{kind}-{self.marked}-{secrets.token_hex(8)}" for kind in ("access", "refresh"))
        consent.access.add(access)
        consent.refresh.add(refresh)
        return JSONResponse({"access_token": access, "refresh_token": refresh, "expires_in": self.lives})

    async def _revoke(self, request: Request) -> Response:
        """RFC 7009: a token that is not known is as good as revoked."""
        fields = dict(parse_qsl((await request.body()).decode()))
        if self.is_away or self.refuses_to_revoke:
            return Response("", 503)
        self.revoked.append(fields["token"])
        for consent in self.consents:
            consent.access.discard(fields["token"])
            consent.refresh.discard(fields["token"])
        return Response("", 200)
