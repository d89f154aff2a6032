"""One opening of the modal in a real browser: requests, bytes on the wire, and the time until the first card is drawn.

The organisation page is loaded with an empty cache, and the button pressed as soon as it does something; once with the
network as it is and once at "slow 4G". `MODAL_BASELINE` names a commit: its service is started beside this one, both
take turns, and each figure is followed by the ratio to it.
"""

import os
import socket
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page

from tests.modal.world import World, browser, running_world

ROUNDS: Final = int(os.environ.get("MODAL_ROUNDS", "9"))
BASELINE: Final = os.environ.get("MODAL_BASELINE", "")
ROOT: Final = Path(__file__).parents[2]
NETWORKS: Final[dict[str, dict[str, float] | None]] = {
    "local": None,
    # As the browser's developer tools have it: 1.6 and .75 Mbit/s less a tenth, and 150 ms times 3.75.
    "slow 4G": {"latency": 562.5, "downloadThroughput": 180_000.0, "uploadThroughput": 84_375.0},
}
FIRST_CARD: Final = """async () => {
    await customElements.whenDefined("plan-modal");
    const modal = document.querySelector("plan-modal");
    modal.querySelector("a").click();
    const pressed = performance.now();
    while (!modal.shadowRoot.querySelector(".card article")) await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    const drawn = performance.now();
    return {pressed: drawn - pressed, navigated: drawn};
}"""


@dataclass(frozen=True)
class Opening:
    """What one opening cost."""

    requests: int
    bytes: int
    """On the wire, headers included."""
    fetched_twice: int
    pressed_ms: float
    navigated_ms: float


def run() -> Iterator[dict[str, Any]]:
    """The figures of this tree, each followed by its ratio to the baseline's."""
    with ExitStack() as stack:
        chromium = stack.enter_context(browser())
        worlds = {"now": stack.enter_context(_world(ROOT))}
        if BASELINE:
            worlds["baseline"] = stack.enter_context(_world(stack.enter_context(_tree(BASELINE))))
        for network in NETWORKS:
            seen: dict[str, list[Opening]] = {name: [] for name in worlds}
            for turn in range(ROUNDS + 1):
                for name, world in worlds.items():
                    opening = _open(chromium, world, network)
                    if turn > 0:  # the first one warms the service, and decides
                        seen[name].append(opening)
            yield from _figures(network, seen)


def _figures(network: str, seen: dict[str, list[Opening]]) -> Iterator[dict[str, Any]]:
    for field, figure, unit in (
        ("requests", "page and modal", "requests"),
        ("bytes", "page and modal", "bytes on the wire"),
        ("fetched_twice", "fetched twice", "addresses"),
        ("pressed_ms", "first card after the button was pressed", "ms"),
        ("navigated_ms", "first card after the page was asked for", "ms"),
    ):
        middle = {name: statistics.median(getattr(each, field) for each in openings) for name, openings in seen.items()}
        yield {"figure": f"{figure}, {network}", "value": round(middle["now"], 1), "unit": unit}
        if middle.get("baseline"):
            ratio = round(middle["now"] / middle["baseline"], 3)
            yield {
                "figure": f"{figure}, {network}",
                "value": ratio,
                "ratio_to": f"{round(middle['baseline'], 1)} {unit}",
            }


def _open(chromium: Browser, world: World, network: str) -> Opening:
    """Load the page and open the modal in a browser that knows nothing yet."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="de-DE")
    page = context.new_page()
    wire = _Wire(page, network)
    page.goto(f"{world.origin}/?locale=de", wait_until="commit")
    times = page.evaluate(FIRST_CARD)
    page.wait_for_load_state("networkidle")
    opening = Opening(
        requests=len(wire.addresses),
        bytes=wire.bytes,
        fetched_twice=len(wire.addresses) - len(set(wire.addresses)),
        pressed_ms=times["pressed"],
        navigated_ms=times["navigated"],
    )
    context.close()
    return opening


class _Wire:
    """Every request of a page, at the speed of a network; outcomes are told one by one and are none of the loading."""

    def __init__(self, page: Page, network: str) -> None:
        self.addresses: list[str] = []
        self.bytes = 0
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        limits = NETWORKS[network]
        if limits is not None:
            session.send("Network.emulateNetworkConditions", {"offline": False, **limits})
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.loadingFinished", self._loaded)
        self._counted: set[str] = set()

    def _asked(self, event: dict[str, Any]) -> None:
        address = event["request"]["url"]
        if not address.endswith("/v1/outcomes") and "/v1/outcomes?" not in address:
            self.addresses.append(f"{event['request']['method']} {address}")
            self._counted.add(event["requestId"])

    def _loaded(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self._counted:
            self.bytes += int(event["encodedDataLength"])


@contextmanager
def _world(tree: Path) -> Iterator[World]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder, running_world(Path(folder), port=port, tree=tree) as world:
        yield world


@contextmanager
def _tree(commit: str) -> Iterator[Path]:
    """The files of a commit in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
        yield Path(folder)
