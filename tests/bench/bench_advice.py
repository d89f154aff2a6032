"""The advice as a customer reads it, over HTTP, in two demo worlds, by the rules and by a trained ranker.

What is counted is read off the answers alone and held against the raw tables by queries of its own
(`tests/bench/advice_seen.py`). What the guard costs is expected under the true choice probabilities of the worlds.
`ADVICE_ORGANISATIONS=2000` says how many organisations are asked in all.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uvicorn
import yaml

from data_contracts.catalogue import reference_texts
from models.data.dataset import load_training_set
from models.data.situations import Batch, load_situations
from models.judging.monotonicity import first_plans
from models.judging.regret import regrets
from models.registry.bundle import load_champion, point_to, write_bundle
from models.registry.registry import golden
from models.training.train import train, truth_for
from pipelines.demo.write import write_demo_data
from pipelines.training.training_set import build_training_set
from recommender.billing.catalogue import Catalogue
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.features import feature_cube, feature_rows
from recommender.ranking.ranker import FloatArray, Ranker
from recommender.ranking.rules import RuleRanker
from serving.db.migrate import migrate
from serving.db.session import Database
from serving.jobs.import_raw import import_raw
from tests.bench.advice_needs import Replaced, TrueWorld, needs_not_named, replaced
from tests.bench.advice_seen import FAULTS, seen
from tests.bench.advice_tables import RawTables
from tests.bench.http_servers import API_KEY, HOST, running

SEEDS = (7, 11)
PROMOTIONS: Final[Mapping[str, Mapping[str, object]]] = {
    "year-of-scale": {
        "plans": ["ecommerce-scale", "support-scale"],
        "intervals": ["month"],
        "percent": 70,
        "cycles": 12,
        "for": {"countries": ["FR", "ES"]},
    },
    "quarter-of-scale": {"plans": ["leads-scale", "support-scale"], "intervals": ["month"], "percent": 70, "cycles": 3},
    "for-shops": {
        "plans": ["ecommerce-enterprise"],
        "intervals": ["month"],
        "amount": "1200.00",
        "for": {"families": ["ecommerce"]},
    },
}
"""What the second world offers beside the reference's promotions."""
ORGANISATIONS = 2_000
OFFERS: Final = "offers.yml"
INFORMATION: Final = (
    "guard changed the first plan",
    "usage unknown",
    "sent to sales",
    "cards with a promotion",
    "with a promotion",
    "month and year differ by an offer, and the year says so",
)


def run() -> Iterator[dict[str, Any]]:
    """The figures: every fault with its count, then what the guard costs."""
    each = int(os.environ.get("ADVICE_ORGANISATIONS", ORGANISATIONS)) // len(SEEDS)
    found: dict[str, Counter[str]] = {"rules": Counter(), "model": Counter()}
    costs: dict[str, list[dict[str, float]]] = {"rules": [], "model": []}
    unseen: dict[str, list[Replaced]] = {"rules": [], "model": []}
    until = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            world = _world(Path(folder, f"world-{seed}"), seed=seed, organisations=each, until=until)
            true = TrueWorld.again(seed=seed, organisations=each, until=until)
            rankers: dict[str, Ranker] = {"rules": RuleRanker(), "model": load_champion(world / "bundles")}
            for strategy, ranker in rankers.items():
                found[strategy] += _asked(world, strategy, organisations=each)
                for cost, replaced_here in _costs(world, ranker, true):
                    costs[strategy] += cost
                    unseen[strategy] += replaced_here
    for strategy, counts in found.items():
        yield from _figures(strategy, counts)
    for strategy, parts in costs.items():
        yield from _prices(strategy, parts)
        decisions = int(sum(part["decisions"] for part in parts if part["guarded"]))
        yield from needs_not_named(strategy, unseen[strategy], decisions=decisions)


