"""The reference's calls of operators: API keys, people, the end of access, the audit log, sales leads."""

from docs.money_calls import Call


def operate(call: Call, of: str) -> None:
    """The operator makes a key, opens an account, ends a browser's access, runs a campaign, reads log and leads."""
    key_id = call("POST", "/v1/api-keys", {"name": "Accounting", "scopes": ["billing"]})["key_id"]
    call("POST", f"/v1/api-keys/{key_id}/rotation", {"overlap_hours": 48})
    call("GET", "/v1/api-keys")
    call("DELETE", f"/v1/api-keys/{key_id}")
    person = {"email": "ada@acme.example", "name": "Ada Krause", "role": "viewer"}
    person_id = call("POST", "/v1/people", person)["person_id"]
    call("PATCH", f"/v1/people/{person_id}", {"role": "analyst"})
    call("POST", f"/v1/people/{person_id}/invitation")
    call("DELETE", f"/v1/people/{person_id}/sessions")
    call("GET", "/v1/people")
    call("POST", f"{of}/revocations", {})
    campaign = "/v1/version-campaigns/basic-2026"
    call("PUT", campaign, {"plan": "ecommerce-basic", "notice_days": 60})
    call("GET", campaign)
    call("GET", f"{campaign}/customers")
    call("GET", "/v1/version-campaigns")
    call("DELETE", campaign)
    for suffix in ("", ".csv", ".ndjson"):
        call("GET", f"/v1/audit-log{suffix}")
    call("GET", "/v1/enterprise-leads.csv")
