"""The gate's reports on registered versions, one JSON file each in the registry; no version is promoted without one."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from data_contracts.atomic_files import write_text_atomically
from models.judging.gate import Condition
from models.registry.promotion_history import PromotionRefused

REPORTS: Final = "judged"


@dataclass(frozen=True, slots=True)
class GateReport:
    """The gate's verdict on a registered version, and the champion that the version was compared with."""

    version: str
    champion: str | None
    outcome: str
    conditions: tuple[Condition, ...]
    at: str
    """ISO 8601, UTC."""


def write_report(registry: Path, report: GateReport) -> None:
    """Write a report atomically; it replaces an earlier report on the same version."""
    content = json.dumps(asdict(report), indent=1, ensure_ascii=False)
    write_text_atomically(registry / REPORTS / f"{report.version}.json", content)


def read_report(registry: Path, version: str) -> GateReport | None:
    """The last report on a version; `None` without one, `PromotionRefused` when it cannot be read."""
    path = registry / REPORTS / f"{version}.json"
    if not path.is_file():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return GateReport(**{**content, "conditions": tuple(Condition(**one) for one in content["conditions"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise PromotionRefused(f"the gate's report on {version} cannot be read: {error!r}") from error


def require_passed(registry: Path, version: str, *, champion: str | None) -> None:
    """Raise `PromotionRefused` unless the gate compared this version with the present champion and let it pass."""
    report = read_report(registry, version)
    again = f"judge it: python -m models evaluate --version {version}"
    if report is None:
        raise PromotionRefused(f"the gate has not judged {version}; {again}")
    if report.outcome == "refused":
        why = "; ".join(f"{one.name}: {one.finding}" for one in report.conditions if not one.met)
        raise PromotionRefused(f"the gate refused {version}: {why}")
    if report.champion != champion:
        beside = f"beside {report.champion}" if report.champion else "without a champion"
        raise PromotionRefused(f"{version} was judged {beside}, the champion is {champion or 'none'} now; {again}")
