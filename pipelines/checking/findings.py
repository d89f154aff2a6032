"""Which rows of a table break which rules, computed by the engine."""

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from operator import or_, xor
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from data_contracts.expectations.rules import Rule, Stage
from pipelines.checking.check_columns import PLACE, decisions_of
from pipelines.history.engine import FILE, Engine

if TYPE_CHECKING:
    import ibis.expr.types as ir


class Findings:
    """Which rows break which rules, stage by stage, each on the rows that are sound so far."""

    def __init__(
        self,
        engine: Engine,
        rows: "ir.Table",
        declared: Sequence[Rule],
        *,
        table: str,
        earlier: "ir.Table | None" = None,
    ) -> None:
        """Begin without any finding.

        `earlier`: rows that were kept before and not checked again, which a row of the same key repeats. It has the
        key and `before`, the place of the first file that is later than the row.
        """
        self.problems: dict[str, str] = {}
        """Rule → why it could not be computed."""
        self.counts: dict[tuple[int, int], int] = {}
        """Place of a rule and place of a file (see `Engine.table`) → how many rows of the file break the rule."""
        self._engine = engine
        self._rows = self.sound = rows
        self._rules = declared
        self._name = table
        self._earlier = earlier
        self._tables: list[ir.Table] = []

    @property
    def table(self) -> "ir.Table":
        """One row per broken rule of a row: `PLACE` and `rule`, the place of the rule."""
        import ibis

        return ibis.union(*self._tables) if len(self._tables) > 1 else self._tables[0]

    def rows_by_rule(self, file: int | None = None) -> dict[str, int]:
        """Name of a rule → how many rows break it, in one of the files or in all."""
        found: Counter[str] = Counter()
        for (rule, of), rows in self.counts.items():
            if file in (None, of):
                found[self._rules[rule].name] += rows
        return dict(found)

    def kept_of(self, rows: "ir.Table") -> "ir.Table":
        """The rows that break no rule, of rows in file order, and in it: DuckDB's filters keep it, its joins do not."""
        if not self._engine.keeps_order:
            return rows.anti_join(self.table, PLACE).order_by(PLACE)
        broken = np.unique(self.table[PLACE].to_pyarrow().to_numpy())
        if not len(broken):
            return rows

        def is_kept(places: Any) -> pa.Array:
            here = places.to_numpy()
            return pa.array(broken[np.minimum(np.searchsorted(broken, here), len(broken) - 1)] != here)

        kept = self._engine.function(is_kept, name=f"kept_of_{self._name}", takes="int64", gives="boolean")
        return rows.filter(kept(rows[PLACE]))

    def find(self) -> None:
        """Compute all stages, and leave out of `sound` every row that breaks a rule."""
        with_decisions = "decision_id" in self._rows.columns and any(rule.stage == "group" for rule in self._rules)
        about = ("decision_id",) if with_decisions else ()
        of_rows = self._add(self._broken(self._rows, "row", keep=(PLACE, *about)))
        self._add(self._repeated())
        if with_decisions:
            broken = of_rows.filter(of_rows.decision_id.notnull())
            decisions = self._broken(decisions_of(self.sound, broken=broken), "group", keep=("decision_id",))
            places = self.sound.select(PLACE, "decision_id")
            self._add(places.join(self._engine.kept(decisions, "decisions broken"), "decision_id"))

    def _add(self, found: "ir.Table") -> "ir.Table":
        table = self._engine.kept(found, f"{self._name} broken {len(self._tables)}")
        self._tables.append(table.select(PLACE, rule=table.rule.cast("int64")))
        of_files = table.mutate(file=(table[PLACE] // FILE).cast("int64"))
        counted = of_files.group_by("rule", "file").aggregate(rows=of_files.count()).to_pyarrow().to_pylist()
        self.counts |= {(each["rule"], each["file"]): each["rows"] for each in counted}
        if counted:
            self.sound = self.sound.filter(~self.sound[PLACE].isin(table[PLACE]))
        return table

    def _broken(self, rows: "ir.Table", stage: Stage, *, keep: Sequence[str]) -> "ir.Table":
        """The columns `keep` and the place of the rule, for each rule of the stage that each row breaks."""
        import ibis

        of_stage = ((i, rule) for i, rule in enumerate(self._rules) if rule.stage == stage)
        numbered = [(i, rule) for i, rule in of_stage if self._computable(rule, rows)]
        some = rows.filter(reduce(or_, (_breaks(rule, rows) for _, rule in numbered)))
        number = ibis.array(
            [_breaks(rule, some).ifelse(ibis.literal(i, "int64"), ibis.null("int64")) for i, rule in numbered]
        )
        return some.select(*keep, rule=number.filter(lambda each: each.notnull()).unnest())

    def _repeated(self) -> "ir.Table":
        """The rows whose key an earlier sound row has: recorded before, or at the same instant above in the files."""
        import ibis

        ((place, rule),) = ((i, rule) for i, rule in enumerate(self._rules) if rule.stage == "key")
        key = rule.columns
        # Hashes first, because nearly all keys are their own: only keys of a repeated hash are sorted.
        hashed = self.sound.select(
            PLACE, *key, "recorded_at", hash=reduce(xor, (self.sound[name].hash() for name in key))
        )
        several = hashed.group_by("hash").aggregate(rows=hashed.count())
        again = hashed.filter(hashed.hash.isin(several.filter(several.rows > 1).hash))
        before = ibis.row_number().over(group_by=key, order_by=["recorded_at", PLACE])
        numbered = again.mutate(before=before)
        repeated = numbered.filter(numbered.before > 0).select(PLACE)
        if self._earlier is not None:
            sound = self.sound.select(PLACE, *key, file=self.sound[PLACE] // FILE)
            known = self._earlier
            again = sound.semi_join(known, [*key, sound.file >= known.before])
            repeated = ibis.union(repeated, again.select(PLACE), distinct=True)
        return repeated.mutate(rule=ibis.literal(place, "int64"))

    def _computable(self, rule: Rule, rows: "ir.Table") -> bool:
        from ibis.common.exceptions import IbisError

        try:
            _breaks(rule, rows)
        except (IbisError, TypeError, AttributeError) as error:
            self.problems[rule.rule] = " ".join(str(error).split())[:300]
            return False
        return True


def _breaks(rule: Rule, rows: "ir.Table") -> Any:
    return ~rule.holds(rows).fill_null(True)
