"""The day of the bill is the organisation's own calendar day, over the change of the clocks."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.serving.lives import Life, selling


@pytest.mark.parametrize(
    ("zone", "begins", "wanted"),
    [
        ("Europe/Berlin", "2025-08-31T22:30", ["2025-10-01T00:30", "2025-11-01T00:30", "2025-12-01T00:30"]),
        ("America/New_York", "2025-02-01T04:30", ["2025-02-28T23:30", "2025-03-31T23:30", "2025-04-30T23:30"]),
        ("UTC", "2025-08-31T22:30", ["2025-09-30T22:30", "2025-10-31T22:30", "2025-11-30T22:30"]),
    ],
)
def test_the_anchor_day_is_the_organisations_own(tmp_path: Path, zone: str, begins: str, wanted: list[str]) -> None:
    with selling(tmp_path, {"basic": "10"}, begins=begins) as life:  # W3
        assert life.service.put(
            country="US", timezone=zone, integrations=[], trial_started_at=f"{begins}:00Z"
        ).is_success
        life.takes("basic")

        ends = []
        for month in wanted:
            ends.append(local(life, zone))
            life.at(
                datetime.fromisoformat(month).replace(tzinfo=ZoneInfo(zone)).astimezone(ZoneInfo("UTC")).isoformat()
            )

        assert ends == wanted
        assert [total for _, _, total in life.charges()] == [1000] * 4


def local(life: Life, zone: str) -> str:
    end = datetime.fromisoformat(life.subscription()["period"]["end"])
    return end.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")
