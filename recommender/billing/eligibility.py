"""Whether an organisation may take a plan at all: where, when, with which assistants, and whether it is for sale."""

from dataclasses import dataclass
from datetime import datetime

from recommender.billing.blockers import Blocker
from recommender.billing.catalogue import Condition, EnterpriseOffer, Interval, Plan, Window


@dataclass(frozen=True, slots=True)
class Applicant:
    """The facts of an organisation that availability depends on: its country and its assistant configuration."""

    country: str
    """ISO 3166 code."""
    templates: frozenset[str] = frozenset()
    integrations: frozenset[str] = frozenset()


def refusals_for(
    *, offer: Plan | EnterpriseOffer, interval: Interval, applicant: Applicant, now: datetime
) -> tuple[Blocker, ...]:
    """Every reason why an organisation may not take an offer at an instant.

    Args:
        offer: A plan, or one that is sold on request only.
        interval: The billing interval wished for.
        applicant: The organisation's country, templates and integrations.
        now: The instant, against which the offer's window is held.

    Returns:
        One blocker per reason, always in this order: on request, interval, country, window, conditions as declared;
        empty when the organisation may take it.
    """
    if isinstance(offer, EnterpriseOffer):
        return (_on_request(offer.code),)
    found: list[Blocker] = []
    if offer.private:
        found.append(_on_request(offer.code))
    if interval not in offer.price_cents:
        found.append(Blocker("interval_not_sold", "choose_other_interval", "plans", subject=interval))
    if offer.countries is not None and applicant.country.upper() not in offer.countries:
        found.append(Blocker("country_not_served", "contact_support", "support", subject=applicant.country.upper()))
    found.extend(_window_refusals(offer.window, now=now))
    found.extend(_condition_refusal(c) for c in offer.conditions if not _meets(applicant, c))
    return tuple(found)


def _on_request(code: str) -> Blocker:
    return Blocker("on_request", "contact_sales", "sales", subject=code)


def _window_refusals(window: Window, *, now: datetime) -> tuple[Blocker, ...]:
    if window.start is not None and now < window.start:
        return (Blocker("not_yet_available", "wait", "plans", clears_at=window.start),)
    if window.end is not None and window.end <= now:
        return (
            Blocker("no_longer_available", "contact_support", "support", params={"ended_at": window.end.isoformat()}),
        )
    return ()


def _meets(applicant: Applicant, condition: Condition) -> bool:
    present = applicant.templates if condition.kind == "template" else applicant.integrations
    return (condition.code in present) == condition.required


def _condition_refusal(condition: Condition) -> Blocker:
    state = "missing" if condition.required else "excluded"
    return Blocker(f"{condition.kind}_{state}", "contact_support", "support", subject=condition.code)
