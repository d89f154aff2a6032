"""Production refuses to start with anything that is made for trying out, names each fault, and shows no secret."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from serving.__main__ import app
from serving.app import create_app
from serving.db.migrate import migrate
from serving.db.session import Database
from serving.settings import NotForProduction, SellerSettings, Settings, check_for_production

KEY = "xQ9-kTz4uLw8Vb2nRf7yHc5mPj3sGd6aEe1iOo0U"
OTHER = "Zr5_hN8pXk2vBt7wQm4jLs9cFg3yDd6uAa1eIi0O"
GOOD: dict[str, Any] = {
    "mode": "production",
    "payments": "stripe",
    "stripe_api_key": "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "stripe_webhook_secret": "whsec_4eC39HqLyjWDarjtT1zdp7dc",
    "api_key": KEY,
    "signing_key": OTHER,
    "seller": SellerSettings(iban="FR1420041010050500013M02606"),
}


def faults(**changes: Any) -> list[str]:
    try:
        check_for_production(Settings(**{**GOOD, **changes}))
    except NotForProduction as error:
        return str(error).splitlines()
    return []


def test_good_settings_pass() -> None:
    assert faults() == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"payments": "sandbox"}, "PLANS_PAYMENTS"),
        ({"api_key": ""}, "PLANS_API_KEY is not set"),
        ({"api_key": "a"}, "PLANS_API_KEY has fewer than 32 characters"),
        ({"signing_key": "x"}, "PLANS_SIGNING_KEY has fewer than 32 characters"),
        ({"signing_key": "a" * 64}, "PLANS_SIGNING_KEY may be guessed"),
        ({"signing_key": "changeme-" + KEY}, "PLANS_SIGNING_KEY may be guessed"),
        ({"signing_key": KEY}, "PLANS_API_KEY and PLANS_SIGNING_KEY are the same"),
        ({"stripe_api_key": "sk_test_4eC39HqLyjWDarjtT1zdp7dc"}, "PLANS_STRIPE_API_KEY is a key for tests"),
        ({"stripe_api_key": "rk_test_4eC39HqLyjWDarjtT1zdp7dc"}, "PLANS_STRIPE_API_KEY is a key for tests"),
        ({"stripe_address": "http://127.0.0.1:1"}, "PLANS_STRIPE_ADDRESS"),
        ({"demo_organization": "demo-shop"}, "PLANS_DEMO_ORGANIZATION"),
        ({"clock": "test"}, "PLANS_CLOCK"),
        ({"seller": SellerSettings()}, "PLANS_SELLER_IBAN"),
    ],
)
def test_what_is_made_for_trying_out_is_refused(changes: dict[str, Any], named: str) -> None:
    (fault,) = faults(**changes)

    assert fault.startswith(named)
    assert not any(str(secret) in fault for secret in (KEY, OTHER))


def test_every_fault_is_named_at_once() -> None:
    assert len(faults(payments="sandbox", api_key="", clock="test")) == 3


@pytest.mark.parametrize("secret", [" ", "\t", "key\n", " key"])
def test_a_secret_with_white_space_around_is_refused_in_every_mode(secret: str) -> None:
    with pytest.raises(ValidationError, match="white space"):
        Settings(signing_key=secret)


def test_a_database_that_was_not_migrated_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    settings = Settings(**{**GOOD, "database_url": f"sqlite:///{tmp_path / 'new.db'}"})

    with pytest.raises(NotForProduction, match="at version none"):
        create_app(settings)

    database = Database(settings.database_url)
    migrate(database)
    database.close()
    create_app(settings)


def test_a_refused_start_says_why_and_prints_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANS_MODE", "production")
    monkeypatch.setenv("PLANS_API_KEY", "short-key-of-nobody")
    monkeypatch.setenv("PLANS_DEMO_ORGANIZATION", "acme")

    ended = CliRunner().invoke(app, ["run"])

    assert ended.exit_code == 1
    assert "PLANS_DEMO_ORGANIZATION" in ended.output
    assert "short-key-of-nobody" not in ended.output


def test_migrate_check_changes_nothing_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLANS_DATABASE_URL", f"sqlite:///{tmp_path / 'new.db'}")

    before = CliRunner().invoke(app, ["migrate", "--check"])
    CliRunner().invoke(app, ["migrate"])
    after = CliRunner().invoke(app, ["migrate", "--check"])

    assert (before.exit_code, after.exit_code) == (1, 0)
    assert "at version none" in before.output


@pytest.mark.parametrize("proxies", ["*", "", "proxy.internal", "10.0.0.0/33", "10.0.0.1,"])
def test_proxies_that_are_trusted_are_addresses_or_networks(proxies: str) -> None:
    assert Settings(trusted_proxies="10.0.0.0/8, 127.0.0.1").trusted_proxies == "10.0.0.0/8,127.0.0.1"
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings(trusted_proxies=proxies)
