import json
from dataclasses import asdict

import lightgbm as lgb
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from models.choice.choice_ranker import ChoiceRanker
from models.choice.conditional_logit import ConditionalLogit
from models.choice.cross_fitting import CrossFittedLogits, assign_folds, people_of_decisions
from models.choice.group_softmax import checked_choices, log_loss_by_group, segment_starts
from models.choice.hybrid import TreeSettings

Table = tuple[np.ndarray, np.ndarray, np.ndarray]


def make_choices(decisions: int, *, seed: int = 0, curved: bool = True) -> Table:
    """A line in the first column; a threshold that no line can follow in the second; a third that means nothing."""
    random = np.random.default_rng(seed)
    group_sizes = random.integers(3, 7, decisions)
    X = random.normal(size=(group_sizes.sum(), 3))
    utility = 1.0 * X[:, 0] + (2.5 * (np.abs(X[:, 1]) < 0.7) if curved else 0.0)
    felt = utility + random.gumbel(size=len(X))
    return X, felt == np.repeat(np.maximum.reduceat(felt, segment_starts(group_sizes)), group_sizes), group_sizes


def held_out_loss(learner: ChoiceRanker | ConditionalLogit, table: Table) -> float:
    X, chosen, group_sizes = table
    return float(log_loss_by_group(learner.utilities(X, group_sizes), chosen, group_sizes).mean())


@pytest.fixture(scope="module")
def curved_ranker() -> ChoiceRanker:
    return ChoiceRanker().fit(*make_choices(2_000))


def test_trees_learn_what_the_line_misses(curved_ranker: ChoiceRanker) -> None:
    logit = ConditionalLogit(ridge=1.0).fit(*make_choices(2_000))
    fresh = make_choices(2_000, seed=1)

    assert held_out_loss(curved_ranker, fresh) < held_out_loss(logit, fresh) - 0.1


def test_where_the_line_is_the_truth_trees_do_no_harm() -> None:
    table, fresh = make_choices(2_000, curved=False), make_choices(2_000, curved=False, seed=1)

    ranker, logit = ChoiceRanker().fit(*table), ConditionalLogit(ridge=1.0).fit(*table)

    assert held_out_loss(ranker, fresh) < held_out_loss(logit, fresh) + 0.005


def test_where_there_is_nothing_to_learn_no_lift_is_claimed() -> None:
    X, chosen, group_sizes = make_choices(500)
    noise = np.random.default_rng(3).normal(size=X.shape)

    ranker = ChoiceRanker().fit(noise, chosen, group_sizes)

    uniform = float(np.log(group_sizes).mean())
    assert ranker.report_.chosen.validation_loss == pytest.approx(uniform, abs=0.01)
    assert held_out_loss(ranker, make_choices(2_000, seed=1)) == pytest.approx(uniform, abs=0.05)


def test_chances_add_up_to_one_in_every_decision(curved_ranker: ChoiceRanker) -> None:
    X, _, group_sizes = make_choices(50, seed=1)

    chances = curved_ranker.predict_proba(X, group_sizes)

    assert np.add.reduceat(chances, segment_starts(group_sizes)) == pytest.approx(np.ones(50))


@pytest.mark.parametrize("relative_columns", [False, True])
def test_utility_is_the_logits_plus_the_score_of_the_stored_trees(relative_columns: bool) -> None:
    ranker = ChoiceRanker(relative_columns=relative_columns).fit(*make_choices(400))
    X, _, group_sizes = make_choices(50, seed=1)
    stored = lgb.Booster(model_str=ranker.booster_.model_to_string())

    assert ranker.prior_ is not None
    assert stored.num_trees() > 0
    columns = ranker.tree_columns(X, group_sizes)
    rebuilt = X @ ranker.prior_.coef_ + stored.predict(columns, raw_score=True)
    assert columns.shape[1] == (6 if relative_columns else 3)
    assert ranker.utilities(X, group_sizes) == pytest.approx(rebuilt, abs=1e-12)


