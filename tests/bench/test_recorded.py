"""Two recordings of one tree are equal, and a difference between two is said where it is."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.recorded import NAME, compare, differences, main
from tests.bench.recorded_edges import browsers
from tests.bench.recorded_world import Sink, named, talking

ID, OTHER = "0" * 32, "1" * 32


def recording(folder: Path, **steps: dict[str, Any]) -> Path:
    folder.mkdir()
    lines = [json.dumps({"step": step, **what}) for step, what in steps.items()]
    (folder / NAME).write_text("\n".join(lines), "utf-8")
    return folder


def test_a_story_told_twice_is_answered_with_the_same_bytes(tmp_path: Path) -> None:
    told = []
    for turn in ("first", "second"):
        file = io.StringIO()
        with talking(tmp_path / turn, "browsers", Sink(file)) as talk:
            browsers(talk)
        told.append(file.getvalue())

    assert told[0] == told[1]
    assert len(told[0].splitlines()) == 40


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('{"plans": [{"net_cents": 100}]}', '{"plans": [{"net_cents": 101}]}', [".plans[0].net_cents: 100 → 101"]),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', [": the same content in other bytes (order, spaces)"]),
        ('{"a": 1}', '{"b": 1}', ['.a: 1 → "(absent)"', '.b: "(absent)" → 1']),
        ("<p>one</p>\n<p>two</p>", "<p>one</p>\n<p>three</p>", [": -<p>two</p>", ": +<p>three</p>"]),
        ('{"a": 1}', '{"a": 1}', []),
    ],
)
def test_a_difference_is_said_where_it_is(before: str, after: str, said: list[str]) -> None:
    assert list(differences(before, after)) == said


def test_a_step_that_one_recording_lacks_is_a_difference() -> None:
    assert list(compare({"a": {"status": 200}}, {"b": {"status": 200}})) == ["a", "b"]


def test_ids_count_as_differences_unless_they_are_masked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [
        str(recording(tmp_path / each, one={"status": 201, "body": f'{{"change_id": "{each}"}}'}))
        for each in (ID, OTHER)
    ]

    assert main(["compare", *folders]) == 1
    assert f'change_id: "{ID}" → "{OTHER}"' in capsys.readouterr().out
    assert main(["compare", "--masked", *folders]) == 0


def test_a_name_of_the_product_is_found_wherever_it_stands() -> None:
    assert named("serving", "create_app").__module__ == "serving.app"
    with pytest.raises(LookupError, match="no_such_function"):
        named("serving", "no_such_function")
