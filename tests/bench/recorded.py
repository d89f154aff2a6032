"""Proves that a restructuring changes no answer: records what a checkout answers, and compares two recordings.

`python -m tests.bench.recorded record FOLDER` asks the service of this checkout some 2,500 questions over HTTP and
writes every answer to `FOLDER/recorded.jsonl`, and the champion that it trained to `FOLDER/bundles`; `python -m
tests.bench.recorded compare A B` prints where two such folders differ and ends with exit status 1 if they do. The clock
and the ids are the recorder's, so two recordings of one tree are equal byte for byte; `--masked` leaves ids,
versions and signed texts out of the comparison, for a tree in which more or fewer are made. Where training itself has
changed, `--champion A/bundles` lets the champion of an earlier recording answer, if its format is still the same.
"""

import argparse
import difflib
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shutil import copytree
from typing import Any, Final

NAME: Final = "recorded.jsonl"
ABSENT: Final = "(absent)"
_MASKS: Final = (
    (re.compile(r"[\w-]{30,}\.[\w-]{27,43}(?![\w-])"), "<signed>"),
    (re.compile(r"\b[\w.-]+-[0-9a-f]{8}\b"), "<version>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<digest>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<id>"),
)
MINI: Final = """\
syntaxVersion: '2.1'
saasName: Mini
version: '1'
createdAt: '2026-01-01'
currency: {currency}
billing: {billing}
features:
  chat: {{description: Chat, valueType: BOOLEAN, defaultValue: true, type: DOMAIN}}
  ssoLogin: {{valueType: BOOLEAN, defaultValue: false, type: DOMAIN}}
usageLimits:
  conversations: {{valueType: NUMERIC, defaultValue: 1000, unit: conversation/month, type: RENEWABLE}}
  seats: {{valueType: NUMERIC, defaultValue: 2, unit: seat, type: NON_RENEWABLE}}
plans:
  FREE: {{description: '', price: 0, unit: /month, features: null, usageLimits: null}}
  TEAM: {{description: For teams, price: 29.26, unit: /month, features: null,
    usageLimits: {{conversations: {{value: 20000}}, seats: {{value: 10}}}}}}
  FIRM: {{description: For firms, price: 99, unit: /month, features: {{ssoLogin: {{value: true}}}},
    usageLimits: {{conversations: {{value: .inf}}, seats: {{value: .inf}}}}}}
  TALK: {{price: Contact sales, unit: /month, features: null, usageLimits: null}}
"""
"""A catalogue that shares no plan with the reference product."""


def catalogues(folder: Path) -> dict[str, Path]:
    """Foreign catalogues by name: two small ones, written into the folder, and the published ones if they are there."""
    folder.mkdir(parents=True)
    small = {"dollars": ("USD", "{monthly: 1.0, annual: 0.8}"), "yen-by-the-year": ("JPY", "{annual: 1.0}")}
    for name, (currency, billing) in small.items():
        (folder / f"{name}.yml").write_text(MINI.format(currency=currency, billing=billing), "utf-8")
    beside = Path(os.environ.get("PLANS_SHARED", Path(__file__).parents[3] / "shared")) / "catalogues"
    return {path.stem: path for path in [*sorted(folder.glob("*.yml")), *sorted(beside.glob("*.yml"))]}


def record(out: Path, *, stories: Sequence[str] = (), champion: Path | None = None) -> tuple[int, int]:
    """Ask this checkout everything and write the answers to the folder; how many steps and how many requests.

    `stories` leaves all others out; `champion` is a folder of bundles that answers instead of what is trained here.
    """
    from tests.bench.recorded_edges import EDGES, decisions
    from tests.bench.recorded_stories import STORIES, Story, foreign
    from tests.bench.recorded_training import trained
    from tests.bench.recorded_world import Sink, talking

    def wanted(story: str) -> bool:
        return not stories or story in stories

    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, (out / NAME).open("w", encoding="utf-8") as file:
        folder, sink = Path(name), Sink(file)
        told: dict[str, tuple[Story, dict[str, Any]]] = {story: (tell, {}) for story, tell in STORIES.items()}
        told |= {story: (tell, {}) for story, tell in EDGES.items()}
        told["pages"][1]["demo_organization"] = "demo"
        if wanted("training"):
            copytree(trained(folder / "training", sink), out / "bundles", dirs_exist_ok=True)
        model = champion or out / "bundles"
        told["champion"] = decisions, {"model": model, "exploration_budget": 0.02, "rules_share": 0.2, "plans_shown": 5}
        for catalogue, path in catalogues(folder / "catalogues").items():
            told[f"foreign-{catalogue}"] = foreign, {"catalogue": path, "offers": ""}
        told["foreign-dollars"][1]["model"] = model
        for story, (tell, settings) in told.items():
            if wanted(story):
                with talking(folder / story, story, sink, **settings) as talk:
                    tell(talk)
        return sink.steps, sink.requests


