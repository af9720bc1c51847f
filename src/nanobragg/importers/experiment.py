"""An imported experiment: detector, beam, rotation and crystal, image by image."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..calls import public
from ..config.beam import Beam
from ..config.config import Config
from ..config.crystal import Crystal
from ..config.detector import Detector
from ..config.scan import Scan
from ..config.structure_factors import StructureFactors
from ..errors import ConfigError
from ..geometry import FloatArray, unit
from ..unit_cell import Cell, cell_from_vectors

FINEST_STEP_DEG = 0.02


@public
@dataclass(frozen=True, eq=False)
class Experiment:
    """An experiment from `read_expt` or `read_nxmx`: everything in a `Config` but the crystal's size and amplitudes.

    A crystal vector v at the goniometer's datum is S·R(φ)·F·v in the lab frame, with the fixed rotation F, the rotation
    R about `rotation_axis` and the setting rotation S. Source: dxtbx, model/goniometer.h.

    Attributes
    ----------
    detector
        Panels and sensor.
    beams
        One beam, or one per image.
    images
        Number of images of the scan; 1 for a still.
    start_deg, width_deg
        φ at the start of image 0, and the rotation during each image (0: a still).
    reciprocal
        a*, b*, c* as columns (Å⁻¹), shape (n, 3, 3): n is 1, or images + 1 for the boundaries of the images
        of a scan-varying crystal. None: no crystal.
    rotation_axis, fixed_rotation, setting_rotations
        The goniometer; settings of shape (n, 3, 3). Default: rotation about x without fixed and setting rotation.
    space_group
        Hermann-Mauguin symbol; empty if unknown.
    mosaic
        Fields of `Crystal` that describe its mosaicity.
    groups : dict
        Numbers of the panels of every group in DIALS' hierarchy, by its name: for `refine(…, groups=…)`.
    image_set
        Number of its images, with their beam and detector, in the file; that of all crystals of the same images.
    """

    detector: Detector
    beams: tuple[Beam, ...]
    images: int = 1
    start_deg: float = 0.0
    width_deg: float = 0.0
    reciprocal: FloatArray | None = None
    rotation_axis: FloatArray = field(default_factory=lambda: np.array([1.0, 0.0, 0.0]))
    fixed_rotation: FloatArray = field(default_factory=lambda: np.eye(3))
    setting_rotations: FloatArray = field(default_factory=lambda: np.eye(3)[np.newaxis])
    space_group: str = ""
    mosaic: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, tuple[int, ...]] = field(default_factory=dict)
    image_set: int = 0

    @property
    def cell(self) -> Cell:
        """a b c (Å) α β γ (degrees) of the first (or only) crystal matrix."""
        return cell_from_vectors(np.linalg.inv(self._matrices()[0]))

    def a_matrix(self, image: int = 0) -> FloatArray:
        """Return a*, b*, c* as columns in the lab frame at φ = 0 for an image: S·F·U·B.

        For scan-varying models this is the mean over the two boundaries of the image.

        Parameters
        ----------
        image
            Counted from 0 within the scan.

        Returns
        -------
        ndarray, shape (3, 3)
            Å⁻¹.

        Raises
        ------
        ConfigError
            An invalid image number, or no crystal.
        """
        setting = self._setting(image)
        product: FloatArray = setting @ self.fixed_rotation @ _in_the_middle(self._matrices(), image)
        return product

    def spindle_axis(self, image: int = 0) -> FloatArray:
        """Return the rotation axis of an image.

        Parameters
        ----------
        image
            Counted from 0 within the scan.

        Returns
        -------
        ndarray, shape (3,)
            Unit vector in the lab frame.

        Raises
        ------
        ConfigError
            An invalid image number.
        """
        return unit(self._setting(image) @ self.rotation_axis)

    def beam(self, image: int = 0) -> Beam:
        """Return the beam of an image.

        Parameters
        ----------
        image
            Counted from 0 within the scan.

        Returns
        -------
        Beam
            Wavelength or spectrum, direction and polarization.

        Raises
        ------
        ConfigError
            An invalid image number.
        """
        number = self._checked(image)
        return self.beams[0 if len(self.beams) == 1 else number]

    def scan(self, image: int = 0, phi_steps: int | None = None) -> Scan:
        """Return the rotation during an image.

        Parameters
        ----------
        image
            Counted from 0 within the scan.
        phi_steps
            Number of equal parts in whose centres φ is sampled; default: parts of at most 0.02°.

        Returns
        -------
        Scan
            Scan of one image; a still has no range.

        Raises
        ------
        ConfigError
            An invalid image number.
        """
        start = self.start_deg + self._checked(image) * self.width_deg
        if self.width_deg == 0:
            return Scan(start_deg=start)
        steps = phi_steps or max(1, math.ceil(self.width_deg / FINEST_STEP_DEG - 1e-9))
        return Scan(start_deg=start, range_deg=self.width_deg, steps=steps)

    def crystal(self, image: int = 0, **fields: Any) -> Crystal:
        """Return the crystal in its orientation at φ = 0 for an image.

        Parameters
        ----------
        image
            Counted from 0 within the scan.
        **fields
            Other fields of `Crystal`; they override those of the file.

        Returns
        -------
        Crystal
            Crystal with matrix, spindle and mosaicity of the file.

        Raises
        ------
        ConfigError
            An invalid image number, or no crystal.
        """
        rows = tuple(tuple(row) for row in self.a_matrix(image).tolist())
        spindle = tuple(self.spindle_axis(image).tolist())
        return Crystal(**{"matrix": rows, "spindle_axis": spindle, **self.mosaic, **fields})

    def config(
        self,
        structure_factors: StructureFactors,
        image: int = 0,
        *,
        phi_steps: int | None = None,
        crystal: Crystal | None = None,
        **fields: Any,
    ) -> Config:
        """Return the `Config` of one image.

        Parameters
        ----------
        structure_factors
            Structure factors of the crystal.
        image
            Counted from 0 within the scan.
        phi_steps
            Orientations per image; default: one per 0.02° or less.
        crystal
            Replaces the crystal of the experiment.
        **fields
            Other fields of `Crystal`: n_cells or size_mm, shape, mosaic_domains, …

        Returns
        -------
        Config
            The Config; use `replace` for fluence, sampling and background.

        Raises
        ------
        ConfigError
            An invalid image number, or no crystal.
        """
        if crystal is not None and crystal.spindle_axis is None:
            fields = {"spindle_axis": tuple(self.spindle_axis(image).tolist()), **fields}
        return Config(
            crystal=self.crystal(image, **fields) if crystal is None else crystal.replace(**fields),
            structure_factors=structure_factors,
            beam=self.beam(image),
            detector=self.detector,
            scan=self.scan(image, phi_steps),
        )

    def _checked(self, image: int) -> int:
        if not 0 <= image < self.images:
            raise ConfigError(f"image = {image}: the experiment has images 0 to {self.images - 1}")
        return image

    def _matrices(self) -> FloatArray:
        if self.reciprocal is None:
            raise ConfigError("Experiment: has no crystal; give crystal=Crystal(…), or index the images first")
        return self.reciprocal

    def _setting(self, image: int) -> FloatArray:
        middle = _in_the_middle(self.setting_rotations, self._checked(image))
        left, _, right = np.linalg.svd(middle)  # nearest rotation to the mean of two
        rotation: FloatArray = left @ right
        return rotation


def _in_the_middle(values: FloatArray, image: int) -> FloatArray:
    """Return the only value, or the mean over the two boundaries of an image."""
    middle: FloatArray = values[0] if len(values) == 1 else (values[image] + values[image + 1]) / 2
    return middle
