"""Countries in a few groups that are large enough to learn from."""

from typing import Final

COUNTRY_GROUPS: Final[tuple[str, ...]] = (
    "unknown",
    "france",
    "dach",
    "benelux",
    "southern_europe",
    "northern_europe",
    "eastern_europe",
    "british_isles",
    "north_america",
    "elsewhere",
)
"""The index of a group is the feature's value; groups are added at the end only."""

_MEMBERS: Final = {
    "france": "FR MC GP MQ GF RE YT",
    "dach": "DE AT CH LI",
    "benelux": "BE NL LU",
    "southern_europe": "ES PT IT GR MT CY AD SM VA",
    "northern_europe": "DK SE NO FI IS EE LV LT",
    "eastern_europe": "PL CZ SK HU SI HR RO BG RS BA ME MK AL UA MD XK",
    "british_isles": "GB IE IM JE GG GI",
    "north_america": "US CA MX",
}

_GROUP_OF: Final = {code: COUNTRY_GROUPS.index(group) for group, codes in _MEMBERS.items() for code in codes.split()}


def country_group(code: str | None) -> int:
    """The index into `COUNTRY_GROUPS` of an ISO 3166 code; no code is `unknown`, any other code `elsewhere`."""
    cleaned = (code or "").strip().upper()
    if not cleaned:
        return COUNTRY_GROUPS.index("unknown")
    return _GROUP_OF.get(cleaned, COUNTRY_GROUPS.index("elsewhere"))
