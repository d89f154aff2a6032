"""What the pages say is what the declared numbers are; the report says it without anything from outside."""

import re
from dataclasses import replace
from datetime import timedelta
from html import escape

import pandas as pd
import pytest

from data_contracts.languages import LOCALES, Locale
from pipelines.dashboards.content import Page, Section, age_texts, as_of
from pipelines.dashboards.numbers import NO_NUMBER
from pipelines.dashboards.pages import PAGES, page
from pipelines.dashboards.report import article, html_report
from pipelines.metrics.filters import DIMENSIONS, Filters
from pipelines.metrics.metric_tables import MetricTables
from pipelines.metrics.words import say, words
from tests.pipelines.metrics.twenty import MONDAY, twenty

NOW = MONDAY + timedelta(days=30, minutes=20)


def everything(tables: MetricTables, locale: Locale = "en", **asked: object) -> list[Page]:
    return [page(slug, tables, locale=locale, now=NOW, **asked) for slug in PAGES]  # type: ignore[arg-type]


def nothing() -> MetricTables:
    tables = twenty()
    names = ("journeys", "charges", "refunds", "cancellations", "decisions", "participants")
    return replace(tables, **{name: getattr(tables, name).iloc[:0] for name in names})


def texts_of(pages: list[Page]) -> str:
    return re.sub(r"<style>.*?</style>", "", html_report(pages, locale="en", now=NOW), flags=re.DOTALL)


def test_the_funnel_draws_the_journeys_counted_by_hand() -> None:
    funnel = page("overview", twenty(), locale="en", now=NOW).sections[0]

    assert funnel.table is not None
    assert funnel.table["Journeys"].tolist() == ["17", "16", "15", "11", "10", "9", "7"]
    assert funnel.table["of the previous step"].tolist()[1:] == ["94.1%", "93.8%", "73.3%", "90.9%", "90.0%", "77.8%"]


def test_money_is_told_to_the_cent() -> None:
    figures = {figure.slug: figure.text for figure in page("money", twenty(), locale="en", now=NOW).sections[0].figures}

    assert figures == {
        "billed_net": "€1,145.00",
        "billed_overage": "€25.00",
        "billed_credits": "-€240.00",
        "billed_tax": "€232.20",
        "billed_total": "€1,427.20",
        "credit_notes": "€50.00",
        "refunds": "€586.10",
        "unpaid": "€226.10",
    }


def test_the_weeks_of_the_bill_add_up_to_the_bill() -> None:
    weekly = page("money", twenty(), locale="en", now=NOW).sections[1]

    assert weekly.table is not None
    assert weekly.table["Week (Monday)"].tolist() == ["2026-03-02", "2026-03-09"]
    assert weekly.table["Billed, net"].tolist() == ["€1,005.00", "€140.00"]
    assert weekly.table["Overage"].tolist() == ["€25.00", "€0.00"]


@pytest.mark.parametrize("slug", PAGES)
def test_a_filter_changes_what_is_counted(slug: str) -> None:
    narrow = Filters(countries=("FR",))

    before, after = (
        [section.chart.to_json() for section in shown.sections if section.chart is not None]
        for shown in (page(slug, twenty(), locale="de", now=NOW, filters=n) for n in (None, narrow))
    )

    assert before != after


@pytest.mark.parametrize("slug", PAGES)
@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_every_page_is_cut_by_every_dimension(slug: str, dimension: str) -> None:
    sections = page(slug, twenty(), locale="fr", now=NOW, dimension=dimension).sections

    named = say("fr", f"dimension.{dimension}")
    assert any(section.table is not None and named in section.table.columns for section in sections)


def test_a_cell_on_few_cases_is_hollow_and_says_so() -> None:
    by_template = page("overview", twenty(), locale="en", now=NOW).sections[-1]

    assert by_template.note == "Fewer than 30 cases: 2 of 2 values."
    assert by_template.table is not None
    assert by_template.table["Note"].str.contains("not enough to decide on").all()


@pytest.mark.parametrize("locale", LOCALES)
def test_without_data_every_section_says_why_it_is_empty(locale: Locale) -> None:
    for section in (section for shown in everything(nothing(), locale) for section in shown.sections):
        assert section.chart is None
        assert section.note or all(figure.note or figure.text in {"0", NO_NUMBER} for figure in section.figures)


def test_data_older_than_an_hour_are_called_old() -> None:
    def stale(minutes: int) -> bool:
        return page("money", twenty(), locale="en", now=twenty().data_end + timedelta(minutes=minutes)).stale

    assert [stale(60), stale(61)] == [False, True]


