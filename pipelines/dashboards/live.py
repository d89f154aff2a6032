"""A dashboard page with filters in a marimo notebook; numbers are recomputed for every selection."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Final

import marimo as mo
import pandas as pd

from data_contracts.languages import LANGUAGE_NAMES, Locale
from pipelines.dashboards.pages import PAGES, page
from pipelines.dashboards.report import article, coded, style
from pipelines.dashboards.site import FOLDER
from pipelines.metrics.csv_export import metric_csv, page_csv
from pipelines.metrics.declared import METRICS
from pipelines.metrics.filters import DIMENSIONS, Filters, narrowed
from pipelines.metrics.metric_tables import MetricTables
from pipelines.metrics.store import NoMetricTables, load_cached
from pipelines.metrics.words import locale_of, name_of, say

_NARROWED: Final = ("template", "country", "plan")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page a reader wants, in which language, and the tables that its numbers are computed from."""

    slug: str
    locale: Locale
    tables: MetricTables


def page_request() -> PageRequest:
    """The page that the address names, in the language that it names: the first page and German where it names none.

    Alone, without an address, `--page` of the command line names the page. The folder of the metric tables is
    `--metrics` of the command line, else what the environment names, else the demo's. Where the folder holds none,
    the notebook stops with a text that says what to run.
    """
    locale = locale_of(str(mo.query_params().get("locale")))
    folder = mo.cli_args().get("metrics") or os.environ.get(FOLDER) or "var/demo/metrics"
    try:
        return PageRequest(_slug(), locale, load_cached(Path(str(folder))))
    except NoMetricTables:
        heading, text = (coded(say(locale, f"empty.{part}")) for part in ("heading", "text"))
        mo.stop(True, _html(f'<h1>{heading}</h1><p class="warn" role="status">{text}</p>'))
        raise


def _slug() -> str:
    request = mo.app_meta().request
    named = {*(str(request.url["path"]).split("/") if request else ()), str(mo.cli_args().get("page"))}
    return next((slug for slug in PAGES if slug in named), next(iter(PAGES)))


def head(request: PageRequest, filters: mo.ui.dictionary) -> mo.Html:
    """The header of a page: links to the other pages and languages, and the filters."""
    chosen = mo.hstack(list(filters.elements.values()), justify="start", wrap=True, gap=1)
    return mo.vstack([_masthead(request.slug, request.locale), chosen])


def content(request: PageRequest, chosen: Mapping[str, Any]) -> mo.Html:
    """The body of a page: the numbers for the chosen filters, and the downloads."""
    return mo.vstack([_shown(request, chosen), _downloads(request, chosen)])


def _masthead(slug: str, locale: Locale) -> mo.Html:
    """The links to the other pages and languages; beside the service, also the logout."""
    pages = [(f"../{other}/?locale={locale}", say(locale, f"page.{other}.title"), other == slug) for other in PAGES]
    choices = [(f"?locale={code}", name, code == locale) for code, name in LANGUAGE_NAMES.items()]
    leave = f'<p class="leave"><a href="../logout?locale={locale}">{escape(say(locale, "nav.logout"))}</a></p>'
    return _html(
        '<div class="masthead">'
        + _links(say(locale, "nav.pages"), pages)
        + _links(say(locale, "filter.language"), choices)
        + (leave if os.environ.get(FOLDER) else "")
        + "</div>"
    )


def selection(request: PageRequest) -> mo.ui.dictionary:
    """The filters of a page: a period, values to keep, and the dimension of breakdowns."""
    tables, locale = request.tables, request.locale
    begun = tables.journeys["started_at"]
    first, last = (
        (begun.min().date(), begun.max().date()) if len(begun) else (tables.data_end.date(), tables.data_end.date())
    )
    dimensions = {say(locale, f"dimension.{name}"): name for name in DIMENSIONS if name != "week"}
    return mo.ui.dictionary(
        {
            "period": mo.ui.date_range(start=first, stop=last, value=(first, last), label=say(locale, "filter.period")),
            **{
                column: mo.ui.dropdown(
                    options=_options(tables.journeys[column], column, locale),
                    value=say(locale, "filter.all"),
                    label=say(locale, f"filter.{column}"),
                    allow_select_none=False,
                )
                for column in _NARROWED
            },
            "dimension": mo.ui.dropdown(
                options=dimensions,
                value=say(locale, "dimension.template"),
                label=say(locale, "filter.dimension"),
                allow_select_none=False,
            ),
        }
    )


def _shown(request: PageRequest, chosen: Mapping[str, Any]) -> mo.Html:
    made = page(
        request.slug,
        request.tables,
        locale=request.locale,
        now=datetime.now(UTC),
        filters=_filters(request.tables, chosen),
        dimension=str(chosen["dimension"]),
    )
    return _html(article(made, locale=request.locale))


def _downloads(request: PageRequest, chosen: Mapping[str, Any]) -> mo.Html:
    """The downloads of a page: all its numbers, and each with every breakdown; computed on demand."""
    slug, locale = request.slug, request.locale
    kept = cache(lambda: narrowed(request.tables, _filters(request.tables, chosen)))
    mine = [metric for metric in METRICS.values() if metric.page == slug]
    every = mo.download(
        data=lambda: page_csv(kept(), mine[0].page, locale=locale).encode(),
        filename=f"{slug}.csv",
        mimetype="text/csv",
        label=say(locale, "download.page"),
    )
    single = [
        mo.download(
            data=lambda metric=metric: metric_csv(kept(), metric, locale=locale).encode(),
            filename=f"{metric.slug}.csv",
            mimetype="text/csv",
            label=metric.label(locale),
        )
        for metric in mine
    ]
    return mo.vstack([every, mo.accordion({say(locale, "download.metric"): mo.hstack(single, wrap=True)}, lazy=True)])


def _filters(tables: MetricTables, chosen: Mapping[str, Any]) -> Filters:
    since, until = _period(chosen["period"])
    if (since, until) == _period(_whole(tables)):
        since = until = None  # charges may be older or younger than journeys: the whole period means no filter
    return Filters(since, until, *((chosen[column],) if chosen[column] else () for column in _NARROWED))


def _whole(tables: MetricTables) -> tuple[date, date] | None:
    begun = tables.journeys["started_at"]
    return (begun.min().date(), begun.max().date()) if len(begun) else None


def _period(chosen: Any) -> tuple[date | None, date | None]:
    return (chosen[0], chosen[1]) if chosen else (None, None)


def _options(column: pd.Series, name: str, locale: Locale) -> dict[str, str]:
    """All, then every value that occurs; marimo's multiselect is not used, because its button is in English."""
    found = sorted(str(value) for value in column.unique())
    return {say(locale, "filter.all"): ""} | {
        value if name == "plan" else name_of(locale, value): value for value in found
    }


def _links(called: str, links: list[tuple[str, str, bool]]) -> str:
    items = "".join(
        f'<li><a href="{escape(address)}"{" aria-current=page" if here else ""}>{escape(text)}</a></li>'
        for address, text, here in links
    )
    return f'<nav aria-label="{escape(called)}"><ul>{items}</ul></nav>'


def _html(inside: str) -> mo.Html:
    return mo.Html(f'<style>{style()}</style><div class="dashboard">{inside}</div>')
