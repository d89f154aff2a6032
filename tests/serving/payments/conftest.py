"""Stripe's interface on 127.0.0.1, and the settings of a service that shows Stripe's form and pays through it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving.providers import SECRET
from tests.serving.stripe_mock import StripeMock, stripe_mock


@pytest.fixture
def stripe() -> Iterator[StripeMock]:
    with stripe_mock() as mock:
        yield mock


@pytest.fixture
def through_stripe(stripe: StripeMock) -> dict[str, Any]:
    return {
        "payments": "stripe",
        "stripe_api_key": "sk_test",
        "stripe_webhook_secret": SECRET,
        "stripe_publishable_key": "pk_test_ours",
        "stripe_address": stripe.origin,
        "stripe_script": f"{stripe.origin}/v3/",
    }
