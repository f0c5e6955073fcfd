"""Keyed hashes and per-person encryption of identities (AES-256-GCM)."""

import hashlib
import hmac
import os
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE_BYTES = 12

Sealed = bytes | memoryview  # a BinaryField gives a memoryview


class Unreadable(Exception):
    """The key is gone (the identity was erased) or is not the key that wrote this."""


def derived_key(purpose: str) -> bytes:
    """Derive a 32-byte key for one purpose from the installation's identity key (HMAC-SHA256)."""
    return hmac.digest(settings.IDENTITY_KEY.encode(), purpose.encode(), "sha256")


def identity_hash(issuer: str, number: str, *, apart: str = "") -> bytes:
    """Hash a hospital number under a key, so that the table of hashes can't be searched without it.

    Blanks around it and full-width digits make no other person. What is kept `apart` has a key of its own, under
    which the same number is another person.
    """
    message = "\x1f".join(unicodedata.normalize("NFKC", text).strip() for text in (issuer, number)).encode()
    return hmac.digest(derived_key("identity-hash" + (apart and f":{apart}")), message, "sha256")


def new_wrapped_key() -> bytes:
    """Make a person's own data key, wrapped with the installation's key."""
    return _seal(derived_key("person-keys"), AESGCM.generate_key(256), b"person-key")


def encrypt(wrapped_key: Sealed, text: str, field: str) -> bytes:
    """Encrypt one field of a person with that person's own key; the field's name is authenticated."""
    return _seal(_unwrap(wrapped_key), text.encode(), field.encode())


def decrypt(wrapped_key: Sealed, sealed: Sealed, field: str) -> str:
    """Decrypt what `encrypt` wrote; raise Unreadable when key, field or bytes don't match."""
    return _open(_unwrap(wrapped_key), sealed, field.encode()).decode()


def seal_for(key: bytes, text: str, purpose: str) -> bytes:
    """Encrypt text under a given 32-byte key (used for uploaded allocation lists)."""
    return _seal(key, text.encode(), purpose.encode())


def open_with(key: bytes, sealed: Sealed, purpose: str) -> str:
    """Decrypt what `seal_for` wrote."""
    return _open(key, sealed, purpose.encode()).decode()


def fingerprint(key: bytes) -> str:
    """Name a key without revealing it, to tell a wrong key from the right one."""
    return hmac.digest(key, b"screentrial key fingerprint", hashlib.sha256).hex()[:16]


def _unwrap(wrapped_key: Sealed) -> bytes:
    return _open(derived_key("person-keys"), wrapped_key, b"person-key")


def _seal(key: bytes, data: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, associated)


def _open(key: bytes, sealed: Sealed, associated: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(bytes(sealed[:NONCE_BYTES]), bytes(sealed[NONCE_BYTES:]), associated)
    except (InvalidTag, ValueError):
        raise Unreadable("This can't be decrypted: its key was erased or replaced.") from None
