"""The port SignIn over HTTP, as plain as can be, for the server that the test plays."""

import os
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp

from cryptwire.errors import Invalid, LinkAgain, Unavailable
from gateway.ports import Grant


class HttpSignIn:
    """``tells_process``: every request names this process, so that the server may kill it."""

    def __init__(self, url: str, *, tells_process: bool = False) -> None:
        self._url = url
        self._headers = {"X-Process": str(os.getpid())} if tells_process else {}

    def authorize_url(self, redirect_uri: str, state: str, challenge: str | None) -> str:
        asked = {"redirect_uri": redirect_uri, "state": state}
        return f"{self._url}/authorize?" + urlencode(asked | ({"code_challenge": challenge} if challenge else {}))

    async def link(self, code: str, redirect_uri: str, verifier: str | None) -> Grant:
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        try:
            return await self._token(fields | ({"code_verifier": verifier} if verifier else {}))
        except LinkAgain:
            raise Invalid("the code is not accepted") from None

    async def renew(self, refresh: str) -> Grant:
        return await self._token({"grant_type": "refresh_token", "refresh_token": refresh})

    async def revoke(self, token: str) -> bool:
        try:
            status, _ = await self._post("/revoke", {"token": token})
        except Unavailable:
            return False
        return status == 200

    async def _token(self, fields: dict[str, str]) -> Grant:
        status, said = await self._post("/token", fields)
        if status == 400:
            raise LinkAgain("the refresh token is not accepted")
        if status != 200:
            raise Unavailable("sign-in is away")
        lives = timedelta(seconds=said["expires_in"])
        return Grant(said["access_token"], said["refresh_token"], ("read", "trade"), lives)

    async def _post(self, path: str, fields: dict[str, str]) -> tuple[int, Any]:
        try:
            async with (
                aiohttp.ClientSession(headers=self._headers) as session,
                session.post(self._url + path, data=fields) as response,
            ):
                is_json = response.content_type == "application/json"
                return response.status, await response.json() if is_json else None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"sign-in cannot be reached ({type(error).__name__})") from None
