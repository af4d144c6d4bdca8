"""The Ed25519 keys under which the API signs tokens and others verify them."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from cryptwire.errors import Invalid, Unavailable


def private_key(pem: bytes) -> Ed25519PrivateKey:
    """The key that signs; raises Invalid when it is no Ed25519 private key in PEM."""
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise Invalid("the key that signs session tokens should be an Ed25519 private key in PEM")
    return key


class PublicKeyFile:
    """A file with the public key in PEM, read again when it changes.

    Raises Invalid when it is not there or no Ed25519 key at the start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, ...] = ()
        try:
            self._key = self.current()
        except Unavailable as error:
            raise Invalid(str(error)) from None

    def current(self) -> Ed25519PublicKey:
        """The key; Unavailable while it cannot be read: nobody is believed by a key that may have been taken away."""
        try:
            about = self._path.stat()
            stamp = (about.st_mtime_ns, about.st_ino, about.st_size)
            if stamp == self._stamp:
                return self._key
            text = self._path.read_bytes()
        except OSError as error:
            raise Unavailable(f"the session key {self._path} cannot be read: {error.strerror}") from None
        try:
            key = load_pem_public_key(text)
        except ValueError:
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise Unavailable(f"the session key {self._path} is no Ed25519 public key in PEM")
        self._key, self._stamp = key, stamp
        return key
