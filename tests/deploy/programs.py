"""Programs that operators run beside the service: of this machine, or fetched by `.ci/setup operations`."""

import shutil
import sys
from pathlib import Path
from typing import Final

MISSING: Final = "not on this machine; on Debian: .ci/setup operations"
_FETCHED: Final = Path(sys.prefix) / "debian/usr"


def program(name: str) -> str | None:
    """Where the program is; none when it is not here."""
    return shutil.which(name) or shutil.which(name, path=f"{_FETCHED / 'sbin'}:{_FETCHED / 'bin'}")
