"""Run the ranker whose turn it is within a deadline, and fall back to the next one when it cannot answer."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, Literal, TypeVar

from data_contracts.experiments import ArmRanker, Experiment
from models.registry import bundle
from recommender.ranking.abstention import Abstained
from recommender.ranking.features import FEATURES
from recommender.ranking.ranker import Ranker
from recommender.ranking.rules import RuleRanker
from serving.plan_cards.champion import Absence, ChampionHolder
from serving.plan_cards.ranker_queue import RankerQueue, Together
from serving.settings import Settings
from serving.web.logs import logger

FallbackReason = Literal[
    "no_champion",
    "champion_refused",
    "champion_failed",
    "champion_slow",
    "rules_share",
    "no_challenger",
    "challenger_refused",
    "challenger_failed",
    "challenger_slow",
    "little_data",
    "unlike_training",
]
Trouble = Literal["absent", "refused", "failed", "slow"]
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

CHAMPION: Final[Mapping[Trouble, FallbackReason]] = {
    "absent": "no_champion",
    "refused": "champion_refused",
    "failed": "champion_failed",
    "slow": "champion_slow",
}
CHALLENGER: Final[Mapping[Trouble, FallbackReason]] = {
    "absent": "no_challenger",
    "refused": "challenger_refused",
    "failed": "challenger_failed",
    "slow": "challenger_slow",
}
_ABSENCES: Final[Mapping[Absence, Trouble]] = {"no_champion": "absent", "champion_refused": "refused"}

PAUSE_SECONDS: Final = 5.0
"""After a failure a trained ranker is not run for so long, so that threads that hang do not pile up."""


@dataclass(frozen=True, slots=True)
class RankerAnswer(Generic[Answer]):
    """The answer of a ranker, and why the ranker whose turn it was did not answer, if another one did."""

    ranker: Ranker
    answer: Answer
    fallback_reason: FallbackReason | None


class _TrainedRanker:
    """A trained ranker that answers unless it is absent or has just failed; it has a queue of its own."""

    def __init__(self, holder: ChampionHolder, reasons: Mapping[Trouble, FallbackReason]) -> None:
        self.holder = holder
        self.reasons = reasons
        self.paused_until = 0.0
        self.pause: Trouble = "failed"
        self.queue = RankerQueue()

    def trouble(self, now: float) -> Trouble | None:
        """Why the ranker may not be run now; `None`: it may."""
        absence = self.holder.champion.absence
        if absence is not None:
            return _ABSENCES[absence]
        return self.pause if now < self.paused_until else None


class RankerFallback:
    """Runs the challenger, the champion or the rules, decision by decision."""

    def __init__(
        self,
        *,
        champions: ChampionHolder,
        rules: Ranker,
        timeout_seconds: float,
        challengers: ChampionHolder | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.champions = champions
        self.challengers = challengers or ChampionHolder(None, known_features=())
        self.rules = rules
        self._timeout_seconds = timeout_seconds
        self._monotonic = monotonic
        self._champion = _TrainedRanker(self.champions, CHAMPION)
        self._challenger = _TrainedRanker(self.challengers, CHALLENGER)

    async def run(
        self,
        asked: Asked,
        together: Together[Asked, Answer],
        *,
        rules_share: bool = False,
        arm: ArmRanker | None = None,
    ) -> RankerAnswer[Answer]:
        """Answer a question with the ranker whose turn it is, else with the next; none of them can make it fail.

        `together` answers what is asked of the same ranker meanwhile, too.
        In an experiment the `arm` determines the ranker; the champion answers for a challenger that cannot. Outside of
        experiments, the rules answer organisations of the `rules_share`.
        """
        if arm == "rules":
            return self._by_rules(asked, together, None)
        if rules_share and arm is None:
            return self._by_rules(asked, together, "rules_share")
        first_reason: FallbackReason | None = None
        for candidate in (self._challenger, self._champion) if arm == "challenger" else (self._champion,):
            trouble = candidate.trouble(self._monotonic())
            ranker = candidate.holder.champion.ranker
            if trouble is None and ranker is not None:
                try:
                    timeout_seconds = self._timeout_seconds
                    answer = await candidate.queue.answer(ranker, together, asked, timeout_seconds=timeout_seconds)
                    return RankerAnswer(ranker, answer, first_reason)
                except Abstained as abstained:
                    first_reason = first_reason or abstained.reason
                    continue
                except TimeoutError:
                    trouble = self._pause(candidate, "slow")
                except Exception as error:  # noqa: BLE001  a trained file must not make the decision fail
                    logger().error(candidate.reasons["failed"], error=repr(error))
                    trouble = self._pause(candidate, "failed")
            first_reason = first_reason or candidate.reasons[trouble or "absent"]
        return self._by_rules(asked, together, first_reason)

    def close(self) -> None:
        """Shut down the worker threads."""
        for trained in (self._champion, self._challenger):
            trained.queue.close()

    def _by_rules(
        self, asked: Asked, together: Together[Asked, Answer], reason: FallbackReason | None
    ) -> RankerAnswer[Answer]:
        (answer,) = together(self.rules, [asked])
        if isinstance(answer, Abstained):
            raise answer
        return RankerAnswer(self.rules, answer, reason)

    def _pause(self, candidate: _TrainedRanker, trouble: Trouble) -> Trouble:
        candidate.paused_until = self._monotonic() + PAUSE_SECONDS
        candidate.pause = trouble
        return trouble


def configured_fallback(
    settings: Settings, experiments: Iterable[Experiment], *, load: Callable[[Path], Ranker]
) -> RankerFallback:
    """The champion, the challenger where an experiment has one, and the rules."""
    champions = ChampionHolder(settings.model, known_features=FEATURES, load=load)
    champions.refresh()
    tries = any(arm.ranker == "challenger" for each in experiments for arm in each.arms)
    challengers = ChampionHolder(
        settings.model if tries else None,
        known_features=FEATURES,
        load=bundle.load_challenger,
        pointer=bundle.CHALLENGER,
    )
    challengers.refresh()
    return RankerFallback(
        champions=champions,
        challengers=challengers,
        rules=RuleRanker(),
        timeout_seconds=settings.model_timeout_ms / 1000,
    )
