"""The raw tables by name, parents before children: shape, key, references, freshness, and how many rows may break."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel, Json

from data_contracts.raw.cancellations import Cancellation
from data_contracts.raw.charges import Charge
from data_contracts.raw.decisions import DecisionCandidate
from data_contracts.raw.organizations import IntegrationChange, Organization, SubscriptionChange, TemplateInstall
from data_contracts.raw.outcomes import Outcome
from data_contracts.raw.refunds import Refund
from data_contracts.usage import UsageEvent

Kind = Literal["text", "instant", "whole", "number", "flag", "json"]

KINDS: Final[Mapping[Any, Kind]] = {
    str: "text",
    int: "whole",
    float: "number",
    bool: "flag",
    datetime: "instant",
    AwareDatetime: "instant",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, derived from the table's shape."""

    name: str
    kind: Kind
    nullable: bool
    choices: tuple[str, ...] = ()
    """The values that the column may take; empty: any."""
    container: type | None = None
    """The type that a JSON text holds, `list` or `dict`; `None` for other kinds."""
    values: Literal["numbers", "texts", "objects"] = "numbers"
    """The kind of value that a `dict` maps names to."""
    optional: bool = False
    """Whether a file may lack the column: then every row lacks a value."""


@dataclass(frozen=True)
class RawTable:
    """The contract of a raw table beyond the types of its columns."""

    name: str
    shape: type[BaseModel]
    key: tuple[str, ...]
    references: Mapping[str, str] = field(default_factory=dict)
    """Column → the table that must contain its values, in the column of the same name."""
    fresh_for_days: int | None = None
    """How many days the newest row may lag behind the newest row of the folder; `None`: any number."""
    min_rows: int = 0
    optional: bool = False
    """Whether a folder may lack the table: then it has no rows, and the report says so."""
    max_share_set_aside: float = 0.25
    """The table as a whole is broken when more than this share of its rows is (see `MIN_ROWS_TO_JUDGE_A_SHARE`)."""

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns in declared order."""
        return tuple(
            replace(_column(name, info.annotation, info.metadata), optional=not info.is_required())
            for name, info in self.shape.model_fields.items()
        )


MIN_ROWS_TO_JUDGE_A_SHARE: Final = 20
"""With fewer broken rows than this, a table as a whole is never broken."""

OF_ORGANIZATION: Final = {"organization_id": "organizations"}

RAW_TABLES: Final[Mapping[str, RawTable]] = {
    table.name: table
    for table in (
        RawTable("organizations", Organization, key=("organization_id",), fresh_for_days=92, min_rows=1),
        RawTable("template_installs", TemplateInstall, key=("event_id",), references=OF_ORGANIZATION),
        RawTable("integrations", IntegrationChange, key=("event_id",), references=OF_ORGANIZATION),
        RawTable("usage_events", UsageEvent, key=("event_id",), references=OF_ORGANIZATION, fresh_for_days=14),
        RawTable("subscriptions", SubscriptionChange, key=("event_id",), references=OF_ORGANIZATION),
        RawTable(
            "decisions",
            DecisionCandidate,
            key=("decision_id", "plan"),
            references=OF_ORGANIZATION,
            fresh_for_days=31,
        ),
        RawTable("outcomes", Outcome, key=("event_id",), references={"decision_id": "decisions"}, fresh_for_days=62),
        RawTable("charges", Charge, key=("charge_id",), references=OF_ORGANIZATION, optional=True),
        RawTable("refunds", Refund, key=("refund_id",), references=OF_ORGANIZATION, optional=True),
        RawTable("cancellations", Cancellation, key=("cancellation_id",), references=OF_ORGANIZATION, optional=True),
    )
}


def _column(name: str, annotation: Any, metadata: list[Any]) -> Column:
    """Read one pydantic field: `X | None` is nullable, `Json[X]` is JSON text, a `Literal` is text with choices."""
    nullable = False
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = (part for part in get_args(annotation) if part is not NoneType)
        nullable = True
    if get_origin(annotation) is Annotated:
        annotation, *inner = get_args(annotation)
        metadata = [*metadata, *inner]
    if Json in (part if isinstance(part, type) else type(part) for part in metadata):
        of = get_args(annotation)[-1:]
        values: Literal["numbers", "texts", "objects"] = "texts" if of == (str,) else "numbers"
        if of and get_origin(of[0]) is dict:
            values = "objects"
        return Column(name, "json", nullable, container=get_origin(annotation) or annotation, values=values)
    if get_origin(annotation) is Literal:
        return Column(name, "text", nullable, choices=get_args(annotation))
    return Column(name, KINDS[annotation], nullable)
