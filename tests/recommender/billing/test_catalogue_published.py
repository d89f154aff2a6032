import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.catalogue import reference_texts
from data_contracts.yaml_reading.places import CatalogueFaults, Fault
from recommender.billing.catalogue_build import load_catalogue, load_with_warnings
from tests.data_contracts.catalogues import PUBLISHED_STYLE, SMALL

SHARED = Path(os.environ.get("SHARED_FOLDER", Path(__file__).parents[4] / "shared")) / "catalogues"
PUBLISHED = sorted(SHARED.glob("*.yml"))


def faults_of(catalogue_text: str, offers_text: str | None) -> tuple[Fault, ...]:
    try:
        load_catalogue(catalogue_text, offers_text)
    except CatalogueFaults as refused:
        return refused.faults or (Fault("catalogue", 0, 0, "", "refused without a fault"),)
    return ()


@pytest.mark.parametrize("text", PUBLISHED_STYLE.values(), ids=PUBLISHED_STYLE.keys())
def test_catalogues_in_the_published_style_load(text: str) -> None:
    catalogue = load_catalogue(text, None)

    assert catalogue.plans or catalogue.add_ons


@pytest.mark.skipif(not PUBLISHED, reason="the published catalogues are not beside this checkout")
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_catalogues_load_without_a_special_case(path: Path) -> None:
    catalogue, warnings = load_with_warnings(path.read_text(encoding="utf-8"), None)

    assert len(catalogue.plans) >= 2
    assert all("month" in plan.price_cents for plan in catalogue.plans)
    months = [plan.price_cents["month"] for plan in catalogue.plans]
    assert months == sorted(months)
    assert warnings == ()


@st.composite
def broken(draw: st.DrawFn, text: str) -> str:
    """The text with one to three places cut, doubled, swapped or overwritten."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, max(len(text) - 1, 0)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        piece = draw(
            st.one_of(
                st.sampled_from(
                    [
                        "",
                        text[start:end] * 2,
                        text[start:end][::-1],
                        ": ",
                        "\n  ",
                        "\t",
                        "- ",
                        "&a ",
                        "*a",
                        "<<: ",
                        "!!int ",
                        ".inf",
                        ".nan",
                        "-1",
                        "1e400",
                        "null",
                        "{}",
                        "[]",
                        "'#x/0'",
                        '"\\ud800"',
                        "'",
                        "|",
                    ]
                ),
                st.text(max_size=8),
            )
        )
        text = text[:start] + piece + text[end:]
    return text


@settings(max_examples=200)
@given(catalogue=broken(SMALL), offers=st.none() | broken(reference_texts()[1][:4_000]))
def test_no_broken_text_raises_anything_but_faults(catalogue: str, offers: str | None) -> None:
    assert all(fault.line >= 1 and fault.column >= 1 for fault in faults_of(catalogue, offers))


@settings(max_examples=60)
@given(catalogue=broken(reference_texts()[0]))
def test_no_broken_reference_raises_anything_but_faults(catalogue: str) -> None:
    assert all(fault.line >= 1 and fault.column >= 1 for fault in faults_of(catalogue, reference_texts()[1]))
