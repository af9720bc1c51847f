"""The detector: panels in the lab frame and their sensor (docs/geometry.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, model_validator

from ..bounds import number
from ..constants import EV_ANGSTROM
from ..detectors.catalogue import DESIGNS, Design, find_design, gap_mask
from ..detectors.conventions import CONVENTIONS, ConventionName, Pivot
from ..detectors.sensor import MATERIALS, attenuation_per_mm, sensor_fields, stopping_depth_mm
from ..errors import ConfigError
from ..geometry import Vector, as_vector, unit
from .base import MaskArray, Model
from .beamstop import Beamstop
from .flat_panel import FlatPanelParameters, NominalGeometry
from .panel import Panel

if TYPE_CHECKING:
    from typing_extensions import Self

MOVES = ("distance_mm", "beam_center_mm", "rotation_deg", "shift_mm")  # of Detector.moved


class Detector(Model):
    """A detector: panels in the lab frame, the sensor that they share, and a mask.

    Attributes
    ----------
    panels
        One or more panels. Images of several panels have a panel axis in front.
    convention
        Convention of the lab frame; supplies beam, polarization and spindle directions that are not given.
    sensor_thickness_um, sensor_layers, attenuation_um
        Thickness of the sensor, number of layers that it is divided into, and attenuation depth 1/µ (not given: that of
        the `sensor_material` at the beam's wavelength, otherwise the thickness; infinity: nothing is absorbed). Without
        a thickness every photon is counted.
    sensor_depth_um
        Depth of the first layer below the surface that the panels describe; default: the mean depth of absorption, or
        with `sensor_layers` the surface.
    curved
        Bend all panels onto the sphere around the sample with the radius of the detector's distance, layers of the
        sensor included: rays have no parallax there.
    point_pixel
        Omit pixel area and obliquity from the solid angle: ω = 1/R² (m⁻²).
    mask
        Array of the image's shape, or path of an SMV mask; zero: not rendered.
    beamstop
        Disc that shades the direct beam; None: there is none.
    nominal
        Geometry of the only panel as image headers state it; set by `Detector.flat` and by C flags.
    sensor_material
        "Si", "CdTe", "GaAs" or "Gd2O2S", for the attenuation; other names are metadata for files.
    name, saturation_adu
        Metadata for files, and the level at which pixels saturate (for `add_noise`); rendering ignores them.
    """

    panels: tuple[Panel, ...] = Field(min_length=1)
    convention: ConventionName = "mosflm"
    sensor_thickness_um: float | None = Field(default=0.0, ge=0)
    sensor_layers: int | None = Field(default=None, ge=1)
    attenuation_um: float | None = Field(default=None, gt=0, allow_inf_nan=True)
    sensor_depth_um: float | None = Field(default=None, ge=0)
    curved: bool = False
    point_pixel: bool = False
    mask: MaskArray | Path | None = None
    beamstop: Beamstop | None = None
    nominal: NominalGeometry | None = None
    name: str = ""
    sensor_material: str = ""
    saturation_adu: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _same_shapes(self) -> Detector:
        shapes = {panel.pixels for panel in self.panels}
        if len(shapes) > 1:
            raise ConfigError(f"Detector.panels: must all have the same number of pixels, got {sorted(shapes)}")
        if isinstance(self.mask, np.ndarray) and self.mask.shape != self.shape:
            raise ConfigError(f"Detector.mask: shape {self.mask.shape} is not the image's {self.shape}")
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an image: (slow, fast), or (panels, slow, fast) for several panels."""
        pixels = self.panels[0].pixels
        return pixels if len(self.panels) == 1 else (len(self.panels), *pixels)

    @property
    def stacked_shape(self) -> tuple[int, int]:
        """Shape (slow, fast) of an image whose panels are stacked along the slow axis, as in files."""
        slow, fast = self.panels[0].pixels
        return len(self.panels) * slow, fast

    @property
    def depth_um(self) -> float:
        """Depth of the first sensor layer below the surface of the panels, resolved."""
        if self.sensor_depth_um is not None:
            return self.sensor_depth_um
        if self.sensor_layers is not None or not self.sensor_thickness_um:
            return 0.0
        attenuation = self.sensor_thickness_um if self.attenuation_um is None else self.attenuation_um
        return 1000.0 * stopping_depth_mm(1000.0 / attenuation, self.sensor_thickness_um / 1000.0)

    def resolved(self, wavelength_A: float) -> Detector:
        """Return this detector with the attenuation of its sensor's material at a wavelength, if none is given."""
        if not self.sensor_thickness_um or self.attenuation_um is not None or self.sensor_material not in MATERIALS:
            return self
        changed: Detector = self.replace(attenuation_um=1000.0 / attenuation_per_mm(self.sensor_material, wavelength_A))
        return changed

    def moved(
        self,
        *,
        distance_mm: float | None = None,
        beam_center_mm: tuple[float, float] | None = None,
        rotation_deg: Vector = (0.0, 0.0, 0.0),
        pivot: Pivot = "beam",
        shift_mm: Vector = (0.0, 0.0, 0.0),
        beam_direction: Vector | None = None,
    ) -> Detector:
        """Return the detector moved as a whole.

        Parameters
        ----------
        distance_mm
            New distance from the sample along the beam to the nearest panel; the beam spot stays where it is.
        beam_center_mm
            New X, Y of the beam in the convention's coordinates, for one panel.
        rotation_deg
            Rotation about lab x, then y, then z, in addition to the present one.
        pivot
            Point that the rotation keeps in place: the "beam" spot of the nearest panel, or the "sample".
        shift_mm
            Translation in the lab frame, after all else.
        beam_direction
            Lab vector; default: that of the convention.

        Returns
        -------
        Detector
            A detector with moved panels; the rest is unchanged.

        Raises
        ------
        ConfigError
            A distance that is not positive, a beam that meets no panel, or a beam centre of several panels.
        """
        from .moved_detector import move

        beam = unit(beam_direction or CONVENTIONS[self.convention].beam, "beam_direction")
        panels, nominal = move(
            self.panels, self.nominal, self.convention, beam, distance_mm=distance_mm, beam_center_mm=beam_center_mm,
            rotation_deg=rotation_deg, pivot=pivot, shift_mm=shift_mm,
        )  # fmt: skip
        return super().replace(panels=panels, nominal=nominal)

    def perturbed(self, seed: int, *, shift_um: float | Vector = 0.0, rotation_mrad: float | Vector = 0.0) -> Detector:
        """Return the detector with its panels slightly out of place, as those of a real one are.

        Parameters
        ----------
        seed
            Seed of the random numbers, 0 or more; one per detector.
        shift_um, rotation_mrad
            Standard deviations of normally distributed shifts along a panel's fast, slow and normal axis, and of
            rotations about them through the panel's centre; one number for all three, or three.

        Returns
        -------
        Detector
            A detector whose panels differ from these; `nominal` still states where they should be.

        Raises
        ------
        ConfigError
            A negative or invalid standard deviation or seed.
        """
        from .moved_detector import perturb

        return super().replace(panels=perturb(self.panels, seed, shift_um, rotation_mrad))

    def replace(self, changes: Mapping[str, Any] | None = None, /, **fields: Any) -> Self:
        """Return a changed copy; distance_mm, beam_center_mm, rotation_deg and shift_mm move it as `moved` does."""
        given = {**(changes or {}), **fields}
        moves = {name: given.pop(name) for name in MOVES if name in given}
        changed = super().replace(given)
        return changed.moved(**moves) if moves else changed  # type: ignore[return-value]

    @classmethod
    def _parameters(cls) -> Iterable[str]:
        return FlatPanelParameters.model_fields

    def _shown(self) -> dict[str, Any]:
        return {name: value for name, value in super()._shown().items() if name != "nominal"}

    @classmethod
    def flat(
        cls,
        *,
        distance_mm: float | None = None,
        close_distance_mm: float | None = None,
        pixels: int | tuple[int, int] = (1024, 1024),
        pixel_mm: float = 0.1,
        convention: ConventionName = "mosflm",
        beam_center_mm: tuple[float, float] | None = None,
        org_px: tuple[float, float] | None = None,
        pivot: Pivot | None = None,
        rotation_deg: Vector = (0.0, 0.0, 0.0),
        twotheta_deg: float = 0.0,
        twotheta_axis: Vector | None = None,
        fast_axis: Vector | None = None,
        slow_axis: Vector | None = None,
        normal_axis: Vector | None = None,
        beam_direction: Vector | None = None,
        **sensor: object,
    ) -> Detector:
        """Return a detector of one flat panel, placed by the convention of a data-processing program.

        Parameters
        ----------
        distance_mm, close_distance_mm
            Distance from sample to detector along the beam (default 100 mm), or along the panel's normal; not both.
        pixels
            Number of pixels (slow, fast), or one number for both.
        pixel_mm
            Edge of a pixel.
        convention
            "mosflm", "denzo", "adxv", "xds", "dials" or "custom": lab frame, meaning of the beam centre, pivot.
        beam_center_mm
            X, Y in the convention's coordinates; default: the middle of the panel.
        org_px
            ORGX, ORGY of XDS: the point of the panel nearest to the sample, in pixels; default: the beam spot.
        pivot
            Point that rotations keep in place: the "beam" spot or the "sample"; default: that of the convention.
        rotation_deg, twotheta_deg
            Rotations about lab x, y, z, then about `twotheta_axis`.
        fast_axis, slow_axis, normal_axis, twotheta_axis, beam_direction
            Lab vectors in place of those of the convention.
        **sensor
            Other fields of `Detector`: sensor_thickness_um, mask, curved, …

        Returns
        -------
        Detector
            The detector; `nominal` holds the geometry for image headers.

        Raises
        ------
        ConfigError
            An invalid size, distance or vector.
        """
        parameters = FlatPanelParameters(
            distance_mm=distance_mm, close_distance_mm=close_distance_mm, pixels=pixels, pixel_mm=pixel_mm,
            convention=convention, beam_center_mm=beam_center_mm, org_px=org_px, pivot=pivot,
            rotation_deg=rotation_deg, twotheta_deg=twotheta_deg, twotheta_axis=twotheta_axis,
            fast_axis=fast_axis, slow_axis=slow_axis, normal_axis=normal_axis, beam_direction=beam_direction,
        )  # fmt: skip
        for name in ("panels", "nominal"):
            if name in sensor:
                raise ConfigError(f"Detector.{name}: is set by Detector.flat; leave it out")
        panel, nominal = parameters.place()
        return cls(panels=(panel,), convention=convention, nominal=nominal, **sensor)

    @classmethod
    def named(
        cls, name: str, *, wavelength_A: float | None = None, energy_eV: float | None = None, **placement: Any
    ) -> Detector:
        """Return a detector of the catalogue, placed as `Detector.flat` places a panel of its size.

        ================= ================================================= ================== ============ ============
        name              pixels (slow, fast)                               modules; gaps      sensor       saturation
        ================= ================================================= ================== ============ ============
        EIGER             500K 514 x 1030, 1M 1065 x 1030, 4M 2167 x 2070,  514 x 1030; 37, 10 Si 450 µm    65535 [1]_
        .                 9M 3269 x 3110, 16M 4371 x 4150; 75 µm
        EIGER2            500K 512 x 1028, 1M 1062 x 1028, 4M 2162 x 2068,  512 x 1028; 38, 12 Si 450 µm    65535 [1]_
        .                 9M 3262 x 3108, 16M 4362 x 4148; 75 µm
        PILATUS, PILATUS3 100K 195 x 487, 200K 407 x 487, 300K 619 x 487,   195 x 487; 17, 7   Si 320 µm,   1048575 [2]_
        .                 300K-W 195 x 1475, 1M 1043 x 981,                                    450 µm
        .                 2M 1679 x 1475, 6M 2527 x 2463; 172 µm
        PILATUS4          1M 1080 x 1033, 2M 1630 x 1553, 4M 2180 x 2073;   255 x 513; 20, 7   Si 450 µm    1048575 [7]_
        .                 150 µm
        JUNGFRAU          0.5M, 1M, 4M, 16M: 1, 2, 8 and 32 panels of       gap 36; 4M and 16M Si 320 µm    10⁴ [3]_
        .                 514 x 1030; 75 µm                                 shifted
        Rayonix           MX170 1920 of 88.5417 µm, MX225 3072 and MX300    none; 2 x 2        Gd2O2S 40 µm 65535 [4]_
        .                 4096 of 73.242 µm, MX325 4096 of 79.346 µm, MX340 binning
        .                 3840 of 88.5417 µm; MX225-HS 2880 and MX300-HS
        .                 3840 of 78.125 µm; MX170-HS, MX340-HS
        MAR               165 2048 of 79 µm (a circle), 225 as MX225        none; 2 x 2        Gd2O2S 40 µm 65535 [4]_
        .                                                                   binning
        ADSC              Q4 2304 of 81.6 µm, Q210 2048 and Q315 3072 of    none; Q4 unbinned, Gd2O2S 40 µm 65535 [5]_
        .                 102 µm, Q270 2084 of 129.6 µm, Q315r 3072 of      others 2 x 2
        .                 102.592 µm
        AGIPD 1M          128 panels 64 x 128, 200 µm                       16 x 8 chips       Si 500 µm    10⁴ [6]_
        ePix10k 2M        64 panels 176 x 192, 100 µm                       16 x 4 chips; 2.5  Si 500 µm    7300 [8]_
        CSPAD             64 panels 185 x 194, 109.92 µm                    32 x 2 chips; 3    Si 500 µm    1800 [9]_
        ================= ================================================= ================== ============ ============

        Saturation is in photons, of 12 keV where pixels integrate, and for CCDs in ADU. Gaps between modules that share
        an image are masked. The sensor has one layer at the mean depth of absorption
        (`nanobragg.detectors.sensor.sensor_fields`).

        Parameters
        ----------
        name
            One of `Detector.names()`; case, blanks, hyphens and underscores are ignored.
        wavelength_A, energy_eV
            Wavelength or energy of the beam, for the absorption in the sensor; default 1 Å.
        **placement
            Parameters of `Detector.flat` other than the pixels: distance_mm, beam_center_mm, convention, …; by default
            the beam hits the middle, where some detectors have a hole. Fields of `Detector`, such as
            sensor_thickness_um, override the table.

        Returns
        -------
        Detector
            The detector with its mask of gaps, sensor and saturation.

        Raises
        ------
        ConfigError
            An unknown name (the message lists the known ones), or an invalid placement.

        References
        ----------
        .. [1] Pixels, modules, gaps, sensor: pyFAI, detectors/_dectris.py, and dxtbx, format/FormatPilatusHelpers.py.
               The counter has 16 bits (DECTRIS, EIGER2 user manual, 3.2.5; T. Donath et al., J. Synchrotron Rad.
               2023, doi 10.1107/S160057752300454X); images of several read-outs hold more, up to a cutoff that
               depends on the count rate and is in each file.
        .. [2] Pixels, modules, gaps, sensors (320, 450 and 1000 µm exist): as for [1]_. 20-bit counter (DECTRIS,
               PILATUS3 features; Count_cutoff of image headers; XDS' table of detectors: 1048500).
        .. [3] Pixels and positions: jungfrau_utils (Paul Scherrer Institut), geometry.py, JF06T08V01 and JF07T32V01;
               other 4M are a plain grid with gaps of 36 and 8 pixels (pyFAI, detectors/_psi.py). 320 µm is usual, 450
               µm exist: JUNGFRAU documentation of the European XFEL. No published value was found for the saturation;
               10⁴ photons of 12 keV agree with the dynamic range there, of the order of 110 dB.
        .. [4] Pixels and sizes: pyFAI, detectors/_rayonix.py. MX340: 7680 x 7680 pixels on 340 mm: 44.271 ±
               0.026 µm (manufacturer to SLAC, Confluence page 214947144), 16 bit. Phosphor: 40 µm Gd2O2S in pyFAI; a
               packing fraction of one half, 15 mg/cm², is an assumption.
        .. [5] Pixels and sizes: pyFAI, detectors/_adsc.py; Q4 has 81.6 µm in its headers. Q315r:
               header of detector 926 at the Advanced Light Source's beamline 8.3.1 (J. Holton, X-ray image formats,
               bl831.als.lbl.gov): also 1.8 ADU per photon, offset 40. 16 bit; dxtbx, format/FormatSMVADSC.py,
               trusts 1 to 65534. The phosphor is assumed to be that of [4]_.
        .. [6] A. Allahgholi et al., J. Synchrotron Rad. 26 (2019) 74-82: more than 10⁴ photons of 12 keV. No published
               value was found for the thickness; 500 µm is an assumption. Chips have 64 x 64 pixels (AGIPD ASIC manual,
               DESY); a panel is two chips. Positions: EXtra-geom (European XFEL),
               AGIPD_1MGeometry.from_quad_positions with the quadrants of its example. Quadrants move between runs; each
               run has its own geometry file.
        .. [7] Pixels, modules, gaps: pyFAI, detectors/_dectris.py. No published value was found for the saturation:
               that of [2]_ is assumed.
        .. [8] Pixels, range (11000 photons of 8 keV): G. Blaj et al., arXiv:1903.06805. Wide pixels of 225 µm between
               chips: SLAC, Confluence page EPIX10KA. Sensor: dxtbx, format/FormatXTCEpix.py. Positions: the example
               geometry of this detector at LCLS in the documentation of OM (github.com/omdevteam/om), with tilts
               removed and the four quadrants replaced by their mean, from which sensors deviate by up to 2.3 pixels
               within their quadrant. Its hole is 7.85 mm wide. Quadrants move between runs.
        .. [9] Pixels, wide pixels of 274.8 µm between chips: SLAC, Confluence page "CSPAD Geometry and Alignment".
               Sensor, range in low gain (2700 photons of 8 keV; 350 in high gain):
               lcls.slac.stanford.edu/detectors/cspad. Positions: the reference geometry of psgeom
               (github.com/slaclab/psgeom), of the CXI instrument, with tilts removed and the four quadrants replaced by
               their mean, from which sensors deviate by up to 4.1 pixels within their quadrant. Its hole is 10.4 mm
               wide. Quadrants move between runs.
        """
        for field in ("pixels", "pixel_mm"):
            if field in placement:
                raise ConfigError(f"Detector.{field}: is fixed by Detector.named; leave it out")
        name, design = find_design(name)
        thickness = placement.get("sensor_thickness_um") or design.thickness_um
        sensor = {
            **sensor_fields(design.material, thickness, _wavelength(wavelength_A, energy_eV)),
            "name": name,
            "saturation_adu": design.saturation,
        }
        flat = cls.flat(pixels=design.size, pixel_mm=design.pixel_mm, **{**sensor, **placement})
        if design.modules:
            given = {field: getattr(flat, field) for field in flat.model_fields_set}
            return cls(**{**given, "panels": tuple(_module_panels(design, flat.panels[0])), "nominal": None})
        if not any(design.gap) and not design.circular:
            return flat
        if flat.mask is not None and not isinstance(flat.mask, np.ndarray):
            raise ConfigError(f"Detector.mask = {flat.mask}: must be an array, to combine with the gaps of {name}")
        gaps = gap_mask(design)
        masked: Detector = flat.replace(mask=gaps if flat.mask is None else gaps & flat.mask)
        return masked

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names that `Detector.named` accepts."""
        return tuple(DESIGNS)


def _module_panels(design: Design, plane: Panel) -> Iterator[Panel]:
    """Yield the modules of a design as panels in the plane of a flat panel."""
    fast, slow, normal = plane.axes()
    for place, module in enumerate(design.modules):
        corner = module.corner[0] * fast + module.corner[1] * slow
        yield Panel(
            origin_mm=as_vector(np.asarray(plane.origin_mm) + plane.pixel_mm * corner),
            fast_axis=as_vector(module.fast[0] * fast + module.fast[1] * slow),
            slow_axis=as_vector(module.slow[0] * fast + module.slow[1] * slow),
            normal_axis=as_vector(normal),
            pixel_mm=plane.pixel_mm,
            pixels=design.pixels,
            name=f"module {place}",
        )


def _wavelength(wavelength_A: float | None, energy_eV: float | None) -> float:
    if wavelength_A is not None and energy_eV is not None:
        raise ConfigError("Detector.named: wavelength_A and energy_eV contradict each other; give one of them")
    given = 1.0 if wavelength_A is None else wavelength_A
    name, value = ("energy_eV", energy_eV) if energy_eV is not None else ("wavelength_A", given)
    value = number(f"Detector.named: {name}", value, field=f"Beam.{name}")
    return EV_ANGSTROM / value if energy_eV is not None else value
