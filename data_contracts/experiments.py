"""One document of experiments: which arms there are, when, what stops them; and one of how they stand at an instant.

The declarations are YAML with one list, `experiments`; everything but name, dates, size and arms has a default. How
experiments stand is JSON that the service writes and the dashboards read.
"""

from datetime import datetime
from itertools import combinations
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from data_contracts.languages import LOCALES, Locale
from data_contracts.yaml_reading.places import CatalogueFaults, Findings, Node, Scalar, Sequence, parse

ArmRanker = Literal["champion", "challenger", "rules"]
GuardrailName = Literal["ranker_failures", "slow_answers", "payment_failures", "cancellations"]


def _number(value: object) -> object:
    """A stage as a number: YAML values arrive as text, and a `Literal` compares without converting."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


Stage = Annotated[Literal[10, 25, 50, 100], BeforeValidator(_number)]

STAGES: Final[tuple[Stage, ...]] = (10, 25, 50, 100)
"""Percent of an experiment's organisations that take part, in the order in which an experiment grows."""
GUARDRAILS: Final[tuple[GuardrailName, ...]] = (
    "ranker_failures",
    "slow_answers",
    "payment_failures",
    "cancellations",
)

Phase = Literal["waiting", "running", "stopped", "ended"]
Hindrance = Literal["not_running", "last_stage", "arm_without_organizations", "sample_ratio", "guardrail"]
"""Reasons why an experiment may not grow."""


def _in_every_language(value: object) -> object:
    """A single text is used for all languages."""
    return dict.fromkeys(LOCALES, value) if isinstance(value, str) else value


