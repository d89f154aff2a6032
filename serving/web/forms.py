"""HTML forms as a browser submits them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from fastapi import Request

_MOST_FIELDS: Final = 100


class FormUnreadable(ValueError):
    """The body is not a form: not UTF-8, more than 100 fields, or a NUL, which no field can hold."""


class FormNotOurs(Exception):
    """The form does not carry the mark of the session that submits it."""


@dataclass(frozen=True, slots=True)
class Form:
    """Form fields by name; a missing field reads as empty."""

    fields: Mapping[str, Sequence[str]]

    def get(self, name: str) -> str:
        """The first value of a field, without surrounding white space."""
        return next(iter(self.fields.get(name, ())), "").strip()

    def raw(self, name: str) -> str:
        """The first value of a field as it was typed; white space belongs to a password."""
        return next(iter(self.fields.get(name, ())), "")

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return list(self.fields.get(name, ()))


async def form_of(request: Request) -> Form:
    """Read the form in the body of a request; raises `FormUnreadable`."""
    try:
        text = (await request.body()).decode("utf-8")
        fields = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise FormUnreadable from error
    if any("\0" in value for values in fields.values() for value in values):
        raise FormUnreadable
    return Form(fields)
