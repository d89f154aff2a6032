"""`python -m models`: train a ranker, judge it, promote it, check what serving would load."""

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from models.registry.command_line import errors_as_exit_codes, policy_of, situations_of
from models.registry.console import (
    console,
    print_conditions,
    print_metrics,
    print_policies,
    print_prices,
    print_trade_off,
)
from recommender.ranking.reward import RewardName

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

MOST_SEED: Final = 2**31 - 1
"""LightGBM reads seeds into 32 bits."""

TrainingSetFolder = Annotated[Path, typer.Option("--training-set", help="Folder with training_set.parquet and .json.")]
CatalogueFiles = Annotated[
    list[Path] | None, typer.Option("--catalogue", help="Catalogue of the decisions. [default: the reference one]")
]
OffersFiles = Annotated[
    list[Path] | None, typer.Option("--offers", help="Its offers.yml; the first belongs to the first catalogue.")
]
RegistryFolder = Annotated[Path, typer.Option("--registry", help="Folder of MLflow's store and the published bundles.")]


@app.command("train")
def train_command(
    *,
    training_set: TrainingSetFolder,
    registry: RegistryFolder,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Same seed and data give the same model.")] = 7,
    quick: Annotated[bool, typer.Option("--quick", help="One setting and few small trees: done in seconds.")] = False,
    try_out: Annotated[
        bool, typer.Option("--try", help="Make it the challenger; judged beside the rules only.")
    ] = False,
    reward: Annotated[
        RewardName, typer.Option(envvar="PLANS_REWARD", help="What plans are ordered for; served as it was trained.")
    ] = "acceptance",
    truth: Annotated[Path | None, typer.Option(help="Demo data's truth/choices.parquet: judge against it.")] = None,
    catalogue: CatalogueFiles = None,
    offers: OffersFiles = None,
) -> None:
    """Fit a challenger, judge it on later decisions of other organisations, register it, and promote it if it wins."""
    from models.data.dataset import load_training_set
    from models.judging.backtest import learned_range
    from models.registry.bundle import publish_usage_range
    from models.registry.registry import Registry
    from models.registry.report import metrics_of
    from models.training.judge_challenger import judge_challenger
    from models.training.train import train, truth_for

    kept = Registry(registry)
    with errors_as_exit_codes(), console.status("reading the training set") as status:
        rows = load_training_set(training_set)
        batches = situations_of(training_set, catalogue, offers)
        known = truth_for(rows, truth) if truth else None
        with kept.exclusive():
            champion = None if try_out else kept.champion()
            trained = train(
                rows, seed=seed, quick=quick, reward=reward, truth=known, champion=champion, progress=status.update
            )
            status.update("measuring it beside the rules and the champion")
            judged = judge_challenger(trained, batches, champion=champion)
            status.update("registering")
            publish_usage_range(kept.bundles, learned_range(batches))
            registered = kept.register(trained, judged, try_out=try_out)
    print_metrics(metrics_of(trained, judged.evidence))
    print_conditions(judged.verdict)
    if registered.promoted:
        console.print(f"[green]{registered.version} is the champion[/] (run {registered.run_id})")
    elif try_out:
        console.print(f"[green]{registered.version} is the challenger[/], the gate: {judged.verdict.outcome}")
    else:
        console.print(f"[yellow]{registered.version} is registered, not promoted[/]: {judged.verdict.outcome}")


@app.command("evaluate")
def evaluate_command(
    *,
    training_set: TrainingSetFolder,
    registry: RegistryFolder,
    version: Annotated[str | None, typer.Option(help="Judge this registered version anew, by the gate.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Demo data's truth/choices.parquet: judge against it.")] = None,
    off_policy: Annotated[Path | None, typer.Option(help="JSON file to write for `pipelines metrics`.")] = None,
    exploring: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="By the log, judge each as it would vary the first place: temperature, floor, reach."),
    ] = None,
    catalogue: CatalogueFiles = None,
    offers: OffersFiles = None,
) -> None:
    """Judge the champion and the rules on the hold-out, and by what the log says of their first plans.

    With `--version` the gate judges that version beside the present champion; `promote` asks for its report.
    """
    from models.data.dataset import load_training_set
    from models.registry.registry import Registry
    from models.registry.report import POLICY_EXPLAINED, outside_words, policy_words, uplift_words
    from models.training.evaluate import evaluate, policy_estimates
    from models.training.judge_challenger import judge_version
    from models.training.train import truth_for

    kept = Registry(registry)
    with errors_as_exit_codes(), console.status("reading the training set") as status:
        rows = load_training_set(training_set)
        champion = kept.champion()
        words = f"champion: {champion.version}" if champion else "[yellow]there is no champion yet[/]; the rules answer"
        batches = situations_of(training_set, catalogue, offers)
        if version is not None:
            known_version = kept.published(version)
            judged = judge_version(
                rows, batches, ranker=known_version.ranker, learned_until_us=known_version.learned_until_us,
                champion=champion,
            )  # fmt: skip
            kept.write_report(version, judged)
            console.print(words)
            print_metrics(dict(judged.evidence.metrics))
            print_conditions(judged.verdict)
            return
        found = evaluate(
            rows, batches, champion=champion, challenger=kept.challenger(), exploring=policy_of(exploring),
            truth=truth_for(rows, truth) if truth else None, progress=status.update,
        )  # fmt: skip
        if off_policy is not None:
            off_policy.parent.mkdir(parents=True, exist_ok=True)
            off_policy.write_text(policy_estimates(found, training_set=rows.digest).model_dump_json(indent=1), "utf-8")
    console.print(f"{words}\n{found.decisions:,} decisions of {found.organizations:,} held-out organisations")
    print_metrics(found.metrics)
    print_policies(found.off_policy)
    console.print(" ".join(POLICY_EXPLAINED))
    for line, policy in zip(policy_words(found.off_policy), found.off_policy.values(), strict=True):
        console.print(line, style=None if policy.verdict.reliable else "yellow", highlight=False)
    print_trade_off(found.trade_off, declared=found.reward)
    print_prices(found.prices)
    console.print(*outside_words(found.outside), *uplift_words(found.uplift), sep="\n", highlight=False)


