"""The Parquet tables of a data set: what varied, and the truth about shots, crystals and spots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..config.base import Model
from ..config.panel import Panel
from ..config.spectrum import Spectrum
from ..constants import RADIAN_IN_DEGREES
from ..errors import ConfigError
from ..io.atomic import atomic_write
from .description import Description
from .shot import CrystalTruth, Shot, UnexposedShot

SPOT_COLUMNS = ("panel", "fast_px", "slow_px", "photons", "partiality", "d_A", "amplitude", "phi_deg")
SHOT_TYPES = {
    "shot": "int64", "file": "string", "frame": "int32", "crystals": "int32", "wavelength_A": "double",
    "fluence_ph_m2": "double", "exposure_s": "double", "phi_start_deg": "double", "phi_range_deg": "double",
    "photons": "double", "noise_seed": "uint64",
}  # fmt: skip
CRYSTAL_TYPES = {
    "shot": "int64", "crystal": "int32", **dict.fromkeys(("a", "b", "c", "alpha", "beta", "gamma"), "double"),
    "A": "list", "U": "list", "blocks": "double", "wavelength_A": "double", "photons": "double", "spots": "int32",
}  # fmt: skip
SPOT_TYPES = {
    "shot": "int64", "crystal": "int32", "h": "int32", "k": "int32", "l": "int32",
    **{name: "int32" if name == "panel" else "double" for name in SPOT_COLUMNS},
}  # fmt: skip


def import_pyarrow() -> Any:
    """Return PyArrow with its Parquet module; raise `ConfigError` if it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigError(f"tables of a data set: need pyarrow ({error}); pip install 'nanobragg[dataset]'") from None
    return pyarrow


class Tables:
    """Rows of the tables, collected while shots are made.

    Parameters
    ----------
    plan
        The description, which decides the columns.
    spots
        Whether to collect the table of spots too.
    """

    def __init__(self, plan: Description, *, spots: bool) -> None:
        sample = plan.sample()
        self._varied = _columns(sample.shot), _columns(sample.crystals[0])
        self._spots = spots
        self._shots: list[dict[str, Any]] = []
        self._crystals: list[dict[str, Any]] = []
        self._spot_parts: list[dict[str, Any]] = []

    def add_crystals(self, shot: UnexposedShot) -> None:
        """Add the rows of the crystals of a shot, and of their spots."""
        for i, truth in enumerate(shot.truth):
            values = _cells(shot.values.crystals[truth.number])
            self._crystals.append({"shot": shot.number, "crystal": i, **_truth(truth), **values})
            if self._spots:
                self._spot_parts.append(_spots(shot.number, i, truth))

    def add(self, shot: Shot, file: str, frame: int) -> None:
        """Add the row of a shot, which is image `frame` of a data file."""
        config = shot.config
        self._shots.append({
            "shot": shot.number, "file": file, "frame": frame, "crystals": len(shot.truth),
            "wavelength_A": shot.wavelength_A, "fluence_ph_m2": config.beam.fluence,
            "exposure_s": config.beam.exposure_s, "phi_start_deg": config.scan.start_deg,
            "phi_range_deg": config.scan.resolved().range * RADIAN_IN_DEGREES, "photons": shot.photons,
            "noise_seed": shot.noise_seed, **_cells(shot.values.shot),
        })  # fmt: skip

    def write(self, paths: Mapping[str, Path]) -> None:
        """Write the tables "shots", "crystals" and, if they were collected, "spots"."""
        shot_columns, crystal_columns = self._varied
        _write(paths["shots"], _by_column(self._shots, SHOT_TYPES | shot_columns), SHOT_TYPES | shot_columns)
        types = CRYSTAL_TYPES | crystal_columns
        _write(paths["crystals"], _by_column(self._crystals, types), types)
        if self._spots:
            parts = [*self._spot_parts, {name: np.empty(0) for name in SPOT_TYPES}]
            _write(paths["spots"], {name: np.concatenate([p[name] for p in parts]) for name in SPOT_TYPES}, SPOT_TYPES)


def _truth(truth: CrystalTruth) -> dict[str, Any]:
    lattice = truth.orientation
    return {
        **dict(zip(("a", "b", "c", "alpha", "beta", "gamma"), lattice.cell, strict=True)),
        "A": lattice.A.ravel().tolist(), "U": lattice.U.ravel().tolist(), "blocks": truth.scene.blocks,
        "wavelength_A": truth.wavelength_A, "photons": float(truth.spots.photons.sum()), "spots": len(truth.spots),
    }  # fmt: skip


def _spots(shot: int, crystal: int, truth: CrystalTruth) -> dict[str, Any]:
    spots = truth.spots
    columns = {name: getattr(spots, name) for name in SPOT_COLUMNS} | dict(zip("hkl", spots.hkl.T, strict=True))
    return columns | {"shot": np.full(len(spots), shot), "crystal": np.full(len(spots), crystal)}


def _columns(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the types of the columns for values that vary, from a sample of them."""
    types = {}
    for name, value in _cells(values).items():
        kind = "list" if isinstance(value, list) else "string" if isinstance(value, str) else "double"
        types[name] = kind
    return types


def _cells(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that vary as entries of a table: numbers, texts and lists of numbers."""
    cells: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Spectrum):
            lines = value.lines
            cells[f"{name}.wavelengths_A"] = lines.wavelengths_A.tolist()
            cells[f"{name}.weights"] = lines.weights.tolist()
        elif isinstance(value, (list, tuple, np.ndarray)):
            cells[name] = _flat(value)
        elif value is None or isinstance(value, (bool, int, float, np.number)):
            cells[name] = None if value is None else float(value)
        else:
            cells[name] = repr(value) if isinstance(value, Model) else str(value)
    return cells


def _flat(value: Any) -> list[float] | str:
    """Return the numbers of an array or of panels (origin in mm, fast, slow) in a list; a text if there are others."""
    if len(value) and all(isinstance(each, Panel) for each in value):
        value = [(*panel.origin_mm, *panel.fast_axis, *panel.slow_axis) for panel in value]
    try:
        return np.asarray(value, dtype=np.float64).ravel().tolist()
    except (TypeError, ValueError):
        return str(value)


def _by_column(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> dict[str, list[Any]]:
    return {name: [_fitting(row.get(name), kind) for row in rows] for name, kind in types.items()}


def _fitting(value: Any, kind: str) -> Any:
    """Return an entry of a column; a text where the column is of texts, None where another kind does not fit."""
    if value is None or kind in ("int64", "int32", "uint64"):
        return value
    if kind == "string":
        return str(value)
    return value if isinstance(value, list) is (kind == "list") and not isinstance(value, str) else None


def _write(path: Path, columns: Mapping[str, Any], types: Mapping[str, str]) -> None:
    """Write a table atomically; its bytes depend on the values only."""
    pa = import_pyarrow()
    schema = pa.schema([
        (name, pa.list_(pa.float64()) if kind == "list" else pa.type_for_alias(kind)) for name, kind in types.items()
    ])  # fmt: skip
    arrays = [pa.array(columns[field.name], field.type) for field in schema]
    with atomic_write(path) as file:
        pa.parquet.write_table(pa.Table.from_arrays(arrays, schema=schema), file, compression="zstd")


def read_table(paths: Iterable[Path]) -> Any:
    """Return the parts of a table as one PyArrow table."""
    pa = import_pyarrow()
    return pa.concat_tables([pa.parquet.read_table(path) for path in paths])
