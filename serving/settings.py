"""The settings, read once from the environment (`PLANS_…`)."""

import secrets
import sys
from collections.abc import Sequence
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from data_contracts.invoices import Seller
from serving.web.access import Role
from serving.web.fields import Email


class SettingMissing(ValueError):
    """A setting that other settings require is missing; the message names it in one line."""


LEAST_SECRET_LENGTH: Final = 32
LEAST_DIFFERENT: Final = 12
"""A secret must have so many different characters."""
_GUESSED: Final = ("demo", "secret", "password", "changeme", "change-me", "example", "default", "abcdefgh", "12345678")
"""Words and rows of characters that made-up secrets hold."""
_Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


def _iban(text: str) -> str:
    from stdnum import iban

    if not iban.is_valid(text):
        raise ValueError("not a valid IBAN")
    return iban.compact(text)


def _creditor(text: str) -> str:
    from stdnum.eu import at_02

    if not at_02.is_valid(text):
        raise ValueError("not a valid SEPA creditor identifier")
    return str(at_02.compact(text))


def _networks(text: str) -> str:
    networks = [each.strip() for each in text.split(",")]
    for each in networks:
        ip_network(each)
    return ",".join(networks)


class SellerSettings(BaseSettings):
    """The seller, a French company; the default values are made up for demonstrations."""

    model_config = SettingsConfigDict(env_prefix="PLANS_SELLER_", extra="ignore", frozen=True)

    name: _Line = "AI SmartTalk (Demo)"
    """The company's name."""
    legal_form: _Line = "SAS au capital de 10 000 €"
    """Legal form and capital, as French law wants them on an invoice."""
    register_entry: _Line = "RCS Paris 123 456 782"
    """Entry in the trade register."""
    street: _Line = "10 rue de la Démonstration"
    """Address: street and number."""
    postal_code: _Line = "75002"
    """Address: postal code."""
    city: _Line = "Paris"
    """Address: city."""
    siren: Annotated[str, StringConstraints(pattern=r"^\d{9}$")] = "123456782"
    """The company's nine-digit number."""
    vat_id: Annotated[str, StringConstraints(pattern=r"^FR[A-Z0-9]{2}\d{9}$")] = "FR11123456782"
    """The VAT id; its last nine digits are the SIREN."""
    email: _Line = "billing@example.com"
    """Address for questions about invoices."""
    phone: _Line = "+33 1 00 00 00 00"
    """Telephone of the billing department."""
    iban: Annotated[str, AfterValidator(_iban)] = "FR7630006000011234567890189"
    """The account that transfers go to."""
    bic: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{8}([A-Z0-9]{3})?$")] = "DEMOFRPPXXX"
    """The bank of that account."""
    creditor_id: Annotated[str, AfterValidator(_creditor)] = "FR72ZZZ123456"
    """The SEPA creditor identifier under which accounts are debited: the seller's own, or that of the provider."""
    payment_days: int = Field(default=30, ge=0, le=60)
    """Payment term of bank transfers; French law allows at most 60 days."""

    @model_validator(mode="after")
    def _one_company(self) -> Self:
        from stdnum.fr import tva

        if not tva.is_valid(self.vat_id) or self.vat_id[4:] != self.siren:
            raise ValueError("vat_id is not the one of this siren")
        return self

    def on_invoice(self) -> Seller:
        """The seller as it appears on an invoice."""
        fields = self.model_dump(exclude={"siren", "payment_days", "creditor_id"})
        return Seller(country="FR", company_id=self.siren, **fields)


