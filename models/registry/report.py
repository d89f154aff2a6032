"""A training run in words and tables: data, metrics, off-policy estimates and the gate's verdict."""

from collections.abc import Mapping, Sequence
from math import floor
from typing import TYPE_CHECKING

from models.judging.amounts import amount
from models.judging.off_policy import Estimate, OffPolicyEvidence
from models.judging.price_response import PriceResponse
from models.judging.ranking_metrics import RankingMetrics
from models.judging.trade_off import Ordering, OutsideFit
from models.judging.uplift import Uplift
from recommender.ranking.reward import REWARD_NAMES

if TYPE_CHECKING:
    from models.judging.gate import Verdict
    from models.judging.gate_evidence import Evidence
    from models.judging.reason_audit import Finding, ReasonsAudit
    from models.training.train import Trained

COLUMNS = ("ranker", "hit@1", "NDCG@3", "log-loss", "calibration", "expected hit@1", "share of gap")
EXPLAINED = (
    "As it is served, after the guard. Hit@1: the chosen plan stood first. Expected hit@1 uses the true choice",
    "probabilities of the demo world instead of the one choice that was drawn. The share of the gap runs from the",
    "rules (0 %) to the known optimum (100 %).",
)
ORDER = ("optimum", "model", "champion", "conditional_logit", "popularity", "rules")


POLICY_COLUMNS = ("policy", "estimator", "accepted", "95 % interval", "to be read as")
POLICY_EXPLAINED = (
    "Off-policy: how often the plan put first would have been accepted, had it been the one that the ranker serves.",
    "An estimate from logs, not an experiment; decisions that are known only because somebody paid are left out.",
)
READ_AS = {
    "IPS": "unbiased, wide",
    "SNIPS": "to be reported",
    "DM": "as good as the choice model",
    "DR": "unbiased, uses the choice model",
    "SNDR": "to be reported",
    "SWITCH": "sensitivity: without large weights",
    "DRos": "sensitivity: with large weights shrunk",
}
ANYTIME = "holds at every look"
BIASED = frozenset({"DM", "SWITCH", "DRos"})
"""Their normal intervals do not hold the truth at the stated rate (`tests/bench/bench_offline_policy.py`)."""


def rows(metrics: dict[str, RankingMetrics]) -> list[tuple[str, ...]]:
    """One row of text per ranker, in the order `ORDER`; an unknown value is a dash."""
    rules, optimum = metrics["rules"], metrics.get("optimum")

    def line(name: str) -> tuple[str, ...]:
        one = metrics[name]
        share = None if optimum is None else one.share_of_gap(rules=rules, optimum=optimum)
        return (
            name.replace("_", " "),
            f"{one.hit_at_1:.3f}",
            f"{one.ndcg_at_3:.3f}",
            _number(one.log_loss),
            _number(one.calibration_error),
            _number(one.expected_hit_at_1),
            "–" if share is None else f"{share:.0%}",
        )

    return [line(name) for name in ORDER if name in metrics]


def policy_rows(metrics: dict[str, OffPolicyEvidence]) -> list[tuple[str, ...]]:
    """The logged mean, then one row of text per policy and estimator."""
    logged = next(iter(metrics.values())).logged
    found: list[tuple[str, ...]] = [
        ("as logged", "mean", *_accepted(logged.value, logged.lower, logged.upper), "observed")
    ]
    for policy, one in metrics.items():
        for name, estimate in one.estimates.items():
            value, interval = _accepted(estimate.value, estimate.lower, estimate.upper)
            found.append((policy, name, value, "–" if name in BIASED else interval, READ_AS[name]))
        if one.anytime is not None:
            found.append((policy, "betting", *_accepted(None, *one.anytime), ANYTIME))
    return found


def policy_words(metrics: dict[str, OffPolicyEvidence]) -> list[str]:
    """One line per policy: the effective sample, and why its estimates are not reliable."""

    def line(policy: str, one: OffPolicyEvidence) -> str:
        w = one.weights
        known = (
            f"{policy}: {w.effective_sample_size:.0f} effective of {w.decisions:,} decisions, overlap {w.overlap:.0%}, "
            f"mean weight {w.mean:.3f} ± {w.mean_standard_error:.3f}, largest {w.largest:.1f}"
        )
        return known if one.verdict.reliable else f"{known}; no verdict: {'; '.join(one.verdict.reasons)}"

    return [line(policy, one) for policy, one in metrics.items()]


def uplift_words(found: Mapping[str, Sequence[Uplift]]) -> list[str]:
    """One line per ranker and reward: what its recommendations cause beside those of the rules, per decision."""

    def line(ranker: str, one: Uplift) -> str:
        if one.difference is None:
            return f"{ranker} beside the rules, {one.reward}: no verdict; {'; '.join(one.reasons)}"
        ends = (one.difference.lower, one.difference.upper)
        between = " to ".join(amount(one.reward, end, signed=True) for end in ends)
        return (
            f"{ranker} beside the rules, {one.reward}: {amount(one.reward, one.difference.value, signed=True)} "
            f"({between})"
        )

    return [line(ranker, one) for ranker, each in found.items() for one in each]


def trade_off_rows(found: Sequence[Ordering]) -> list[tuple[str, ...]]:
    """A header, and for each reward that could be declared what the ranker's first plan would earn of every one."""
    if not found:
        return []
    return [
        ("if declared", *REWARD_NAMES, "by"),
        *(
            (
                one.reward,
                *(amount(name, one.earned[name].value) if name in one.earned else "–" for name in REWARD_NAMES),
                "the choice model alone: " + "; ".join(one.reasons) if one.reasons else "the log, doubly robust",
            )
            for one in found
        ),
    ]


