"""Acceptance: whether the recommended plan is taken, and whether the model beats the rules.

`python -m notebooks.dashboards` shows it beside the service; alone:
`marimo run notebooks/dashboards/acceptance.py -- --metrics FOLDER`.
What is shown is defined in `pipelines/dashboards` and `pipelines/metrics`.
"""

# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Acceptance")

with app.setup:
    import sys
    from pathlib import Path

    import marimo as mo

    # Notebooks run from their own folder; the packages stand beside it.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

    from pipelines.dashboards import live

    PAGE = "acceptance"


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
