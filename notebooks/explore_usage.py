"""Explores how organisations use the product before they choose a plan, and what they choose.

`python notebooks/explore_usage.py -- --training-set FOLDER` runs it headless; `marimo edit notebooks/explore_usage.py`
opens it. Every number is defined in `models/data/usage_tables.py`, `models/judging/backtest.py` or
`recommender/ranking`. Its catalogue is the reference one, or `--catalogue FILE --offers FILE`, each version once.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="How the product is used")

with app.setup:
    import sys
    from pathlib import Path

    import altair as alt
    import marimo as mo
    import pandas as pd

    # Notebooks run from their own folder; the packages stand beside it.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

    from data_contracts.catalogue import texts_of
    from models.data.dataset import load_training_set
    from models.data.situations import load_situations
    from models.data.usage_tables import choices_by_usage, usage_before_the_decision, usage_by_template
    from models.judging.backtest import backtest, followed, learned_range
    from recommender.billing.catalogue_build import load_catalogue
    from recommender.ranking.features import FEATURES


@app.cell
def parameters():
    # A training set as `python -m pipelines training-set` writes it; `make demo` leaves one here.
    folder = Path(mo.cli_args().get("training-set") or "var/demo/training_set")
    mo.stop(
        not (folder / "training_set.parquet").is_file(),
        mo.md(f"There is no training set in `{folder}`. `make demo` makes one; `--training-set FOLDER` names another."),
    )
    return (folder,)


@app.cell
def known(folder):
    rows = load_training_set(folder)
    named = [list(map(Path, mo.cli_args().get_all(name))) for name in ("catalogue", "offers")]
    catalogues = [load_catalogue(*texts) for texts in texts_of(*named)]
    situations = load_situations(folder, catalogues)
    days = pd.to_datetime(rows.decided_at_us, unit="us").strftime("%d %b %Y")
    mo.md(f"""
    # How the product is used, and what is chosen

    {len(rows):,} decisions of {len(set(rows.organizations)):,} organisations, {days[rows.decided_at_us.argmin()]} to
    {days[rows.decided_at_us.argmax()]}. At each of them an organisation saw plans and took one. Everything below is
    what was known of it at that moment, so nothing here has looked into the future, except section 4, which says so.
    """)
    return rows, situations


@app.cell
def how_much(situations):
    by_template = usage_by_template(situations)
    mo.vstack(
        [
            mo.md(
                "## 1 · How much is used\n\nUnits that the next 30 days were projected to use, by installed template. A"
                " plan that covers three quarters of the organisations need not cover the last quarter: usage is"
                " uneven, a few organisations use many times what half of them do."
            ),
            mo.ui.table(by_template, selection=None, page_size=12),
        ]
    )


@app.cell
def how_it_grows(situations):
    before = usage_before_the_decision(situations)
    lines = (
        alt.Chart(before)
        .mark_line()
        .encode(
            x=alt.X("days before:Q", scale=alt.Scale(reverse=True), title="days before the decision"),
            y=alt.Y("units a day:Q", scale=alt.Scale(zero=True)),
            tooltip=["days before:Q", "units a day:Q", "decisions:Q"],
        )
        .properties(width=300, height=220)
        .facet(alt.Facet("metric:N", title=None))
        .resolve_scale(y="independent")
    )
    mo.vstack(
        [
            mo.md(
                "## 2 · How it moves\n\nMean use on each day before the decision, over the organisations that had the"
                " product for the whole of that day. Fewer have a long history than a short one, so the left end rests"
                " on fewer of them."
            ),
            lines,
        ]
    )


@app.cell
def what_is_chosen(rows, situations):
    choices = choices_by_usage(situations, rows)
    bars = (
        alt.Chart(choices)
        .mark_bar()
        .encode(
            x=alt.X("share:Q", axis=alt.Axis(format="%"), title="share of the decisions"),
            y=alt.Y("projected conversations:O", sort=None, title="projected conversations a month"),
            color=alt.Color("tier:O", title="tier chosen"),
        )
        .properties(width=460, height=220)
    )
    mo.vstack(
        [
            mo.md(
                "## 3 · What is chosen\n\nThe decisions in five equal parts by projected conversations, and the tier"
                " that was taken. If usage alone decided, each bar would have one colour."
            ),
            bars,
        ]
    )


@app.cell
def whether_it_came_true(situations):
    mo.stop(
        not any(map(len, followed(situations, held=True))),
        mo.md(
            "## 4 · Whether projections come true\n\nThis is known once a decision of an organisation that the range is"
            " not learned from is followed by 30 days of data."
        ),
    )
    found = backtest(situations, usage_range=learned_range(situations))
    table = pd.DataFrame(
        [
            {
                "what": one.what,
                "cases": one.cases,
                "inside": f"{one.inside:.1%}",
                "below": f"{one.below:.1%}",
                "above": f"{one.above:.1%}",
            }
            for one in found
        ]
    )
    mo.vstack(
        [
            mo.md(
                "## 4 · Whether projections come true\n\nHow often the 30 days that followed lay within the stated 80 %"
                " range, on organisations that the range was not learned from. A bill stays inside more often: on"
                " most plans it does not move with usage at all."
            ),
            mo.ui.table(table, selection=None, page_size=12),
        ]
    )


@app.cell
def what_a_ranker_sees():
    features = pd.DataFrame(
        [{"feature": name, "what it is": (one.__doc__ or "").split("\n")[0]} for name, one in FEATURES.items()]
    )
    mo.vstack(
        [
            mo.md(f"## 5 · Features\n\nAll {len(features)} features of the rankers, with their definitions."),
            mo.ui.table(features, selection=None, page_size=12, wrapped_columns=["what it is"]),
        ]
    )


if __name__ == "__main__":
    app.run()
