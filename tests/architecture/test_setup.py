"""A library that the system lacks is installed, or named with its remedy, before the first test starts."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETUP = ROOT / ".ci" / "setup"
TOOLS = ("bash", "dirname", "head", "id", "ln", "sed", "tail", "timeout")
WORKING = shutil.which("true") or "true"
MISSING = b"libz.so.6"


class Machine:
    """A machine that has the environment of this one, Chromium, and only the programs that `.ci/setup` calls.

    Debian's packages cannot be had on it unless `sells` has put an `apt-get` there.
    """

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "programs"
        self.environment = folder / "venv" / "bin"
        self.driver = self.environment / "playwright"
        self.chromium = folder / "chromium"
        self.asked = folder / "asked"
        self.programs.mkdir(parents=True)
        self.environment.mkdir(parents=True)
        for tool in TOOLS:
            (self.programs / tool).symlink_to(shutil.which(tool) or pytest.fail(f"{tool} is not on this machine"))
        self.chromium.symlink_to(WORKING)
        self.driver.symlink_to(WORKING)
        self._script(self.environment / "python", f'exec {sys.executable} "$@"')

    def lacks_a_library(self, program: Path) -> None:
        """Put a program in the place of another that the loader cannot start: one of its libraries is not there."""
        whole = Path(WORKING).read_bytes()
        assert whole.count(b"libc.so.6") == 1
        program.unlink()
        program.write_bytes(whole.replace(b"libc.so.6", MISSING))
        program.chmod(0o755)

    def sells(self, program: Path) -> None:
        """Debian's packages can be had; with them the program starts."""
        self._script(self.programs / "apt-get", f'echo "$*" >>{self.asked}; ln -sf {WORKING} {program}')

    def set_up(self) -> subprocess.CompletedProcess[str]:
        surroundings = {
            "PATH": str(self.programs),
            "VENV": str(self.environment.parent),
            "CHROMIUM": str(self.chromium),
        }
        return subprocess.run(
            [SETUP, "libraries"], env=surroundings, capture_output=True, text=True, check=False, timeout=120
        )

    def _script(self, path: Path, text: str) -> None:
        path.write_text(f"#!{shutil.which('bash')}\n{text}\n")
        path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_where_all_is_there_nothing_is_said(machine: Machine) -> None:
    result = machine.set_up()

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_everything_that_is_missing_is_named_with_its_remedy(machine: Machine) -> None:
    machine.lacks_a_library(machine.driver)
    machine.chromium.unlink()

    result = machine.set_up()
    driver, chromium = result.stderr.splitlines()

    assert result.returncode == 1
    assert driver == (
        "setup: The driver of the browser does not start: libz.so.6 is missing."
        " On Debian, as root: apt-get install libatomic1."
    )
    assert re.fullmatch(
        r"setup: Chromium does not start: .*: No such file or directory\."
        r" On Debian, as root: apt-get install chromium fonts-dejavu-core\.",
        chromium,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs packages")
def test_root_gets_the_missing_library_from_debian(machine: Machine) -> None:
    machine.lacks_a_library(machine.driver)
    machine.sells(machine.driver)

    result = machine.set_up()

    assert result.returncode == 0, result.stderr
    assert machine.asked.read_text().splitlines() == ["install -y -q --no-install-recommends libatomic1"]


def test_no_test_starts_before_the_libraries_were_tried() -> None:
    said = subprocess.run(
        ["make", "--dry-run", "--always-make", "test"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert [line for line in said if ".ci/setup" in line or "pytest" in line] == [
        ".ci/setup python",
        ".ci/setup libraries",
        pytest_line(said),
    ]


def pytest_line(said: list[str]) -> str:
    return next(line for line in said if "-m pytest" in line)


def test_where_no_bare_machine_can_be_made_one_line_says_why(machine: Machine) -> None:
    result = subprocess.run(
        [ROOT / ".ci" / "fresh", "possible"],
        env={"PATH": str(machine.programs)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert result.returncode == 1
    assert re.fullmatch(r"test-fresh: no bare machine is tried: .*(root|mmdebstrap).*\n", result.stderr)
