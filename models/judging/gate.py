"""Decides whether a challenger may become champion: a table of conditions on the evidence, each with its finding.

A challenger is refused when any condition fails. One that passes wins when there is no champion, or when its log-loss
is lower than the champion's by more than chance; where it declares another reward than the champion, when it earns more
of that reward by more than chance. Otherwise it is level with the champion.

Whether one ranker is better than another is asked of every settled decision that neither has seen, early or late; the
hold-out, whose decisions are later as well, must not say otherwise. Every condition is a function of the data and the
rankers, so the verdict does not depend on the load of the machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from models.judging.amounts import amount
from models.judging.gate_evidence import Evidence
from models.judging.paired_bootstrap import Difference

Outcome = Literal["won", "level", "refused"]

FEWEST_DECISIONS: Final = 100
FEWEST_ORGANIZATIONS: Final = 50
"""The least size of a hold-out: below it a bootstrap over organisations understates how much chance may do."""
STALE_DAYS: Final = 31.0
"""The longest time between the last decision learned from and the hold-out."""
CALIBRATION_SLACK: Final = 0.01
"""Allowed calibration error beyond what chance does to true probabilities."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of the gate's table."""

    name: str
    met: bool
    finding: str
    """The figures that decided, in words."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome and the conditions that led to it.

    >>> Verdict("refused", (Condition("fast enough", False, "12 s"),)).failed
    ('fast enough: 12 s',)
    """

    outcome: Outcome
    conditions: tuple[Condition, ...]

    @property
    def promoted(self) -> bool:
        """Whether the challenger becomes champion at once; a level one is promoted only by `models promote`."""
        return self.outcome == "won"

    @property
    def failed(self) -> tuple[str, ...]:
        """Every condition that is not met, with its finding."""
        return tuple(f"{one.name}: {one.finding}" for one in self.conditions if not one.met)


def verdict(evidence: Evidence) -> Verdict:
    """Check every condition of `CONDITIONS` on the evidence of a challenger and return the outcome with all of them.

    The outcome is `refused` if a condition is not met; else `won` if there is no champion or the deciding difference
    has a 95 % interval above zero; else `level`. Raises nothing: missing evidence fails a condition.
    """
    conditions = tuple(check(evidence) for check in CONDITIONS)
    if not all(one.met for one in conditions):
        return Verdict("refused", conditions)
    better, earned = evidence.over_champion.get("log_loss_of_all"), evidence.earns_over_champion
    won = not evidence.over_champion or (better is not None and better.above_zero)
    if evidence.other_reward:
        won = earned is not None and earned.difference is not None and earned.difference.lower > 0
    return Verdict("won" if won else "level", conditions)


def _declared(e: Evidence) -> Condition:
    finding = f"reads {', '.join(e.undeclared)}" if e.undeclared else "all are declared"
    return Condition("features are declared", not e.undeclared, finding)


def _recomputed(e: Evidence) -> Condition:
    finding = f"{e.features_differ:,} rows of the training set are not what the service would compute"
    return Condition("features come out the same when they are computed anew", not e.features_differ, finding)


def _enough(e: Evidence) -> Condition:
    enough = e.decisions >= FEWEST_DECISIONS and e.organizations >= FEWEST_ORGANIZATIONS
    name = f"judged on {FEWEST_DECISIONS} decisions of {FEWEST_ORGANIZATIONS} organisations at least"
    return Condition(name, enough, f"{e.decisions:,} settled decisions of {e.organizations:,} organisations")


def _unseen(e: Evidence) -> Condition:
    whose = "decisions of other organisations"
    finding = f"later {whose}" if e.later else f"{whose}, not later ones"
    met = not e.later or e.stale_days >= 0
    return Condition("judged on what it has not seen", met, finding if met else "it learned from days it is judged on")


def _fresh(e: Evidence) -> Condition:
    finding = f"what was learned ends {max(e.stale_days, 0):.0f} days before what is judged on"
    return Condition(f"learned from what is at most {STALE_DAYS:.0f} days old", e.stale_days <= STALE_DAYS, finding)


def _ranks_above_the_rules(e: Evidence) -> Condition:
    d, later = e.over_rules["ndcg_of_all"], e.over_rules["ndcg"]
    met = d.above_zero and later.value > 0
    return Condition("NDCG@3 above the rules", met, f"{_interval(d)}, on the hold-out {later.value:+.3f}")


def _hits_as_often_as_the_rules(e: Evidence) -> Condition:
    d = e.over_rules["hit"]
    return Condition("hit@1 not below the rules", d.value >= 0, _interval(d))


def _predicts_better_than_popularity(e: Evidence) -> Condition:
    d = e.over_popularity
    return Condition("log-loss below popularity", d.above_zero, f"lower by {_interval(d)}")


def _calibrated(e: Evidence) -> Condition:
    error, allowed = e.metrics["model"].calibration_error, e.calibration_by_chance + CALIBRATION_SLACK
    finding = f"{'–' if error is None else f'{error:.3f}'} of {allowed:.3f}"
    return Condition("probabilities mean what they say", error is not None and error <= allowed, finding)


