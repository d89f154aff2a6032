"""Who may answer: each condition of the gate, and challengers that were sabotaged."""

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from data_contracts.catalogue import reference_texts
from models.data.dataset import TrainingSet, load_training_set
from models.data.situations import Batch, load_situations
from models.judging.choice_moments import Moment
from models.judging.gate import CONDITIONS, Verdict, verdict
from models.judging.gate_evidence import Evidence, TrainingBasis, gather_evidence
from models.judging.monotonicity import Certificate
from models.judging.off_policy import Estimate, OfflineVerdict, OffPolicyEvidence, Weights
from models.judging.paired_bootstrap import Difference
from models.judging.ranking_metrics import RankingMetrics
from models.judging.reason_audit import Finding, ReasonsAudit
from models.judging.slices import Slice
from models.judging.uplift import Uplift
from models.registry.model_card import EmptyField, model_card, render
from models.training.judge_challenger import Judged, judge_challenger
from models.training.train import Trained, train
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.ranker import Ranker
from tests.models.sabotaged import Flipped, Handicapped, LabelReader
from tests.models.world import built, silent

ORGANIZATIONS = int(os.environ.get("ORGANIZATIONS", "1200"))
"""For the sabotaged challengers: enough that an honest one wins."""


def difference(value: float, reach: float = 0.02) -> Difference:
    return Difference(value, value - reach, value + reach, decisions=500, organizations=400)


def metrics(log_loss: float | None = 1.4, calibration_error: float | None = 0.01) -> RankingMetrics:
    return RankingMetrics(0.5, 0.7, log_loss, calibration_error, None)


def accepted(value: float, *, reliable: bool = True) -> OffPolicyEvidence:
    logged, weights = Estimate(0.4, 0.01, 0.38, 0.42), Weights(500, 200.0, 1.0, 0.05, 4.0, 0.5)
    reasons = () if reliable else ("the effective sample of 7 is below 100",)
    return OffPolicyEvidence({}, (value - 0.05, value + 0.05), logged, weights, OfflineVerdict(reliable, reasons))


def earned(value: float, reward: str = "acceptance", *, reach: float = 0.01) -> Uplift:
    return Uplift(reward, Estimate(value, reach / 2, value - reach, value + reach), ())


def certificate(falls: int) -> Certificate:
    return Certificate(organisations=500, probes=3_000, falls={"together": falls}, moved={"together": 400})


def rules(**changed: float) -> dict[str, Difference]:
    """A challenger's advantages over the rules, but for what a test changes."""
    usual = dict.fromkeys(("hit", "ndcg", "ndcg_of_all"), 0.05)
    return {name: difference(value) for name, value in (usual | changed).items()}


def evidence(**changes: Any) -> Evidence:
    """A challenger that wins over the rules and a champion, but for what a test changes."""
    audit = ReasonsAudit(100, specific=90, reasons=150, true=150, attributed=150, necessary=150, reproduced=150)
    good = Evidence(
        decisions=500,
        organizations=400,
        utilities={},
        orders={},
        metrics={"model": metrics(), "rules": metrics(None, None), "popularity": metrics(2.0)},
        over_rules=rules() | {"regret_cents": difference(100.0)},
        over_popularity=difference(0.6),
        over_champion={name: difference(0.03) for name in ("hit", "ndcg", "log_loss", "log_loss_of_all")},
        calibration_by_chance=0.012,
        regret_cents={"model": 900.0, "rules": 1_000.0},
        moments=(Moment("is_current_plan", 0.45, 0.46, 0.04, 300),),
        champion_moments=(Moment("is_current_plan", 0.47, 0.46, 0.04, 300),),
        slices=(Slice("template", "support", 0.7, 0.65, difference(0.05), 0.01, 0.02),),
        reward="acceptance",
        off_policy={"model": accepted(0.45)},
        earns_over_champion=earned(0.02),
        other_reward=False,
        reasons=audit,
        certificates={"model": (certificate(3),), "champion": (certificate(3),)},
        cpu_ms={"model": 0.2, "rules": 0.1},
        undeclared=(),
        features_differ=0,
        later=True,
        stale_days=0.5,
    )
    return replace(good, **changes)


