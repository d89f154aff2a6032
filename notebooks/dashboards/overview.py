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
app = marimo.App(
    width="medium",
    app_title="Conversion",
    html_head_file="../../pipelines/dashboards/templates/open_page.html",
)

with app.setup:
    import sys
    from pathlib import Path

    # Notebooks run from their own folder; the packages stand beside it.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

    from pipelines.dashboards import live

    PAGE = "overview"


@app.cell
def filters():
    asked = live.asked(PAGE)
    chosen = live.selection(asked)
    live.head(asked, chosen)
    return asked, chosen


@app.cell
def content(asked, chosen):
    live.content(asked, chosen.value)


if __name__ == "__main__":
    app.run()