def _world(folder: Path, *, seed: int, organisations: int, until: datetime) -> Path:
    """Raw tables up to now, a champion trained on them, and a database for each strategy."""
    catalogue = _catalogue_of(folder, promotions={} if seed == SEEDS[0] else PROMOTIONS)
    write_demo_data(
        out=folder / "raw",
        organizations=organisations,
        seed=seed,
        until=until,
        broken_share=0,
        progress=lambda _step: None,
    )
    _sold_by(folder / "raw", catalogue.version)
    build_training_set(checked=folder / "raw", out=folder / "set", catalogues=[catalogue])
    trained = train(load_training_set(folder / "set"), seed=7, num_threads=1, progress=lambda _step: None)
    version = trained.ranker.version
    write_bundle(
        folder / "bundles" / version, ranker=trained.ranker, golden=golden(trained.ranker, trained.holdout), about={}
    )
    point_to(folder / "bundles", version)
    return folder


def _catalogue_of(folder: Path, *, promotions: Mapping[str, Mapping[str, object]]) -> Catalogue:
    """The reference catalogue with more promotions, whose offers are written beside the world."""
    catalogue, offers = reference_texts()
    read = yaml.safe_load(offers)
    text = offers if not promotions else yaml.safe_dump({**read, "promotions": {**read["promotions"], **promotions}})
    folder.mkdir(parents=True)
    (folder / OFFERS).write_text(text, "utf-8")
    return load_catalogue(catalogue, text)


def _sold_by(raw: Path, version: str) -> None:
    """Let the raw tables speak of this version of the catalogue."""
    for name in ("subscriptions", "decisions"):
        path = raw / f"{name}.parquet"
        table = pq.read_table(path)
        column = pa.array([version] * len(table), pa.string())
        place = table.column_names.index("catalogue_version")
        pq.write_table(table.set_column(place, "catalogue_version", column), path)


def _asked(world: Path, strategy: str, *, organisations: int) -> Counter[str]:
    """What customers see: every organisation asks twice by the month and once by the year."""
    database = world / f"{strategy}.db"
    _fill(database, world / "raw")
    tables = RawTables(world / "raw", offers=world / OFFERS)
    with running(_serve, f"{database}|{world / 'bundles' if strategy == 'model' else ''}|{world / OFFERS}") as server:
        counts: Counter[str] = Counter()
        with httpx2.Client(base_url=server.address, headers=HOST, timeout=60) as client:
            for name in tables.organisations()[:organisations]:
                path = f"/v1/organizations/{name}/plan-recommendations"
                answers = [client.get(path, params={"interval": each}) for each in ("month", "month", "year")]
                month, again, year = (answer.raise_for_status().json() for answer in answers)
                decided_at = datetime.now(UTC)
                counts.update(seen(month, again=again, year=year, tables=tables, name=name, at=decided_at))
    return counts


def _fill(database: Path, raw: Path) -> None:
    """The service's tables from the raw ones."""
    opened = Database(f"sqlite:///{database}")
    migrate(opened)
    opened.writing(
        lambda connection: import_raw(
            connection, raw, organizations_wanted=None, progress=lambda _table, _done, _total: None
        )
    )
    opened.close()


def _serve(where: str, port: int) -> None:
    from serving.app import create_app
    from serving.settings import Settings
    from serving.web.logs import configure_logs

    database, bundles, offers = where.split("|")
    configure_logs("warning")
    settings = Settings(
        database_url=f"sqlite:///{database}",
        api_key=API_KEY,
        signing_key="bench",
        model=Path(bundles) if bundles else None,
        offers=offers,
    )
    uvicorn.run(create_app(settings), port=port, access_log=False, log_level="warning")


