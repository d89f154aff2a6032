"""A row or a job that cannot be handled is said, and stops no other."""

from pathlib import Path
from typing import Any

import pytest

from serving.payments.sandbox import Sandbox
from serving.web.each_alone import SomeFailed, each_alone
from tests.serving.harness import Service
from tests.serving.lives import Life, selling

PRICES = {"basic": "100", "scale": "300"}


def test_every_row_has_its_turn_and_those_that_failed_are_named() -> None:
    done: list[int] = []

    def work(row: int) -> None:
        if row == 2:
            raise ZeroDivisionError
        done.append(row)

    with pytest.raises(SomeFailed) as failed:
        each_alone([1, 2, 3], work, name=str)

    assert done == [1, 3]
    assert failed.value.names == ("2",)


def test_an_unknown_payment_that_cannot_be_looked_up_stops_no_renewal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a provider does that answers 400 `resource_missing` to one look-up (O5)."""
    with selling(tmp_path, PRICES, begins="2025-01-01") as life:
        life.takes("basic")
        other = Life(life.service, "other")
        life.service.put("other", country="US", trial_started_at="2025-01-01T00:00:00Z", integrations=[])
        other.pays_with("tok_timeout")
        assert other.confirms(other.previews("basic")).json()["status"] == "payment_pending"

        def refuses(*_: Any, **__: Any) -> None:
            raise RuntimeError("resource_missing")

        monkeypatch.setattr(Sandbox, "find", refuses)
        life.at("2025-02-02")

        assert [kind for kind, _, _ in life.charges()] == ["change", "renewal"]
        assert "reconcile" in life.service.billing.jobs.failing
        metrics = life.service.client.get("/metrics").text
        assert 'plans_job_failures_total{job="reconcile"}' in metrics


def test_a_job_that_succeeds_again_is_no_longer_failing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = service.billing.jobs
    with monkeypatch.context() as broken:
        broken.setattr(jobs._experiments, "watch", lambda **_: 1 / 0)
        jobs.run_due(now=service.clock())
    assert dict(jobs.failing) == {"experiments": "ZeroDivisionError"}

    jobs.run_due(now=service.clock())

    assert dict(jobs.failing) == {}