PRICE_COLUMNS = ("plan", "a month", "chance of being taken", "change", "elasticity", "the ranker states")
PRICES_EXPLAINED = (
    "What a plan's price did to the chance that it is taken, between the lowest and the highest price that was seen,",
    "with 95 % intervals; the elasticity is per cent of the chance for one per cent of the price. It says what went",
    "with a price, not what it caused, where prices were not set at random. Beyond these prices there is no ground.",
)


def price_rows(found: Sequence[PriceResponse]) -> list[tuple[str, ...]]:
    """One row of text, with the columns `PRICE_COLUMNS`, per plan and interval where prices give ground."""

    def line(one: PriceResponse, change: Estimate) -> tuple[str, ...]:
        elasticity, stated = one.elasticity, "–"
        if one.stated is not None:
            stated = f"{one.stated:+.1%}{'' if one.agrees else ', outside'}"
        return (
            one.name,
            f"{one.low_cents / 100:,.2f} → {one.high_cents / 100:,.2f}",
            f"{one.chance:.1%} → {one.chance + change.value:.1%}",
            f"{change.value:+.1%} ({change.lower:+.1%} … {change.upper:+.1%})",
            f"{elasticity.value:.2f} ({elasticity.lower:.2f} … {elasticity.upper:.2f})" if elasticity else "–, from 0",
            stated,
        )

    return [line(one, one.change) for one in found if one.change is not None]


def price_words(found: Sequence[PriceResponse]) -> list[str]:
    """One line per reason for which prices give no ground, with its plans."""
    reasons = dict.fromkeys(one.reason for one in found if one.change is None)
    return [
        f"no ground, {reason}: " + ", ".join(one.name for one in found if one.reason == reason) for reason in reasons
    ]


def outside_words(found: OutsideFit | None) -> list[str]:
    """One line on who takes nothing, none where it is not known."""
    if found is None:
        return []
    held = f"outside option: of {found.decisions:,} decisions without a plan held {found.taken:.1%} took one"
    loss = f"log-loss {found.log_loss:.3f}, by the share alone {found.base_log_loss:.3f}"
    return [f"{held}, {found.stated:.1%} expected; {loss}"]


def audit_words(audit: "ReasonsAudit") -> list[str]:
    """The results of a reasons audit, one line each."""
    shares = {
        "true": audit.true,
        "attributed": audit.attributed,
        "counterfactually necessary": audit.necessary,
        "reproduced to the stored figures": audit.reproduced,
    }
    lines = [
        f"{audit.reasons:,} reasons shown in {audit.decisions:,} decisions",
        *(f"{_share(count, audit.reasons)} {name}" for name, count in shares.items()),
        f"{_share(audit.specific, audit.decisions)} of the decisions have a specific reason, the others a neutral text",
        "by reason: " + (", ".join(f"{code} {count:,}" for code, count in audit.by_code.most_common()) or "none"),
    ]
    lines += [f"not audited: {count:,} decisions by {ranker}" for ranker, count in audit.skipped.most_common()]
    return lines + [
        f"{fault.decision_id}: {fault.code} does not hold ({_faults(fault)})" for fault in audit.faults[:20]
    ]


def _faults(fault: "Finding") -> str:
    checks = ("true", "attributed", "necessary", "reproduced")
    return ", ".join(f"not {check}" for check in checks if not getattr(fault, check))


def _share(count: int, total: int) -> str:
    """A percentage that is never rounded up to 100 %."""
    return "–" if not total else f"{floor(10_000 * count / total) / 100:g} %"


def metrics_of(trained: "Trained", evidence: "Evidence") -> dict[str, RankingMetrics]:
    """The metrics of a training run by ranker: as it is served; baselines that nobody serves as they were learned."""
    return {**trained.metrics, **evidence.metrics}


def markdown(trained: "Trained", evidence: "Evidence", verdict: "Verdict") -> str:
    """The report of a training run as Markdown."""
    learned, judged = len(trained.learned_from), len(trained.holdout)
    others = "later decisions of other organisations" if trained.later else "decisions of other organisations"
    conditions = [
        ("condition", "met", "found"),
        *((c.name, "yes" if c.met else "no", c.finding) for c in verdict.conditions),
    ]
    return "\n".join(
        [
            f"# {trained.ranker.version}",
            "",
            f"Learned from {learned:,} decisions, judged on {judged:,} {others}.",
            f"Training set `{trained.learned_from.digest}`, seed {trained.parameters['seed']}.",
            "",
            markdown_table([COLUMNS, *rows(metrics_of(trained, evidence))]),
            "",
            *EXPLAINED,
            "",
            markdown_table([POLICY_COLUMNS, *policy_rows(dict(evidence.off_policy))]),
            "",
            *POLICY_EXPLAINED,
            *(f"- {line}" for line in policy_words(dict(evidence.off_policy))),
            "",
            f"## The gate: {verdict.outcome}",
            "",
            markdown_table(conditions),
            "",
        ]
    )


def markdown_table(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first line of cells is the header."""
    head, *body = lines
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *body))


def _accepted(value: float | None, lower: float, upper: float) -> tuple[str, str]:
    return _number(value), f"{lower:.3f} … {upper:.3f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
