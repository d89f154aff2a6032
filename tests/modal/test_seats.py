"""Plans that are priced per user: the modal and the pages say what one costs, and take the number of seats."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.modal.conftest import DESKTOP
from tests.modal.modal import Modal, open_modal
from tests.modal.world import LOCALES, World, running_world
from tests.serving.lives import catalogue_text

WORDS = {
    "de": ("12 € je Nutzerplatz und Monat, 3 Nutzerplätze: 36 €", "Preis berechnen", "Heute fällig 99,96 €"),
    "en": ("€12 per seat per month, 3 seats: €36", "Show price", "Due today €99.96"),
    "fr": (
        "12 € par utilisateur et par mois, 3 utilisateurs : 36 €",
        "Calculer le prix",
        "À payer aujourd’hui 99,96 €",
    ),
}


@pytest.fixture(scope="module")
def teams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service that sells two plans per user."""
    folder = tmp_path_factory.mktemp("seats")
    file = folder / "catalogue.yml"
    text = catalogue_text({"team": "12", "firm": "20"}).replace("unit: /month", "unit: user/month")
    file.write_text(text.replace("defaultValue: 5,", "defaultValue: .inf,"), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running_world(folder, port=port, PLANS_CATALOGUE=str(file), PLANS_OFFERS="") as world:
        yield world


@pytest.mark.slow
@pytest.mark.parametrize("locale", LOCALES)
def test_seats_are_counted_chosen_and_booked(
    teams: World, new_page: Callable[..., Page], tmp_path: Path, locale: str
) -> None:
    each, show, due = WORDS[locale]
    name = f"team-{locale}"
    teams.put(name, locale=locale)
    teams.use(name, daily={}, levels={"seats": 3})
    page = new_page(viewport=DESKTOP)
    modal: Modal = open_modal(teams, page, name, locale=locale)

    card = modal.card("Team")
    expect(card).to_contain_text(each)
    card.locator(".select.selectable").click()
    modal.step.get_by_role("spinbutton").fill("7")
    modal.step.get_by_role("button", name=show).click()

    expect(modal.step.get_by_role("listitem").filter(has_text=due)).to_be_visible()
    assert modal.raw_keys() == []
    page.screenshot(path=tmp_path / f"{locale}.png")
    modal.pay_with("4242424242424242")
    expect(modal.step.get_by_role("status")).to_be_visible()
    held = teams.host.get(f"/v1/organizations/{name}/subscription").json()
    assert (held["plan"], held["quantity"]) == ("team", 7)
