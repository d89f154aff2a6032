"""Passwords: hashed with Argon2id (RFC 9106), checked in constant time, chosen with a length that cannot be guessed."""

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST_LENGTH: Final = 12
LONGEST: Final = 200
LEAST_DIFFERENT: Final = 6
"""A password must have so many different characters."""

_HASHER: Final = PasswordHasher()
_OF_NOBODY: Final = "$argon2id$v=19$m=65536,t=3,p=4$ZkLDNaFT3tgrwqkR21sQlw$WF6AGShHYoj0MwmFRR8Je3pdU9SOVgj/3/Jr5YRmYq8"
"""Compared with where there is no person, so that an unknown address takes as long to refuse as a known one."""


class PasswordRefused(ValueError):
    """The password may be guessed: too short, too uniform, or made of the person's address."""


def hashed(password: str, *, email: str) -> str:
    """The hash of a new password; raises `PasswordRefused`."""
    name = email.partition("@")[0].lower()
    if not LEAST_LENGTH <= len(password) <= LONGEST or len(set(password)) < LEAST_DIFFERENT:
        raise PasswordRefused
    if len(name) > 2 and name in password.lower():
        raise PasswordRefused
    return _HASHER.hash(password)


def matches(password: str, kept: str | None) -> bool:
    """Whether this is the password of a hash; without a hash it never is, and takes as long."""
    try:
        _HASHER.verify(kept or _OF_NOBODY, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None