def test_without_relative_columns_a_candidates_utility_does_not_depend_on_its_rivals() -> None:
    ranker = ChoiceRanker(relative_columns=False).fit(*make_choices(400))
    X, _, group_sizes = make_choices(50, seed=1)

    together, alone = ranker.utilities(X, group_sizes), ranker.utilities(X, np.ones(len(X), dtype=int))

    assert alone == pytest.approx(together, abs=1e-12)


def test_relative_columns_learn_what_depends_on_the_rivals() -> None:
    X, _, group_sizes = make_choices(2_000)
    rank_among_rivals = np.concatenate(
        [part.argsort().argsort() for part in np.split(X[:, 1], segment_starts(group_sizes)[1:])]
    )
    felt = 3.0 * (rank_among_rivals == 1) + np.random.default_rng(5).gumbel(size=len(X))
    chosen = felt == np.repeat(np.maximum.reduceat(felt, segment_starts(group_sizes)), group_sizes)

    losses = [
        ChoiceRanker(ridges=(10.0,), relative_columns=relative).fit(X, chosen, group_sizes).report_.chosen
        for relative in (False, True)
    ]

    assert losses[1].validation_loss < losses[0].validation_loss - 0.03


def test_same_data_and_seed_give_the_same_bytes() -> None:
    first, second = (ChoiceRanker(seed=7, ridges=(1.0, 10.0)).fit(*make_choices(300)) for _ in range(2))

    assert first.booster_.model_to_string() == second.booster_.model_to_string()
    assert first.report_ == second.report_


@pytest.mark.parametrize("decisions", [2, 3, 10, 59])
def test_below_sixty_decisions_the_logit_speaks_alone(decisions: int) -> None:
    ranker = ChoiceRanker().fit(*make_choices(decisions))
    X, _, group_sizes = make_choices(20, seed=1)

    assert ranker.booster_.num_trees() == 0
    assert ranker.prior_ is not None
    assert ranker.utilities(X, group_sizes) == pytest.approx(ranker.prior_.utilities(X))


def test_with_almost_no_data_what_was_believed_before_remains() -> None:
    believed = [1.0, 0.0, 0.0]

    ranker = ChoiceRanker(ridges=(1e6,), prior_coef=believed).fit(*make_choices(10))

    assert ranker.prior_ is not None
    assert ranker.prior_.coef_ == pytest.approx(believed, abs=1e-3)


def test_the_candidate_with_the_lowest_held_out_loss_is_taken(curved_ranker: ChoiceRanker) -> None:
    report = curved_ranker.report_

    assert report.chosen == min(report.candidates, key=lambda candidate: candidate.validation_loss)
    assert [candidate.ridge for candidate in report.candidates] == [10.0, 100.0, None]
    assert all(candidate.validation_loss <= candidate.logit_loss for candidate in report.candidates)


def test_trees_alone_are_taken_where_the_line_leads_astray() -> None:
    ranker = ChoiceRanker(ridges=(1e6,), prior_coef=[-3.0, 0.0, 0.0]).fit(*make_choices(400))

    assert ranker.report_.chosen.ridge is None
    assert ranker.prior_ is None


def test_the_report_can_be_written_down(curved_ranker: ChoiceRanker) -> None:
    written = json.loads(json.dumps(asdict(curved_ranker.report_)))

    assert written["decisions"] == 2_000
    assert written["validation_decisions"] == 400
    assert written["trees"] == curved_ranker.booster_.num_trees()


def test_own_tree_settings_are_followed() -> None:
    stumps = TreeSettings(leaves=2, learning_rate=0.1, most_trees=10)

    ranker = ChoiceRanker(tree_settings=stumps).fit(*make_choices(300))

    assert 0 < ranker.booster_.num_trees() <= 10
    assert all(tree["num_leaves"] == 2 for tree in ranker.booster_.dump_model()["tree_info"])


def test_columns_that_say_nothing_leave_every_candidate_equally_likely() -> None:
    _, chosen, group_sizes = make_choices(100)
    X = np.ones((len(chosen), 2))

    ranker = ChoiceRanker().fit(X, chosen, group_sizes)

    assert ranker.predict_proba(X, group_sizes) == pytest.approx(np.repeat(1 / group_sizes, group_sizes))


