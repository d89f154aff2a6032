"""The bench runner prints what was measured and hides nothing that failed."""

import json

import pytest

from tests.bench.__main__ import checked_figure, main, names_of_benches


def test_a_figure_says_what_was_measured() -> None:
    figure = checked_figure({"figure": "rows", "value": 3, "unit": "rows/s"}, bench="build")
    assert figure == {"bench": "build", "figure": "rows", "value": 3, "unit": "rows/s"}


@pytest.mark.parametrize("figure", [{"figure": "rows", "unit": "rows/s"}, {"figure": "rows", "value": 3}])
def test_a_figure_without_value_or_measure_is_refused(figure: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"bench_build\.py"):
        checked_figure(figure, bench="build")


def test_an_unknown_name_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no_such_bench"]) == 2
    complaint = capsys.readouterr().err
    assert all(name in complaint for name in ["no_such_bench", *names_of_benches()])


def test_a_broken_bench_hides_no_figure_of_another(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def figures(bench: str) -> list[dict[str, object]]:
        if bench == "broken":
            raise OSError("disk full")
        return [{"bench": bench, "figure": "rows", "value": 3, "unit": "rows/s"}]

    monkeypatch.setattr("tests.bench.__main__.names_of_benches", lambda: ["broken", "whole"])
    monkeypatch.setattr("tests.bench.__main__.figures_of", figures)

    assert main([]) == 1

    printed = capsys.readouterr()
    assert json.loads(printed.out)["bench"] == "whole"
    assert "bench broken failed: OSError: disk full" in printed.err
