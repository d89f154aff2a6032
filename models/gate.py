"""Whether a challenger may answer: a short table of conditions, each said in words."""

from dataclasses import dataclass

from models.judge import Figures


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says; `failed` names every condition that is not met."""

    promoted: bool
    failed: tuple[str, ...]


def verdict(figures: dict[str, Figures]) -> Verdict:
    """A challenger is promoted if it beats the rules and popularity, and is not behind the champion.

    `figures` holds model, rules and popularity, and champion if there is one, all over the same decisions.
    """
    model, rules, popularity = figures["model"], figures["rules"], figures["popularity"]
    champion = figures.get("champion")
    conditions = [
        ("it is not above the rules in hit@1", model.hit_at_1 > rules.hit_at_1),
        ("it is not above the rules in NDCG@3", model.ndcg_at_3 > rules.ndcg_at_3),
        ("its log-loss is not below popularity's", _below(model.log_loss, popularity.log_loss)),
        ("its log-loss is above the champion's", champion is None or not _below(champion.log_loss, model.log_loss)),
    ]
    failed = tuple(reason for reason, met in conditions if not met)
    return Verdict(promoted=not failed, failed=failed)


def _below(a: float | None, b: float | None) -> bool:
    return a is not None and b is not None and a < b
