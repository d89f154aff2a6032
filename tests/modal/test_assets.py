"""The script is one file made of readable modules, sent once and asked for again only when it has changed."""

import gzip
from pathlib import Path

import httpx2
import pytest

from serving.modal.assets import asset, bundle
from tests.modal.world import World


def test_a_bundle_holds_each_module_once_after_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text(
        'import { b } from "./b.js";\nimport { c } from "./c.js";\n\nb(c);\n\nexport { b };\n'
    )
    (tmp_path / "b.js").write_text('import { c } from "./c.js";\nexport const b = () => c();\n')
    (tmp_path / "c.js").write_text("export function c() {}\n")

    lines = bundle(tmp_path, "a.js").split("\n")

    assert [line for line in lines if line] == [
        "export const b = (() => {", "function c() {}", "const b = () => c();", "b(c);", "return b;", "})();"
    ]  # fmt: skip


def test_no_comment_and_no_import_is_sent() -> None:
    script = asset("plan-modal.js").body.decode()

    assert "\nimport " not in script
    assert not any(line.lstrip().startswith(("//", "/*", "*")) for line in script.splitlines())


def test_a_file_that_has_not_changed_is_not_sent_again(world: World) -> None:
    first = world.host.get("/modal/plan-modal.css")

    again = world.host.get("/modal/plan-modal.css", headers={"If-None-Match": first.headers["etag"]})

    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


def test_a_client_that_cannot_unpack_gets_it_plain(world: World) -> None:
    plain = world.host.get("/modal/plan-modal.js", headers={"Accept-Encoding": "identity"})

    assert "content-encoding" not in plain.headers
    assert plain.content == gzip.decompress(asset("plan-modal.js").packed)


@pytest.mark.parametrize(
    "path",
    [
        "/modal/nothing.js",
        "/modal/messages.xx.json",
        "/modal/messages.de.json.bak",
        "/modal/..%2f..%2fsettings.py",
        "/modal/%2e%2e%2fmessages.de.json",
        "/modal/a%00.js",
    ],
)
def test_what_does_not_exist_is_not_found(world: World, path: str) -> None:
    answer: httpx2.Response = world.host.get(path)

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
