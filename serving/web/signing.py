"""Signed texts: modal tokens, sessions, login cookies and quotes.

Several keys may hold at once. Each signed text begins with the id of its key, so that an old key verifies until it is
dropped, and a coming one is known to every process before any of them signs with it.
"""

import hmac
from hashlib import sha256
from typing import Any

from itsdangerous import BadData, URLSafeSerializer


class SigningKeys:
    """One key that signs, and others whose signatures hold, too."""

    def __init__(self, signing: str, *also: str) -> None:
        self._keys = {key_id(key): key for key in (signing, *also)}

    def signer(self, *, salt: str) -> "Signer":
        """Signs and reads texts of one kind; `salt` separates the kinds, so that none passes for another."""
        return Signer({name: _serializer(key, salt=salt) for name, key in self._keys.items()})

    def mark(self, text: str) -> str:
        """The HMAC-SHA256 of a text by the key that signs."""
        return _mark(next(iter(self._keys.values())), text)

    def has_marked(self, text: str, mark: str) -> bool:
        """Whether the mark is the text's by any of the keys; compared in constant time."""
        return any(hmac.compare_digest(_mark(key, text).encode(), mark.encode()) for key in self._keys.values())


class Signer:
    """Signs with HMAC-SHA256 by the first key, and reads what any of them signed."""

    def __init__(self, serializers: dict[str, URLSafeSerializer]) -> None:
        self._serializers = serializers

    def dumps(self, content: object) -> str:
        """The content as signed text: id of the key, content, signature, separated by dots."""
        name, serializer = next(iter(self._serializers.items()))
        return f"{name}.{serializer.dumps(content)}"

    def loads(self, text: str) -> Any:
        """The content of a signed text; raises `itsdangerous.BadData`."""
        name, _, signed = text.partition(".")
        if name not in self._serializers:
            raise BadData("signed by no key that holds")
        return self._serializers[name].loads(signed)


def key_id(signing_key: str) -> str:
    """The public id of a signing key: the beginning of a digest, from which nobody finds the key."""
    return sha256(b"key id:" + signing_key.encode()).hexdigest()[:8]


def _serializer(signing_key: str, *, salt: str) -> URLSafeSerializer:
    digests = {"digest_method": sha256, "key_derivation": "hmac"}
    return URLSafeSerializer(signing_key, salt=salt, signer_kwargs=digests)


def _mark(signing_key: str, text: str) -> str:
    return hmac.new(signing_key.encode(), text.encode(), sha256).hexdigest()
