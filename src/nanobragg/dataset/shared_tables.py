"""Structure factors in files that the workers of a machine map into memory, so that one copy serves all of them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..config.structure_factors import StructureFactors
from ..io.atomic import atomic_write
from ..scene.kernel_input import float32_precision
from ..scene.scene import Scene
from ..structure_factors.tables import HeldTable, Limits, Table
from .description import Description

NAMES = ("indices", "amplitudes", "table", "bounds")


class SharedTables(NamedTuple):
    """The structure factors of a data set's base in files.

    Attributes
    ----------
    folder
        Folder of the files, which all workers can read.
    fields
        The other fields of the structure factors.
    limits
        Range of the indices in the table.
    lookup, largest
        Kind of lookup that the bounds are for, and the largest |F|² that they are a share of.
    """

    folder: Path
    fields: dict[str, Any]
    limits: Limits
    lookup: str
    largest: float

    def attached_to(self, plan: Description) -> Description:
        """Return a description whose base has the structure factors of these files."""
        factors = _mapped(str(self.folder), tuple(self.fields.items()), self.limits, self.lookup, self.largest)
        return with_factors(plan, factors)


def share_tables(plan: Description, folder: Path) -> SharedTables | None:
    """Write the structure factors of the base to files in a folder.

    None if they are not listed, depend on the energy, have phases, vary from shot to shot, or are of one of several
    crystals: each worker then has its own.
    """
    factors = plan.base.resolved().structure_factors
    own = any(name.partition(".")[0] == "structure_factors" for name in plan.vary)
    apart = factors.has_energy_axis or factors.is_phased or plan.base.factors_of_crystals is not None
    if own or plan.base.structure_factors.needs_beam_energy or apart or factors.listing is None:
        return None
    fields: dict[str, Any] = {
        "cell": factors.known_cell,
        "default_F": factors.default_F,
        "interpolate": factors.interpolate,
    }
    indices, amplitudes = factors.scattering_list
    whole = StructureFactors.model_construct(indices=indices, amplitudes=amplitudes, **fields)
    base = plan.base
    plain = [each.replace(diffuse=None) for each in base.crystals or (base.crystal,)]  # with the listed amplitudes
    crystals = {"crystal": plain[0]} if base.crystals is None else {"crystals": plain}
    scene = Scene(base.replace(structure_factors=whole, **crystals, damage=None, dose_MGy=0.0))
    dtype = np.float64 if float32_precision(scene) == "double" else np.float32
    held = HeldTable(whole.tables([0.0], dtype=dtype), {})
    whole.hold(held)
    scene.culling_plan("float32")  # derives the bounds
    ((lookup, (bounds, largest)),) = held.bounds.items()
    for name, array in zip(NAMES, (indices, amplitudes, held.table.values, bounds), strict=True):
        with atomic_write(folder / f"{name}.npy") as file:
            np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
    return SharedTables(folder, fields, held.table.limits, lookup, largest)


def with_factors(plan: Description, factors: StructureFactors) -> Description:
    """Return a description with other structure factors in its base, without validating its entries anew."""
    copy = plan.__class__.model_construct(**{name: getattr(plan, name) for name in type(plan).model_fields})
    copy.__dict__["base"] = plan.base.replace(structure_factors=factors)
    return copy


@lru_cache(maxsize=1)
def _mapped(
    folder: str, fields: tuple[tuple[str, Any], ...], limits: Limits, lookup: str, largest: float
) -> StructureFactors:
    """Return structure factors whose arrays are files that are mapped into memory; one object for a process."""
    indices, amplitudes, values, bounds = (
        _plain(np.load(Path(folder) / f"{name}.npy", mmap_mode="r")) for name in NAMES
    )
    factors = StructureFactors.model_construct(indices=indices, amplitudes=amplitudes, **dict(fields))
    factors.hold(HeldTable(Table(values, limits), {lookup: (bounds, largest)}))
    return factors


def _plain(array: Any) -> npt.NDArray[Any]:
    """Return a mapped array as an ordinary one, which shares its memory."""
    plain: npt.NDArray[Any] = np.asarray(array).view(np.ndarray)
    return plain