def test_a_person_is_in_one_fold_only() -> None:
    people = np.random.default_rng(0).integers(0, 30, 200)

    fold_of_decision = assign_folds(people, folds=5, seed=0)

    assert sorted(set(fold_of_decision)) == [0, 1, 2, 3, 4]
    assert all(len(set(fold_of_decision[people == person])) == 1 for person in set(people))


def test_people_may_be_named_per_decision_or_per_row() -> None:
    table = make_choices(200)
    people = np.repeat(np.arange(50), 4)

    per_decision = ChoiceRanker(ridges=(1.0,)).fit(*table, groups=people)
    per_row = ChoiceRanker(ridges=(1.0,)).fit(*table, groups=np.repeat(people, table[2]))

    assert per_decision.report_.people == 50
    assert per_row.report_ == per_decision.report_


def test_a_person_who_fills_the_table_is_dealt_by_decision() -> None:
    assert sorted(assign_folds(np.zeros(10), folds=5, seed=0)) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_no_logit_speaks_about_decisions_it_has_seen() -> None:
    X, chosen, group_sizes = make_choices(100)
    fold_of_decision = np.arange(100) % 5
    rows_of_fold_1 = np.repeat(fold_of_decision == 1, group_sizes)
    others = np.repeat(~np.isin(fold_of_decision, (0, 1)), group_sizes)
    logits = CrossFittedLogits(
        checked_choices(X, chosen, group_sizes), fold_of_decision=fold_of_decision, prior_coef=None
    )

    utilities = logits.out_of_fold_utilities(ridge=0.0, held_out=0)

    by_hand = ConditionalLogit().fit(X[others], chosen[others], group_sizes[fold_of_decision > 1])
    assert utilities[rows_of_fold_1] == pytest.approx(by_hand.utilities(X[rows_of_fold_1]), abs=1e-3)


def test_one_newton_step_leaves_folds_out_as_well_as_a_fit_of_its_own() -> None:
    X, chosen, group_sizes = make_choices(2_000)
    fold_of_decision = np.arange(2_000) % 5
    bounded = np.array([True, False, True])
    logits = CrossFittedLogits(
        checked_choices(X, chosen, group_sizes),
        fold_of_decision=fold_of_decision,
        prior_coef=None,
        non_negative=bounded,
    )
    rest = ~np.isin(fold_of_decision, (0, 3))
    rows = np.repeat(rest, group_sizes)

    found = logits.coefficients_without({0, 3}, ridge=2.0)

    fitted = ConditionalLogit(ridge=2.0, non_negative=bounded).fit(X[rows], chosen[rows], group_sizes[rest])
    assert found == pytest.approx(fitted.coef_, abs=0.01)
    assert not np.allclose(logits.coefficients(ridge=2.0), found, atol=0.01)


@pytest.mark.parametrize(
    ("groups", "complaint"),
    [([1, 2], "one value per decision"), ([1, 1, 1, 2, 1], "two people within one decision")],
)
def test_people_who_do_not_fit_the_decisions_are_refused(groups: list[int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        people_of_decisions(groups, group_sizes=np.array([2, 2, 1]))


def test_missing_values_are_refused() -> None:
    X, chosen, group_sizes = make_choices(100)
    X[5, 1] = np.nan

    with pytest.raises(ValueError, match="column 1"):
        ChoiceRanker().fit(X, chosen, group_sizes)


def test_a_single_decision_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        ChoiceRanker().fit([[1.0], [2.0]], [1, 0], [2])


def test_a_question_about_other_columns_is_refused(curved_ranker: ChoiceRanker) -> None:
    with pytest.raises(ValueError, match="fitted on 3 features, asked about 2"):
        curved_ranker.predict_proba(np.ones((4, 2)), [4])


@pytest.mark.parametrize("learner", [ChoiceRanker(ridges=(1.0, 3.0), seed=7), ConditionalLogit(ridge=2.0)])
def test_a_learner_can_be_cloned_with_its_settings_and_without_what_it_learned(
    learner: ChoiceRanker | ConditionalLogit,
) -> None:
    X, chosen, group_sizes = make_choices(100)
    copy = clone(learner.fit(X, chosen, group_sizes))

    assert copy.get_params() == learner.get_params()
    with pytest.raises(NotFittedError):
        copy.predict_proba(X, group_sizes)
