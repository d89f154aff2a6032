"""Four tables about organisations: their particulars, installed templates, connected integrations, subscriptions."""

from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from data_contracts.intervals import Interval

_CODES: Final = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW
    BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI
    FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN
    IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME
    MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF
    PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV
    SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK
    YE YT ZA ZM ZW
"""

COUNTRIES: Final = frozenset(_CODES.split())
"""ISO 3166-1 alpha-2, and XK, which the European Commission uses for Kosovo."""


class Organization(BaseModel):
    """One row per organisation: its country, language, time zone and trial."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    organization_id: str
    country: str
    """A code of `COUNTRIES`."""
    locale: str | None
    timezone: str | None
    """A name of the IANA time zone database."""
    trial_started_at: AwareDatetime
    recorded_at: AwareDatetime


class TemplateInstall(BaseModel):
    """One row per installation or removal of an agent template; the last recorded row of a template is valid."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: str
    organization_id: str
    template: str
    change: Literal["installed", "removed"]
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime


class IntegrationChange(BaseModel):
    """One row per connection or disconnection of an integration; the last recorded row of an integration is valid."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: str
    organization_id: str
    integration: str
    change: Literal["connected", "disconnected"]
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime


MAX_SOLD: Final = 100_000
"""The most of a plan that is sold by number."""


class SubscriptionChange(BaseModel):
    """One row per change of a subscription; an active subscription has a plan, an ended one has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: str
    organization_id: str
    plan: str | None
    interval: Interval | None
    status: Literal["active", "ended"]
    catalogue_version: str | None
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
    quantity: int | None = None
    """How many are sold, of a plan that is sold by number; empty, or without the column: one."""
