"""Links of the OpenAPI document: which answer leads on to which other operation, and with which of its values."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

_ONE: Final = "/v1/organizations/{organization_id}"
_METHOD: Final = f"{_ONE}/payment-methods/{{payment_method}}"
_INVOICE: Final = f"{_ONE}/invoices/{{number}}"
_CHANGES: Final = f"{_ONE}/plan-changes"
_CANCELLATION: Final = f"{_ONE}/subscription/cancellation"
_ORGANIZATION: Final = {"organization_id": "$request.path.organization_id"}
_FIRST_INVOICE: Final = _ORGANIZATION | {"number": "$response.body#/invoices/0/number"}
_FIRST_OF_ALL: Final = {
    "organization_id": "$response.body#/invoices/0/organization_id",
    "number": "$response.body#/invoices/0/number",
}
_OWN_METHOD: Final = _ORGANIZATION | {"payment_method": "$response.body#/payment_method"}
_FIRST_METHOD: Final = _ORGANIZATION | {"payment_method": "$response.body#/payment_methods/0/payment_method"}
_OWN_CHANGE: Final = _ORGANIZATION | {"change_id": "$response.body#/change_id"}
_OWN_LEAD: Final = {"lead_id": "$response.body#/lead_id"}
_OWN_KEY: Final = {"key_id": "$response.body#/key_id"}
_OWN_PERSON: Final = {"person_id": "$response.body#/person_id"}

BODIES: Final[Mapping[tuple[str, str], Mapping[str, str]]] = {
    (f"POST {_CHANGES}/preview", f"POST {_CHANGES}"): {"quote": "$response.body#/quote"},
    (f"GET {_ONE}/plan-recommendations", "POST /v1/outcomes"): {"decision_id": "$response.body#/decision_id"},
    (f"GET {_ONE}/plan-recommendations", f"POST {_CHANGES}/preview"): {
        "plan": "$response.body#/plans/0/plan",
        "decision_id": "$response.body#/decision_id",
    },
}
"""Source and target → fields of the target's body that are taken from the source's answer."""

LINKS: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = {
    f"PUT {_ONE}": {
        f"GET {_ONE}/plan-recommendations": _ORGANIZATION,
        f"GET {_ONE}/plans": _ORGANIZATION,
        f"GET {_ONE}/usage": _ORGANIZATION,
        f"GET {_ONE}/subscription": _ORGANIZATION,
        f"GET {_ONE}/billing-details": _ORGANIZATION,
        f"GET {_ONE}/payment-methods": _ORGANIZATION,
        f"GET {_ONE}/invoices": _ORGANIZATION,
        f"POST {_ONE}/modal-tokens": _ORGANIZATION,
        f"POST {_ONE}/payment-methods": _ORGANIZATION,
        f"POST {_ONE}/enterprise-leads": _ORGANIZATION,
        f"POST {_CHANGES}/preview": _ORGANIZATION,
        f"DELETE {_ONE}": _ORGANIZATION,
    },
    "POST /v1/usage-events": {
        f"GET {_ONE}/usage": {"organization_id": "$request.body#/events/0/organization_id"},
    },
    f"GET {_ONE}/plan-recommendations": {
        "POST /v1/outcomes": {},
        f"POST {_CHANGES}/preview": _ORGANIZATION,
    },
    f"POST {_CHANGES}/preview": {f"POST {_CHANGES}": _ORGANIZATION},
    f"POST {_CHANGES}": {
        f"GET {_CHANGES}/{{change_id}}": _OWN_CHANGE,
        f"POST {_CHANGES}/{{change_id}}/payment": _OWN_CHANGE,
        f"DELETE {_CHANGES}/scheduled": _ORGANIZATION,
        f"GET {_ONE}/invoices": _ORGANIZATION,
        f"GET {_CANCELLATION}": _ORGANIZATION,
    },
    f"POST {_ONE}/payment-methods": {f"PATCH {_METHOD}": _OWN_METHOD, f"DELETE {_METHOD}": _OWN_METHOD},
    f"GET {_ONE}/payment-methods": {f"PATCH {_METHOD}": _FIRST_METHOD, f"DELETE {_METHOD}": _FIRST_METHOD},
    f"GET {_ONE}/invoices": {
        f"GET {_INVOICE}": _FIRST_INVOICE,
        f"GET {_INVOICE}.pdf": _FIRST_INVOICE,
        f"GET {_INVOICE}.xml": _FIRST_INVOICE,
        f"GET {_INVOICE}.html": _FIRST_INVOICE,
        f"POST {_INVOICE}/payments": _FIRST_INVOICE,
        f"POST {_INVOICE}/credit-notes": _FIRST_INVOICE,
        f"POST {_INVOICE}/refunds": _FIRST_INVOICE,
        f"POST {_INVOICE}/correction": _FIRST_INVOICE,
        f"POST {_INVOICE}/applications": _FIRST_INVOICE,
        f"POST {_INVOICE}/write-off": _FIRST_INVOICE,
    },
    "GET /v1/invoices": {f"GET {_INVOICE}": _FIRST_OF_ALL},
    f"POST {_CANCELLATION}": {f"DELETE {_CANCELLATION}": _ORGANIZATION},
    f"POST {_ONE}/subscription/pause": {f"DELETE {_ONE}/subscription/pause": _ORGANIZATION},
    f"POST {_ONE}/enterprise-leads": {"PATCH /v1/enterprise-leads/{lead_id}": _OWN_LEAD},
    "POST /v1/api-keys": {"POST /v1/api-keys/{key_id}/rotation": _OWN_KEY, "DELETE /v1/api-keys/{key_id}": _OWN_KEY},
    "POST /v1/people": {
        "PATCH /v1/people/{person_id}": _OWN_PERSON,
        "POST /v1/people/{person_id}/invitation": _OWN_PERSON,
        "DELETE /v1/people/{person_id}/sessions": _OWN_PERSON,
    },
}
"""Source → target → parameters of the target, as OpenAPI's runtime expressions."""


def add_links(paths: Mapping[str, Any]) -> None:
    """Add each link to the answer that succeeds, in the paths of an OpenAPI document."""
    for source, targets in LINKS.items():
        answers = _operation(paths, source)["responses"]
        succeeded = next(answer for status, answer in answers.items() if status.startswith("2"))
        succeeded["links"] = dict(_links(paths, source, targets))


def _links(
    paths: Mapping[str, Any], source: str, targets: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for target, parameters in targets.items():
        operation_id = _operation(paths, target)["operationId"]
        link: dict[str, Any] = {"operationId": operation_id}
        if parameters:
            link["parameters"] = dict(parameters)
        if (source, target) in BODIES:
            link["requestBody"] = dict(BODIES[source, target])
        yield operation_id.partition("_v1_")[0], link


def _operation(paths: Mapping[str, Any], operation: str) -> Any:
    method, path = operation.split()
    return paths[path][method.lower()]
