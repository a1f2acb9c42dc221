"""This module holds what a party is: an Ed25519 key pair. The signing half never leaves the process that made it."""

from __future__ import annotations

from typing import Final

from nacl.exceptions import BadSignatureError, CryptoError
from nacl.public import SealedBox
from nacl.signing import SigningKey, VerifyKey

from syft.errors import EnvelopeError

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


class Identity:
    """A party's key pair.

    Args:
        signing_key: the secret half.
    Source:
        RFC 8032 (Ed25519), by libsodium.
    """

    __slots__ = ("_signing_key", "verify_key")

    def __init__(self, signing_key: SigningKey) -> None:
        self._signing_key = signing_key
        self.verify_key: bytes = bytes(signing_key.verify_key)

    @classmethod
    def generate(cls) -> Identity:
        """A new identity, from the operating system's random source."""
        return cls(SigningKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> Identity:
        """The identity whose secret is `seed`.

        Args:
            seed: 32 secret bytes; never derived from a name.
        Raises:
            ValueError: not 32 bytes.
        """
        return cls(SigningKey(seed))

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes, for the one file they are kept in."""
        return bytes(self._signing_key)

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes that prove this identity said `data`."""
        return self._signing_key.sign(data).signature

    def unseal(self, sealed: bytes) -> bytes | None:
        """What `seal_for` hid for this identity, or None when it was not for us or was changed."""
        try:
            return SealedBox(self._signing_key.to_curve25519_private_key()).decrypt(sealed)
        except (CryptoError, ValueError):
            return None

    def __repr__(self) -> str:
        return f"<Identity {self.verify_key.hex()[:8]}…>"


def is_signed_by(verify_key: bytes, signature: bytes, data: bytes) -> bool:
    """Whether the owner of `verify_key` signed exactly `data`."""
    try:
        VerifyKey(verify_key).verify(data, signature)
    except (BadSignatureError, ValueError, TypeError):
        return False
    return True


def seal_for(verify_key: bytes, secret: bytes) -> bytes:
    """`secret`, readable only by the owner of `verify_key`.

    Args:
        verify_key: the recipient's 32 public bytes.
        secret: any bytes; 48 bytes longer when sealed.
    Raises:
        EnvelopeError: nothing can be sealed for that key: it is none, or one that was made to be odd. (Signatures
            of keys outside Ed25519's main subgroup can be good.)
    Source:
        libsodium sealed boxes, on the Curve25519 form of the key.
    """
    try:
        return SealedBox(VerifyKey(verify_key).to_curve25519_public_key()).encrypt(secret)
    except (CryptoError, ValueError, TypeError):
        raise EnvelopeError(
            "Nothing can be hidden for this key: it is not one that a client makes."
        ) from None
