"""Trials: how long one lasts, when its owner is reminded, and when it is over.

Decided: a catalogue may say how many days a trial lasts; without, it has no end. The operator may move the end of one
trial. After the end nothing is deleted and nothing charged: everything can be read and nothing changed until a plan is
chosen.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class TrialTerms:
    """The trial that a catalogue offers."""

    days: int
    remind_days: tuple[int, ...] = ()
    """Days before the end on which its owner is reminded, in descending order."""

    @property
    def told_before_end(self) -> tuple[timedelta, ...]:
        """How long before the end each mail is sent; the last one at the end."""
        return (*(timedelta(days=days) for days in self.remind_days), timedelta())

    def is_near(self, end: datetime, *, now: datetime) -> bool:
        """Whether the first reminder of this end is due."""
        return bool(self.remind_days) and end - timedelta(days=self.remind_days[0]) <= now


def trial_end(terms: TrialTerms | None, *, started_at: datetime, extended_to: datetime | None) -> datetime | None:
    """When a trial ends; `None` for one without end.

    Examples:
        >>> from datetime import UTC
        >>> june = datetime(2025, 6, 1, tzinfo=UTC)
        >>> trial_end(TrialTerms(14), started_at=june, extended_to=None).day
        15
        >>> trial_end(TrialTerms(14), started_at=june, extended_to=june.replace(day=30)).day
        30
    """
    if extended_to is not None:
        return extended_to
    return None if terms is None else started_at + timedelta(days=terms.days)