class NotForProduction(ValueError):
    """Settings that must not be used in production; one line per fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))


class Settings(BaseSettings):
    """The configuration of one service process; an unset secret is replaced by a random one for this run."""

    model_config = SettingsConfigDict(env_prefix="PLANS_", extra="ignore", frozen=True)

    mode: Literal["development", "production"] = "development"
    """`production` refuses to start with anything that is made for trying out: the sandbox, weak secrets, a demo."""
    database_url: str = "sqlite:///var/plans.db"
    """An SQLite file, or a PostgreSQL server (`postgresql://…`, `postgres://…`)."""
    catalogue: Path | None = None
    """Pricing2Yaml file; unset: the reference catalogue with its offers."""
    offers: str | None = None
    """Offers file; empty: none. Unset: the reference offers, unless another catalogue is named."""
    api_key: SecretStr = SecretStr("")
    """The first key of the host backend, with every scope; `python -m serving keys` makes others. Unset: a random one
    for this run, printed at start."""
    signing_key: SecretStr = SecretStr("")
    """Signs modal tokens, quotes and page sessions; unset: a random one, so that all of them end with this run."""
    verifying_keys: SecretStr = SecretStr("")
    """Further keys whose signatures hold, separated by commas: before a rotation the next one, after it the old one."""
    oidc_issuer: str | None = None
    """Address of the OpenID provider at which staff sign in; unset: with passwords only."""
    oidc_client_id: str = ""
    """Client id at the OpenID provider."""
    oidc_client_secret: SecretStr = SecretStr("")
    """Client secret at the OpenID provider; its redirect address is `/dashboards/openid/callback` here."""
    oidc_claim: str = "groups"
    """Claim of the ID token that holds groups or roles."""
    oidc_roles: dict[str, Role] = Field(default_factory=dict)
    """Group → role (viewer, analyst, product, support, admin), as JSON: who has one of the groups gets an account.
    Empty: accounts are made here, and say the role."""
    clock: Literal["system", "test"] = "system"
    """`test`: the clock is moved by `PUT /v1/test-clock`, which runs the jobs on the way."""
    jobs: Literal["embedded", "worker"] = "embedded"
    """Where jobs run: in this service, or in processes of their own (`python -m serving worker`)."""
    usage_calls_per_minute: int = Field(default=6_000, ge=1)
    """How many batches of usage events one key may send in a minute."""
    payments: Literal["sandbox", "stripe"] = "sandbox"
    """The payment provider: the built-in one for tests and demonstrations, or Stripe."""
    sandbox_webhook_secret: SecretStr = SecretStr("")
    """The webhook secret of the sandbox; unset: derived from the signing key."""
    stripe_api_key: SecretStr = SecretStr("")
    """Stripe's secret key, needed with `PLANS_PAYMENTS=stripe`."""
    stripe_webhook_secret: SecretStr = SecretStr("")
    """The secret of Stripe's webhooks to `/v1/webhooks/payments` (`whsec_…`)."""
    stripe_publishable_key: str = ""
    """Stripe's publishable key (`pk_…`): with it pages and modal show Stripe's form; without it the host page must."""
    stripe_address: str | None = None
    """Another address of Stripe's API, for tests."""
    stripe_script: str | None = None
    """Another address of Stripe's script, for tests; it is loaded from Stripe's own host."""
    model: Path | None = None
    """Folder that holds `champion.json`; unset: the rules answer."""
    model_timeout_ms: int = Field(default=1000, ge=1, le=60_000)
    """How long a decision waits for the champion before the rules answer."""
    experiments: Path | None = None
    """File of experiments (YAML); unset: none."""
    exploration_budget: float = Field(default=0.0, ge=0, le=0.2)
    """The share of acceptances of the first plan that may be given up to learn: 0.01 is one acceptance in a hundred
    decisions. With a logged probability a reasonable runner-up is put first. 0: never."""
    rules_share: float = Field(default=0.0, ge=0, le=0.5)
    """Share of the organisations that the rules always answer, so that the lift of the model can be measured."""
    draw_days: float = Field(default=7, gt=0, le=365)
    """How long an organisation's draw is valid, in days: until then every decision, at either interval, uses the same
    draw, unless the ranking itself changes."""
    plans_shown: int = Field(default=3, ge=1, le=20)
    """Cards on a trial; an organisation that holds a plan sees one more, its own among them."""
    decision_minutes: int = Field(default=15, ge=1, le=24 * 60)
    """How long a decision is answered again while nothing that it depends on has changed."""
    links: dict[str, str] = Field(default_factory=dict)
    """Addresses of the host's pages on which a blocker is resolved, as JSON: assistants, documents, seats, usage,
    integrations, features, plans, billing, sales, support → address; a page without an address has no link."""
    demo_organization: str | None = None
    """The organisation that `GET /` shows without a credential; unset: none."""
    host: str = "127.0.0.1"
    """The address that is listened on."""
    port: int = Field(default=8000, ge=1, le=65_535)
    """The port that is listened on."""
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = "127.0.0.1,::1"
    """Addresses and networks of the reverse proxies, by commas: a caller's address and `https` are taken from theirs
    (`X-Forwarded-For`, `X-Forwarded-Proto`) and from nobody else's headers."""
    seller: SellerSettings = Field(default_factory=SellerSettings)
    """The seller on invoices: `PLANS_SELLER_NAME`, `PLANS_SELLER_VAT_ID`, …"""
    mail_outbox: Path | None = None
    """Folder into which mails are written as files; without it and without `PLANS_MAIL_SMTP` there are no mails."""
    mail_smtp: SecretStr = SecretStr("")
    """Mail server, `smtp://user:password@host:587` or `smtps://…`; a password is sent over TLS only."""
    mail_from: Email | None = None
    """Sender of mails; unset: the seller's address."""
    sales_email: Email | None = None
    """Address that leads are mailed to; unset: leads are only listed at `GET /v1/enterprise-leads`."""
    traces: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+")] | None = None
    """Address of an OpenTelemetry collector (OTLP over HTTP, `http://collector:4318`), with the extra `traces`; unset:
    no traces."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level that is logged."""

    @field_validator(
        *("catalogue", "model", "experiments", "mail_outbox", "stripe_address", "stripe_script"),
        *("oidc_issuer", "traces", "demo_organization"),
        mode="before",
    )
    @classmethod
    def _empty_means_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("oidc_roles", mode="before")
    @classmethod
    def _null_means_none(cls, value: object) -> object:
        return {} if value is None else value

    @field_validator("api_key", "signing_key", mode="after")
    @classmethod
    def _not_blank(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() != value.get_secret_value().strip():
            raise ValueError("begins or ends with white space")
        return value


def check_for_production(settings: Settings) -> None:
    """Raise `NotForProduction` with every setting that is made for trying out; secrets are named, never shown."""
    if settings.mode != "production":
        return
    stripe_key = settings.stripe_api_key.get_secret_value()
    faults = {
        "PLANS_PAYMENTS is sandbox: no money would be collected": settings.payments == "sandbox",
        "PLANS_STRIPE_API_KEY is a key for tests": stripe_key.partition("_")[2].startswith("test"),
        "PLANS_STRIPE_ADDRESS is set: payments would go elsewhere": settings.stripe_address is not None,
        "PLANS_STRIPE_SCRIPT is set: cards would be entered elsewhere": settings.stripe_script is not None,
        "PLANS_DEMO_ORGANIZATION is set: everybody could open its pages": settings.demo_organization is not None,
        "PLANS_CLOCK is test: time would stand still": settings.clock == "test",
        "PLANS_SELLER_IBAN is the made-up seller's": settings.seller.iban
        == SellerSettings.model_fields["iban"].default,
        "PLANS_OIDC_ISSUER is not https: sign-ins could be read": not (settings.oidc_issuer or "https:").startswith(
            "https:"
        ),
        "PLANS_API_KEY and PLANS_SIGNING_KEY are the same": settings.api_key == settings.signing_key,
    }
    given = [("PLANS_API_KEY", settings.api_key), ("PLANS_SIGNING_KEY", settings.signing_key)]
    secrets_given = [(name, secret.get_secret_value()) for name, secret in given]
    secrets_given += [("PLANS_VERIFYING_KEYS", key) for key in signing_keys(settings)[1:]]
    weak = ((name, _weakness(secret)) for name, secret in secrets_given)
    found = [fault for fault, wrong in faults.items() if wrong] + [f"{name} {why}" for name, why in weak if why]
    if found:
        raise NotForProduction(found)


def signing_keys(settings: Settings) -> list[str]:
    """The key that signs, and then the others that verify."""
    others = (key.strip() for key in settings.verifying_keys.get_secret_value().split(","))
    return [settings.signing_key.get_secret_value(), *filter(None, others)]


def _weakness(secret: str) -> str | None:
    """Why a secret may be guessed."""
    if not secret:
        return "is not set"
    if len(secret) < LEAST_SECRET_LENGTH:
        return f"has fewer than {LEAST_SECRET_LENGTH} characters"
    if len(set(secret)) < LEAST_DIFFERENT or any(word in secret.lower() for word in _GUESSED):
        return "may be guessed; make one with: openssl rand -base64 48"
    return None


def sandbox_secret(settings: Settings) -> str:
    """The webhook secret of the sandbox."""
    given = settings.sandbox_webhook_secret.get_secret_value()
    return given or "whsec_" + sha256(b"sandbox:" + settings.signing_key.get_secret_value().encode()).hexdigest()


def with_secrets(settings: Settings, *, announce: bool = True) -> Settings:
    """The settings with a random value for each unset secret, reported on stderr.

    The random API key is printed, because no call is possible without it; it is valid for this run only.
    """
    made: dict[str, SecretStr] = {}
    if not settings.api_key.get_secret_value():
        made["api_key"] = SecretStr(secrets.token_urlsafe(32))
        key = made["api_key"].get_secret_value()
        _announce(f"PLANS_API_KEY is not set: for this run it is {key}", announce)
    if not settings.signing_key.get_secret_value():
        made["signing_key"] = SecretStr(secrets.token_urlsafe(32))
        _announce("PLANS_SIGNING_KEY is not set: a random one is used, modal tokens end with this run.", announce)
    return settings.model_copy(update=made)


def _announce(text: str, wanted: bool) -> None:
    if wanted:
        sys.stderr.write(text + "\n")