def test_a_challenger_that_is_better_by_more_than_chance_wins() -> None:
    said = verdict(evidence())

    assert (said.outcome, said.promoted, said.failed) == ("won", True, ())
    assert len(said.conditions) == len(CONDITIONS)
    assert verdict(evidence(over_champion={})).outcome == "won"


@pytest.mark.parametrize(
    ("change", "condition"),
    [
        ({"undeclared": ("label",)}, "features are declared"),
        ({"features_differ": 3}, "features come out the same when they are computed anew"),
        ({"stale_days": -2.0}, "judged on what it has not seen"),
        ({"stale_days": 32.0}, "learned from what is at most 31 days old"),
        ({"over_rules": rules(ndcg_of_all=0.01)}, "NDCG@3 above the rules"),
        ({"over_rules": rules(ndcg=-0.01)}, "NDCG@3 above the rules"),
        ({"over_rules": rules(hit=-0.01)}, "hit@1 not below the rules"),
        ({"over_popularity": difference(0.01)}, "log-loss below popularity"),
        ({"decisions": 99}, "judged on 100 decisions of 50 organisations at least"),
        ({"organizations": 49}, "judged on 100 decisions of 50 organisations at least"),
        ({"calibration_by_chance": -0.001}, "probabilities mean what they say"),
        (
            {"slices": (Slice("country", "dach", 0.5, 0.6, difference(-0.1), 0.01, 0.02),)},
            "no template or country worse off than with the rules",
        ),
        (
            {"moments": (Moment("is_current_plan", 0.35, 0.46, 0.04, 300),), "champion_moments": ()},
            "what is chosen is what it expects",
        ),
        (
            {"moments": (Moment("is_current_plan", 0.41, 0.46, 0.04, 300),)},
            "what it expects is not farther from what is chosen than what the champion expects",
        ),
        ({"off_policy": {"model": accepted(0.2)}}, "logged decisions do not speak against it"),
        ({"earns_over_champion": earned(-0.02)}, "earns no less of the declared reward than the champion"),
        ({"reasons": ReasonsAudit()}, "every reason it would show holds"),
        (
            {"reasons": ReasonsAudit(decisions=9, faults=[Finding("d", "growth", False, True, True, True)])},
            "every reason it would show holds",
        ),
        (
            {"certificates": {"model": (certificate(4),), "champion": (certificate(3),)}},
            "more usage leads to a smaller plan no more often",
        ),
        ({"certificates": {}}, "more usage leads to a smaller plan no more often"),
        ({"over_champion": {"log_loss": difference(-0.03)}}, "log-loss not worse than the champion's"),
        (
            {"over_champion": {"log_loss_of_all": difference(-0.03)}},
            "log-loss on all it has not seen not worse than the champion's",
        ),
        (
            {"over_champion": {"log_loss": difference(0.05), "ndcg": difference(-0.03)}},
            "NDCG@3 not worse than the champion's",
        ),
        (
            {"over_champion": {"log_loss": difference(0.05), "regret_cents": difference(-900.0)}},
            "regret in cents not worse than the champion's",
        ),
    ],
)
def test_each_condition_alone_refuses(change: dict[str, Any], condition: str) -> None:
    said = verdict(evidence(**change))

    assert said.outcome == "refused"
    assert [each.name for each in said.conditions if not each.met] == [condition]


def test_a_slow_machine_changes_no_verdict() -> None:
    assert verdict(evidence(cpu_ms={"model": 10_000.0, "rules": 0.1})) == verdict(evidence())


def test_a_log_that_allows_no_verdict_does_not_speak_against_anyone() -> None:
    assert verdict(evidence(off_policy={"model": accepted(0.1, reliable=False)})).outcome == "won"


def test_a_card_with_an_empty_field_is_not_written() -> None:
    with pytest.raises(EmptyField, match="nothing to say about Limits"):
        render("Model card: x", {"Purpose": "to rank", "Limits": " \n"})


