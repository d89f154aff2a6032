"""Large answers travel compressed."""

from pathlib import Path

from tests.serving.harness import running


def test_a_large_answer_is_compressed_for_a_reader_that_unpacks_it_and_a_small_one_never(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        service.put()
        packed = service.get("plans", **{"Accept-Encoding": "gzip"})
        plain = service.get("plans", **{"Accept-Encoding": "identity"})
        small = service.get("subscription", **{"Accept-Encoding": "gzip"})
        page = service.page("/plans", **{"Accept-Encoding": "gzip"})

    assert packed.headers["content-encoding"] == page.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 5
    assert {"Accept-Encoding", "Origin"} <= set(packed.headers["vary"].split(", "))
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in small.headers
    assert packed.json() == plain.json()
