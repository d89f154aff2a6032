"""One dashboard page: overview, acceptance, money, experiments or ranker health.

`python -m notebooks.dashboards` mounts this notebook once per page beside the service; alone:
`marimo run notebooks/dashboards/page.py -- --page overview --metrics FOLDER`.
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
    app_title="Dashboards",
    html_head_file="../../pipelines/dashboards/templates/open_page.html",
)

with app.setup:
    import sys
    from pathlib import Path

    # Notebooks run from their own folder; the packages stand beside it.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

    from pipelines.dashboards import live


@app.cell
def filters():
    request = live.page_request()
    chosen = live.selection(request)
    live.head(request, chosen)
    return chosen, request


@app.cell
def content(chosen, request):
    live.content(request, chosen.value)


if __name__ == "__main__":
    app.run()
