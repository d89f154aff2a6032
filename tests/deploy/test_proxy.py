"""The proxy of `deploy/`, really running: nginx, TLS, two processes of the service behind it on one database."""

import getpass
import grp
import os
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx2
import pytest

from serving.db.migrate import migrate
from serving.db.session import Database
from tests.deploy.programs import MISSING, program
from tests.serving.db.test_two_processes import HOST, confirm, joined, process, quoted
from tests.serving.postgresql import free_port, running_server

CONFIGURATION = Path(__file__).parents[2] / "deploy/proxy/nginx.conf"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(program("nginx") is None, reason=MISSING)]


@dataclass(frozen=True)
class Site:
    """What is reached through the proxy."""

    port: int
    trust: ssl.SSLContext
    ends_one: Callable[[], None]
    """Ends one of the two processes behind it, as when they are replaced."""

    def visitor(self, address: str = "127.0.0.1") -> httpx2.Client:
        """A client of that address, which knows the certificate."""
        way = httpx2.HTTPTransport(verify=self.trust, local_address=address)
        return httpx2.Client(base_url=f"https://127.0.0.1:{self.port}", transport=way, timeout=60)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:
        address = stack.enter_context(running_server())
        database = Database(address)
        migrate(database)
        database.close()
        first = stack.enter_context(ExitStack())
        ports = [each.enter_context(process(address)).base_url.port or 0 for each in (first, stack)]
        yield stack.enter_context(proxied(tmp_path_factory.mktemp("nginx"), ports, first.close))


@contextmanager
def proxied(folder: Path, ports: Sequence[int], ends_one: Callable[[], None]) -> Iterator[Site]:
    """The proxy as it is shipped, but for the addresses, the certificate, and where it may write."""
    key, certificate, port = folder / "plans.key", folder / "plans.pem", free_port()
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=plans"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    text = CONFIGURATION.read_text("utf-8")
    for shipped, tried in {
        "/etc/ssl/plans": str(folder / "plans"),
        "rate=20r/s": "rate=1r/m",  # so that it does not depend on how fast this machine is
        "listen 443": f"listen 127.0.0.1:{port}",
        "server 127.0.0.1:8000": f"server 127.0.0.1:{ports[0]}",
        "# server 127.0.0.1:8001": f"server 127.0.0.1:{ports[1]}",
    }.items():
        assert shipped in text
        text = text.replace(shipped, tried)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    scratch = "".join(f"{kind}_temp_path {folder / kind};" for kind in kinds)
    user = f"{getpass.getuser()} {grp.getgrgid(os.getegid()).gr_name}"
    around = f"daemon off; pid {folder}/pid; error_log {folder}/errors; user {user};\nevents {{}}\n"
    (folder / "nginx.conf").write_text(f"{around}http {{ access_log off; {scratch}\n{text}\n}}\n", "utf-8")
    nginx = subprocess.Popen(
        [str(program("nginx")), "-p", folder, "-e", folder / "errors", "-c", folder / "nginx.conf"]
    )
    try:
        site = Site(port, ssl.create_default_context(cafile=str(certificate)), ends_one)
        with site.visitor() as client:
            for _ in range(200):
                try:
                    client.get("/livez")
                    break
                except httpx2.TransportError:
                    assert nginx.poll() is None, (folder / "errors").read_text()
                    time.sleep(0.05)
        yield site
    finally:
        nginx.terminate()
        nginx.wait(20)


def test_a_plan_is_bought_through_the_proxy(site: Site) -> None:
    with site.visitor() as client:
        client.headers.update(HOST)
        path = joined(client, "bought")
        bought = confirm(client, path, quoted(client, path, "ecommerce-basic"))
        held = client.get(f"{path}/subscription").json()

    assert bought.status_code == 201, bought.text
    assert (held["plan"], bought.headers["Strict-Transport-Security"]) == ("ecommerce-basic", "max-age=31536000")


def test_who_calls_is_known_behind_the_proxy_and_cannot_be_made_up(site: Site) -> None:
    with site.visitor("127.0.0.7") as client:
        client.headers.update(HOST | {"X-Forwarded-For": "192.0.2.1"})
        made = client.post("/v1/api-keys", json={"name": "erp", "scopes": ["read"]})
        seen = client.get("/v1/audit-log").json()["entries"][0]

    assert made.status_code == 201, made.text
    assert (seen["action"], seen["address"]) == ("key_create", "127.0.0.7")


def test_what_is_too_large_or_inside_is_refused_by_the_proxy(site: Site) -> None:
    with site.visitor("127.0.0.8") as client:
        large = client.post("/v1/outcomes", content=b"x" * (2 * 1024 * 1024 + 1))
        inside = [client.get(path).status_code for path in ("/metrics", "/readyz", "/livez", "/healthz")]
    with site.visitor() as client:
        metrics = client.get("/metrics")

    assert (large.status_code, inside) == (413, [403] * 4)
    assert metrics.status_code == 200


def test_one_address_that_calls_too_often_is_slowed_and_another_is_not(site: Site) -> None:
    with site.visitor("127.0.0.9") as client:
        statuses = [client.get("/openapi.json").status_code for _ in range(70)]
    with site.visitor("127.0.0.10") as client:
        other = client.get("/openapi.json").status_code

    assert (set(statuses[:61]), statuses[-1], other) == ({200}, 429, 200)


def test_a_process_that_is_replaced_fails_nobody(site: Site) -> None:
    """The last of this file: one process ends while customers buy. Who hears nothing asks again, as the host does."""

    def buys(client: httpx2.Client, path: str, quote: str) -> int:
        key = {"Idempotency-Key": path}
        for _ in range(3):
            status = client.post(f"{path}/plan-changes", json={"quote": quote}, headers=key).status_code
            if status != 502:
                return status
        return 502

    with site.visitor("127.0.0.11") as client:
        client.headers.update(HOST)
        paths = [joined(client, f"replaced-{number}") for number in range(6)]
        quotes = [quoted(client, path, "ecommerce-basic") for path in paths]
        with ThreadPoolExecutor(2) as clients:
            answers = clients.map(partial(buys, client), paths, quotes)
            site.ends_one()
            bought = [*answers]
        held = [client.get(f"{path}/subscription") for path in paths]

    assert bought == [201] * 6
    assert [answer.json()["plan"] for answer in held] == ["ecommerce-basic"] * 6
