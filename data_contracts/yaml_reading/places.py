"""YAML as nodes that know their line and column, so that every fault can name its place.

Scalars follow the YAML 1.2 core schema: `NO` is Norway, `yes` is a word, `12:30` is no number. A file is read within
fixed bounds (size, depth, nodes after aliases), so that no text can hang or overflow the reader.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

Source = Literal["catalogue", "offers", "experiments"]

MAX_CHARACTERS: Final = 2_000_000
MAX_DEPTH: Final = 40
MAX_NODES: Final = 200_000
MAX_FAULTS: Final = 500
"""A file with more faults than this is not a catalogue; the rest is not listed."""

_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_YAML_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(_YAML_TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq"))


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a document and its place; lines and columns count from 1."""

    source: Source
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        subject = f"{self.path}: " if self.path else ""
        return f"{self.source}:{self.line}:{self.column}: {subject}{self.message}"


class CatalogueFaults(ValueError):
    """A document (catalogue, offers or experiments) cannot be used; `faults` lists everything that is wrong with it."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value as the file has it."""

    line: int
    column: int
    text: str
    plain: bool
    """Whether the value has no quotation marks, so that it may be a number, a flag or null."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of nodes."""

    line: int
    column: int
    items: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Mapping:
    """Nodes by name; names are taken as the file has them."""

    line: int
    column: int
    entries: dict[str, tuple[Scalar, "Node"]] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


class Findings:
    """Collects faults and warnings while a file is read; with `strict`, an unknown field is a fault, not a warning."""

    def __init__(self, source: Source, *, strict: bool = False) -> None:
        self.source: Source = source
        self.strict = strict
        self.faults: list[Fault] = []
        self.warnings: list[Fault] = []

    def fault(self, line: int, column: int, path: str, message: str) -> None:
        """Note a fault."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(self.source, line, column, path, message))

    def warn(self, line: int, column: int, path: str, message: str) -> None:
        """Note something unusual that does not stop the file from being used."""
        if len(self.warnings) < MAX_FAULTS:
            self.warnings.append(Fault(self.source, line, column, path, message))

    def fail(self, line: int, column: int, path: str, message: str) -> CatalogueFaults:
        """The exception to raise for a fault after which reading cannot go on."""
        return CatalogueFaults((*self.faults, Fault(self.source, line, column, path, message)))


def decode(content: bytes, *, source: Source) -> str:
    """Decode a file as UTF-8; raises `CatalogueFaults` with the place of the first byte that is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        line, column = _position(before, len(before))
        raise Findings(source).fail(line, column, "", "is not UTF-8 text") from None


