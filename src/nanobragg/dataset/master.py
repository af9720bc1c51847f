"""The master file of a data set: its data files as one series of images, with the experiment of every shot."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone
from typing import Any

import numpy as np

from ..config.config import Config
from ..export.nexus_description import Description as Experiment
from ..export.nexus_description import shared
from ..geometry import FloatArray
from ..io.hdf5 import create_hdf5
from ..io.nexus_frames import link_data_files
from ..io.nexus_write import BeamRecord, Rotation, create_data_group, write_entry
from .description import Description
from .layout import Layout
from .tables import read_table

START = datetime(2000, 1, 1, tzinfo=timezone.utc)  # shots have no date, and the file shall not depend on today's


def write_master(plan: Description, layout: Layout, records: dict[int, dict[str, Any]]) -> None:
    """Write the master file. The geometry is that of the base, as an experimenter knows it; the beam is each shot's."""
    shots = read_table(layout.table("shots", block) for block in range(layout.blocks))
    base = plan.base
    dtype = np.dtype(records[0]["dtype"])
    experiment = Experiment([base])
    record = experiment.experiment(dtype, None, None, None, START)
    process = {**record.process, "data_set_seed": plan.seed}
    if base.noise is not None:
        process |= {"noise_seed": shots["noise_seed"].to_numpy()}
    record = dataclasses.replace(
        record, beam=_beam(base, record.beam, shots), rotation=_rotation(record.rotation, shots), process=process
    )
    names = [layout.data(block).name for block in range(layout.blocks)]
    lengths = [len(layout.numbers(block)) for block in range(layout.blocks)]
    with create_hdf5(layout.master) as master:
        group = create_data_group(master.root)
        link_data_files(group, names, lengths, base.detector.stacked_shape, dtype)
        write_entry(master.root, record, plan.n, dtype)


def _beam(base: Config, record: BeamRecord, shots: Any) -> BeamRecord:
    """Return the beam of the base with the wavelength, spectrum and flux of each shot."""
    fluence, exposure = shots["fluence_ph_m2"].to_numpy(), shots["exposure_s"].to_numpy()
    flux = record.total_flux
    if flux is not None and "beam.flux_ph_s" in shots.column_names:
        flux = shared(shots["beam.flux_ph_s"].to_numpy())
    return dataclasses.replace(
        record,
        wavelengths_A=shared(shots["wavelength_A"].to_numpy()),
        spectrum=_spectra(shots) if "beam.spectrum.weights" in shots.column_names else record.spectrum,
        flux_density=shared(fluence / exposure),
        total_flux=flux,
    )


def _spectra(shots: Any) -> tuple[FloatArray, FloatArray]:
    """Return wavelengths (Å, ascending) and weights of the shots, each (shots, channels), padded to one length."""
    rows = []
    for name in ("beam.spectrum.wavelengths_A", "beam.spectrum.weights"):
        rows.append([np.asarray(row, dtype=np.float64) for row in shots[name].to_pylist()])
    channels = max(map(len, rows[0]))
    wavelengths, weights = np.zeros((2, len(rows[0]), channels))
    for k, (line, weight) in enumerate(zip(*rows, strict=True)):
        order, missing = np.argsort(line), (0, channels - len(line))
        wavelengths[k] = np.pad(line[order], missing, mode="edge")
        weights[k] = np.pad(weight[order], missing)
    return wavelengths, weights


def _rotation(record: Rotation | None, shots: Any) -> Rotation | None:
    if record is None:
        return None
    start, width = shots["phi_start_deg"].to_numpy(), shots["phi_range_deg"].to_numpy()
    return dataclasses.replace(record, start_deg=start, end_deg=start + width)
