"""The calls in the README are made, in order, and answer; what it names is there."""

import re
import shlex
from pathlib import Path
from typing import Any

from httpx2 import Response

from models.registry.bundle import load_champion
from serving.jobs.import_raw import import_raw
from serving.words.texts import messages
from tests.serving.harness import API_KEY, Service, running

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
MOST_WORDS = 600


def block(info: str) -> str:
    """The fenced block with this information line."""
    found = re.search(rf"```{info}\n(.*?)```", README, flags=re.DOTALL)
    assert found, f"the README has no block {info!r}"
    return found[1]


def made(service: Service, command: str) -> Response:
    """The answer to a curl command, made to the service of this test."""
    words = shlex.split(command.replace("\\\n", " ").replace("demo-key", API_KEY))
    assert words[0] == "curl"
    options = [(words[i], words[i + 1]) for i in range(1, len(words) - 1) if words[i] in {"-X", "-H", "-d"}]
    headers = dict(value.split(": ", 1) for option, value in options if option == "-H")
    method = next((value for option, value in options if option == "-X"), "GET")
    body = next((value for option, value in options if option == "-d"), None)
    path = words[-1].removeprefix("http://127.0.0.1:8000")
    return service.client.request(method, path, headers=headers, content=None if body is None else body.encode())


def test_usage_is_sent_a_plan_recommended_and_the_change_made_as_the_readme_says(
    raw: Path, bundles: Path, tmp_path: Path
) -> None:
    with running(tmp_path, model=bundles, load=load_champion) as service:
        service.database.writing(
            lambda connection: import_raw(
                connection, raw, organizations_wanted=None, progress=lambda _table, _done, _total: None
            )
        )
        now = service.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        sent = made(service, block("sh usage").replace("NOW", now))
        recommended = made(service, block("sh request"))
        detailed = made(service, block("sh details"))
        added = made(service, block("sh card"))
        previewed = made(service, block("sh preview"))
        quote: dict[str, Any] = previewed.json()
        confirmed = made(service, block("sh confirm").replace("QUOTE", str(quote["quote"])))

    assert sent.json() == {"accepted": 1, "duplicates": 0, "rejected": []}
    first = recommended.json()["plans"][0]
    assert (recommended.json()["badge"], first["recommended"]) == (messages("de")["badge"], True)
    assert detailed.json()["missing"] == []
    assert added.status_code == 201
    assert quote["net_cents"] == sum(line["amount_cents"] for line in quote["lines"])
    assert (confirmed.status_code, confirmed.json()["status"]) == (201, "applied"), confirmed.text


def test_the_readme_can_be_read_in_three_minutes() -> None:
    assert len(README.split()) <= MOST_WORDS


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
