"""Dense tables that are kept for the next scene."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from .tables import HeldTable, Limits, Table

KEPT_BYTES = 2**26  # of the largest table that is kept for the next scene


class KeptTables:
    """One table of each kind: the last small one, or one to hold. Pickles leave them out: they can be derived again."""

    def __init__(self) -> None:
        self._tables: dict[str, HeldTable] = {}

    def __reduce__(self) -> tuple[type[KeptTables], tuple[()]]:
        return KeptTables, ()

    def hold(self, kind: str, held: HeldTable) -> None:
        """Keep a table, of any size, that serves all limits."""
        self._tables[kind] = held._replace(serves_all=True)

    def keep(self, kind: str, table: Table) -> None:
        """Keep a table of one energy, from now on read-only, if it is small."""
        if len(table.values) == 1 and table.values.nbytes <= KEPT_BYTES:
            table.values.flags.writeable = False
            self._tables[kind] = HeldTable(table, {})

    def find(self, kind: str, limits: Limits, count: int) -> Table | None:
        """Return the kept table of a kind that serves these limits and this number of energies."""
        held = self._tables.get(kind)
        if held is not None and (held.serves_all or (held.table.limits == limits and count == 1)):
            return held.table
        return None

    def with_values(self, values: npt.NDArray[Any]) -> HeldTable | None:
        """Return the table that has these values, if it is kept."""
        return next((held for held in self._tables.values() if held.table.values is values), None)