def _costs(
    world: Path, ranker: Ranker, true_world: TrueWorld
) -> Iterator[tuple[list[dict[str, float]], list[Replaced]]]:
    """Per batch, with and without the guard: hit, NDCG@3, regret, predicted acceptance; and what it replaced."""
    catalogue = load_catalogue(reference_texts()[0], (world / OFFERS).read_text("utf-8"))
    rows = load_training_set(world / "set")
    truth = truth_for(rows, world / "raw" / "truth" / "choices.parquet")
    place = {decision: i for i, decision in enumerate(rows.decisions)}
    starts = np.cumsum(rows.group_sizes) - rows.group_sizes
    decided = pq.read_table(world / "raw" / "decisions.parquet", columns=["decision_id", "occurred_at"])
    decided_us = dict(
        zip(decided["decision_id"].to_pylist(), decided["occurred_at"].cast("int64").to_pylist(), strict=True)
    )
    for batch in load_situations(world / "set", [catalogue]):
        utilities = _utilities(batch, ranker)
        true = np.zeros_like(utilities)
        for i, logged in enumerate(batch.logged):
            start, size = starts[place[logged.decision_id]], rows.group_sizes[place[logged.decision_id]]
            codes = rows.plans[start : start + size].tolist()
            true[i, [batch.plans.codes.index(code) for code in codes]] = truth[start : start + size]
        own, served = (first_plans(ranker, batch.plans, batch.situations, guarded=each) for each in (False, True))
        predicted = _softmax(utilities)
        costs = [
            {"guarded": guarded, "decisions": float(len(batch))} | _cost(batch, first, utilities, predicted, true)
            for guarded, first in ((0.0, own), (1.0, served))
        ]
        terms = true_world.terms(batch, decided_us=decided_us)
        yield costs, list(replaced(batch, wanted=own, led_to=served, predicted=predicted, truth=true, terms=terms))


def _softmax(utilities: FloatArray) -> FloatArray:
    weights = np.exp(utilities - utilities.max(axis=1, keepdims=True))
    shares: FloatArray = weights / weights.sum(axis=1, keepdims=True)
    return shares


def _utilities(batch: Batch, ranker: Ranker) -> np.ndarray[Any, np.dtype[np.float64]]:
    rows, sizes = feature_rows(
        feature_cube(batch.situations, batch.plans, ranker.feature_names), batch.situations.eligible
    )
    utilities = np.full(batch.situations.eligible.shape, -np.inf)
    utilities[batch.situations.eligible] = ranker.utilities(rows, sizes)
    return utilities


def _cost(batch: Batch, first: Any, utilities: Any, predicted: Any, truth: Any) -> dict[str, float]:
    every = np.arange(len(batch))
    led = utilities.copy()
    led[every, first] = np.inf
    order = np.argsort(-led, axis=1, kind="stable")[:, :3]
    gains = np.take_along_axis(truth, order, axis=1) / np.log2([2, 3, 4])
    best = -np.sort(-truth, axis=1)[:, :3] / np.log2([2, 3, 4])
    regret = regrets(batch, [batch.plans.codes[i] for i in first.tolist()])
    return {
        "expected hit@1": float(truth[every, first].mean()),
        "share of the best expected NDCG@3": float(gains.sum() / best.sum()),
        "predicted acceptance": float(predicted[every, first].mean()),
        "regret": float(np.nanmean(regret)) if np.isfinite(regret).any() else 0.0,
    }


def _figures(strategy: str, counts: Counter[str]) -> Iterator[dict[str, Any]]:
    asked = counts["asked"]
    for fault, goal in FAULTS.items():
        yield {"figure": f"{strategy}: {fault}", "value": counts[fault], "unit": f"of {asked:,}, goal {goal}"}
    with_usage, reasons = counts["with usage"], counts["reasons re-derived"]
    yield {
        "figure": f"{strategy}: at least one specific reason",
        "value": round(counts["with a reason"] / max(with_usage, 1), 4),
        "unit": f"share of {with_usage:,} with usage, goal 0.98",
    }
    yield {
        "figure": f"{strategy}: reasons that the raw tables bear out",
        "value": round(counts["reasons true"] / max(reasons, 1), 4),
        "unit": f"share of {reasons:,}, goal 1",
    }
    for name in INFORMATION:
        yield {"figure": f"{strategy}: {name}", "value": counts[name], "unit": f"of {asked:,}"}


def _prices(strategy: str, parts: list[dict[str, float]]) -> Iterator[dict[str, Any]]:
    for name in ("expected hit@1", "share of the best expected NDCG@3", "predicted acceptance", "regret"):
        means = {}
        for guarded in (0.0, 1.0):
            mine = [part for part in parts if part["guarded"] == guarded]
            total = sum(part["decisions"] for part in mine)
            means[guarded] = sum(part[name] * part["decisions"] for part in mine) / total
        unit = "minor units a month" if name == "regret" else "share"
        yield {
            "figure": f"{strategy}: {name}, guarded",
            "value": round(means[1.0], 4),
            "unit": unit,
            "without_guard": round(means[0.0], 4),
        }
