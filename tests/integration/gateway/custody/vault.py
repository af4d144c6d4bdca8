"""HashiCorp Vault's transit engine as a test plays it: versions, minimum version, tokens, seal; errors in its words."""

import asyncio
import base64
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def _key() -> AESGCM:
    return AESGCM(secrets.token_bytes(32))


@dataclass
class PlayedVault:
    """One transit key ``cryptwire`` with all its versions, the first at 0."""

    token: str = field(default_factory=lambda: "hvs." + secrets.token_hex(12))
    versions: list[AESGCM] = field(default_factory=lambda: [_key()])
    min_decryption_version: int = 1
    is_sealed: bool = False
    answers: Response | None = None
    delay: float = 0
    asked: int = 0

    def rotate(self) -> None:
        self.versions.append(_key())

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v1/transit/{what}/{name}", self._answer, methods=["GET", "POST"])])

    async def _answer(self, request: Request) -> Response:
        self.asked += 1
        await asyncio.sleep(self.delay)
        what, name = request.path_params["what"], request.path_params["name"]
        if self.answers is not None:
            return self.answers
        if self.is_sealed:
            return _errors(503, "Vault is sealed")
        if request.headers.get("x-vault-token") != self.token:
            return _errors(403, "permission denied")
        if request.method == "GET":
            if name != "cryptwire":
                return JSONResponse({"errors": []}, 404)
            return _data(latest_version=len(self.versions), min_decryption_version=self.min_decryption_version)
        if name != "cryptwire":
            return _errors(400, "encryption key not found")
        body = await request.json()
        more = base64.b64decode(body.get("associated_data", ""))
        return self._encrypt(body, more) if what == "encrypt" else self._decrypt(body, more)

    def _encrypt(self, body: dict[str, Any], more: bytes) -> Response:
        nonce = secrets.token_bytes(12)
        sealed = nonce + self.versions[-1].encrypt(nonce, base64.b64decode(body["plaintext"]), more)
        text = f"vault:v{len(self.versions)}:{base64.b64encode(sealed).decode()}"
        return _data(ciphertext=text, key_version=len(self.versions))

    def _decrypt(self, body: dict[str, Any], more: bytes) -> Response:
        _, version, text = body["ciphertext"].split(":")
        number = int(version[1:])
        if number < self.min_decryption_version:
            return _errors(400, "ciphertext or signature version is disallowed by policy (too old)")
        if number > len(self.versions):
            return _errors(400, "invalid ciphertext: version is too new")
        sealed = base64.b64decode(text)
        try:
            clear = self.versions[number - 1].decrypt(sealed[:12], sealed[12:], more)
        except InvalidTag:
            return _errors(400, "cipher: message authentication failed")
        return _data(plaintext=base64.b64encode(clear).decode())


def _data(**fields: object) -> Response:
    return JSONResponse({"request_id": secrets.token_hex(8), "data": fields})


def _errors(status: int, text: str) -> Response:
    return JSONResponse({"errors": [text]}, status)
