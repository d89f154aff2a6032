"""Typed values from YAML nodes: each wrong value is noted with its place, and reading goes on."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from fractions import Fraction
from itertools import islice
from typing import Final

from data_contracts.yaml_reading.places import Findings, Mapping, Node, Scalar, Sequence

MAX_NAME: Final = 100
MAX_TEXT: Final = 5_000

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off"})
_INFINITE = frozenset({".inf", "+.inf"})
_NUMBER = re.compile(r"[-+]?(\d[\d_]*(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?", re.ASCII)
_LARGEST = Fraction(10) ** 30
_SHOWN = 40
_HINTS = 40
_HINTS_FROM = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a document with its path, and the findings that its faults are noted in."""

    node: Node
    path: str
    findings: Findings
    key: Scalar | None = None
    """The name under which the value stands; `None` in a list."""

    @property
    def place(self) -> Node:
        """Where the value begins; a list or a mapping begins at its name."""
        return self.node if isinstance(self.node, Scalar) or self.key is None else self.key

    def fault(self, message: str) -> None:
        """Note that this value is wrong."""
        self.findings.fault(self.place.line, self.place.column, self.path, message)

    def fault_name(self, message: str) -> None:
        """Note that the name of this value is wrong."""
        place = self.key or self.place
        self.findings.fault(place.line, place.column, self.path, message)

    def warn(self, message: str) -> None:
        """Note that this value is unusual, but usable."""
        self.findings.warn(self.place.line, self.place.column, self.path, message)

    @property
    def empty(self) -> bool:
        """Whether the value is `null`, `~` or blank."""
        return isinstance(self.node, Scalar) and self.node.plain and self.node.text in _NULL

    @property
    def plain_flag(self) -> bool | None:
        """The value as true or false; `None` when it is neither."""
        word = self.node.text.lower() if isinstance(self.node, Scalar) and self.node.plain else ""
        return word in _TRUE if word in _TRUE or word in _FALSE else None

    @property
    def shown(self) -> str:
        """The value as a fault message quotes it."""
        if isinstance(self.node, Scalar):
            text = self.node.text if len(self.node.text) <= _SHOWN else self.node.text[:_SHOWN] + "…"
            return "nothing" if self.empty else repr(text)
        return "a list" if isinstance(self.node, Sequence) else "a mapping"

    def fields(self, known: Iterable[str] | None = None, *, what: str = "a mapping") -> "Fields":
        """The named values of a mapping; an empty value counts as an empty mapping. Names not in `known` are noted."""
        if isinstance(self.node, Mapping):
            return Fields(self, self.node, known)
        if not self.empty and self.node != Sequence(self.node.line, self.node.column):
            self.fault(f"must be {what}, is {self.shown}")
        return Fields(self, Mapping(self.node.line, self.node.column), known)

    def items(self) -> list["Entry"]:
        """The values of a list; an empty value counts as an empty list."""
        if isinstance(self.node, Sequence):
            return [Entry(item, f"{self.path}.{i}", self.findings) for i, item in enumerate(self.node.items)]
        if not self.empty:
            self.fault(f"must be a list, is {self.shown}")
        return []

    def names(self) -> list["Entry"]:
        """The values of a list that are texts."""
        return [item for item in self.items() if item.text() is not None]

    def text(self) -> str | None:
        """The value as a text, `None` after a fault; a number or a date is taken as it is written."""
        if isinstance(self.node, Scalar) and not self.empty:
            if len(self.node.text) <= MAX_TEXT:
                return self.node.text
            self.fault(f"is longer than {MAX_TEXT} characters")
        else:
            self.fault(f"must be a text, is {self.shown}")
        return None

    def one_of(self, words: Iterable[str]) -> str | None:
        """The value in capitals when it is one of these words, `None` after a fault."""
        allowed = tuple(words)
        word = self.node.text.strip().upper() if isinstance(self.node, Scalar) else ""
        if word in allowed:
            return word
        self.fault(
            f"must be one of {', '.join(allowed)}, is {self.shown}{closest(word, allowed, findings=self.findings)}"
        )
        return None

    def flag(self) -> bool | None:
        """The value as true or false, `None` after a fault."""
        if self.plain_flag is not None:
            return self.plain_flag
        self.fault(f"must be true or false, is {self.shown}")
        return None

    def number(self, *, quoted: bool = False) -> Fraction | None:
        """The value as an exact number, `None` after a fault; `quoted` allows quotation marks around it."""
        if isinstance(self.node, Scalar) and (self.node.plain or quoted):
            number = exact_number(self.node.text)
            if number is not None:
                return number
        too_large = isinstance(self.node, Scalar) and _NUMBER.fullmatch(self.node.text)
        self.fault(f"must be a number{' below 10^30' if too_large else ''}, is {self.shown}")
        return None

    def quantity(self) -> float | None:
        """The value as a number from 0, or `math.inf` for `.inf`; `None` after a fault."""
        if isinstance(self.node, Scalar) and self.node.plain and self.node.text.lower() in _INFINITE:
            return math.inf
        number = self.number()
        if number is not None and number < 0:
            self.fault("must not be negative")
            return None
        return None if number is None else float(number)

    def instant(self) -> datetime | None:
        """The value as an instant, `None` after a fault: a date or ISO 8601, in UTC where it names no zone."""
        written = self.node.text.strip() if isinstance(self.node, Scalar) else ""
        try:
            instant = datetime.fromisoformat(written)
            return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fault(f"must be a date or an instant such as 2026-01-31T12:00:00Z, is {self.shown}")
            return None