@pytest.mark.parametrize("locale", LOCALES)
def test_data_older_than_an_hour_are_said_to_be_so_in_red(locale: Locale) -> None:
    old = page("money", twenty(), locale=locale, now=twenty().data_end + timedelta(minutes=61))

    assert f'<span class="alarm">{escape(say(locale, "page.stale"))}</span>' in article(old, locale=locale)
    assert f'<span class="alarm">{escape(old.as_of)}</span>' in article(old, locale=locale)


@pytest.mark.parametrize("locale", LOCALES)
def test_what_an_open_page_will_say_of_its_age_is_what_is_said_now(locale: Locale) -> None:
    end = twenty().data_end
    says = {name: str(said) for name, said in age_texts(end, locale=locale).items()}

    for name, seconds in (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1)):
        said, _ = as_of(twenty(), now=end + timedelta(seconds=7.5 * seconds), locale=locale)
        value = "7.5" if locale == "en" else "7,5"
        assert said == says["as_of"].replace("{age}", says[name].replace("{value}", value))


@pytest.mark.parametrize(
    ("locale", "shown"), [("de", "20\N{NO-BREAK SPACE}%"), ("fr", "20\N{NARROW NO-BREAK SPACE}%"), ("en", "20%")]
)
def test_a_chart_counts_as_its_language_does_and_says_nothing_in_another(locale: Locale, shown: str) -> None:
    drawn = article(page("overview", twenty(), locale=locale, now=NOW, dimension="week"), locale=locale)

    charts = "".join(re.findall(r"<svg.*?</svg>", drawn, flags=re.DOTALL))
    assert f">{shown}<" in charts
    assert "aria-label" not in charts


@pytest.mark.parametrize(
    ("locale", "money", "week"),
    [("de", "200 €", "2. März"), ("fr", "200 €", "2 mars"), ("en", "€200", "Mar 2")],
)
def test_an_axis_says_its_unit_and_its_days_in_the_language_of_the_page(locale: Locale, money: str, week: str) -> None:
    drawn = article(page("money", twenty(), locale=locale, now=NOW), locale=locale)

    charts = "".join(re.findall(r"<svg.*?</svg>", drawn, flags=re.DOTALL)).replace("\N{NO-BREAK SPACE}", " ")
    assert f">{money}<" in charts
    assert f">{week}<" in charts


def test_commands_are_set_as_such_and_stay_text() -> None:
    told = Section("One", "Run `python -m <b>`.", note="Or `stop`.")
    html = article(Page("money", "Money", "", "", NOW, False, (told,)), locale="en")

    assert "Run <code>python -m &lt;b&gt;</code>." in html
    assert '<p class="warn">Or <code>stop</code>.</p>' in html


def test_a_dimension_that_nobody_cuts_by_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing is cut by colour"):
        page("overview", twenty(), locale="de", now=NOW, dimension="colour")


@pytest.mark.parametrize("locale", LOCALES)
def test_the_report_fetches_nothing_and_holds_every_number(locale: Locale) -> None:
    pages = everything(twenty(), locale)

    html = html_report(pages, locale=locale, now=NOW)

    named = set(re.findall(r"""(?:https?:)?//[^"'\s<)]+""", html))
    assert named <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "<script" not in html
    for figure in (figure for shown in pages for section in shown.sections for figure in section.figures):
        assert figure.label in html
        assert figure.text in html


def test_a_name_that_is_markup_stays_a_name() -> None:
    tables = twenty()
    evil = tables.journeys.assign(template="<img src=x onerror=alert(1)>")

    html = texts_of(everything(replace(tables, journeys=evil)))

    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_every_language_has_every_text_and_the_same_places_to_fill() -> None:
    places = {
        locale: {key: sorted(re.findall(r"{\w+}", text)) for key, text in words(locale).items()} for locale in LOCALES
    }

    assert places["en"] == places["de"] == places["fr"]


def test_the_order_of_the_rows_changes_nothing() -> None:
    tables = twenty()
    turned = replace(tables, journeys=tables.journeys.iloc[::-1], charges=tables.charges.iloc[::-1])

    for one, other in zip(everything(tables), everything(turned), strict=True):
        for a, b in zip(one.sections, other.sections, strict=True):
            assert a.figures == b.figures
            if a.table is not None and b.table is not None:
                pd.testing.assert_frame_equal(a.table, b.table)


@pytest.mark.parametrize("locale", LOCALES)
def test_a_number_of_things_is_drawn_as_bars_without_an_interval_to_explain(locale: Locale) -> None:
    counted = page("experiments", twenty(), locale=locale, now=NOW).sections[-1]

    assert counted.reading == say(locale, "slice.count")
    assert counted.chart is not None
    drawn = counted.chart.to_json()
    assert '"type": "bar"' in drawn
    assert "n = " not in drawn
