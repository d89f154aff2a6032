"""Conversion: how far organisations come, how fast, and why it ends.

`python -m notebooks.dashboards` shows it beside the service; alone:
`marimo run notebooks/dashboards/overview.py -- --metrics FOLDER`.
What is shown is defined in `pipelines/dashboards` and `pipelines/metrics`.
"""

# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Conversion")

with app.setup:
    import sys
    from pathlib import Path

    import marimo as mo

    # Notebooks run from their own folder; the packages stand beside it.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

    from pipelines.dashboards import live

    PAGE = "overview"


@app.cell
def numbers():
    locale = live.asked_locale()
    facts = live.facts_at_hand()
    mo.stop(facts is None, live.nothing_yet(locale))
    return facts, locale


@app.cell
def filters(facts, locale):
    chosen = live.selection(facts, locale)
    mo.vstack([live.masthead(PAGE, locale), live.beside(chosen)])
    return (chosen,)


@app.cell
def content(chosen, facts, locale):
    live.shown(PAGE, facts, chosen.value, locale)


@app.cell
def downloads(chosen, facts, locale):
    live.downloads(PAGE, facts, chosen.value, locale)


if __name__ == "__main__":
    app.run()
