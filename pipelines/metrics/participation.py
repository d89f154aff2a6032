"""Who takes part in experiments, and whether assignment did what it promises."""

from pipelines.metrics import intervals
from pipelines.metrics.facts import Facts
from pipelines.metrics.intervals import Estimate


def taking_part(facts: Facts, *, comparisons: int = 1) -> Estimate:  # noqa: ARG001 - a count has no interval
    """Organisations that took part in an experiment, each once per experiment."""
    count = len(facts.participants)
    return Estimate(count, n=count)


def in_two_arms(facts: Facts, *, comparisons: int = 1) -> Estimate:
    """Organisations that were answered in more than one arm of an experiment, of those that took part."""
    crossed = facts.participants["crossed"]
    return intervals.share(int(crossed.sum()), len(crossed), comparisons=comparisons)


def misplaced(facts: Facts, *, comparisons: int = 1) -> Estimate:
    """Organisations that were first answered in an arm that they were not drawn into, of those that took part."""
    astray = facts.participants["astray"]
    return intervals.share(int(astray.sum()), len(astray), comparisons=comparisons)
