"""The model card of a ranker: purpose, data, metrics, limits and the gate's verdict, from its training run.

A card with an empty field is not written.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version as installed
from typing import Final

from models.judging.amounts import amount
from models.judging.gate import Verdict
from models.judging.gate_evidence import Evidence
from models.registry.report import COLUMNS, markdown_table, rows
from models.training.train import Trained
from recommender.ranking.countries import COUNTRY_GROUPS
from recommender.ranking.reward import RewardName

LIBRARIES: Final = ("lightgbm", "numpy", "mlflow")

REWARDS: Final[dict[RewardName, str]] = {
    "acceptance": "the plan most likely to be chosen comes first",
    "margin": "the plan with the highest expected takings over twelve months comes first",
    "customer": "of plans that are likely to be chosen, those with a low bill come first",
}
PURPOSE: Final = (
    "Orders the subscription plans that an organisation may take, best first, with the probability of each to be "
    "chosen. Made for organisations in their trial and for those that hold a plan; not for pricing, for credit or "
    "for decisions about people. Where it may not or cannot answer, the rules do, and the answer says so."
)
LIMITS: Final = (
    "It learned from choices among plans that were shown in some order; what was never shown is foretold from "
    "likeness alone. Off-policy figures are estimates from logs, not an experiment. A plan, integration or template "
    "that is new to the catalogue is scored by its features, without any evidence of its own."
)


class EmptyField(ValueError):
    """A field of the model card is empty."""


def model_card(trained: Trained, evidence: Evidence, verdict: Verdict, *, version: str) -> str:
    """The model card as Markdown; `EmptyField` names the field that is empty."""
    fields = {
        "Purpose": PURPOSE,
        "Declared reward": f"{evidence.reward}: {REWARDS[evidence.reward]}",
        "Data": _data(trained),
        "Features": ", ".join(f"`{name}`" for name in trained.ranker.feature_names),
        "Learner": ", ".join(
            f"{name} {value}" for name, value in trained.parameters.items() if not isinstance(value, list | tuple)
        ),
        "Made with": ", ".join(f"{name} {installed(name)}" for name in LIBRARIES),
        "Hold-out": _holdout(trained, evidence),
        "RankingMetrics": markdown_table([COLUMNS, *rows(dict(evidence.metrics))]),
        "Beside the rules and the champion": "\n".join(_differences(evidence)),
        "Calibration": (
            f"calibration error {_figure(evidence.metrics['model'].calibration_error)}; true probabilities would stay "
            f"below {evidence.calibration_by_chance:.3f} in 95 of 100 such samples"
        ),
        "Expected and chosen": "\n".join(_moments(evidence)),
        "Regret": "\n".join(regret_words(evidence)),
        "Templates and countries": markdown_table(list(slice_rows(evidence))),
        "Logged decisions": "\n".join(_off_policy(evidence)),
        "Reasons": (
            f"{evidence.reasons.reasons:,} reasons in {evidence.reasons.decisions:,} decisions audited, "
            f"{len(evidence.reasons.faults)} do not hold; {evidence.reasons.specific:,} decisions have a specific one"
        ),
        "More usage, never a smaller plan": "\n".join(_monotone(evidence)),
        "Processor time": ", ".join(f"{name} {milliseconds:.2f} ms" for name, milliseconds in evidence.cpu_ms.items())
        + " for one decision (median)",
        "Limits": LIMITS,
        "Verdict": "\n".join(_verdict(verdict)),
    }
    return render(f"Model card: {version}", fields)


def render(title: str, fields: Mapping[str, str]) -> str:
    """Title and fields as Markdown; `EmptyField` when one has no text."""
    if empty := [name for name, text in {"title": title, **fields}.items() if not text.strip()]:
        raise EmptyField(f"the model card has nothing to say about {', '.join(empty)}")
    return "\n\n".join([f"# {title}", *(f"## {name}\n\n{text.strip()}" for name, text in fields.items())]) + "\n"


def _data(trained: Trained) -> str:
    learned = trained.learned_from
    first, last = (_day(at) for at in (learned.decided_at_us.min(), learned.decided_at_us.max()))
    return (
        f"Training set `{learned.digest}`: {len(learned):,} decisions of {len(set(learned.organizations)):,} "
        f"organisations, {first} to {last}, {len(set(learned.plans))} plans. Same data and seed "
        f"{trained.parameters['seed']} give the same model bytes."
    )


def _holdout(trained: Trained, evidence: Evidence) -> str:
    judged = trained.holdout
    first, last = (_day(at) for at in (judged.decided_at_us.min(), judged.decided_at_us.max()))
    kind = "later decisions of other organisations" if trained.later else "decisions of other organisations"
    return (
        f"{evidence.decisions:,} {kind} ({evidence.organizations:,} organisations, {first} to {last}), the same for "
        f"challenger, champion and rules, on features computed anew from what was known."
    )


def _differences(evidence: Evidence) -> Iterator[str]:
    for other, found in (("rules", evidence.over_rules), ("champion", evidence.over_champion)):
        for name, d in found.items():
            unit = ",.0f" if name == "regret_cents" else ".4f"
            yield f"- {name} better than the {other} by {d.value:{unit}} (95 %: {d.lower:{unit}} … {d.upper:{unit}})"


def regret_words(evidence: Evidence) -> Iterator[str]:
    """One line per ranker with its mean regret, or one that says that it is not known yet."""
    for name, cents in evidence.regret_cents.items():
        yield f"- {name}: {cents:,.0f} cents a month away from the cheapest plan that held the usage that followed"
    if not evidence.regret_cents:
        yield "Not known yet: too little time has passed since the decisions that were judged on."


def slice_rows(evidence: Evidence) -> Iterator[tuple[str, ...]]:
    """A header and one row per slice with enough decisions, as text."""
    yield "part", "decisions", "NDCG@3", "rules", "difference", "calibration error", "by chance up to"
    for part in evidence.slices:
        d = part.difference
        label = f"{part.kind} {part.name}"
        yield (
            label,
            f"{d.decisions:,}",
            f"{part.ndcg:.3f}",
            f"{part.rules_ndcg:.3f}",
            f"{d.lower:+.3f} … {d.upper:+.3f}",
            f"{part.calibration_error:.3f}",
            f"{part.calibration_by_chance:.3f}",
        )
    if not evidence.slices:
        yield f"none is large enough ({len(COUNTRY_GROUPS)} groups of countries are looked at)", *["–"] * 6


def _moments(evidence: Evidence) -> Iterator[str]:
    for one in evidence.moments:
        yield (
            f"- {one.feature}: {one.expected:.3f} expected, {one.observed:.3f} among chosen plans, chance explains "
            f"{one.reach:.3f} ({one.decisions:,} decisions)"
        )
    if not evidence.moments:
        yield "The candidates of no decision differ in the features that are looked at."


def _off_policy(evidence: Evidence) -> Iterator[str]:
    for name, found in evidence.off_policy.items():
        if found.verdict.reliable and found.anytime is not None:
            low, high = (amount(evidence.reward, end) for end in found.anytime)
            yield f"- {name}: {evidence.reward} of its first plan {low} … {high}"
        else:
            yield f"- {name}: no verdict, {'; '.join(found.verdict.reasons)}"


def _monotone(evidence: Evidence) -> Iterator[str]:
    for name, certificates in evidence.certificates.items():
        for certificate in certificates:
            falls = sum(certificate.falls.values())
            yield (
                f"- {name}: {falls:,} falls in {certificate.probes:,} probes of {certificate.organisations:,} "
                "organisations, usage × 1 … 20, all of it together and one metric at a time"
            )
    if not evidence.certificates:
        yield "Not certified."


def _verdict(verdict: Verdict) -> Iterator[str]:
    yield {"won": "Won.", "level": "Level with the champion.", "refused": "Refused."}[verdict.outcome]
    yield ""
    for condition in verdict.conditions:
        yield f"- {'met' if condition.met else '**not met**'}: {condition.name} ({condition.finding})"


def _day(at_us: int) -> str:
    return datetime.fromtimestamp(int(at_us) / 1e6, UTC).date().isoformat()


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