Words = Annotated[dict[Locale, Annotated[str, Field(max_length=500)]], BeforeValidator(_in_every_language)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Arm(_Declared):
    """One variant of the treatment: the ranker, and how far it explores, for a share of the organisations."""

    name: Name
    ranker: ArmRanker = "champion"
    exploration_budget: float | None = Field(default=None, ge=0, le=0.2)
    """The share of acceptance that exploration may cost; absent: the service's own setting."""
    share: int = Field(ge=1, le=1_000)
    """The weight of this arm: its part of the sum of all arms' shares."""


class Guardrail(_Declared):
    """A guardrail stops an experiment when an arm harms over `tolerance` times as many as the control."""

    name: GuardrailName
    tolerance: float = Field(default=1.0, ge=1, le=100)


class Segment(_Declared):
    """The part of all organisations that an experiment may use, in percent, half-open; so several can run at once."""

    start: int = Field(default=0, ge=0, le=99)
    end: int = Field(default=100, ge=1, le=100)

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if self.start >= self.end:
            raise ValueError("start must lie before end")
        return self


class Experiment(_Declared):
    """One experiment: a question and the arms that answer it; the first arm is the control."""

    name: Name
    question: Words = Field(default_factory=dict)
    """The question that the experiment answers: one text, or one for each language."""
    salt: str = Field(default="", max_length=100)
    """The text that, hashed with an organisation's id, assigns its arm; absent: the name of the experiment."""
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    planned_organizations: int = Field(ge=100, le=100_000_000)
    """The planned size, fixed before the start: the split is tested at it, and the bounds are tightest there."""
    relevance: float = Field(default=0.01, gt=0, lt=1)
    """Differences between payment rates below this are irrelevant."""
    relevance_cents: int = Field(default=100, ge=1)
    """Differences of monthly revenue per organisation below this are irrelevant."""
    window_days: int = Field(default=14, ge=1, le=365)
    """The outcome window: an organisation counts once this many days have passed since its first exposure."""
    stage_percent: Stage = 10
    """The stage at which the experiment starts."""
    slow_ms: int = Field(default=250, ge=1, le=60_000)
    """Decisions that took longer than this count as slow for the guardrail."""
    segment: Segment = Segment()
    arms: tuple[Arm, ...] = Field(min_length=2, max_length=5)
    guardrails: tuple[Guardrail, ...] = tuple(Guardrail(name=name) for name in GUARDRAILS)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.starts_at >= self.ends_at:
            raise ValueError("starts_at must lie before ends_at")
        if len({arm.name for arm in self.arms}) < len(self.arms):
            raise ValueError("two arms have the same name")
        if len({guardrail.name for guardrail in self.guardrails}) < len(self.guardrails):
            raise ValueError("two guardrails have the same name")
        return self

    def question_in(self, locale: Locale) -> str:
        """The question in this language, else in the first language that has it."""
        return self.question.get(locale) or next(iter(self.question.values()), "")

    @property
    def control(self) -> Arm:
        """The arm that the other arms are compared with."""
        return self.arms[0]

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of organisations that each arm gets; the shares sum to 1."""
        whole = sum(arm.share for arm in self.arms)
        return tuple(arm.share / whole for arm in self.arms)

    def meets(self, other: "Experiment") -> bool:
        """Whether an organisation could be in both experiments at the same time."""
        in_time = self.starts_at < other.ends_at and other.starts_at < self.ends_at
        return in_time and self.segment.start < other.segment.end and other.segment.start < self.segment.end


class Experiments(_Declared):
    """All experiments that a service declares."""

    experiments: tuple[Experiment, ...] = Field(default=(), max_length=200)

    @model_validator(mode="after")
    def _are_apart(self) -> Self:
        if len({each.name for each in self.experiments}) < len(self.experiments):
            raise ValueError("two experiments have the same name")
        for one, other in combinations(self.experiments, 2):
            if one.meets(other):
                raise ValueError(
                    f"{one.name} and {other.name} run at once on the same organisations; part their segments"
                )
        return self


class _Reported(_Declared):
    model_config = ConfigDict(allow_inf_nan=False)


class GuardrailCount(_Reported):
    """One guardrail of one arm: how many of its organisations were harmed, and how many of the control's."""

    guardrail: GuardrailName
    arm: str
    harmed: int = Field(ge=0)
    organizations: int = Field(ge=0)
    control_harmed: int = Field(ge=0)
    control_organizations: int = Field(ge=0)
    p_value: float = Field(ge=0, le=1)
    """Valid however often it is looked at."""
    red: bool
    """Whether the harm is proven."""


class ExperimentStatus(_Reported):
    """How one experiment stands: its phase, its stage, and what its guardrails count."""

    experiment: str
    phase: Phase
    stage_percent: int = Field(ge=0, le=100)
    stopped_at: AwareDatetime | None = None
    reason: str | None = None
    """Why it was stopped."""
    hindrances: tuple[Hindrance, ...] = ()
    """The hindrances of the next stage; empty: the experiment may grow."""
    guardrails: tuple[GuardrailCount, ...] = ()


class ExperimentStatuses(_Reported):
    """How all experiments stand that a service has declared, at one instant."""

    as_of: AwareDatetime
    statuses: tuple[ExperimentStatus, ...]

    def of(self, experiment: str) -> tuple[ExperimentStatus, datetime] | None:
        """The status of the experiment of this name, and its instant; `None` if the service does not know it."""
        return next(((each, self.as_of) for each in self.statuses if each.experiment == experiment), None)


def read_experiments(text: str) -> tuple[Experiment, ...]:
    """Read the experiments that a YAML text declares.

    Raises `CatalogueFaults`, which lists everything that is wrong with line, column and path.
    """
    findings = Findings("experiments")
    document = parse(text, findings=findings)
    if not findings.faults:
        try:
            return Experiments.model_validate(_plain(document) or {}).experiments
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False)
            inner = {other["loc"][:depth] for other in wrong for depth in range(len(other["loc"]))}
            for each in wrong:
                if each["loc"] in inner:
                    continue  # the value is wrong only because a value in it is
                place, path = _find(document, each["loc"])
                findings.fault(place.line, place.column, path, each["msg"].removeprefix("Value error, "))
    raise CatalogueFaults(tuple(findings.faults))


def _plain(node: Node) -> Any:
    """The document as texts, lists and dictionaries; the shape that reads it decides what is a number or an instant."""
    if isinstance(node, Scalar):
        return None if node.plain and node.text in {"", "~", "null"} else node.text
    if isinstance(node, Sequence):
        return [_plain(item) for item in node.items]
    values = {name: _plain(value) for name, (_, value) in node.entries.items()}
    return {name: value for name, value in values.items() if value is not None}


def _find(node: Node, location: tuple[int | str, ...]) -> tuple[Node, str]:
    """The deepest node on the way to a value, and the path as text."""
    for step in location:
        if isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        elif not isinstance(node, Scalar | Sequence) and step in node.entries:
            node = node.entries[str(step)][1]
    return node, ".".join(map(str, location))