def parse(text: str, *, findings: Findings) -> Node:
    """Parse the one YAML document of a text; raises `CatalogueFaults` for bad YAML or a text beyond the bounds."""
    if len(text) > MAX_CHARACTERS:
        raise findings.fail(1, 1, "", f"is too long: {len(text)} characters, at most {MAX_CHARACTERS} are read")
    text = text.removeprefix("\ufeff")
    if unreadable := _UNREADABLE.search(text):
        line, column = _position(text, unreadable.start())
        code = f"U+{ord(unreadable.group()):04X}"
        raise findings.fail(line, column, "", f"the character {code} must not stand in a YAML file")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Composer(findings).compose(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        detail = " ".join(part for part in (error.context, error.problem) if part)
        raise findings.fail(line, column, "", f"is not YAML: {detail}") from None
    except yaml.YAMLError as error:
        raise findings.fail(1, 1, "", f"is not YAML: {str(error).splitlines()[0]}") from None


def _position(text: str, index: int) -> tuple[int, int]:
    start = text.rfind("\n", 0, index) + 1
    return text.count("\n", 0, index) + 1, index - start + 1


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been read yet."""

    node: Sequence | Mapping
    anchor: str | None
    size: int = 1
    key: Scalar | None = None
    merged: list[Node] = field(default_factory=list)


class _Composer:
    """Turns parse events into nodes, without recursion."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._root: Node | None = None

    def compose(self, events: Iterator[Event]) -> Node:
        for event in events:
            if isinstance(event, ScalarEvent):
                self._scalar(event)
            elif isinstance(event, SequenceStartEvent | MappingStartEvent):
                self._start(event)
            elif isinstance(event, SequenceEndEvent | MappingEndEvent):
                self._end()
            elif isinstance(event, AliasEvent):
                self._alias(event)
            elif isinstance(event, DocumentStartEvent) and self._root is not None:
                raise self._fail(event, "holds a second document; one file is one catalogue")
        if self._root is None:
            raise self._findings.fail(1, 1, "", "is empty")
        return self._root

    def _path(self) -> str:
        parts = []
        for opened in self._stack:
            if isinstance(opened.node, Sequence):
                parts.append(str(len(opened.node.items)))
            elif opened.key is not None:
                parts.append(opened.key.text)
        return ".".join(parts)

    def _fail(self, event: Event, message: str) -> CatalogueFaults:
        return self._findings.fail(*_start_of(event), self._path(), message)

    def _scalar(self, event: ScalarEvent) -> None:
        self._refuse_tag(event, event.tag)
        plain = not event.style and event.tag in {None, "!"} and event.implicit[0]
        scalar = Scalar(*_start_of(event), event.value, plain or event.tag not in {None, "!", _YAML_TAG + "str"})
        if unreadable := _UNREADABLE.search(event.value):
            code = f"U+{ord(unreadable.group()):04X}"
            self._findings.fault(scalar.line, scalar.column, self._path(), f"holds the character {code}")
        self._place(scalar, event.anchor, size=1)

    def _start(self, event: SequenceStartEvent | MappingStartEvent) -> None:
        self._refuse_tag(event, event.tag)
        if len(self._stack) >= MAX_DEPTH:
            raise self._fail(event, f"is nested more than {MAX_DEPTH} levels deep")
        kind = Sequence if isinstance(event, SequenceStartEvent) else Mapping
        parent = self._stack[-1] if self._stack else None
        if parent and isinstance(parent.node, Mapping) and parent.key is None:
            raise self._fail(event, "a name must be one word or text, not a list or a mapping")
        self._stack.append(_Open(kind(*_start_of(event)), event.anchor))

    def _end(self) -> None:
        closed = self._stack.pop()
        node = closed.node
        if isinstance(node, Mapping):
            for source in closed.merged:
                self._merge(node, source)
        self._place(node, closed.anchor, size=closed.size)

    def _alias(self, event: AliasEvent) -> None:
        known = self._anchors.get(event.anchor or "")
        if known is None:
            raise self._fail(event, f"*{event.anchor} refers to nothing that is complete before it")
        self._place(known[0], None, size=known[1])

    def _refuse_tag(self, event: Event, tag: str | None) -> None:
        if tag not in {None, "!"} and tag not in _PLAIN_TAGS:
            self._findings.fault(*_start_of(event), self._path(), f"the YAML tag {tag} is not known here")

    def _place(self, node: Node, anchor: str | None, *, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, size)
        if not self._stack:
            self._root = node
            return
        parent = self._stack[-1]
        parent.size += size
        if parent.size > MAX_NODES:
            raise self._findings.fail(node.line, node.column, self._path(), f"holds more than {MAX_NODES} values")
        if isinstance(parent.node, Sequence):
            parent.node.items.append(node)
        elif parent.key is None:
            self._key(parent, node)
        else:
            self._value(parent, parent.node, parent.key, node)

    def _key(self, parent: _Open, node: Node) -> None:
        if not isinstance(node, Scalar):
            raise self._findings.fail(node.line, node.column, self._path(), "a name must be one word or text")
        parent.key = node

    def _value(self, parent: _Open, mapping: Mapping, key: Scalar, node: Node) -> None:
        if key.text == "<<" and key.plain:
            parent.merged.extend(node.items if isinstance(node, Sequence) else [node])
        elif key.text in mapping.entries:
            first = mapping.entries[key.text][0].line
            self._findings.fault(key.line, key.column, self._path(), f"stands twice; first in line {first}")
        else:
            mapping.entries[key.text] = (key, node)
        parent.key = None

    def _merge(self, node: Mapping, source: Node) -> None:
        if not isinstance(source, Mapping):
            self._findings.fault(source.line, source.column, self._path(), "<< takes a mapping")
            return
        for name, entry in source.entries.items():
            node.entries.setdefault(name, entry)


def _start_of(event: Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