def read(folder: Path, *, stories: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """The steps of a recording by name, in order; those of some `stories` only, if any are named."""
    with (folder / NAME).open(encoding="utf-8") as file:
        steps = {step.pop("step"): step for step in map(json.loads, file)}
    return {step: what for step, what in steps.items() if not stories or step.partition("/")[0] in stories}


def masked(value: Any) -> Any:
    """The same without ids, digests, versions and signed texts; rows of an export, which lie by their ids, sorted."""
    if isinstance(value, dict):
        return {
            masked(name): _exported(each) if name.endswith(".json") else masked(each) for name, each in value.items()
        }
    if isinstance(value, list):
        return [masked(each) for each in value]
    if isinstance(value, str):
        for mask, name in _MASKS:
            value = mask.sub(name, value)
    return value


def _exported(value: Any) -> Any:
    rows = _json(value) if isinstance(value, str) else None
    return sorted(masked(rows), key=json.dumps) if isinstance(rows, list) else masked(value)


def differences(before: object, after: object, where: str = "") -> Iterator[str]:
    """Where two values differ, one line or a few for each place; texts that are JSON are compared as what they say."""
    if before == after:
        return
    said = (_json(before), _json(after)) if isinstance(before, str) and isinstance(after, str) else (None, None)
    if None not in said:
        told = list(differences(said[0], said[1], where))
        yield from told or [f"{where}: the same content in other bytes (order, spaces)"]
    elif isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            yield from differences(before.get(name, ABSENT), after.get(name, ABSENT), f"{where}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, pair in enumerate(zip(before, after, strict=True)):
            yield from differences(*pair, f"{where}[{number}]")
    elif isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
        yield from (f"{where}: {line[:400]}" for line in lines if not line.startswith(("---", "+++", "@@")))
    else:
        yield f"{where}: {json.dumps(before, ensure_ascii=False)[:400]} → {json.dumps(after, ensure_ascii=False)[:400]}"


def _json(text: str) -> Any:
    if text[:1] not in {"{", "["}:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def compare(before: Mapping[str, Any], after: Mapping[str, Any], *, mask: bool = False) -> dict[str, list[str]]:
    """The differences by step, for the steps that have any; a step that one recording lacks is one."""
    found = {}
    for step in {**before, **after}:
        pair = before.get(step, ABSENT), after.get(step, ABSENT)
        told = list(differences(*(map(masked, pair) if mask else pair)))
        if told:
            found[step] = told
    return found


def print_places(found: Mapping[str, Sequence[str]]) -> None:
    """Each place of an answer that differs anywhere: how often, in which stories, and the first of the differences."""
    places: dict[str, list[tuple[str, str]]] = {}
    for step, told in found.items():
        for line in told:
            where, _, what = line.partition(": ")
            places.setdefault(re.sub(r"\[\d+\]", "[]", where), []).append((step, what))
    for where, all_of_it in sorted(places.items(), key=lambda place: -len(place[1])):
        stories = Counter(step.partition("/")[0] for step, _ in all_of_it)
        print(f"{len(all_of_it):6} {where}  {dict(stories.most_common(4))}")
        print("       {}: {}".format(*all_of_it[0]))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="Write what this checkout answers.")
    recording.add_argument("folder", type=Path)
    recording.add_argument("--champion", type=Path, help="Folder of bundles; unset: what is trained here.")
    comparing = commands.add_parser("compare", help="Print where two recordings differ.")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    for command in (recording, comparing):
        command.add_argument("--story", action="append", default=[], help="Only this one; may be given again.")
    comparing.add_argument("--masked", action="store_true", help="Leave ids, digests, versions and signed texts out.")
    comparing.add_argument("--places", action="store_true", help="Each place once, with its first difference.")
    comparing.add_argument("--lines", type=int, default=12, help="Most lines printed for one step.")
    asked = parser.parse_args(arguments)
    if asked.command == "record":
        steps, requests = record(asked.folder, stories=asked.story, champion=asked.champion)
        print(f"{requests:,} requests, {steps:,} steps → {asked.folder / NAME}")
        return 0
    before, after = (read(folder, stories=asked.story) for folder in (asked.before, asked.after))
    found = compare(before, after, mask=asked.masked)
    if asked.places:
        print_places(found)
    for step, told in ({} if asked.places else found).items():
        print(f"{step}  {before.get(step, after.get(step, {})).get('request', '')}")
        print("".join(f"    {line}\n" for line in told[: asked.lines]), end="")
        if len(told) > asked.lines:
            print(f"    … and {len(told) - asked.lines} more")
    stories = Counter(step.partition("/")[0] for step in found)
    print(f"{len(before)} and {len(after)} steps, {len(found)} differ", dict(stories) if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for setting in [name for name in os.environ if name.startswith("PLANS_") and name != "PLANS_SHARED"]:
        del os.environ[setting]
    sys.exit(main())
