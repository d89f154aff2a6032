from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.serving.harness import NOW, Service, usage

MALFORMED = {
    "a broken array": b'{"events": [',
    "invalid UTF-8": b'{"events": ["\xff\xfe"]}',
    "nesting without bottom": b'{"events": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number with 10,000 digits": b'{"events": [{"quantity": ' + b"9" * 10_000 + b"}]}",
    "nothing": b"",
}
NO_BATCH = {
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "events that are no list": b'{"events": {"a": 1}}',
    "a second field": b'{"events": [], "more": 1}',
}
BROKEN_EVENTS: dict[str, tuple[Any, str]] = {
    "no object": (7, "not_an_object"),
    "no organisation": ({"event_id": "e"}, "field_missing"),
    "a field too many": (usage("e", colour="red"), "field_unknown"),
    "an unknown metric": (usage("e", metric="coffee"), "unknown_metric"),
    "a list as metric": (usage("e", metric=["conversations"]), "unknown_metric"),
    "a negative quantity": (usage("e", quantity=-1), "invalid_quantity"),
    "a fraction": (usage("e", quantity=0.5), "invalid_quantity"),
    "a yes": (usage("e", quantity=True), "invalid_quantity"),
    "a text as quantity": (usage("e", quantity="5"), "invalid_quantity"),
    "more than 10^12": (usage("e", quantity=10**12 + 1), "invalid_quantity"),
    "2^64": (usage("e", quantity=2**64), "invalid_quantity"),
    "no quantity": (usage("e", quantity=None), "invalid_quantity"),
    "an empty id": (usage(""), "invalid_event_id"),
    "a number as id": (usage("e", event_id=7), "invalid_event_id"),
    "an id of 129 characters": (usage("e" * 129), "invalid_event_id"),
    "an id with a line end": (usage("e\n"), "invalid_event_id"),
    "an id with a NUL": (usage("e\x00"), "invalid_event_id"),
    "a NUL in the action": (usage("e", action="chat\x00bot"), "invalid_action"),
    "an unknown organisation": (usage("e", organization_id="nobody"), "unknown_organization"),
    "a time in the future": (usage("e", occurred_at="2026-03-16T12:00:01Z"), "occurred_at_in_future"),
    "a time long ago": (usage("e", occurred_at="2024-01-01T00:00:00Z"), "occurred_at_too_old"),
    "a time without zone": (usage("e", occurred_at="2026-03-16T11:00:00"), "occurred_at_without_zone"),
    "a day that is none": (usage("e", occurred_at="2026-02-30T11:00:00Z"), "invalid_occurred_at"),
    "a number as time": (usage("e", occurred_at=1_770_000_000), "invalid_occurred_at"),
    "the end of time": (usage("e", occurred_at="9999-12-31T23:59:59-23:59"), "invalid_occurred_at"),
}


def counted(service: Service, metric: str = "conversations") -> int | None:
    meters = {meter["metric"]: meter for meter in service.get("usage").json()["meters"]}
    used: int | None = meters[metric]["used"]
    return used


def test_an_event_is_counted_once_however_often_it_is_sent(acme: Service) -> None:
    first = acme.send(usage("e1"), usage("e2", quantity=5), usage("e1"))
    second = acme.send(usage("e1"))

    assert (first.status_code, first.json()) == (202, {"accepted": 2, "duplicates": 1, "rejected": []})
    assert second.json() == {"accepted": 0, "duplicates": 1, "rejected": []}
    assert counted(acme) == 105


def test_an_id_cannot_stand_for_another_event(acme: Service) -> None:
    acme.send(usage("e1"))

    answer = acme.send(usage("e1", quantity=101), usage("e2"), usage("e2", metric="seats")).json()

    assert [(each["index"], each["code"]) for each in answer["rejected"]] == [
        (0, "event_id_reused"),
        (2, "event_id_reused"),
    ]
    assert counted(acme) == 200


def test_one_instant_may_be_written_in_two_zones(acme: Service) -> None:
    acme.send(usage("e1", occurred_at="2026-03-16T11:00:00Z"))

    answer = acme.send(usage("e1", occurred_at="2026-03-16T12:00:00+01:00")).json()

    assert answer == {"accepted": 0, "duplicates": 1, "rejected": []}


@pytest.mark.parametrize("what", BROKEN_EVENTS)
def test_a_broken_event_is_named_and_the_others_are_recorded(acme: Service, what: str) -> None:
    event, code = BROKEN_EVENTS[what]

    answer = acme.send(usage("good"), event)

    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    [rejection] = answer.json()["rejected"]
    assert (rejection["index"], rejection["code"]) == (1, code)
    assert rejection["detail"]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        (b'"quantity": NaN', "invalid_quantity"),
        (b'"quantity": Infinity', "invalid_quantity"),
        (b'"quantity": 1e400', "invalid_quantity"),
        (b'"quantity": 1, "action": "\\ud800"', "invalid_action"),
        (b'"quantity": 1, "\\ud800": 2', "field_unknown"),
    ],
)
def test_what_json_does_not_allow_spoils_only_its_own_event(acme: Service, written: bytes, code: str) -> None:
    head = b'{"event_id": "%s", "organization_id": "acme", "metric": "seats", "occurred_at": "2026-03-16T11:00:00Z", '
    body = b'{"events": [' + head % b"e1" + written + b"}, " + head % b"e2" + b'"quantity": 3}]}'

    answer = acme.client.post(
        "/v1/usage-events", content=body, headers={**acme.host, "Content-Type": "application/json"}
    )

    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert [(each["index"], each["code"]) for each in answer.json()["rejected"]] == [(0, code)]


@pytest.mark.parametrize("what", [*MALFORMED, *NO_BATCH])
def test_a_body_that_is_no_batch_is_refused(acme: Service, what: str) -> None:
    body = {**MALFORMED, **NO_BATCH}[what]

    answer = acme.client.post(
        "/v1/usage-events", content=body, headers={**acme.host, "Content-Type": "application/json"}
    )

    expected = (400, "malformed_json") if what in MALFORMED else (422, "not_a_batch")
    assert (answer.status_code, answer.json()["code"]) == expected


def test_a_batch_holds_a_thousand_events_and_not_one_more(acme: Service) -> None:
    events = [usage(f"e{i}", quantity=1) for i in range(1_001)]

    assert acme.send(*events).json()["code"] == "too_many_events"
    assert acme.send(*events[:1_000]).json()["accepted"] == 1_000
    assert counted(acme) == 1_000


def test_counts_add_up_and_the_last_level_holds(acme: Service) -> None:
    hours_ago = [(NOW - timedelta(hours=hours)).isoformat() for hours in (50, 26, 2)]

    acme.send(
        usage("c1", quantity=10, occurred_at=hours_ago[0]),
        usage("c2", quantity=20, occurred_at=hours_ago[2]),
        usage("l1", metric="documents", quantity=700, occurred_at=hours_ago[1]),
        usage("l2", metric="documents", quantity=900, occurred_at=hours_ago[0]),
    )

    assert (counted(acme), counted(acme, "documents"), counted(acme, "seats")) == (30, 700, None)


def test_of_two_levels_at_one_instant_the_larger_holds(acme: Service) -> None:
    acme.send(usage("l1", metric="seats", quantity=4), usage("l2", metric="seats", quantity=3))
    acme.send(usage("l3", metric="seats", quantity=2))

    assert counted(acme, "seats") == 4


def test_a_trial_has_no_allowance(acme: Service) -> None:
    acme.send(usage("e1"))

    answer = acme.get("usage").json()

    assert answer["status"] == "trial"
    assert answer["period"] == {"start": "2026-03-02T12:00:00Z", "end": None}
    assert [(meter["allowance"], meter["share"], meter["resets_at"]) for meter in answer["meters"]] == [
        (None, None, None)
    ] * 5


def test_a_subscription_is_metered_from_the_day_of_its_month(acme: Service) -> None:
    subscribe(acme, "ecommerce-basic", at="2026-01-31 10:00:00.000000")
    acme.send(
        usage("before", quantity=1, occurred_at="2026-02-28T09:59:59Z"),
        usage("first", quantity=10, occurred_at="2026-02-28T10:00:00Z"),
        usage("later", quantity=24_990),
    )

    answer = acme.get("usage").json()

    assert answer["period"] == {"start": "2026-02-28T10:00:00Z", "end": "2026-03-31T10:00:00Z"}
    conversations = answer["meters"][0]
    assert (conversations["used"], conversations["allowance"], conversations["share"]) == (25_000, 50_000, 0.5)
    assert conversations["resets_at"] == "2026-03-31T10:00:00Z"
    assert conversations["text"] == "Gespräche: 25.000 von 50.000"


def subscribe(service: Service, plan: str, *, at: str) -> None:
    service.execute(
        text(
            "INSERT INTO subscriptions (event_id, organization_id, plan, interval, status, catalogue_version, "
            "occurred_at, recorded_at) VALUES ('s1', 'acme', :plan, 'month', 'active', 'v1', :at, :at)"
        ),
        {"plan": plan, "at": at},
    )
