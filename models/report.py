"""A training run in words and tables, for people: what was learned from, how it did, what the gate said."""

from typing import TYPE_CHECKING

from models.gate import Verdict
from models.judge import Figures

if TYPE_CHECKING:
    from models.train import Trained

COLUMNS = ("ranker", "hit@1", "NDCG@3", "log-loss", "calibration", "expected hit@1", "share of gap")
EXPLAINED = (
    "Hit@1: the chosen plan stood first. Expected hit@1 uses the true choice probabilities of the demo world instead",
    "of the one choice that was drawn; the share of the gap runs from the rules (0 %) to the known optimum (100 %).",
)
ORDER = ("optimum", "model", "champion", "conditional_logit", "popularity", "rules")


def rows(figures: dict[str, Figures]) -> list[tuple[str, ...]]:
    """One line per ranker, best known first, as text; what is not known is a dash."""
    rules, optimum = figures["rules"], figures.get("optimum")

    def line(name: str) -> tuple[str, ...]:
        one = figures[name]
        share = None if optimum is None else one.share_of_gap(rules=rules, optimum=optimum)
        return (
            name.replace("_", " "),
            f"{one.hit_at_1:.3f}",
            f"{one.ndcg_at_3:.3f}",
            _number(one.log_loss),
            _number(one.calibration_error),
            _number(one.expected_hit_at_1),
            "–" if share is None else f"{share:.0%}",
        )

    return [line(name) for name in ORDER if name in figures]


def markdown(trained: "Trained", verdict: Verdict) -> str:
    """The report that is logged with the run."""
    table = [COLUMNS, tuple("---" for _ in COLUMNS), *rows(trained.figures)]
    said = "Promoted." if verdict.promoted else "Not promoted: " + "; ".join(verdict.failed) + "."
    learned, judged = len(trained.learned_from), len(trained.judged_on)
    return "\n".join(
        [
            f"# {trained.ranker.version}",
            "",
            f"Learned from {learned:,} decisions, judged on {judged:,} decisions of other organisations.",
            f"Training set `{trained.learned_from.digest}`, seed {trained.parameters['seed']}.",
            "",
            *("| " + " | ".join(row) + " |" for row in table),
            "",
            *EXPLAINED,
            "",
            said,
            "",
        ]
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
