"""Draws a seeded world of organisations that use AI assistants, and their daily usage."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from recommender.ranking.ranker import FloatArray, IntArray, Mask

TEMPLATES: Final = ("ecommerce", "support", "lead_generation", "internal_knowledge")
INTEGRATIONS: Final = (
    "shopify", "prestashop", "woocommerce", "wordpress", "whatsapp", "zendesk", "hubspot", "slack",
)  # fmt: skip
COUNTRIES: Final = ("FR", "DE", "ES", "IT", "BE", "NL", "AT", "CH", "GB", "PL", "PT", "US", "CA")
COUNTRY_SHARES: Final = (0.30, 0.20, 0.08, 0.08, 0.06, 0.05, 0.04, 0.05, 0.05, 0.03, 0.02, 0.03, 0.01)
LOCALES: Final = dict.fromkeys(COUNTRIES, "en") | {"FR": "fr", "BE": "fr", "CH": "de", "DE": "de", "AT": "de"}
TIMEZONES: Final = {
    "FR": "Europe/Paris", "DE": "Europe/Berlin", "ES": "Europe/Madrid", "IT": "Europe/Rome", "BE": "Europe/Brussels",
    "NL": "Europe/Amsterdam", "AT": "Europe/Vienna", "CH": "Europe/Zurich", "GB": "Europe/London",
    "PL": "Europe/Warsaw", "PT": "Europe/Lisbon", "US": "America/New_York", "CA": "America/Toronto",
}  # fmt: skip

NO_TEMPLATE: Final = -1
TEMPLATE_SHARES: Final = (0.36, 0.28, 0.19, 0.13, 0.04)
"""The shares of the four templates, and of organisations with none that plans are sold for."""

LIFE_DAYS: Final = 110
"""The longest history an organisation has; usage is laid out on this axis from its trial's first day."""

CONNECT_SHARES: Final = np.array(
    [
        #  shopify presta woo  wordp  whats  zend  hubsp slack
        [0.45, 0.20, 0.22, 0.10, 0.25, 0.12, 0.08, 0.10],
        [0.05, 0.03, 0.05, 0.15, 0.30, 0.40, 0.08, 0.25],
        [0.06, 0.02, 0.06, 0.30, 0.25, 0.04, 0.45, 0.15],
        [0.02, 0.01, 0.02, 0.10, 0.05, 0.10, 0.06, 0.55],
        [0.05, 0.03, 0.05, 0.15, 0.10, 0.05, 0.05, 0.10],
    ]
)
WEEKDAY_SHAPES: Final = np.array(
    [
        # Monday … Sunday
        [0.9, 0.9, 0.9, 1.0, 1.1, 1.15, 1.05],
        [1.3, 1.2, 1.15, 1.1, 1.05, 0.65, 0.55],
        [1.15, 1.2, 1.2, 1.15, 1.0, 0.7, 0.6],
        [1.35, 1.35, 1.3, 1.3, 1.2, 0.3, 0.2],
        [1.0] * 7,
    ]
)
RATE_FACTORS: Final = np.array([1.3, 1.2, 0.7, 0.6, 0.5])


