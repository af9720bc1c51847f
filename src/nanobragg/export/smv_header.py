"""The SMV header of a scene's image."""

from collections.abc import Mapping

import numpy as np

from ..config.flat_panel import NominalGeometry, nominal_of_panel
from ..constants import RADIAN_IN_DEGREES
from ..geometry import dot
from ..io.smv import format_header, smv_header
from ..scene.scene import Scene

DIALS_AXES = (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)


def smv_header_of(scene: Scene, extra: Mapping[str, object] | None = None) -> str:
    """Return the SMV header of a scene's image, with the C program's keys, then those of `extra`.

    Several panels, or one that the beam does not meet, have no beam centre; their header has wavelength, pixel size
    and rotation only. Panels are stacked along the slow axis.
    """
    geometry = _flat_geometry(scene)
    panel = scene.config.detector.panels[0]
    slow, fast = panel.pixels
    exposure = {
        "wavelength_A": scene.config.beam.wavelength,
        "phi_deg": scene.config.scan.start_deg,
        "osc_deg": scene.phi.range * RADIAN_IN_DEGREES,
    }
    if geometry is None:
        return format_header({
            "HEADER_BYTES": 512, "DIM": 2, "BYTE_ORDER": "little_endian", "TYPE": "unsigned_short",
            "SIZE1": fast, "SIZE2": slow * len(scene.config.detector.panels), "PIXEL_SIZE": panel.pixel_mm,
            "WAVELENGTH": exposure["wavelength_A"], "PHI": exposure["phi_deg"], "OSC_START": exposure["phi_deg"],
            "OSC_RANGE": exposure["osc_deg"], **(extra or {}),
        })  # fmt: skip
    return smv_header(
        fast_pixels=fast,
        slow_pixels=slow,
        pixel_mm=panel.pixel_mm,
        distance_mm=geometry.distance_mm,
        beam_center_x_mm=geometry.beam_center_mm[0],
        beam_center_y_mm=geometry.beam_center_mm[1],
        f_beam_mm=geometry.beam_fast_mm,
        s_beam_mm=geometry.beam_slow_mm,
        dials_origin_mm=[1000.0 * dot(np.asarray(panel.origin_mm) / 1000.0, axis) for axis in DIALS_AXES],
        orgx_px=geometry.near_fast_mm / panel.pixel_mm + 0.5,
        orgy_px=geometry.near_slow_mm / panel.pixel_mm + 0.5,
        close_distance_mm=geometry.close_distance_mm,
        twotheta_deg=geometry.twotheta_deg,
        detsize_s_mm=geometry.slow_size_mm,
        extra=extra,
        **exposure,
    )


def _flat_geometry(scene: Scene) -> NominalGeometry | None:
    """Return the nominal geometry of the only panel; None for several panels or if the beam does not meet it."""
    detector = scene.config.detector
    if detector.nominal is not None:
        return detector.nominal
    if len(detector.panels) > 1:
        return None
    return nominal_of_panel(detector.panels[0], detector.convention, scene.beam_direction)
