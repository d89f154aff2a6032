"""All pages as one HTML file that needs nothing else: no script, no font, no address."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import altair as alt
import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from pipelines.dashboards.content import Page
from pipelines.dashboards.numbers import instant
from pipelines.metrics.words import Locale, say

_FOLDER: Final = Path(__file__).parent / "templates"
_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_INK: Final = re.compile(r'(fill|stroke)="(?:#000000|#000|black)"')
_FAINT: Final = re.compile(r'stroke="#(?:ddd|888)"')


def html_report(pages: Sequence[Page], *, locale: Locale, now: datetime, selection: str = "") -> str:
    """The pages one after the other, charts as drawings that print sharp and follow light and dark."""
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
    """One page as HTML, to stand in an element of the class `dashboard`."""
    return _TEMPLATES.get_template("article.html").render(page=page, t=partial(say, locale), drawing=drawing)


def style() -> str:
    """The rules that an article is drawn by."""
    return (_FOLDER / "dashboard.css").read_text("utf-8")


def drawing(chart: alt.LayerChart) -> str:
    """A chart as SVG whose text, escaped where it is drawn, takes the colour of the page around it."""
    svg = vl_convert.vegalite_to_svg(chart.to_json())
    return _FAINT.sub('stroke="currentColor" stroke-opacity="0.25"', _INK.sub(r'\1="currentColor"', svg))