@dataclass(frozen=True, slots=True)
class Organizations:
    """n organisations with `life` days of history each, all ending at the end of the data."""

    ids: tuple[str, ...]
    template: IntArray
    """(n,) the index into `TEMPLATES`, `NO_TEMPLATE` for none."""
    second_template: IntArray
    """(n,) a further template, `NO_TEMPLATE` for most."""
    size: FloatArray
    """(n,) standard normal; never written, it only determines usage."""
    country: IntArray
    connected: Mask
    """(n, integrations) whether each integration is connected."""
    life: IntArray
    """(n,) days since the trial began."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class DailyUsage:
    """The usage of each day of each history; days after the end of the data are 0."""

    conversations: IntArray
    """(n, LIFE_DAYS), like all of them."""
    ai_tokens: IntArray
    documents: IntArray
    assistants: IntArray
    seats: IntArray


def draw_organizations(*, number: int, rng: np.random.Generator) -> Organizations:
    """Draw organisations: template, size, country, integrations and length of history."""
    template = rng.choice(5, size=number, p=TEMPLATE_SHARES)
    second = np.where(rng.random(number) < 0.15, rng.integers(0, 4, number), NO_TEMPLATE)
    second = np.where((second == template) | (template == 4), NO_TEMPLATE, second)
    return Organizations(
        ids=tuple(f"org-{i:06d}" for i in range(1, number + 1)),
        template=np.where(template == 4, NO_TEMPLATE, template),
        second_template=second,
        size=rng.standard_normal(number),
        country=rng.choice(len(COUNTRIES), size=number, p=COUNTRY_SHARES),
        connected=rng.random((number, len(INTEGRATIONS))) < CONNECT_SHARES[template],
        life=rng.integers(3, LIFE_DAYS + 1, number),
    )


def draw_usage(organizations: Organizations, *, last_weekday: int, rng: np.random.Generator) -> DailyUsage:
    """Draw daily usage: weekday shape, growth, bursts, idle days and idle organisations.

    `last_weekday` is the weekday (0 = Monday) of the last day of the data.
    """
    number = len(organizations)
    days = np.arange(LIFE_DAYS)
    alive = days[None, :] < organizations.life[:, None]
    shape = organizations.template % 5  # NO_TEMPLATE (-1) is the last row
    per_day = 500 * RATE_FACTORS[shape] * np.exp(1.15 * organizations.size + 0.3 * rng.standard_normal(number))
    growth = np.clip(rng.normal(0.004, 0.011, number), -0.02, 0.03)
    weekday = (last_weekday - (organizations.life[:, None] - 1 - days[None, :])) % 7
    rate = (
        per_day[:, None]
        * (1 - np.exp(-(days[None, :] + 1) / 3))
        * np.exp(growth[:, None] * days[None, :])
        * WEEKDAY_SHAPES[shape[:, None], weekday]
        * np.exp(0.25 * rng.standard_normal((number, LIFE_DAYS)))
    )
    rate *= np.where(rng.random((number, LIFE_DAYS)) < 0.03, rng.uniform(2, 5, (number, LIFE_DAYS)), 1)
    rate *= np.where(rng.random((number, LIFE_DAYS)) < 0.04, 0, 1)
    rate *= np.where(rng.random(number) < 0.06, 0.02, 1)[:, None]
    conversations = rng.poisson(np.where(alive, rate, 0))
    per_conversation = 900 * np.exp(0.45 * rng.standard_normal(number))
    noise = np.exp(0.15 * rng.standard_normal((number, LIFE_DAYS)))
    return DailyUsage(
        conversations=conversations,
        ai_tokens=np.rint(conversations * per_conversation[:, None] * noise).astype(np.int64),
        documents=_documents(organizations, rng),
        assistants=_steps(1 + rng.poisson(np.exp(0.1 + 0.35 * organizations.size)), 0.006, rng),
        seats=_steps(1 + rng.poisson(np.exp(0.35 + 0.45 * organizations.size)), 0.01, rng),
    )


def _documents(organizations: Organizations, rng: np.random.Generator) -> IntArray:
    number = len(organizations)
    heavy = np.isin(organizations.template, (0, 3)) * 0.5
    start = 260 * np.exp(heavy + 0.9 * organizations.size + 0.8 * rng.standard_normal(number))
    added = rng.poisson(0.012 * start[:, None] * (rng.random((number, LIFE_DAYS)) < 0.2))
    documents: IntArray = np.rint(start).astype(np.int64)[:, None] + np.cumsum(added, axis=1)
    return documents


def _steps(start: IntArray, share: float, rng: np.random.Generator) -> IntArray:
    """Daily levels that occasionally go up by one, (n, LIFE_DAYS)."""
    ups: IntArray = np.cumsum(rng.random((len(start), LIFE_DAYS)) < share, axis=1)
    levels: IntArray = start[:, None] + ups
    return levels