@app.command("promote")
def promote_command(
    version: Annotated[str, typer.Argument(help="A registered version, as `models train` printed it.")],
    registry: RegistryFolder,
) -> None:
    """Make a registered version the champion, if the gate judged it beside the present one and did not refuse it."""
    from models.registry.registry import Registry

    with errors_as_exit_codes():
        Registry(registry).promote(version)
    typer.echo(f"{version} is the champion")


@app.command("try")
def try_command(
    version: Annotated[str, typer.Argument(help="A registered version, as `models train` printed it.")],
    registry: RegistryFolder,
) -> None:
    """Make a registered version the challenger that experiments try out; the champion stays who it is."""
    from models.registry.registry import Registry

    with errors_as_exit_codes():
        Registry(registry).try_out(version)
    typer.echo(f"{version} is the challenger")


@app.command("rollback")
def rollback_command(registry: RegistryFolder) -> None:
    """Make the champion before this one the champion again; once more goes one further back."""
    from models.registry.registry import Registry

    with errors_as_exit_codes():
        version = Registry(registry).rollback()
    typer.echo(f"{version} is the champion again")


@app.command("audit-reasons")
def audit_reasons_command(
    *,
    training_set: TrainingSetFolder,
    registry: RegistryFolder,
    logged: Annotated[
        bool, typer.Option("--logged", help="Replay what was stored with each decision, by the ranker that took it.")
    ] = False,
    decisions: Annotated[int | None, typer.Option(min=1, help="Only so many decisions, spread evenly.")] = None,
    catalogue: CatalogueFiles = None,
    offers: OffersFiles = None,
) -> None:
    """Say which share of the shown reasons is true, attributed and counterfactually necessary; exit status 1 below all.

    Without `--logged` every decision is explained as the service would explain it today, by the champion, or by the
    rules where there is none.
    """
    from models.data.situations import spread
    from models.judging.reason_audit import audit_explanations, audit_log
    from models.registry.registry import Registry
    from models.registry.report import audit_words
    from recommender.ranking.rules import RuleRanker

    kept = Registry(registry)
    with errors_as_exit_codes(), console.status("reading the situations") as status:
        batches = spread(situations_of(training_set, catalogue, offers), decisions)
        total = sum(map(len, batches))

        def progress(done: int) -> None:
            status.update(f"{done:,} of {total:,} decisions")

        if logged:
            audit = audit_log(batches, kept.ranker_of, progress=progress)
        else:
            audit = audit_explanations(batches, kept.champion() or RuleRanker(), progress=progress)
    for line in audit_words(audit):
        console.print(line, highlight=False, soft_wrap=True)
    if not audit.sound:
        raise typer.Exit(1)


@app.command("backtest")
def backtest_command(
    training_set: TrainingSetFolder, catalogue: CatalogueFiles = None, offers: OffersFiles = None
) -> None:
    """Say how often the 30 days that followed lay within the 80 % range, on organisations it was not learned from."""
    from models.judging.backtest import backtest, learned_range

    with errors_as_exit_codes(), console.status("reading the situations"):
        batches = situations_of(training_set, catalogue, offers)
        found = backtest(batches, usage_range=learned_range(batches))
    table = Table("what", title="held-out organisations: the 80 % range against the 30 days that followed")
    for name in ("cases", "inside", "below", "above"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(one.what, f"{one.cases:,}", f"{one.inside:.1%}", f"{one.below:.1%}", f"{one.above:.1%}")
    console.print(table)


@app.command("score")
def score_command(
    *,
    training_set: TrainingSetFolder,
    registry: RegistryFolder,
    out: Annotated[Path, typer.Option(help="Table to write: .parquet or .csv, one row per candidate plan.")],
    organisations: Annotated[
        list[str] | None, typer.Option(help="Only this organisation; may be given several times.")
    ] = None,
    catalogue: CatalogueFiles = None,
    offers: OffersFiles = None,
) -> None:
    """Rank the plans of every logged situation by the champion, or by the rules where there is none, in bulk."""
    from models.registry.registry import Registry
    from models.training.score import score
    from recommender.ranking.rules import RuleRanker

    if out.suffix not in (".parquet", ".csv"):
        raise typer.BadParameter(f"{out.name} must end in .parquet or .csv", param_hint="--out")
    with errors_as_exit_codes(), console.status("reading the situations"):
        ranker = Registry(registry).champion() or RuleRanker()
        table = score(situations_of(training_set, catalogue, offers), ranker, organizations=organisations)
        out.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(out, index=False) if out.suffix == ".csv" else table.to_parquet(out, index=False)
    typer.echo(f"{table['decision_id'].nunique():,} decisions ranked by {ranker.name} {ranker.version}: {out}")


@app.command("check-bundle")
def check_bundle(folder: Annotated[Path, typer.Argument(help="Folder with model.txt and manifest.json.")]) -> None:
    """Load a bundle and score its golden rows; exit status 1 and the reason when it may not be served."""
    from models.registry.bundle import check

    with errors_as_exit_codes():
        check(folder)
    console.print("the bundle scores its golden rows as it did when it was trained")


if __name__ == "__main__":
    app()
