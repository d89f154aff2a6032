"""The rights of an organisation now: to change things or only read them, with which features and limits."""

from functools import partial
from typing import Literal

from serving.accounts.contracts import Entitlements
from serving.accounts.current_subscription import CurrentSubscription, whole
from serving.organizations.repository import OrganizationRow
from serving.web.fields import utc_text
from serving.words.locales import LocaleCode
from serving.words.texts import day, say

Reason = Literal["trial_over", "suspended", "paused", "no_plan"]


def entitlements_answer(
    organization: OrganizationRow, current: CurrentSubscription, locale: LocaleCode
) -> Entitlements:
    """The entitlements as the contract writes them; a plan's features and limits are those that were sold."""
    until = current.trial_ends_at if current.access == "full" else None
    until, plan, reason = until or current.ends_at, current.plan, _reason(current)
    t = partial(say, locale)
    date = "" if until is None else day(locale, until, organization.timezone)
    key = f"entitlements.{reason}" if reason else "entitlements.until" if until else "entitlements.full"
    return {
        "organization_id": organization.organization_id,
        "access": current.access,
        "reason": reason,
        "until": None if until is None else utc_text(until),
        "plan": None if plan is None else plan.code,
        "features": None if plan is None else {feature.code: feature.value for feature in plan.features},
        "limits": None if plan is None else {limit.code: whole(limit.value) for limit in plan.limits},
        "text": t(key, date=date),
    }


def _reason(current: CurrentSubscription) -> Reason | None:
    if current.access == "full":
        return None
    if current.held.status == "suspended":
        return "suspended"
    if current.held.status == "paused":
        return "paused"
    return "trial_over" if current.trial_over else "no_plan"