@dataclass(frozen=True)
class World:
    """A demo world with an honest challenger."""

    rows: TrainingSet
    batches: tuple[Batch, ...]
    honest: Trained

    def judged(self, trained: Trained, champion: Ranker | None = None) -> Judged:
        """What the gate says of a challenger on the honest hold-out."""
        return judge_challenger(
            replace(trained, holdout=self.honest.holdout, unseen=self.honest.unseen), self.batches, champion=champion
        )

    def judged_as(self, ranker: Ranker, champion: Ranker | None = None) -> Verdict:
        """What the gate says of a ranker that pretends to be the honest challenger."""
        honest = self.honest
        learned = TrainingBasis(honest.learned_from, int(honest.learned_from.decided_at_us.max()), honest.later)
        return verdict(
            gather_evidence(
                ranker,
                learned=learned,
                holdout=honest.holdout,
                unseen=honest.unseen,
                batches=self.batches,
                champion=champion,
            )
        )

    def trained_on(self, **columns: Any) -> Trained:
        """A challenger that learned from altered columns."""
        return train(replace(self.rows, **columns), seed=7, num_threads=1, progress=silent)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = built(tmp_path_factory.mktemp("world"), organizations=ORGANIZATIONS)
    rows = load_training_set(root / "set")
    batches = load_situations(root / "set", [load_catalogue(*reference_texts())])
    return World(rows, batches, train(rows, seed=7, num_threads=1, progress=silent))


@pytest.mark.slow
def test_an_honest_challenger_wins_and_a_copy_of_it_is_level(world: World) -> None:
    first = world.judged(world.honest)
    again = world.judged(world.honest, champion=world.honest.ranker)

    assert first.verdict.failed == ()
    assert first.verdict.outcome == "won"
    assert again.verdict.outcome == "level"
    assert "## Verdict" in model_card(world.honest, again.evidence, again.verdict, version="copy")


@pytest.mark.slow
def test_a_leaked_label_is_refused_by_what_it_does_and_by_what_it_is(world: World) -> None:
    """The label slipped into a column that is declared; trained on it, the challenger knows the answers."""
    leaked = world.rows.features.copy()
    leaked[:, world.rows.feature_names.index("trial_age")] += 5 * world.rows.chosen
    challenger = world.trained_on(features=leaked)
    assert challenger.metrics["model"].hit_at_1 > 0.95  # it would look perfect by its own columns

    by_what_it_does = world.judged(challenger).verdict
    by_what_it_is = judge_challenger(challenger, world.batches, champion=None).verdict

    assert by_what_it_does.outcome == by_what_it_is.outcome == "refused"
    assert any("probabilities mean what they say" in reason for reason in by_what_it_does.failed)
    assert any("computed anew" in reason for reason in by_what_it_is.failed)


@pytest.mark.slow
def test_a_label_in_a_column_of_its_own_is_refused(world: World) -> None:
    said = world.judged_as(LabelReader(world.honest.ranker))

    assert said.outcome == "refused"
    assert "features are declared: reads taken" in said.failed


@pytest.mark.slow
def test_shuffled_features_are_refused(world: World) -> None:
    order = np.random.default_rng(2).permutation(len(world.rows.features))

    said = world.judged(world.trained_on(features=np.ascontiguousarray(world.rows.features[order]))).verdict

    assert said.outcome == "refused"
    assert any("NDCG@3 above the rules" in reason for reason in said.failed)


@pytest.mark.slow
def test_stale_data_is_refused(world: World) -> None:
    """Sound in itself, but what it learned from ends more than a month before the decisions it would take."""
    until = world.honest.holdout.decided_at_us.min() - 40 * 86_400_000_000
    earlier = world.rows.take(world.rows.decided_at_us < until)

    said = world.judged(train(earlier, seed=7, num_threads=1, progress=silent))

    assert any("at most 31 days old" in reason for reason in said.verdict.failed)


@pytest.mark.slow
def test_a_flipped_sign_is_refused(world: World) -> None:
    said = world.judged_as(Flipped(world.honest.ranker))

    assert said.outcome == "refused"
    assert any("NDCG@3 above the rules" in reason for reason in said.failed)


@pytest.mark.slow
@pytest.mark.parametrize("feature", ["is_current_plan", "same_family_as_current", "tier_share"])
@pytest.mark.parametrize("less", [0.5, 1.0])
def test_a_handicap_on_what_decides_when_an_outcome_is_known_never_wins(
    world: World, feature: str, less: float
) -> None:
    """Until a decision's time is over it is known only if somebody paid, and nobody pays to keep the plan held."""
    honest = world.honest.ranker
    said = world.judged_as(Handicapped(honest, feature, less), champion=honest)

    assert said.outcome != "won"
    if feature == "is_current_plan":
        assert said.outcome == "refused"
