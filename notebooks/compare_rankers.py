"""Compares rankers on one hold-out: learning curves, calibration, slices, reasons, estimates from the log.

`python notebooks/compare_rankers.py -- --training-set FOLDER --registry FOLDER` runs it headless;
`marimo edit notebooks/compare_rankers.py` opens it. Nothing is registered or promoted here.
Its catalogue is the reference one, or `--catalogue FILE --offers FILE`, each version once.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Compare rankers")

with app.setup:
    import sys
    from pathlib import Path

    import marimo as mo
    import pandas as pd

    # Notebooks run from their own folder; the packages stand beside it.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

    from data_contracts.catalogue import texts_of
    from models.data.dataset import load_training_set
    from models.data.situations import load_situations
    from models.registry import report
    from models.registry.model_card import regret_words, slice_rows
    from models.registry.plots import calibration_chart, calibration_table, gains_chart, gains_table, learning_chart
    from models.registry.registry import Registry
    from models.training.evaluate import evaluate
    from models.training.judge_challenger import judge_challenger
    from models.training.learning_curve import learning_curve
    from models.training.train import train
    from recommender.billing.catalogue_build import load_catalogue


@app.cell
def parameters():
    # A training set, perhaps a registry whose champion stands beside, and the sizes of the learning curve.
    arguments = mo.cli_args()
    folder = Path(arguments.get("training-set") or "var/demo/training_set")
    registry = Registry(Path(arguments.get("registry") or "var/demo/registry"))
    seed = int(arguments.get("seed") or 7)
    sizes = [int(size) for size in str(arguments.get("sizes") or "100,300,1000,3000,10000").split(",")]
    mo.stop(
        not (folder / "training_set.parquet").is_file(),
        mo.md(f"There is no training set in `{folder}`. `make demo` makes one; `--training-set FOLDER` names another."),
    )
    return folder, registry, seed, sizes


@app.cell
def compared(folder, registry, seed):
    decisions = load_training_set(folder)
    named = [list(map(Path, mo.cli_args().get_all(name))) for name in ("catalogue", "offers")]
    catalogues = [load_catalogue(*texts) for texts in texts_of(*named)]
    situations = load_situations(folder, catalogues)
    champion = registry.champion()
    challenger = train(decisions, seed=seed, champion=champion, num_threads=1, progress=lambda _step: None)
    judged = judge_challenger(challenger, situations, champion=champion)
    evidence, hold_out, judged_ranker = judged.evidence, challenger.holdout, challenger.ranker
    beside = f"the champion `{champion.version}`" if champion else "no champion, for there is none"
    mo.md(f"""
    # Compare rankers

    A ranker learned from {len(challenger.learned_from):,} decisions, the rules, simple baselines and {beside}; all
    judged on the same {len(hold_out):,} decisions, which are later and of organisations that are in no training data.
    """)
    return champion, decisions, evidence, hold_out, judged, judged_ranker, situations


@app.cell
def metrics(evidence):
    compared_metrics = pd.DataFrame(report.rows(dict(evidence.metrics)), columns=list(report.COLUMNS))
    mo.vstack([mo.md("## 1 · Metrics\n\n" + " ".join(report.EXPLAINED)), mo.ui.table(compared_metrics, selection=None)])


@app.cell
def more_data(decisions, seed, sizes):
    points = learning_curve(decisions, seed=seed, sizes=sizes, num_threads=1, progress=lambda _step: None)
    mo.vstack(
        [
            mo.md(
                "## 2 · Learning curves\n\nHow often the chosen plan stood first, after so many decisions to learn"
                " from. The rules learn nothing; a line below theirs had too few decisions."
            ),
            learning_chart(points),
        ]
    )


@app.cell
def calibration(hold_out, evidence):
    stated = calibration_table(evidence.utilities["model"], chosen=hold_out.chosen, group_sizes=hold_out.group_sizes)
    gains = gains_table(evidence.orders, chosen=hold_out.chosen, group_sizes=hold_out.group_sizes)
    mo.vstack(
        [
            mo.md(
                "## 3 · Calibration and gains\n\nPoints on the dashed line are probabilities that mean what they say."
                " The sooner a line of the gains rises, the fewer cards must be shown."
            ),
            mo.hstack([calibration_chart(stated), gains_chart(gains)], wrap=True, justify="start"),
        ]
    )


@app.cell
def parts(evidence):
    head, *lines = slice_rows(evidence)
    by_part = pd.DataFrame(lines, columns=list(head))
    mo.vstack(
        [
            mo.md(
                "## 4 · Templates and countries\n\nNDCG@3 of the ranker and of the rules in each part that has"
                " decisions enough, and the interval of the difference; wholly below zero, that part is worse off."
                " Beside it how far stated probabilities are from what was chosen, and how far true ones would be by"
                " chance.\n\n" + "\n".join(regret_words(evidence))
            ),
            mo.ui.table(by_part, selection=None),
        ]
    )


@app.cell
def reasons(evidence):
    mo.md("## 5 · Reasons\n\n" + "\n".join(f"- {line}" for line in report.audit_words(evidence.reasons)))


@app.cell
def off_policy(evidence):
    policies = pd.DataFrame(report.policy_rows(dict(evidence.off_policy)), columns=list(report.POLICY_COLUMNS))
    mo.vstack(
        [
            mo.md(
                "## 6 · Estimates from the log\n\nHow often the plan put first would have been accepted, estimated"
                " from the log; not an experiment. Decisions whose label is known only by a payment are left out.\n\n"
                + "\n".join(f"- {line}" for line in report.policy_words(dict(evidence.off_policy)))
            ),
            mo.ui.table(policies, selection=None, page_size=30),
        ]
    )


@app.cell
def found_by(decisions, situations, champion, judged_ranker):
    # What `python -m models evaluate` prints, of the champion, or of the ranker learned here where there is none.
    evaluated = evaluate(decisions, situations, champion=champion or judged_ranker, progress=lambda _step: None)
    return (evaluated,)


@app.cell
def rewards(evaluated):
    _head, *_orders = report.trade_off_rows(evaluated.trade_off)
    mo.vstack(
        [
            mo.md(
                "## 7 · What plans are ordered for\n\nThe same ranker, had it been told to order plans for this or for"
                f" that ({evaluated.reward} is declared), after the guard: how often its first plan would be accepted,"
                " what it would bring in, and how near it would be to the lowest bill. What one column gains,"
                " another may lose: `models train --reward` declares which one counts."
            ),
            mo.ui.table(pd.DataFrame(_orders, columns=list(_head)), selection=None),
        ]
    )


@app.cell
def prices(evaluated):
    responses = pd.DataFrame(report.price_rows(evaluated.prices), columns=list(report.PRICE_COLUMNS))
    without = "\n".join(f"- {line}" for line in report.price_words(evaluated.prices))
    words = mo.md(f"## 8 · Prices\n\n{' '.join(report.PRICES_EXPLAINED)}\n\n{without}")
    mo.vstack([words, mo.ui.table(responses, selection=None)] if len(responses) else [words])


@app.cell
def gate(judged):
    conditions = pd.DataFrame(
        [
            {"condition": one.name, "met": "yes" if one.met else "no", "found": one.finding}
            for one in judged.verdict.conditions
        ]
    )
    mo.vstack(
        [
            mo.md(f"## 9 · What the gate would say: {judged.verdict.outcome}"),
            mo.ui.table(conditions, selection=None, page_size=30, wrapped_columns=["condition", "found"]),
        ]
    )


if __name__ == "__main__":
    app.run()
