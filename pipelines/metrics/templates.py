"""The template that an organisation is counted under: the first one that it installed."""

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.history.checked_tables import microseconds_of, places_in, ranks, read_table
from pipelines.history.known_facts import KnownFacts
from recommender.ranking.ranker import IntArray

NONE: Final = "none"
"""The value for no template, plan, strategy or country."""


def first_template(
    checked: Path, known: KnownFacts, organization: IntArray, instant_us: IntArray
) -> NDArray[np.object_]:
    """The first template of each organisation, as known at its instant (n,); `NONE` without one."""
    table = read_table(
        checked, "template_installs", ["event_id", "organization_id", "template", "change", "recorded_at"]
    )
    table = table.filter(pc.equal(table["change"], "installed"))
    owner, recorded = places_in(table["organization_id"], known.organization_ids), microseconds_of(table["recorded_at"])
    codes = pc.unique(table["template"])
    which = places_in(table["template"], codes)
    # Written latest first, so that the earliest stays; the place beyond the last is for unknown organisations.
    order = np.lexsort((ranks(table["event_id"]), recorded, owner))[::-1]
    order = order[owner[order] >= 0]
    since = np.full(len(known.organization_ids) + 1, np.iinfo(np.int64).max)
    template = np.full(len(known.organization_ids) + 1, len(codes))
    since[owner[order]], template[owner[order]] = recorded[order], which[order]
    names = np.array([*codes.to_pylist(), NONE], dtype=np.object_)
    return np.asarray(names[np.where(since[organization] <= instant_us, template[organization], len(codes))])