def _expects_what_is_chosen(e: Evidence) -> Condition:
    finding = ", ".join(f"{one.feature} {one.expected:.3f} ({one.observed:.3f} chosen)" for one in e.moments)
    met = all(one.agrees for one in e.moments)
    return Condition("what is chosen is what it expects", met, finding or "the candidates never differ")


def _expects_what_the_champion_expects(e: Evidence) -> Condition:
    """Fails where chance does not explain what the challenger expects, and the champion expects what is nearer."""
    name = "what it expects is not farther from what is chosen than what the champion expects"
    if not e.champion_moments:
        return Condition(name, True, "there is no champion")
    by_feature = {one.feature: one for one in e.champion_moments}
    pairs = [(one, by_feature[one.feature]) for one in e.moments]
    farther = [f"{ours.feature} {ours.distance:.3f} ({theirs.distance:.3f})" for ours, theirs in pairs
               if ours.strays_from(theirs)]  # fmt: skip
    return Condition(name, not farther, ", ".join(farther) or f"none of {len(pairs)}")


def _no_slice_is_worse(e: Evidence) -> Condition:
    worse = [f"{one.kind} {one.name} {one.difference.value:+.3f}" for one in e.slices if one.difference.below_zero]
    finding = ", ".join(worse) if worse else f"none of {len(e.slices)}"
    return Condition("no template or country worse off than with the rules", not worse, finding)


def _logged_decisions_agree(e: Evidence) -> Condition:
    name = "logged decisions do not speak against it"
    estimate = e.off_policy["model"]
    if not estimate.verdict.reliable or estimate.anytime is None:
        return Condition(name, True, "no verdict: " + "; ".join(estimate.verdict.reasons))
    low, high = estimate.anytime
    earned, logged = (amount(e.reward, each) for each in (low, estimate.logged.value))
    finding = (
        f"{e.reward} {earned} … {amount(e.reward, high)}, as logged {logged}, "
        f"effective sample {estimate.weights.effective_sample_size:,.0f}"
    )
    return Condition(name, high >= estimate.logged.lower, finding)


def _earns_as_much(e: Evidence) -> Condition:
    name, earned = "earns no less of the declared reward than the champion", e.earns_over_champion
    if earned is None:
        return Condition(name, True, "there is no champion")
    if earned.difference is None:
        return Condition(name, True, "no verdict: " + "; ".join(earned.reasons))
    d = earned.difference
    more, low, high = (amount(e.reward, each, signed=True) for each in (d.value, d.lower, d.upper))
    return Condition(name, d.upper >= 0, f"{e.reward} {more} ({low} … {high})")


def _reasons_hold(e: Evidence) -> Condition:
    audit = e.reasons
    finding = f"{audit.reasons:,} in {audit.decisions:,} decisions, {len(audit.faults)} of them do not"
    return Condition("every reason it would show holds", audit.decisions > 0 and audit.sound, finding)


def _monotone(e: Evidence) -> Condition:
    """Fails if the challenger violates monotonicity in usage more often than the champion."""
    falls = {name: sum(sum(one.falls.values()) for one in probed) for name, probed in e.certificates.items()}
    ours, allowed = falls.get("model"), falls.get("champion")
    probes = sum(one.probes for one in e.certificates.get("model", ()))
    finding = "not certified" if ours is None else f"{ours:,} falls in {probes:,} probes"
    if allowed is not None:
        finding += f", the champion {allowed:,}"
    met = ours is not None and (allowed is None or ours <= allowed)
    return Condition("more usage leads to a smaller plan no more often", met, finding)


def _not_behind(metric: str) -> Callable[[Evidence], Condition]:
    """The condition that the challenger is not worse than the champion in a metric by more than chance."""

    def check(e: Evidence) -> Condition:
        name = f"{BESIDE_THE_CHAMPION[metric]} not worse than the champion's"
        d = e.over_champion.get(metric)
        if d is None:
            return Condition(name, True, "there is no champion" if not e.over_champion else "not known yet")
        unit = ",.0f" if metric == "regret_cents" else ".3f"
        return Condition(name, not d.below_zero, f"better by {d.value:{unit}} ({d.lower:{unit}} … {d.upper:{unit}})")

    return check


def _interval(d: Difference) -> str:
    return f"{d.value:+.3f} ({d.lower:+.3f} … {d.upper:+.3f})"


BESIDE_THE_CHAMPION: Final = {
    "log_loss": "log-loss",
    "log_loss_of_all": "log-loss on all it has not seen",
    "ndcg": "NDCG@3",
    "regret_cents": "regret in cents",
}
"""Metrics in which a challenger may not be behind the champion → their names for people."""

CONDITIONS: Final[tuple[Callable[[Evidence], Condition], ...]] = (
    _declared,
    _recomputed,
    _enough,
    _unseen,
    _fresh,
    _ranks_above_the_rules,
    _hits_as_often_as_the_rules,
    _predicts_better_than_popularity,
    _calibrated,
    _expects_what_is_chosen,
    _expects_what_the_champion_expects,
    _no_slice_is_worse,
    _logged_decisions_agree,
    _earns_as_much,
    _reasons_hold,
    _monotone,
    *(_not_behind(metric) for metric in BESIDE_THE_CHAMPION),
)
"""Every condition, in the order in which they are printed."""
