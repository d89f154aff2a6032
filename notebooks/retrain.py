"""Retrain the plan ranker step by step: raw tables → checked → training set → ranker → judged → registered.

`python notebooks/retrain.py -- --raw FOLDER` runs it headless; `marimo edit notebooks/retrain.py` opens it.
Every step is one imported call, the same as in the command lines.
The catalogue of the decisions is the reference one, or `--catalogue FILE --offers FILE`, each version once.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Retrain the plan ranker")

with app.setup:
    import sys
    from datetime import UTC, datetime
    from pathlib import Path

    import altair as alt
    import marimo as mo
    import pandas as pd

    # Notebooks run from their own folder; the packages stand beside it.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

    from data_contracts.catalogue import texts_of
    from models.data.dataset import load_training_set
    from models.data.situations import load_situations
    from models.judging.backtest import learned_range
    from models.registry.bundle import publish_usage_range
    from models.registry.registry import Registry
    from models.registry.report import COLUMNS, metrics_of, rows
    from models.training.judge_challenger import judge_challenger
    from models.training.train import train, truth_for
    from pipelines.checking.validate import validate
    from pipelines.demo.write import write_demo_data
    from pipelines.training.training_set import build_training_set
    from recommender.billing.catalogue_build import load_catalogue


@app.cell
def parameters():
    # All parameters of the run; without raw tables of your own, demo data is made up.
    arguments = mo.cli_args()
    work = Path(arguments.get("work") or "var/retrain")
    raw = Path(arguments.get("raw") or work / "raw")
    organizations = int(arguments.get("organizations") or 1500)
    seed = int(arguments.get("seed") or 7)
    return organizations, raw, seed, work


@app.cell
def title(organizations, raw, seed):
    mo.md(f"""
    # Retrain the plan ranker

    Raw tables from `{raw}` (made up with {organizations:,} organisations if that folder is empty), seed {seed}.
    """)


@app.cell
def raw_tables(organizations, raw, seed):
    if not any(raw.glob("*.parquet")) and not any(raw.glob("*.csv")):
        write_demo_data(out=raw, organizations=organizations, seed=seed, progress=lambda _step: None)
    raw_folder, truth = raw, raw / "truth" / "choices.parquet"
    return raw_folder, truth


@app.cell
def checked_tables(raw_folder, work):
    checked = work / "checked"
    validation = validate(raw_folder, checked, now=datetime.now(UTC))
    counts = pd.DataFrame(
        [
            {"table": name, "rows in": table.rows_in, "kept": table.rows_kept, "set aside": table.rows_set_aside}
            for name, table in validation.tables.items()
        ]
    )
    mo.vstack(
        [mo.md("## 1 · Check the raw tables\n\nRows in = rows kept + rows set aside, each with its reason."), counts]
    )
    return (checked,)


@app.cell
def training_set(checked, work):
    named = [list(map(Path, mo.cli_args().get_all(name))) for name in ("catalogue", "offers")]
    catalogues = [load_catalogue(*texts) for texts in texts_of(*named)]
    out = work / "training_set"
    about = build_training_set(checked=checked, out=out, catalogues=catalogues)
    learned_from, situations = load_training_set(out), load_situations(out, catalogues)
    mo.md(
        f"## 2 · Build the training set\n\n{about['decisions']:,} decisions, {about['rows']:,} rows,"
        f" {len(about['feature_names'])} features; left out: {about['excluded'] or 'none'}."
        f" Digest `{about['digest'][:12]}`."
    )
    return learned_from, situations


@app.cell
def trained(learned_from, seed, situations, truth, work):
    registry = Registry(work / "registry")
    with registry.exclusive():  # no other process changes the champion until this challenger has been judged
        champion = registry.champion()
        challenger = train(
            learned_from,
            seed=seed,
            truth=truth_for(learned_from, truth) if truth.exists() else None,
            champion=champion,
            progress=lambda _step: None,
        )
        judged = judge_challenger(challenger, situations, champion=champion)
        publish_usage_range(registry.bundles, learned_range(situations))
        registered = registry.register(challenger, judged)
    judged_metrics = metrics_of(challenger, judged.evidence)
    metrics = pd.DataFrame(rows(judged_metrics), columns=list(COLUMNS))
    mo.vstack(
        [
            mo.md(
                "## 3 · Train and judge\n\nOn later decisions of organisations that no ranker was trained on, as each"
                " is served: after the guard; logit and optimum, which nobody serves, before it. Hit@1: how often the"
                " chosen plan stood first. Log-loss: how surprising the choices were (less is better)."
            ),
            metrics,
        ]
    )
    return challenger, judged, judged_metrics, registered, registry


@app.cell
def chart(judged_metrics):
    hits = pd.DataFrame(
        [{"ranker": name.replace("_", " "), "hit@1": one.hit_at_1} for name, one in judged_metrics.items()]
    )
    bars = (
        alt.Chart(hits)
        .mark_bar()
        .encode(x=alt.X("hit@1:Q", scale=alt.Scale(domain=[0, 1])), y=alt.Y("ranker:N", sort="-x", title=None))
    )
    mo.vstack([mo.md("How often the chosen plan stood first (longer is better)."), bars])
    return (bars,)


@app.cell
def the_gate(judged, registered, registry):
    conditions = pd.DataFrame(
        [{"condition": each.name, "met": each.met, "found": each.finding} for each in judged.verdict.conditions]
    )
    outcome = "is the champion now" if registered.promoted else f"was not promoted ({judged.verdict.outcome})"
    mo.vstack(
        [
            mo.md(
                f"## 4 · The gate\n\nEvery condition must be met. `{registered.version}` {outcome}."
                f" Serve the champion with `PLANS_MODEL={registry.bundles}`."
            ),
            conditions,
        ]
    )


if __name__ == "__main__":
    app.run()
