"""What is packed comes back to the last bit, however the frame beside it was made."""

from math import inf, nan
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.decision_log.candidates import Frame, LoggedCandidate, common_frame, read_frame
from data_contracts.decision_log.figures import Sample

NUMBERS = st.sampled_from([0.0, -0.0, 1.0, nan, inf, 5e-324]) | st.floats()


def bits(columns: list[list[float]]) -> list[bytes]:
    return [pack(f"{len(column)}d", *column) for column in columns]


def matrix(rows: int, columns: int) -> st.SearchStrategy[list[list[float]]]:
    return st.lists(st.lists(NUMBERS, min_size=rows, max_size=rows), min_size=columns, max_size=columns)


@given(st.data(), st.integers(0, 20), st.integers(0, 8), st.integers(0, 20))
def test_figures_come_back_to_the_last_bit(data: st.DataObject, rows: int, columns: int, sampled: int) -> None:
    sample, figures = Sample(data.draw(matrix(sampled, columns))), data.draw(matrix(rows, columns))

    assert bits(sample.unpacked(sample.packed(figures), rows=rows, columns=columns)) == bits(figures)


@pytest.mark.parametrize("distinct", [254, 255, 256, 257, 70_000])
def test_any_number_of_distinct_values_comes_back(distinct: int) -> None:
    sample, figures = Sample([[0.5, 7.0]]), [[float(i) for i in range(distinct)]]

    assert sample.unpacked(sample.packed(figures), rows=distinct, columns=1) == figures


def test_figures_of_another_format_are_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="format 9"):
        Sample([]).unpacked(b"\x09\x01", rows=1, columns=1)


def candidate(plan: str, **changes: object) -> LoggedCandidate:
    usual: dict[str, object] = {
        "shown": False,
        "shown_as": None,
        "recommended": False,
        "utility": 0.25,
        "probability": 0.5,
        "propensity": 0.0,
        "reasons": [],
        "features": {"tier": 1.0, "headroom": 1 / 3},
    }
    return LoggedCandidate(plan, **{**usual, **changes})  # type: ignore[arg-type]


FIRST = candidate(
    "b", shown=True, shown_as="recommended", recommended=True, propensity=1.0, reasons=[{"code": "saves", "by": "Ö"}]
)
DECISION = [FIRST, candidate("c", shown=True), candidate("a", features=None)]


@pytest.mark.parametrize(
    "frame",
    [
        Frame(("headroom", "tier"), ("a", "b", "c", "never")),
        Frame(("tier", "headroom"), ("c", "b", "a"), ((0.0, 0.0, 1.0),) * 5),
        common_frame([DECISION]),
        common_frame([DECISION] * 30),
    ],
)
def test_candidates_come_back_in_their_order_beside_any_frame(frame: Frame) -> None:
    about, figures = frame.packed(DECISION)
    again = read_frame(frame.text)

    assert again == frame
    assert again.candidates(about, figures) == DECISION
    assert again.plans_of(about) == ["b", "c", "a"]


def test_a_frame_of_a_log_holds_nothing_that_differs_between_decisions() -> None:
    others = [[candidate("b", features={"tier": 1.0, "headroom": i / 7})] for i in range(30)]

    assert common_frame(others).sample == ((0.0,), (0.0,), (0.0,), (1.0,), (0.0,))


def test_a_feature_without_a_value_is_left_out() -> None:
    frame = common_frame([[candidate("a", features={"tier": 2.0, "headroom": None})]])

    (found,) = frame.candidates(*frame.packed([candidate("a", features={"tier": 2.0, "headroom": None})]))

    assert found.features == {"tier": 2.0}
