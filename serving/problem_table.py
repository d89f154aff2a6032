"""The table of errors and their HTTP problems, and the handlers that use it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from starlette.exceptions import HTTPException
from starlette.routing import Match

from recommender.billing.catalogue import QuantityNotSold
from recommender.billing.ending import NothingToEnd, NotPaused
from recommender.billing.plan_change import HeldPlanUnknown
from serving.clock import ClockMovedBack
from serving.collection.bank_transfers import TransferReused
from serving.collection.method_rules import LastPaymentMethod, MethodNotAvailable, UnknownPlanToPay
from serving.corrections.crediting import MoreThanThereIs
from serving.db.operator_log import UnknownEntry
from serving.db.session import WriterBusy
from serving.invoices.printed import PrintingUnavailable
from serving.invoices.repository import NoElectronicForm, UnknownInvoice
from serving.leads.repository import UnknownLead
from serving.lifecycle.campaigns import CampaignKnown, PlanNotInVersion, UnknownVersion
from serving.lifecycle.ending import AlreadyCancelled, BilledElsewhere, NothingCancelled, UnknownSaveOffer
from serving.lifecycle.trials import EndInThePast, NoTrial
from serving.operators.keys import KeyEnded, UnknownKey
from serving.operators.people_repository import PersonKnown, UnknownPerson
from serving.organizations.billing_details import DetailsRefused
from serving.organizations.repository import OrganizationErased
from serving.organizations.service import TrialInTheFuture
from serving.outcomes.service import (
    NotACandidate,
    NotFromPages,
    OutcomeInTheFuture,
    OutcomeReused,
    OutcomeTooEarly,
    PlanMissing,
    UnknownDecision,
)
from serving.payments.gateway import ProviderUnavailable, SignatureRefused, TokenRefused
from serving.payments.repository import UnknownPaymentMethod
from serving.personal_data.erasure import MoneyOwedBack, MoneyStillOpen, SubscriptionRunning
from serving.plan_changes.idempotency import (
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    RequestInFlight,
)
from serving.plan_changes.quotes import QuoteInvalid, UnknownPlanWanted, UnknownPromotion
from serving.plan_changes.service import NothingScheduled, UnknownChange
from serving.subscriptions.campaigns import UnknownCampaign
from serving.subscriptions.changes import ChangeUnderWay
from serving.subscriptions.states import StateChangedMeanwhile
from serving.usage.service import MalformedJson, NotABatch, TooManyEvents
from serving.web.access import (
    Caller,
    NotAuthenticated,
    NotForBrowsers,
    OriginNotAllowed,
    ScopeMissing,
    UnknownOrganization,
)
from serving.web.answers import asked_locale
from serving.web.fields import MOST_VALUES, TooManyValues
from serving.web.forms import FormNotOurs, FormUnreadable
from serving.web.logs import logger
from serving.web.pools import NoRoom, TookTooLong
from serving.web.problems import FieldFault, problem
from serving.web.rates import TooManyCalls
from serving.words.locales import PROBLEM_LOCALE, LocaleCode, supported
from serving.words.texts import known, say

PROBLEM_OF: Final[Mapping[type[Exception], tuple[int, str]]] = {
    MalformedJson: (400, "malformed_json"),
    NotAuthenticated: (401, "credential_missing"),
    NotForBrowsers: (403, "not_for_browsers"),
    OriginNotAllowed: (403, "origin_not_allowed"),
    ScopeMissing: (403, "scope_missing"),
    UnknownKey: (404, "unknown_key"),
    KeyEnded: (409, "key_ended"),
    UnknownPerson: (404, "unknown_person"),
    PersonKnown: (409, "person_known"),
    UnknownEntry: (404, "unknown_entry"),
    UnknownOrganization: (404, "unknown_organization"),
    UnknownLead: (404, "unknown_lead"),
    OrganizationErased: (410, "organization_erased"),
    MoneyStillOpen: (409, "money_still_open"),
    MoneyOwedBack: (409, "money_owed_back"),
    UnknownDecision: (404, "unknown_decision"),
    OutcomeReused: (409, "event_id_reused"),
    ClockMovedBack: (409, "clock_moved_back"),
    TrialInTheFuture: (422, "trial_in_the_future"),
    DetailsRefused: (422, "invalid_request"),
    NotABatch: (422, "not_a_batch"),
    TooManyEvents: (422, "too_many_events"),
    NotFromPages: (422, "not_from_pages"),
    NotACandidate: (422, "not_a_candidate"),
    PlanMissing: (422, "plan_missing"),
    OutcomeTooEarly: (422, "outcome_too_early"),
    OutcomeInTheFuture: (422, "outcome_in_the_future"),
    IdempotencyKeyMissing: (400, "idempotency_key_missing"),
    IdempotencyKeyInvalid: (400, "idempotency_key_invalid"),
    IdempotencyKeyReused: (422, "idempotency_key_reused"),
    RequestInFlight: (409, "request_in_flight"),
    UnknownPlanWanted: (404, "unknown_plan"),
    UnknownPromotion: (404, "unknown_promotion"),
    QuantityNotSold: (422, "quantity_not_sold"),
    UnknownPaymentMethod: (404, "unknown_payment_method"),
    UnknownInvoice: (404, "unknown_invoice"),
    NoElectronicForm: (404, "no_electronic_form"),
    NothingScheduled: (404, "nothing_scheduled"),
    NothingToEnd: (409, "nothing_to_cancel"),
    NothingCancelled: (404, "nothing_cancelled"),
    AlreadyCancelled: (409, "already_cancelled"),
    BilledElsewhere: (409, "billed_elsewhere"),
    UnknownCampaign: (404, "unknown_campaign"),
    CampaignKnown: (409, "campaign_known"),
    UnknownVersion: (404, "unknown_version"),
    PlanNotInVersion: (404, "unknown_plan"),
    NoTrial: (409, "no_trial"),
    EndInThePast: (422, "trial_end_in_the_past"),
    NotPaused: (404, "not_paused"),
    UnknownSaveOffer: (404, "unknown_save_offer"),
    SubscriptionRunning: (409, "subscription_running"),
    UnknownChange: (404, "unknown_change"),
    QuoteInvalid: (422, "quote_invalid"),
    TokenRefused: (422, "payment_token_refused"),
    MethodNotAvailable: (422, "payment_method_not_available"),
    UnknownPlanToPay: (404, "unknown_plan"),
    MoreThanThereIs: (422, "more_than_there_is"),
    TransferReused: (409, "transfer_reused"),
    SignatureRefused: (400, "signature_refused"),
    PrintingUnavailable: (503, "printing_unavailable"),
    ProviderUnavailable: (503, "provider_unavailable"),
    LastPaymentMethod: (409, "last_payment_method"),
    ChangeUnderWay: (409, "change_under_way"),
    StateChangedMeanwhile: (409, "change_under_way"),
    HeldPlanUnknown: (409, "held_plan_unknown"),
    TooManyCalls: (429, "too_many_calls"),
    FormNotOurs: (403, "form_not_ours"),
    FormUnreadable: (400, "malformed_request"),
    NoRoom: (503, "busy"),
    TookTooLong: (503, "took_too_long"),
    OperationalError: (503, "database_unavailable"),
    InternalError: (503, "database_unavailable"),
    InterfaceError: (503, "database_unavailable"),
    WriterBusy: (503, "database_unavailable"),
    NoConnectionLeft: (503, "database_unavailable"),
}
"""Error → status and problem code; the texts are the messages `problem.<code>.title` and `.detail`."""

_TRY_AGAIN: Final = frozenset({"request_in_flight", "change_under_way"})
"""Problem codes of conflicts that end by themselves, so that the client may try again."""
_OF_STATUS: Final = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_FIGURES: Final = (int, float, str)
_MOST_FAULTS: Final = 20
"""An answer names so many faults of a request and counts the others."""


LocaleOf = Callable[[str], Awaitable[str | None]]
"""Looks up the language of an organisation; `None` for one that is unknown."""


def install_problem_handlers(app: FastAPI, *, locale_of: LocaleOf) -> None:
    """Answer every error of the table and of the framework with a problem document."""

    async def known_error(request: Request, error: Exception) -> Response:
        return _known_error(request, error, await _locale(request, locale_of))

    async def invalid_request(request: Request, error: Exception) -> Response:
        return _invalid_request(request, error, await _locale(request, locale_of))

    async def framework_error(request: Request, error: Exception) -> Response:
        return _framework_error(request, error, await _locale(request, locale_of))

    for error in PROBLEM_OF:
        app.add_exception_handler(error, known_error)
    app.add_exception_handler(RequestValidationError, invalid_request)
    app.add_exception_handler(HTTPException, framework_error)


async def _locale(request: Request, locale_of: LocaleOf) -> LocaleCode:
    """The language asked for, else that of the organisation that the caller may see, else English."""
    if (chosen := asked_locale(request)) is not None:
        return chosen
    organization_id, caller = request.path_params.get("organization_id"), getattr(request.state, "caller", None)
    if organization_id is None or not isinstance(caller, Caller) or not caller.may_see(organization_id):
        return PROBLEM_LOCALE
    try:
        return supported(await locale_of(organization_id)) or PROBLEM_LOCALE
    except (SQLAlchemyError, WriterBusy):
        return PROBLEM_LOCALE


def _known_error(request: Request, error: Exception, locale: LocaleCode) -> Response:
    status, code = next(PROBLEM_OF[kind] for kind in type(error).__mro__ if kind in PROBLEM_OF)
    headers: dict[str, str] = {}
    if isinstance(error, NotAuthenticated):
        code, headers = error.code, {"WWW-Authenticate": 'Bearer realm="plans"'}
    if status == 503 or code in _TRY_AGAIN:
        headers = {"Retry-After": "1"}
    if isinstance(error, TooManyCalls):
        headers = {"Retry-After": str(error.retry_after)}
    if status == 503:
        logger().error(code, error=repr(error.__cause__ or error))
    helps = next((key for key in (f"remedy.{_reason(error)}", f"remedy.{code}") if known(locale, key)), None)
    return problem(
        status=status,
        code=code,
        locale=locale,
        params=_params(error),
        faults=_faults(error),
        headers=headers,
        request_id=request.state.request_id,
        members=None if helps is None else {"remedy": say(locale, helps)},
    )


def _params(error: Exception) -> dict[str, object]:
    """The parameters of a problem's text."""
    if isinstance(error, ScopeMissing):
        return {"scope": error.scope}
    return {"position": error.position} if isinstance(error, MalformedJson) else {}


