"""Features of the fit between an organisation and a plan: templates, integrations, the plan held now, its profile.

Shapes are (n, p), (n, 1) or (p,). Nothing installed or connected is neutral: no plan fits better or worse for it.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.derived import Facts, count, log1p
from recommender.ranking.ranker import FloatArray
from recommender.ranking.situation import DAY_SECONDS, PlanTable

TEMPLATE_KINDS: Final = ("none", "ecommerce", "support", "lead_generation", "internal_knowledge", "other")
"""A template's code as a category that means the same in every catalogue; kinds are added at the end only."""


def template_fit(facts: Facts) -> FloatArray:
    """1 if the plan's family is meant for an installed template, 0 if for others only, 0.5 with none installed."""
    return np.where(facts.installed > 0, (facts.suited > 0).astype(np.float64), 0.5)


def template_share(facts: Facts) -> FloatArray:
    """Share of the installed templates that the plan's family is meant for, 0…1; 0.5 with none installed."""
    return np.where(facts.installed > 0, facts.suited / np.maximum(facts.installed, 1.0), 0.5)


def templates_installed(facts: Facts) -> FloatArray:
    """How many templates are installed that the catalogue knows."""
    return facts.installed


def template_kind(facts: Facts) -> FloatArray:
    """The installed template, first in the order of `TEMPLATE_KINDS`: a category, not a quantity."""
    return _first_kind(facts.situations.templates, facts.plans.once(_kinds))[:, None]


def ecommerce_share(facts: Facts) -> FloatArray:
    """Share of the installed templates that are for e-commerce, 0…1; 0 with none installed."""
    return _share_of_kind(facts, "ecommerce")


def support_share(facts: Facts) -> FloatArray:
    """Share of the installed templates that are for support, 0…1; 0 with none installed."""
    return _share_of_kind(facts, "support")


def lead_generation_share(facts: Facts) -> FloatArray:
    """Share of the installed templates that are for lead generation, 0…1; 0 with none installed."""
    return _share_of_kind(facts, "lead_generation")


def internal_knowledge_share(facts: Facts) -> FloatArray:
    """Share of the installed templates that are for internal knowledge, 0…1; 0 with none installed."""
    return _share_of_kind(facts, "internal_knowledge")


def family_kind(facts: Facts) -> FloatArray:
    """The template that the plan's family is meant for, first in the order of `TEMPLATE_KINDS`; 0 if for all alike."""
    return facts.plans.once(_family_kind)


def integration_coverage(facts: Facts) -> FloatArray:
    """Share of the connected integrations that the plan includes, 0…1; 1 with none connected."""
    return np.where(facts.connected > 0, facts.covered / np.maximum(facts.connected, 1.0), 1.0)


def missing_integrations(facts: Facts) -> FloatArray:
    """How many connected integrations the plan lacks."""
    return facts.connected - facts.covered


def integrations_connected(facts: Facts) -> FloatArray:
    """How many integrations are connected that the catalogue knows."""
    return facts.connected


def has_current_plan(facts: Facts) -> FloatArray:
    """1 if one of the plans on sale at this interval is held now, else 0."""
    return facts.held.astype(np.float64)


def is_current_plan(facts: Facts) -> FloatArray:
    """1 for the plan held now, else 0."""
    return np.where(facts.held & (np.arange(len(facts.plans.codes)) == facts.current), 1.0, 0.0)


def tiers_from_current(facts: Facts) -> FloatArray:
    """Tier minus the tier held now, negative for going down; 0 without a current plan."""
    return np.where(facts.held, facts.plans.tier - facts.plans.tier[facts.current], 0).astype(np.float64)


def same_family_as_current(facts: Facts) -> FloatArray:
    """1 if the plan belongs to the family held now, else 0; 0 without a current plan."""
    return np.where(facts.held & (facts.plans.family == facts.plans.family[facts.current]), 1.0, 0.0)


def trial_age(facts: Facts) -> FloatArray:
    """Time since the trial began, log(1 + days)."""
    return log1p(facts.situations.trial_age_seconds / DAY_SECONDS)[:, None]


def country_group(facts: Facts) -> FloatArray:
    """Index into `COUNTRY_GROUPS`: a category, not a quantity."""
    return facts.situations.country_group.astype(np.float64)[:, None]


def _kinds(plans: PlanTable) -> FloatArray:
    """Each template's kind, (templates,)."""
    other = TEMPLATE_KINDS.index("other")
    kinds = [TEMPLATE_KINDS.index(each) if each in TEMPLATE_KINDS else other for each in plans.templates]
    return np.array(kinds, dtype=np.float64)


def _family_kind(plans: PlanTable) -> FloatArray:
    return np.where(plans.suits.all(axis=1), 0.0, _first_kind(plans.suits, plans.once(_kinds)))


def _share_of_kind(facts: Facts, kind: str) -> FloatArray:
    of_kind = facts.plans.once(_kinds) == TEMPLATE_KINDS.index(kind)
    return count(facts.situations.templates & of_kind, axis=1)[:, None] / np.maximum(facts.installed, 1.0)


def _first_kind(present: NDArray[np.bool_], kinds: FloatArray) -> FloatArray:
    """Shape (rows,): the smallest kind among the templates present in each row, 0 where there is none."""
    first = np.where(present, kinds, np.inf).min(axis=1, initial=np.inf)
    return np.where(np.isinf(first), 0.0, first)


FIT_FEATURES: Final = (
    template_fit,
    template_share,
    templates_installed,
    template_kind,
    ecommerce_share,
    support_share,
    lead_generation_share,
    internal_knowledge_share,
    family_kind,
    integration_coverage,
    missing_integrations,
    integrations_connected,
    has_current_plan,
    is_current_plan,
    tiers_from_current,
    same_family_as_current,
    trial_age,
    country_group,
)
