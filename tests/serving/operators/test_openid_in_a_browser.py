"""Somebody of staff signs in at a provider in a real browser, sees what the role opens, and is out after the logout."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.modal.world import browser
from tests.serving.operators.oidc_provider import CLIENT, SECRET, Provider, running_provider

ROOT = Path(__file__).parents[3]
PATIENCE_MS = 60_000

pytestmark = pytest.mark.slow


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        provider.claims = {"email": "ada@example.com", "email_verified": True, "groups": ["plans-support"]}
        yield provider


@pytest.fixture
def origin(tmp_path: Path, provider: Provider) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ, "PLANS_PORT": str(port), "PLANS_DATABASE_URL": f"sqlite:///{tmp_path}/plans.db",
        "PLANS_DEMO_ORGANIZATION": "nobody", "PLANS_OIDC_ISSUER": provider.issuer, "PLANS_OIDC_CLIENT_ID": CLIENT,
        "PLANS_OIDC_CLIENT_SECRET": SECRET, "PLANS_OIDC_ROLES": json.dumps({"plans-support": "support"}),
    }  # fmt: skip
    with (tmp_path / "said").open("w") as said:
        command = [sys.executable, "-m", "serving", "run"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said)
    try:
        for _ in range(240):
            assert process.poll() is None, (tmp_path / "said").read_text()
            try:
                httpx2.get(f"http://127.0.0.1:{port}/livez").raise_for_status()
                break
            except httpx2.HTTPError:
                time.sleep(0.25)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)


def test_a_person_signs_in_at_the_provider_and_out_again(origin: str, provider: Provider) -> None:
    with browser() as chromium:
        page = chromium.new_context(viewport={"width": 390, "height": 760}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{origin}/dashboards/login?locale=fr")
        assert Axe().run(page).response["violations"] == []
        page.get_by_role("link", name="Se connecter avec le compte de l’entreprise").click()
        page.get_by_text("Connecté en tant que ada@example.com").wait_for()
        assert page.get_by_role("listitem").last.inner_text().startswith("Pages de chaque client")
        [value] = [each["value"] for each in page.context.cookies() if each["name"] == "plans_person"]

        page.get_by_role("link", name="Se déconnecter").click()
        page.wait_for_url("**/login**")
        page.context.add_cookies([{"name": "plans_person", "value": value, "url": origin}])  # a copy that somebody kept
        page.goto(f"{origin}/dashboards/account?locale=fr")

        assert "/login" in page.url
        assert provider.redirect_uris == [f"{origin}/dashboards/openid/callback"]
        page.context.close()
