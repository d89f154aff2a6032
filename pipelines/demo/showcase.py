"""A few organisations with telling names, to show in a demo."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from pipelines.demo.world import COUNTRIES, INTEGRATIONS, NO_TEMPLATE, TEMPLATES, DailyUsage, Organizations


@dataclass(frozen=True, slots=True)
class Showcase:
    """One showcase organisation; `size` is in standard deviations of the world."""

    template: str | None
    integrations: tuple[str, ...]
    country: str
    size: float
    life: int
    plan: str | None = None
    idle: bool = False


SHOWCASES: Final = {
    "demo-shop": Showcase("ecommerce", ("shopify", "whatsapp"), "DE", 0.3, 13),
    "demo-big-shop": Showcase("ecommerce", ("prestashop", "zendesk", "slack"), "FR", 1.5, 13),
    "demo-support": Showcase("support", ("zendesk", "slack"), "DE", 0.4, 12),
    "demo-leads": Showcase("lead_generation", ("hubspot", "wordpress"), "FR", 0.0, 11),
    "demo-knowledge": Showcase("internal_knowledge", ("slack",), "AT", 0.5, 13),
    "demo-outgrown": Showcase("ecommerce", ("shopify",), "FR", 1.3, 60, plan="ecommerce-basic"),
    "demo-oversized": Showcase("support", ("slack",), "GB", -1.0, 60, plan="support-scale"),
    "demo-new": Showcase(None, (), "DE", 0.0, 1, idle=True),
}
HELD: Final = {name: showcase.plan for name, showcase in SHOWCASES.items() if showcase.plan}


def with_showcases(drawn: Organizations) -> Organizations:
    """The drawn organisations followed by the showcases."""
    cases = SHOWCASES.values()
    template = [TEMPLATES.index(case.template) if case.template else NO_TEMPLATE for case in cases]
    connected = [[name in case.integrations for name in INTEGRATIONS] for case in cases]
    return Organizations(
        ids=(*drawn.ids, *SHOWCASES),
        template=np.append(drawn.template, template),
        second_template=np.append(drawn.second_template, [NO_TEMPLATE] * len(SHOWCASES)),
        size=np.append(drawn.size, [case.size for case in cases]),
        country=np.append(drawn.country, [COUNTRIES.index(case.country) for case in cases]),
        connected=np.vstack([drawn.connected, np.array(connected, dtype=np.bool_)]),
        life=np.append(drawn.life, [case.life for case in cases]),
    )


def without_idle_usage(drawn: Organizations, usage: DailyUsage) -> DailyUsage:
    """The usage with that of showcases that have just signed up set to 0."""
    idle = np.array([name in SHOWCASES and SHOWCASES[name].idle for name in drawn.ids])[:, None]
    return replace(usage, **{name: np.where(idle, 0, getattr(usage, name)) for name in DailyUsage.__slots__})
