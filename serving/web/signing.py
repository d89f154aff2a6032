"""Signed texts: modal tokens, sessions, login cookies and quotes."""

from hashlib import sha256

from itsdangerous import URLSafeSerializer


def signer(signing_key: str, *, salt: str) -> URLSafeSerializer:
    """Signs with HMAC-SHA256; `salt` separates the kinds of texts, so that none passes for another."""
    return URLSafeSerializer(signing_key, salt=salt, signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"})