def _reason(error: Exception) -> str | None:
    return error.reason if isinstance(error, MethodNotAvailable) else None


def _faults(error: Exception) -> list[FieldFault]:
    """The field that an error is about, if it is about one."""
    if isinstance(error, MethodNotAvailable):
        return [FieldFault("token" if error.reason == "card_expired" else "kind", error.reason, {})]
    if isinstance(error, DetailsRefused):
        return [FieldFault(field, key, {}) for field, key in error.faults.items()]
    return [FieldFault("token", "payment_token", {})] if isinstance(error, TokenRefused) else []


def _invalid_request(request: Request, error: Exception, locale: LocaleCode) -> Response:
    faults = cast("RequestValidationError", error).errors()
    request_id = request.state.request_id
    malformed = next((fault for fault in faults if fault["type"] == "json_invalid"), None)
    if malformed is not None:
        position = {"position": malformed["loc"][-1]}
        return problem(status=400, code="malformed_json", locale=locale, params=position, request_id=request_id)
    named = [
        FieldFault(
            field=".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0]),
            key=fault["type"],
            params=_figures(fault.get("ctx", {})),
        )
        for fault in faults[:_MOST_FAULTS]
    ]
    if more := len(faults) - len(named):
        named.append(FieldFault("…", "more_faults", {"count": more}))
    return problem(status=422, code="invalid_request", locale=locale, faults=named, request_id=request_id)


