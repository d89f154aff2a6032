"""All pages as one self-contained HTML file, without scripts, fonts or other addresses."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, Final

import altair as alt
import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from data_contracts.languages import Locale
from pipelines.dashboards.content import Page, age_texts
from pipelines.dashboards.numbers import instant
from pipelines.metrics.words import say

_FOLDER: Final = Path(__file__).parent / "templates"
_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_INK: Final = re.compile(r'(fill|stroke)="(?:#000000|#000|black)"')
_UNSAID: Final = re.compile(r' (?:role="graphics-\w+"|aria-roledescription="[^"]*"|aria-label="[^"]*")')
"""Vega's English descriptions of every mark, removed because the chart's element has a description of its own."""
_GERMAN: Final = {
    "decimal": ",", "thousands": ".", "grouping": [3], "currency": ["", ""], "percent": "\N{NO-BREAK SPACE}%",
}  # fmt: skip
_FORMATS: Final[dict[Locale, Any]] = {"de": _GERMAN, "en": "en-US", "fr": "fr-FR"}
"""The locales of axis numbers for d3-format, whose own German has no space before the percent sign."""
_CODE: Final = re.compile(r"`([^`]+)`")
_FAINT: Final = re.compile(r'stroke="#(?:ddd|888)"')


def coded(text: str) -> str:
    """A text as HTML, with `commands` as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


_TEMPLATES.filters["coded"] = coded


def html_report(pages: Sequence[Page], *, locale: Locale, now: datetime, selection: str = "") -> str:
    """The HTML report: all pages, with charts as SVG that prints sharp and follows light and dark mode."""
    return _TEMPLATES.get_template("report.html").render(
        pages=pages,
        locale=locale,
        t=partial(say, locale),
        made=say(locale, "report.made", instant=instant(now, locale=locale)),
        selection=selection,
        style=style(),
        article=partial(article, locale=locale),
    )


def article(page: Page, *, locale: Locale) -> str:
    """One page as HTML, for an element of the class `dashboard`."""
    return _TEMPLATES.get_template("article.html").render(
        page=page, t=partial(say, locale), drawing=drawing, locale=locale, aging=age_texts(page.data_end, locale=locale)
    )


def style() -> str:
    """The style sheet of articles."""
    return (_FOLDER / "dashboard.css").read_text("utf-8")


def drawing(chart: alt.LayerChart, *, locale: Locale) -> str:
    """A chart as SVG, with escaped texts, in the text colour of the page around it."""
    svg = _UNSAID.sub("", vl_convert.vegalite_to_svg(chart.to_json(), format_locale=_FORMATS[locale]))
    return _FAINT.sub('stroke="currentColor" stroke-opacity="0.25"', _INK.sub(r'\1="currentColor"', svg))
