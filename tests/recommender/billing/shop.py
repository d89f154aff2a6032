"""Two plans of one family and one of another, half a June, and a customer whose stock is known."""

from dataclasses import replace

from tests.recommender.billing.builders import ANYONE, at, feature, make_plan, span

JUNE = span("2025-06-01", "2025-07-01")
MID_JUNE = at("2025-06-16")
BASIC = make_plan(
    "ecommerce-basic",
    tier=1,
    month=19000,
    year=190000,
    limits={"conversations": 50_000, "documents": 1000, "assistants": 3},
    features=(
        feature("shopify", included=True, kind="integration"),
        feature("zendesk", included=False, kind="integration"),
        feature("white_label", included=False),
    ),
)
SCALE = make_plan(
    "ecommerce-scale",
    tier=2,
    month=49000,
    year=490000,
    limits={"conversations": 100_000, "documents": 10_000, "assistants": 3},
    features=(
        feature("shopify", included=True, kind="integration"),
        feature("zendesk", included=True, kind="integration"),
        feature("white_label", included=True),
    ),
)
SUPPORT = make_plan("support-basic", tier=1, family="support", month=19000, year=190000, limits={"ai_tokens": 900})
KNOWN = replace(ANYONE, stock_usage={"documents": 500, "assistants": 3, "seats": 1})