def _figures(context: Mapping[str, object]) -> dict[str, object]:
    """The parameters of a message; pydantic's list of choices is stripped of its English words."""
    figures: dict[str, object] = {name: value for name, value in context.items() if isinstance(value, _FIGURES)}
    if isinstance(choices := figures.get("expected"), str):
        figures["expected"] = choices.replace(" or ", ", ").replace("'", "")
    return figures


def _framework_error(request: Request, error: Exception, locale: LocaleCode) -> Response:
    raised = cast("HTTPException", error)
    if isinstance(raised, TooManyValues):
        fault = FieldFault("body", "too_many_values", {"most": MOST_VALUES})
        request_id = request.state.request_id
        return problem(status=422, code="invalid_request", locale=locale, faults=[fault], request_id=request_id)
    headers = raised.headers
    if raised.status_code == 405:
        headers = {**(headers or {}), "Allow": ", ".join(_allowed(request))}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    code = _OF_STATUS.get(raised.status_code, "malformed_request")
    status = raised.status_code if code != "malformed_request" else 400
    return problem(
        status=status,
        code=code,
        locale=locale,
        headers=headers,
        request_id=request.state.request_id,
    )


def _allowed(request: Request) -> list[str]:
    """Every method that the path has; the router names those of the first route only."""
    routes = cast("FastAPI", request.app).routes
    ways = {method: {**request.scope, "method": method} for method in _METHODS}
    return [method for method, way in ways.items() if any(route.matches(way)[0] is Match.FULL for route in routes)]
