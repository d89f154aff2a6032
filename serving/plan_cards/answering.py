"""Put several questions to one ranker together: a step for many costs little more than the same step for one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from recommender.ranking.abstention import Abstained
from recommender.ranking.derived import Facts
from recommender.ranking.explanation import Explanation
from recommender.ranking.ranker import FloatArray, Ranker
from recommender.ranking.reasons import Case, Scored, explain_all
from recommender.ranking.situation import PlanTable
from serving.plan_cards.question import Question, Ranked
from serving.plan_cards.ranker_calls import Calls, Scores, rows_of


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer of a ranker to one question, with its reasons."""

    ranked: Ranked | None
    """`None`: nothing is on sale to the organisation."""
    explanation: Explanation | None
    measured: Facts
    rows: FloatArray
    """(candidates, features) with every declared feature."""


@dataclass(frozen=True, slots=True)
class _Scored:
    question: Question
    measured: Facts
    scores: Scores
    ranked: Ranked

    @property
    def plans(self) -> PlanTable:
        """The plans that it is about."""
        return self.question.plans

    @property
    def case(self) -> Case:
        """The first plan, to be explained by the ranker that put it there."""
        found, scored = self.ranked, Scored(self.scores.asked, self.scores.learned)
        overruled = found.drawn.plan if found.why == "no_need" else None
        return Case(self.measured, found.order[0].plan, scored, found.alternative, overruled)


Asked = TypeVar("Asked", Question, _Scored)


def answered(ranker: Ranker, questions: Sequence[Question]) -> list[Answered | Abstained]:
    """The answer to each question, or why the ranker leaves it to the next one."""
    ranked = _ranked(questions, ranker)
    scored = [each for each in ranked if isinstance(each, _Scored)]
    explanations: dict[int, Explanation] = {}
    for together in _by_plans(scored):
        explained = explain_all([each.case for each in together], ranker)
        explanations |= {id(each): explanation for each, explanation in zip(together, explained, strict=True)}
    found: list[Answered | Abstained] = []
    for question, each in zip(questions, ranked, strict=True):
        if isinstance(each, Abstained):
            found.append(each)
        elif each is None:
            measured = Facts(question.situations, question.plans)
            found.append(Answered(None, None, measured, rows_of(measured)))
        else:
            found.append(Answered(each.ranked, explanations[id(each)], each.measured, each.scores.rows))
    return found


def _ranked(questions: Sequence[Question], ranker: Ranker) -> list[_Scored | Abstained | None]:
    """The order of each question; `None` where nothing is on sale to the organisation."""
    asked = [each for each in questions if each.codes]
    led_by = [each.leading for each in asked if each.leading is not None]
    led = dict(zip(map(id, led_by), _ranked(led_by, ranker), strict=True)) if led_by else {}
    scored: dict[int, tuple[Facts, Scores]] = {}
    for together in _by_plans(asked):
        blocked = np.stack([each.blocked for each in together])
        calls = Calls([each.situations for each in together], together[0].plans, ranker, blocked=blocked)
        scores = calls.scores()
        scored |= {
            id(each): found for each, found in zip(together, zip(calls.measured, scores, strict=True), strict=True)
        }
    return [
        _one(each, *scored[id(each)], led=led.get(id(each.leading)), ranker=ranker) if each.codes else None
        for each in questions
    ]


def _one(
    question: Question, measured: Facts, scores: Scores, *, led: _Scored | Abstained | None, ranker: Ranker
) -> _Scored | Abstained:
    if isinstance(led, Abstained):
        return led
    if led is not None and question.follows(led.ranked, scores):
        return _Scored(question, measured, scores, question.following(led.ranked, scores))
    if scores.abstention is not None:
        return Abstained(scores.abstention)
    ranked = question.ranked(scores, ranker, led=None if led is None else led.ranked)
    return _Scored(question, measured, scores, ranked)


def _by_plans(asked: Sequence[Asked]) -> list[list[Asked]]:
    """Group questions about the same plan table."""
    found: dict[int, list[Asked]] = {}
    for each in asked:
        found.setdefault(id(each.plans), []).append(each)
    return list(found.values())
