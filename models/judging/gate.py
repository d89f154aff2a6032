"""Whether a challenger may answer: a table of conditions, each finding in words.

A challenger is refused when any condition fails. One that passes wins when it is better than the rules, and than the
champion where there is one, by more than chance; it is level with a champion from which chance may explain it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from models.judging.gate_evidence import Evidence

Outcome = Literal["won", "level", "refused"]

STALE_DAYS: Final = 31.0
"""What was learned must reach this near to what is judged on."""
MOST_LATENCY_MS: Final = 100.0
"""For the 99th percentile of scoring one decision: a tenth of what the service waits for."""
CALIBRATION_SLACK: Final = 0.01
"""Beyond what chance alone does to true probabilities."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of the gate's table."""

    name: str
    met: bool
    finding: str
    """What was found, in words."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says, condition by condition."""

    outcome: Outcome
    conditions: tuple[Condition, ...]

    @property
    def promoted(self) -> bool:
        """Whether the challenger becomes champion without being asked for."""
        return self.outcome == "won"

    @property
    def failed(self) -> tuple[str, ...]:
        """Every condition that is not met, in words."""
        return tuple(f"{each.name}: {each.finding}" for each in self.conditions if not each.met)


def verdict(evidence: Evidence) -> Verdict:
    """Every condition looked at; the outcome follows."""
    conditions = tuple(look(evidence) for look in CONDITIONS)
    better = evidence.over_champion.get("log_loss")
    if not all(each.met for each in conditions):
        return Verdict("refused", conditions)
    return Verdict("won" if better is None or better.above_zero else "level", conditions)


def _declared(m: Evidence) -> Condition:
    finding = f"reads {', '.join(m.undeclared)}" if m.undeclared else "all are declared"
    return Condition("features are declared", not m.undeclared, finding)


def _honest(m: Evidence) -> Condition:
    finding = f"{m.features_differ:,} rows of the training set are not what the service would compute"
    return Condition("features come out the same when they are computed anew", not m.features_differ, finding)


def _unseen(m: Evidence) -> Condition:
    finding = (
        "later decisions of other organisations" if m.later else "decisions of other organisations, not later ones"
    )
    met = not m.later or m.stale_days >= 0
    return Condition("judged on what it has not seen", met, finding if met else "it learned from days it is judged on")


def _fresh(m: Evidence) -> Condition:
    finding = f"what was learned ends {max(m.stale_days, 0):.0f} days before what is judged on"
    return Condition(f"learned from what is at most {STALE_DAYS:.0f} days old", m.stale_days <= STALE_DAYS, finding)


def _ranks_above_the_rules(m: Evidence) -> Condition:
    d = m.over_rules["ndcg"]
    return Condition("NDCG@3 above the rules", d.above_zero, f"{d.value:+.3f} ({d.lower:+.3f} … {d.upper:+.3f})")


def _hits_no_less(m: Evidence) -> Condition:
    d = m.over_rules["hit"]
    return Condition("hit@1 not below the rules", d.value >= 0, f"{d.value:+.3f} ({d.lower:+.3f} … {d.upper:+.3f})")


def _foretells_better_than_popularity(m: Evidence) -> Condition:
    ours, theirs = m.metrics["model"].log_loss, m.metrics["popularity"].log_loss
    met = ours is not None and theirs is not None and ours < theirs
    return Condition("log-loss below popularity", met, f"{_number(ours)} against {_number(theirs)}")


def _calibrated(m: Evidence) -> Condition:
    error, allowed = m.metrics["model"].calibration_error, m.calibration_by_chance + CALIBRATION_SLACK
    return Condition(
        "probabilities mean what they say", error is not None and error <= allowed, f"{_number(error)} of {allowed:.3f}"
    )


def _no_slice_is_worse(m: Evidence) -> Condition:
    worse = [f"{each.kind} {each.name} {each.difference.value:+.3f}" for each in m.slices if each.difference.below_zero]
    finding = ", ".join(worse) if worse else f"none of {len(m.slices)}"
    return Condition("no template or country worse off than with the rules", not worse, finding)


def _accepted_no_less(m: Evidence) -> Condition:
    name = "logged decisions do not speak against it"
    found = m.off_policy["model"]
    if not found.verdict.reliable or found.anytime is None:
        return Condition(name, True, "no verdict: " + "; ".join(found.verdict.reasons))
    low, high = found.anytime
    finding = f"accepted {low:.3f} … {high:.3f}, as logged {found.logged.value:.3f}"
    return Condition(name, high >= found.logged.lower, finding)


def _reasons_hold(m: Evidence) -> Condition:
    audit = m.reasons
    finding = f"{audit.reasons:,} in {audit.decisions:,} decisions, {len(audit.faults)} of them do not"
    return Condition("every reason it would show holds", audit.decisions > 0 and audit.sound, finding)


def _monotone(m: Evidence) -> Condition:
    """Whoever follows a champion falls no more often; after one that never falls, nobody does who does."""
    falls = {name: sum(sum(each.falls.values()) for each in found) for name, found in m.certificates.items()}
    ours, allowed = falls.get("model"), falls.get("champion")
    probes = sum(each.probes for each in m.certificates.get("model", ()))
    finding = "not certified" if ours is None else f"{ours:,} falls in {probes:,} probes"
    if allowed is not None:
        finding += f", the champion {allowed:,}"
    met = ours is not None and (allowed is None or ours <= allowed)
    return Condition("more usage leads to a smaller plan no more often", met, finding)


def _quick(m: Evidence) -> Condition:
    median, worst = m.latency_ms
    return Condition(
        f"scores a decision within {MOST_LATENCY_MS:.0f} ms",
        worst <= MOST_LATENCY_MS,
        f"median {median:.1f} ms, 99th percentile {worst:.1f} ms",
    )


def _not_behind(figure: str) -> Callable[[Evidence], Condition]:
    """Not worse than the champion by more than chance."""

    def look(m: Evidence) -> Condition:
        name = f"{FIGURES[figure]} not worse than the champion's"
        d = m.over_champion.get(figure)
        if d is None:
            return Condition(name, True, "there is no champion" if not m.over_champion else "not known yet")
        unit = ",.0f" if figure == "regret_cents" else ".3f"
        return Condition(name, not d.below_zero, f"better by {d.value:{unit}} ({d.lower:{unit}} … {d.upper:{unit}})")

    return look


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


FIGURES: Final = {"log_loss": "log-loss", "ndcg": "NDCG@3", "regret_cents": "regret in cents"}

CONDITIONS: Final[tuple[Callable[[Evidence], Condition], ...]] = (
    _declared,
    _honest,
    _unseen,
    _fresh,
    _ranks_above_the_rules,
    _hits_no_less,
    _foretells_better_than_popularity,
    _calibrated,
    _no_slice_is_worse,
    _accepted_no_less,
    _reasons_hold,
    _monotone,
    _quick,
    *(_not_behind(figure) for figure in FIGURES),
)
"""In the order in which they are printed."""
