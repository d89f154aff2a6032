"""The request in the README is made, and answers what the README says."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

from models.registry.bundle import load_champion
from serving.jobs.import_raw import import_raw
from tests.serving.harness import API_KEY, running

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
ELLIPSIS = "…"
"""Stands for what differs from run to run."""


def block(language: str) -> str:
    """The first fenced block of this language."""
    found = re.search(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    assert found, f"the README has no {language} block"
    return found[1]


def differences(said: Any, real: Any, place: str = "answer") -> list[str]:
    """Where the answer is not what was said; it may hold more."""
    if said == ELLIPSIS:
        return []
    if isinstance(real, str):
        real = real.replace("\N{NO-BREAK SPACE}", " ")
    if isinstance(said, dict) and isinstance(real, dict):
        missing = [f"{place}.{name} is missing" for name in said.keys() - real.keys()]
        return missing + [
            fault
            for name in said.keys() & real.keys()
            for fault in differences(said[name], real[name], f"{place}.{name}")
        ]
    if isinstance(said, list) and isinstance(real, list) and len(said) <= len(real):
        return [fault for i, one in enumerate(said) for fault in differences(one, real[i], f"{place}[{i}]")]
    return [] if said == real else [f"{place} is {real!r}, not {said!r}"]


def test_the_request_in_the_readme_is_answered_as_it_says(raw: Path, bundles: Path, tmp_path: Path) -> None:
    words = shlex.split(block("sh request"))
    address, key = words[-1], words[words.index("-H") + 1]
    assert words[0] == "curl"

    with running(tmp_path, model=bundles, load=load_champion) as service:
        service.database.writing(
            lambda connection: import_raw(
                connection, raw, organizations_wanted=None, progress=lambda _table, _done, _total: None
            )
        )
        header, value = key.replace("demo-key", API_KEY).split(": ")
        answer = service.client.get(address.removeprefix("http://127.0.0.1:8000"), headers={header: value})

    assert answer.status_code == 200
    assert differences(json.loads(block("json")), answer.json()) == []


def test_every_command_in_the_readme_exists() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"`make ([a-z-]+)`", README)) | set(
        re.findall(r"^make ([a-z-]+)", README, flags=re.MULTILINE)
    )

    assert {"demo", "test"} <= targets
    assert targets <= set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))


def test_every_path_in_the_readme_exists() -> None:
    root = Path(__file__).parents[2]
    paths = re.findall(r"`((?:[a-z_]+/)+[A-Za-z_.*-]*)`", README)

    assert len(paths) > 10
    generated = ("var/", "quarantine/")
    assert [path for path in paths if not path.startswith(generated) and not list(root.glob(path.rstrip("/")))] == []
