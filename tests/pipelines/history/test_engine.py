"""An engine that is not there is named with its remedy before anything is read or written."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.__main__ import app

OUT = {"validate": "--out", "run": "--work"}


def said_by(step: str, engine: str, folder: Path) -> tuple[int, str]:
    """Exit status and last words of a step that has nothing to read, and writes nothing."""
    (folder / "raw").mkdir()
    out = folder / "out"
    result = CliRunner().invoke(app, [step, "--raw", str(folder / "raw"), OUT[step], str(out), "--engine", engine])
    assert not list(out.glob("*"))
    return result.exit_code, result.stderr.strip()


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Java is looked for; there is none."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))
    (tmp_path / "java" / "bin").mkdir(parents=True)
    return tmp_path / "java" / "bin" / "java"


def test_an_engine_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    assert said_by("validate", "postgresql", tmp_path) == (
        1,
        "there is no engine postgresql: duckdb, local[2] or spark://host:port",
    )


def test_spark_without_java_says_what_to_install(tmp_path: Path, java: Path) -> None:
    code, said = said_by("validate", "local[2]", tmp_path)

    assert code == 1
    assert said == (
        "Spark needs Java, and none was found: install Java 17 or later"
        " (on Debian: apt-get install default-jre-headless) or set JAVA_HOME"
    )


def test_spark_with_an_old_java_says_which_it_found(tmp_path: Path, java: Path) -> None:
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)

    code, said = said_by("run", "spark://nowhere:7077", tmp_path)

    assert code == 1
    assert said.startswith(f'Spark needs Java 17 or later, and {java} says version "11')
