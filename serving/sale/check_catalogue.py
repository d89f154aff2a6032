"""`python -m serving check-catalogue`: print what a catalogue and its offers sell, or all of their faults."""

import json
import math
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data_contracts.intervals import MONTHS_OF
from data_contracts.yaml_reading.places import MAX_CHARACTERS, CatalogueFaults, Fault, Source, decode
from recommender.billing.catalogue import (
    Audience,
    Catalogue,
    EnterpriseOffer,
    Feature,
    Limit,
    Plan,
    Promotion,
    Window,
)
from recommender.billing.catalogue_build import load_with_warnings
from recommender.ranking.chains import chain_breaks
from recommender.ranking.plan_table import plan_table

_MOST_BYTES = 4 * MAX_CHARACTERS
"""UTF-8 takes at most four bytes for a character."""


def check_catalogue(path: Path, offers: Path | None = None) -> int:
    """Print the plans as JSON and return 0, or print every fault as `file:line:column: …` and return 1."""
    files: dict[Source, Path] = {"catalogue": path} if offers is None else {"catalogue": path, "offers": offers}
    try:
        catalogue, warnings = load_files(path, offers)
    except CatalogueFaults as error:
        _report(error.faults, files=files, label="")
        sys.stderr.write(f"{len(error.faults)} fault{'s' if len(error.faults) > 1 else ''}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename}: cannot be read: {error.strerror}\n")
        return 1
    _report(warnings, files=files, label="warning: ")
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    sys.stdout.write(json.dumps(as_json(catalogue), ensure_ascii=ascii_only, indent=2, allow_nan=False) + "\n")
    return 0


def load_files(path: Path, offers: Path | None = None) -> tuple[Catalogue, tuple[Fault, ...]]:
    """Load a catalogue and its offers, with warnings; raises `CatalogueFaults`, `OSError`."""
    return load_with_warnings(*read_files(path, offers))


def read_files(path: Path, offers: Path | None = None) -> tuple[str, str | None]:
    """Read the texts of a catalogue and its offers.

    Raises `CatalogueFaults` for bytes that are no text, `OSError` for a file that cannot be read.
    """
    faults: list[Fault] = []
    texts: dict[Source, str] = {}
    named: list[tuple[Source, Path | None]] = [("catalogue", path), ("offers", offers)]
    for source, file in named:
        if file is None:
            continue
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        try:
            texts[source] = decode(content, source=source)
        except CatalogueFaults as error:
            faults.extend(error.faults)
    if faults:
        raise CatalogueFaults(tuple(faults))
    return texts["catalogue"], texts.get("offers")


def as_json(catalogue: Catalogue) -> dict[str, Any]:
    """Everything on sale as JSON values; a limit without bound has the value `null` and is marked `unlimited`."""
    return {
        "version": catalogue.version,
        "name": catalogue.name,
        "currency": catalogue.currency,
        "families": list(catalogue.families),
        "not_comparable": _not_comparable(catalogue),
        "plans": [_plan(plan) for plan in catalogue.plans],
        "enterprise": [_enterprise(offer) for offer in catalogue.enterprise],
        "add_ons": [
            {
                "add_on": add_on.code,
                "name": add_on.name,
                "price_cents": add_on.price_cents,
                "price_text": add_on.price_text,
                "unit": add_on.unit,
                "available_for": sorted(add_on.available_for),
            }
            for add_on in catalogue.add_ons
        ],
        "promotions": [_promotion(promotion) for promotion in catalogue.promotions],
    }


def _not_comparable(catalogue: Catalogue) -> list[dict[str, str]]:
    """Tiers that do not contain the tier below: there, more usage need not lead to a higher tier."""
    found = (broken for interval in MONTHS_OF for broken in chain_breaks(plan_table(catalogue, interval)))
    return [asdict(broken) for broken in dict.fromkeys(found)]


def _report(findings: Iterable[Fault], *, files: dict[Source, Path], label: str) -> None:
    for fault in findings:
        subject = f"{fault.path}: " if fault.path else ""
        place = f"{files[fault.source]}:{fault.line}:{fault.column}"
        sys.stderr.write(f"{place}: {label}{subject}{fault.message}\n")


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "plan": plan.code,
        "name": plan.name,
        "description": plan.description,
        "family": plan.family,
        "tier": plan.tier,
        "price_cents": dict(plan.price_cents),
        "unit": plan.price_unit,
        "limits": _limits(plan.limits),
        "features": _features(plan.features),
        "integrations": sorted(plan.integrations),
        "templates": sorted(plan.templates),
        "overage_cents": {metric: float(cents) for metric, cents in plan.overage_cents.items()},
        "countries": None if plan.countries is None else sorted(plan.countries),
        "available": _window(plan.window),
        "conditions": [{"kind": c.kind, "code": c.code, "required": c.required} for c in plan.conditions],
        "private": plan.private,
    }


def _enterprise(offer: EnterpriseOffer) -> dict[str, Any]:
    return {
        "plan": offer.code,
        "name": offer.name,
        "description": offer.description,
        "price_text": offer.price_text,
        "limits": _limits(offer.limits),
        "features": _features(offer.features),
    }


def _audience(audience: Audience) -> dict[str, Any]:
    return {
        "new_customers": audience.new_customers,
        "families": None if audience.families is None else sorted(audience.families),
        "countries": None if audience.countries is None else sorted(audience.countries),
    }


def _promotion(promotion: Promotion) -> dict[str, Any]:
    return {
        "promotion": promotion.code,
        "plans": sorted(promotion.plans),
        "intervals": sorted(promotion.intervals),
        "percent": None if promotion.percent is None else float(promotion.percent),
        "amount_cents": promotion.amount_cents,
        "cycles": promotion.cycles,
        "for": _audience(promotion.audience),
        "available": _window(promotion.window),
        "texts": dict(promotion.texts),
    }


def _limits(limits: tuple[Limit, ...]) -> list[dict[str, Any]]:
    return [
        {
            "code": limit.code,
            "value": _finite(limit.value),
            "unlimited": limit.value == math.inf,
            "unit": limit.unit,
            "renewable": limit.renewable,
            "metric": limit.metric,
        }
        for limit in limits
    ]


def _features(features: tuple[Feature, ...]) -> dict[str, bool | float | str | None]:
    return {
        feature.code: _finite(feature.value) if isinstance(feature.value, float) else feature.value
        for feature in features
    }


def _finite(value: float) -> float | None:
    if value == math.inf:
        return None
    return int(value) if value == int(value) else value


def _window(window: Window) -> dict[str, str | None]:
    return {
        "from": window.start.isoformat() if window.start else None,
        "until": window.end.isoformat() if window.end else None,
    }