class Fields:
    """The named values of one mapping."""

    def __init__(self, owner: Entry, mapping: Mapping, known: Iterable[str] | None) -> None:
        self.owner = owner
        self._mapping = mapping
        if known is not None:
            self._warn_of_unknown(tuple(known))

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        for name in self._mapping.entries:
            if entry := self.find(name):
                yield name, entry

    @property
    def names(self) -> Iterable[str]:
        """The names of the mapping."""
        return self._mapping.entries.keys()

    def __len__(self) -> int:
        return len(self._mapping.entries)

    def __contains__(self, name: str) -> bool:
        return name in self._mapping.entries

    def _path(self, name: str) -> str:
        return f"{self.owner.path}.{name}" if self.owner.path else name

    def find(self, name: str) -> Entry | None:
        """The value of this name, even when it is empty; `None` when the name is absent."""
        found = self._mapping.entries.get(name)
        if found is None:
            return None
        key, node = found
        blank = isinstance(node, Scalar) and node.plain and node.text == ""
        nothing = Scalar(key.line, key.column, "", plain=True)
        return Entry(nothing if blank else node, self._path(name), self.owner.findings, key)

    def get(self, name: str) -> Entry | None:
        """The value of this name; `None` when the name is absent or its value is empty."""
        entry = self.find(name)
        return None if entry is None or entry.empty else entry

    def require(self, name: str) -> Entry | None:
        """The value of this name; an absent or empty value is noted as a fault."""
        entry = self.get(name)
        if entry is None:
            found = self.find(name)
            place = found.place if found else self.owner.place
            self.owner.findings.fault(place.line, place.column, self._path(name), "is missing")
        return entry

    def text(self, name: str) -> str:
        """The text of this name; empty when the name is absent or its value is empty."""
        entry = self.get(name)
        return (entry.text() or "") if entry else ""

    def check_names(self, what: str) -> None:
        """Note as faults the names that cannot be codes: blank, of several lines, or too long."""
        for name, (key, _) in self._mapping.entries.items():
            if not name.strip() or name != name.strip() or "\n" in name or len(name) > MAX_NAME:
                message = f"the name of {what} is one line of 1 to {MAX_NAME} characters, without blanks around it"
                self.owner.findings.fault(key.line, key.column, self._path(name[:_SHOWN]), message)

    def _warn_of_unknown(self, known: tuple[str, ...]) -> None:
        findings = self.owner.findings
        note = findings.fault if findings.strict else findings.warn
        for name, (key, _) in self._mapping.entries.items():
            if name not in known:
                message = f"is not a field known here and is not read{closest(name, known, findings=findings)}"
                note(key.line, key.column, self._path(name[:_SHOWN]), message)


def exact_number(text: str) -> Fraction | None:
    """The exact number that a text spells; `None` when the text is no number or one of 10^30 or more."""
    written = text.strip().replace("_", "")
    if len(written) > 64 or not _NUMBER.fullmatch(written):
        return None
    number = Fraction(written)
    return number if abs(number) < _LARGEST else None


def closest(name: str, known: Iterable[str], *, findings: Findings) -> str:
    """A hint ", did you mean …?" when a known name is similar; only the first faults get one, because it takes time."""
    if len(findings.faults) + len(findings.warnings) >= _HINTS:
        return ""
    near = get_close_matches(name[:MAX_NAME], list(islice(known, _HINTS_FROM)), n=1)
    return f", did you mean {near[0]}?" if near else ""
