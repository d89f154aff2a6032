"""Shapes of the routes for operators: API keys, people, what was revoked, and the audit log."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from typing_extensions import TypedDict

from serving.web.access import Role, Scope
from serving.web.fields import Email, Instant, Text
from serving.words.contracts import InstantText, answer_shape

KeyState = Literal["active", "expired", "revoked"]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KeyIn(_Body):
    """An API key that is wanted."""

    name: Annotated[Text, Field(max_length=200)]
    """The purpose of the key."""
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=5)]
    expires_at: Instant | None = None
    """Null: never."""


class Rotation(_Body):
    """How long the old API key goes on beside the new one."""

    overlap_hours: Annotated[PositiveInt, Field(le=24 * 90)] = 24


class PersonIn(_Body):
    """A person who may look at the dashboards."""

    email: Email
    name: Annotated[Text, Field(max_length=200)]
    role: Role


class PersonChange(_Body):
    """Changes to a person; a field that is left out stays as it is."""

    role: Role | None = None
    disabled: bool | None = None
    """True: the account is closed and its sessions end."""


class TokenId(_Body):
    """The token or session to be revoked."""

    token: Annotated[str, Field(max_length=2_000)] | None = None
    """One modal token; null: every modal token and page session of the organisation."""


@answer_shape
class KeyAnswer(TypedDict):
    """One API key; the key itself is shown once, when it is made."""

    key_id: str
    name: str
    scopes: list[Scope]
    state: KeyState
    created_at: InstantText
    created_by: str
    expires_at: InstantText | None
    revoked_at: InstantText | None
    replaced_by: str | None
    """The key that a rotation made."""


@answer_shape
class NewKey(KeyAnswer):
    """An API key that was just made."""

    key: str
    """To be stored now: it is shown this once."""


@answer_shape
class KeyList(TypedDict):
    """API keys, newest first; the one of the settings (`PLANS_API_KEY`) is not among them."""

    keys: list[KeyAnswer]


@answer_shape
class PersonAnswer(TypedDict):
    """One person."""

    person_id: str
    email: str
    name: str
    role: Role
    signs_in_by: Literal["password", "openid", "nothing yet"]
    created_at: InstantText
    disabled_at: InstantText | None
    sessions: int
    """Sessions that are open now."""


@answer_shape
class NewPerson(PersonAnswer):
    """A person with the invitation to choose a password."""

    invitation: str
    """Path of the page on which the password is chosen; it works once, for three days."""


@answer_shape
class PersonList(TypedDict):
    """People, by e-mail address."""

    people: list[PersonAnswer]


@answer_shape
class AuditEntry(TypedDict):
    """One change by an operator: actor, act, subject and address."""

    entry_id: str
    occurred_at: InstantText
    actor: str
    """`key:` or `person:` and the id, or the user of the machine on which a command was called."""
    action: str
    subject: str
    detail: str
    address: str | None
    organization_id: str | None
    request_id: str | None


@answer_shape
class AuditPage(TypedDict):
    """Entries of the audit log, newest first."""

    entries: list[AuditEntry]
    next: str | None
    """The `after` of the next page; null: this was the last one."""
