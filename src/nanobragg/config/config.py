"""The Config: a complete description of an experiment, validated, with its TOML form."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from ..bounds import number, whole
from ..constants import EV_ANGSTROM
from ..errors import ConfigError, NanobraggError, without_warnings
from .background import Background
from .base import Model, changed_fields
from .beam import Beam
from .compat_checks import check_compat
from .crystal import Crystal
from .damage import Damage, check_damage, damaged_parts
from .detector import Detector
from .lattices import check_bandwidth, check_crystals, lattices_of
from .noise import Noise
from .python_script import python_script
from .region import Region, region_limits
from .sampling import Sampling
from .scan import Scan
from .structure_factors import StructureFactors
from .toml import read_toml, write_toml
from .toml_parts import build_parts

if TYPE_CHECKING:
    from typing_extensions import Self

MOST_IMAGES = 100_000  # of a series


class Config(Model):
    """A complete experiment. Immutable; `replace` returns a changed copy.

    Attributes
    ----------
    crystal, structure_factors, beam, detector, scan, sampling, background
        Parts of the experiment, one class each.
    crystals
        Several crystals in the beam, in place of `crystal`, which is then the first of them.
    fractions
        Factor of the photons of each of them, in place of 1.
    factors_of_crystals
        Structure factors of each of them, in place of `structure_factors` for all.
    damage, dose_MGy
        What radiation does to all crystals, and the dose (MGy) that they have absorbed by the middle of the exposure.
    noise
        How the detector records photons, for `add_noise` and `nanobragg simulate`; rendering ignores it.
    roi
        Two slices (slow, fast), as an image is indexed: `np.s_[100:200, :50]`; pixels outside stay zero.
    compat
        None: the physics of docs/theory.md. "c": exactly what nanoBragg.c computes, with the quirks of docs/quirks.md.
    """

    crystal: Crystal
    structure_factors: StructureFactors
    beam: Beam = Beam()
    detector: Detector
    scan: Scan = Scan()
    sampling: Sampling = Sampling()
    background: Background = Background()
    crystals: tuple[Crystal, ...] | None = None
    fractions: tuple[float, ...] | None = None
    factors_of_crystals: tuple[StructureFactors, ...] | None = None
    damage: Damage | None = None
    dose_MGy: float = Field(default=0.0, ge=0)
    noise: Noise | None = None
    roi: Region | None = None
    compat: Literal["c"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _first_of_several(cls, fields: Any) -> Any:
        """Complete crystal and structure factors by the first of several."""
        for one, several in (("crystal", "crystals"), ("structure_factors", "factors_of_crystals")):
            if isinstance(fields, dict) and isinstance(fields.get(several), (list, tuple)) and fields[several]:
                fields = {one: fields[several][0], **fields}
        return fields

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        check_crystals(self)
        check_bandwidth(self)
        check_damage(self)
        if self.roi is not None:
            region_limits(self.roi, self.detector.panels[0].pixels)
        if not self.crystal.has_cell and not self.structure_factors.may_know_cell:
            raise ConfigError("Crystal: give a cell (a, b, c, alpha, beta, gamma), a matrix or a matrix_path")
        check_compat(self)
        return self

    def replace(self, changes: Mapping[str, Any] | None = None, /, **fields: Any) -> Self:
        """Return a changed copy, as that of other models; new `crystals` replace `crystal` as well."""
        given = {**changes, **fields} if isinstance(changes, Mapping) else fields
        for one, several in (("crystal", "crystals"), ("structure_factors", "factors_of_crystals")):
            if given.get(several) and one not in given:
                fields[one] = given[several][0]
        return super().replace(changes, **fields)

    def lattices(self) -> list[Config]:
        """Return a Config for each lattice in the beam: the crystals, and the individuals of each twin.

        Their images add up to that of this Config; the background is that of the first.

        Returns
        -------
        list of Config
            This one alone if it has one lattice.
        """
        return lattices_of(self)

    def series(self, count: int, *, dose_per_image_MGy: float = 0.0) -> list[Config]:
        """Return the Configs of a series: each image starts at the angle, and the dose, where the previous one ended.

        Parameters
        ----------
        count
            Number of images. The first is this Config; `Scan.width_deg` is the width of each.
        dose_per_image_MGy
            Dose of the exposure of one image, MGy: image i = 0, 1, … has the dose in its middle, `dose_MGy` + (i + ½)
            times this one. A still can be repeated with a dose.

        Returns
        -------
        list of Config
            One for each image.

        Raises
        ------
        ConfigError
            `count` below 1, a still scan without a dose, or a dose without `damage`.
        """
        width = self.scan.width_deg
        count = whole("series: count", count, 1, MOST_IMAGES)
        dose = number("series: dose_per_image_MGy", dose_per_image_MGy, 0.0, field="Config.dose_MGy")
        if count > 1 and width == 0 and dose == 0:
            raise ConfigError("Scan.range_deg: a series needs the width of an image in degrees")
        start = self.scan.start_deg
        images = [self.replace(scan=self.scan.replace(start_deg=start + i * width)) for i in range(count)]
        if dose == 0:
            return images
        return [each.replace(dose_MGy=self.dose_MGy + (i + 0.5) * dose) for i, each in enumerate(images)]

    def damaged(self) -> Config:
        """Return this Config as its dose has left it: with changed crystals and amplitudes in place of `damage`.

        Rendering does this by itself.

        Returns
        -------
        Config
            `self` without `damage`.

        Raises
        ------
        ConfigError
            A crystal has no cell, or amplitudes of so many reflections do not fit into memory.
        """
        if self.damage is None:
            return self
        undamaged = self.replace(damage=None, dose_MGy=0.0)
        if self.dose_MGy == 0:
            return undamaged
        if self.crystals is None:
            crystal, factors = damaged_parts(self.resolved())
            return undamaged.replace(crystal=crystal, structure_factors=factors)
        listed = self.factors_of_crystals or (self.structure_factors,) * len(self.crystals)
        alone = {"crystals": None, "fractions": None, "factors_of_crystals": None}
        parts = [
            damaged_parts(self.replace(alone, crystal=one, structure_factors=factors).resolved())
            for one, factors in zip(self.crystals, listed, strict=True)
        ]
        crystals, changed = zip(*parts, strict=True)
        return undamaged.replace(crystals=crystals, factors_of_crystals=changed)

    def resolved(self) -> Config:
        """Return this Config with what follows from its other parts.

        The cell is taken from the structure factors, these at the energy of the beam, and likewise the attenuation of
        the sensor from its material. A dose is left to `damaged`.

        Returns
        -------
        Config
            `self` if nothing changes.

        Raises
        ------
        ConfigError
            Neither the crystal nor the structure factors have a cell.
        """
        factors = self.structure_factors.at_energy(EV_ANGSTROM / self.beam.wavelength)
        changes: dict[str, Model] = {}
        if factors is not self.structure_factors:
            changes["structure_factors"] = factors
        detector = self.detector if self.compat == "c" else self.detector.resolved(self.beam.wavelength)
        if detector is not self.detector:
            changes["detector"] = detector
        if not self.crystal.has_cell:
            if factors.known_cell is None:
                raise ConfigError(f"{factors.path}: does not hold a cell; give Crystal.cell or StructureFactors.cell")
            changes["crystal"] = self.crystal.replace(cell=factors.known_cell)
        return self.replace(**changes) if changes else self

    def to_flags(self, folder: str | os.PathLike[str] = ".") -> list[str]:
        """Return the C program's flags for this experiment (`nanobragg.config_to_flags`).

        Parameters
        ----------
        folder
            An existing folder for the files that flags name.

        Returns
        -------
        list of str
            Flags without the program's name and outputs; `shlex.join` makes a line of them.

        Raises
        ------
        ConfigError, FileError
            The flags cannot express a field, or a file named by the Config is missing.
        """
        from ..nanobragg_c.flags.config_to_flags import config_to_flags

        return config_to_flags(self, folder)

    def to_python(self) -> str:
        """Return a Python script that makes this Config and assigns it to the name `config`.

        Returns
        -------
        str
            The script; long arrays are packed into it.
        """
        return python_script(self)

    def _repr_html_(self) -> str:
        """Return the resolved experiment as a table, or its fields if it cannot be resolved."""
        from ..scene.scene import Scene

        try:
            with without_warnings():
                return Scene(self)._repr_html_().replace("Scene", "Config", 1)
        except (NanobraggError, MemoryError):
            return super()._repr_html_()

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Config:
        """Read a TOML file; paths in it are relative to its folder (docs/guide/toml.md describes all entries).

        Parameters
        ----------
        path
            The file.

        Returns
        -------
        Config
            The experiment of the file.

        Raises
        ------
        FileError
            The file, or the .npz of its arrays, cannot be opened or read.
        FormatError
            The file is not valid TOML.
        ConfigError
            A field is unknown, missing or invalid; the message names it.
        """
        return cls(**build_parts(read_toml(Path(path))))

    def to_toml(self, path: str | os.PathLike[str]) -> None:
        """Write a TOML file, and arrays to an .npz file of the same name.

        Fields with their default values are left out. Files are written atomically.

        Parameters
        ----------
        path
            The TOML file.

        Raises
        ------
        FileError
            A file cannot be written.
        """
        write_toml(changed_fields(self), Path(path))
