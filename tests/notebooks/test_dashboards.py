"""The dashboards as a product manager meets them: signed in, read, filtered, taken away, in a real browser."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, StorageState

from data_contracts.languages import LOCALES, Locale
from pipelines.dashboards.pages import PAGES
from pipelines.dashboards.pages import page as health
from pipelines.dashboards.report import html_report
from pipelines.metrics.drift import drifted
from pipelines.metrics.metric_tables import MetricTables
from pipelines.metrics.store import store
from pipelines.metrics.words import say
from recommender.ranking.features import FEATURES
from tests.modal.world import browser
from tests.pipelines.dashboards.test_ranker_health import estimate
from tests.pipelines.metrics.twenty import MONDAY, twenty

ROOT = Path(__file__).parents[2]
EMAIL, PASSWORD = "reader@example.com", "a quiet brown otter"
PATIENCE_MS = 60_000
A4_WIDTH = 680
"""CSS pixels between margins of 15 mm."""

pytestmark = pytest.mark.slow


def hundredfold() -> MetricTables:
    """The twenty journeys a hundred times over: every rate is the one counted by hand."""
    tables = twenty()
    return replace(tables, journeys=pd.concat([tables.journeys] * 100, ignore_index=True))


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("dashboards")
    store(hundredfold(), folder / "metrics")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PLANS_PORT": str(port), "PLANS_DATABASE_URL": f"sqlite:///{folder}/plans.db"}
    account = [sys.executable, "-m", "serving", "people", "add", EMAIL, "--role", "analyst", "--password-stdin"]
    subprocess.run(account, cwd=ROOT, env=environment, input=f"{PASSWORD}\n", text=True, check=True)
    command = [sys.executable, "-m", "notebooks.dashboards", "--metrics", str(folder / "metrics")]
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            assert process.poll() is None, (folder / "said").read_text()
            try:
                httpx2.get(f"{address}/readyz").raise_for_status()
                break
            except httpx2.HTTPError:
                time.sleep(0.25)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as chromium:
        yield chromium


def signed_in(chromium: Browser, origin: str, *, scheme: str = "light") -> tuple[Page, set[str]]:
    """A page of a reader who has signed in, and every host that it asks anything of."""
    known = _SIGNED_IN.get(origin)
    window = {"width": 1280, "height": 1000}
    context = chromium.new_context(viewport=window, color_scheme=scheme, storage_state=known)  # type: ignore[arg-type]
    page, hosts = context.new_page(), set()
    page.set_default_timeout(PATIENCE_MS)
    page.on("request", lambda request: hosts.add(httpx2.URL(request.url).netloc.decode()))
    if known is None:
        page.goto(f"{origin}/dashboards/login?locale=en")
        page.fill("#email", EMAIL)
        page.fill("#password", PASSWORD)
        page.click("button")
        page.wait_for_selector(".dashboard h2")
        _SIGNED_IN[origin] = context.storage_state()
    return page, hosts


_SIGNED_IN: dict[str, StorageState] = {}
"""Origin → its session: logins are limited by address."""


def opened(page: Page, origin: str, slug: str, locale: str = "en") -> None:
    page.goto(f"{origin}/dashboards/{slug}/?locale={locale}")
    page.wait_for_selector(".dashboard .figures")


def charts(page: Page) -> list[str]:
    return [chart.inner_html() for chart in page.locator(".dashboard .chart").all()]


def grave_faults(page: Page) -> list[tuple[str, str]]:
    """What keeps people out, as axe finds it."""
    found = Axe().run(page).response["violations"]
    return [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in {"serious", "critical"}]


@pytest.mark.parametrize("slug", PAGES)
def test_a_page_keeps_nobody_out_and_its_charts_follow_the_filters(chromium: Browser, origin: str, slug: str) -> None:
    page, hosts = signed_in(chromium, origin)
    opened(page, origin, slug)
    before = charts(page)
    assert grave_faults(page) == []

    page.locator("select").last.select_option(label="Country")
    page.get_by_role("heading", name="by Country").first.wait_for()

    assert charts(page) != before
    assert hosts - {""} == {httpx2.URL(origin).netloc.decode()}
    page.context.close()


@pytest.mark.parametrize(("locale", "scheme"), [("de", "dark"), ("fr", "light")])
def test_pages_keep_nobody_out_in_any_language_light_or_dark(
    chromium: Browser, origin: str, locale: Locale, scheme: str
) -> None:
    page, _ = signed_in(chromium, origin, scheme=scheme)
    for slug in PAGES:
        opened(page, origin, slug, locale)
        assert grave_faults(page) == []
    page.context.close()


def test_the_page_shows_what_was_counted_by_hand(chromium: Browser, origin: str) -> None:
    page, _ = signed_in(chromium, origin)
    opened(page, origin, "overview")

    figures = page.locator(".figures").first.inner_text()
    page.context.close()

    assert all(text in figures for text in ("1,700", "41.2%", "300"))


def test_on_paper_no_table_is_cut_off(chromium: Browser) -> None:
    rng = np.random.default_rng(1)
    now = np.arange(800) % 4 == 0
    moved = drifted(
        {name: rng.normal(0, 1, 800) for name in FEATURES}, {}, now=now,
        organization=np.array([f"o{i}" for i in range(800)], dtype=object),
    )  # fmt: skip
    tables = replace(twenty(), drift=moved, policies=(estimate("champion", reliable=True),))
    shown = [health("ranker_health", tables, locale="de", now=MONDAY)]
    page = chromium.new_page(viewport={"width": A4_WIDTH, "height": 1000})
    page.set_content(html_report(shown, locale="de", now=MONDAY))
    page.emulate_media(media="print")

    widths = page.locator("table").evaluate_all("all => all.map(each => each.getBoundingClientRect().right)")
    page.context.close()

    assert len(widths) > 5
    assert max(widths) <= A4_WIDTH


def test_every_language_is_spoken(chromium: Browser, origin: str) -> None:
    page, _ = signed_in(chromium, origin)
    for locale in LOCALES:
        opened(page, origin, "money", locale)
        assert say(locale, "page.money.title") in page.locator("h2").all_inner_texts()
        assert page.title() == say(locale, "page.money.title")
        assert page.locator("html").get_attribute("lang") == locale
        filters = page.locator("marimo-dropdown select").all()
        assert [each.evaluate("e => e.selectedOptions[0].text") for each in filters] == [
            *[say(locale, "filter.all")] * 3, say(locale, "dimension.template")
        ]  # fmt: skip
        assert "Select" not in page.locator("body").inner_text()
    page.context.close()


@pytest.mark.parametrize("locale", LOCALES)
def test_a_page_that_stays_open_turns_red_when_its_data_are_an_hour_old(
    chromium: Browser, origin: str, locale: Locale
) -> None:
    page, hosts = signed_in(chromium, origin)
    end = twenty().data_end
    page.clock.install(time=end + timedelta(minutes=58))
    opened(page, origin, "money", locale)
    fresh, warning = page.locator("[data-as-of] > span").first, page.get_by_text(say(locale, "page.stale"))
    # Painted by the server's clock first, which is long past the data; then by the reader's.
    page.clock.run_for(6_000)
    warning.wait_for(state="hidden")
    quiet = fresh.evaluate("e => getComputedStyle(e).color")
    assert "58" in fresh.inner_text()
    asked = set(hosts)

    page.clock.run_for(3 * 60_000)
    warning.wait_for(state="visible")

    assert fresh.evaluate("e => getComputedStyle(e).color") != quiet
    assert fresh.evaluate("e => getComputedStyle(e).color") == warning.evaluate("e => getComputedStyle(e).color")
    assert hosts == asked
    # What is drawn anew keeps being looked at.
    page.locator("select").last.select_option(label=say(locale, "dimension.country"))
    page.get_by_role("heading", name=say(locale, "dimension.country")).first.wait_for()
    page.clock.run_for(6_000)
    warning.wait_for(state="visible")
    page.context.close()


def test_the_date_picker_and_the_notices_speak_the_language_of_the_page(chromium: Browser, origin: str) -> None:
    page, _ = signed_in(chromium, origin)
    for locale, month in zip(LOCALES, ("Monat", "month", "mois"), strict=True):
        opened(page, origin, "overview", locale)
        parts = page.get_by_role("spinbutton").evaluate_all("all => all.map(e => e.ariaLabel).join()")
        page.get_by_role("region", name=say(locale, "page.notifications"), exact=True).first.wait_for(state="attached")

        assert f"{month}," in parts
    page.context.close()


def test_a_filter_keeps_what_was_chosen(chromium: Browser, origin: str) -> None:
    page, _ = signed_in(chromium, origin)
    opened(page, origin, "overview")
    figures = page.locator(".figures").first
    before = figures.inner_text()

    page.locator("marimo-dropdown select").nth(1).select_option(label="FR")
    page.wait_for_function("before => document.querySelector('.figures').innerText !== before", arg=before)

    assert "1,700" not in figures.inner_text()
    page.locator("marimo-dropdown select").nth(1).select_option(label=say("en", "filter.all"))
    page.wait_for_function("before => document.querySelector('.figures').innerText === before", arg=before)
    page.context.close()


def test_the_numbers_can_be_taken_away(chromium: Browser, origin: str, tmp_path: Path) -> None:
    page, _ = signed_in(chromium, origin)
    opened(page, origin, "money")

    with page.expect_download() as taken:
        page.get_by_role("button", name="All numbers of this page as CSV").or_(
            page.get_by_role("link", name="All numbers of this page as CSV")
        ).first.click()
    taken.value.save_as(tmp_path / "money.csv")
    page.context.close()

    table = pd.read_csv(tmp_path / "money.csv").set_index("metric")
    assert table.loc["billed_net", "value"] == 114_500
