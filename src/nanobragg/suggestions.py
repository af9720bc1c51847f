"""Suggestions for names of fields and arguments that do not exist."""

import difflib
import re
from collections.abc import Iterable

# What a field or an argument is called elsewhere: names of other programs and of common speech, without unit and case
SYNONYMS = {
    "unitcell": "cell", "cellparameters": "cell", "lattice": "cell",
    "mosaicity": "mosaic_spread_deg", "mosaic": "mosaic_spread_deg", "spread": "mosaic_spread_deg",
    "domains": "mosaic_domains", "ncell": "n_cells", "ncells": "n_cells", "na": "n_cells", "n": "n_cells",
    "orientation": "misset_deg", "misset": "misset_deg", "rotation": "misset_deg", "umatrix": "matrix",
    "amatrix": "matrix", "ub": "matrix", "size": "size_mm", "crystalsize": "size_mm", "volume": "volume_mm3",
    "spindle": "spindle_axis", "wavelength": "wavelength_A", "lambda": "wavelength_A", "energy": "energy_eV",
    "energykev": "energy_eV", "kev": "energy_eV", "ev": "energy_eV", "fluence": "fluence_ph_m2", "flux": "flux_ph_s",
    "exposure": "exposure_s", "exposuretime": "exposure_s", "time": "exposure_s", "beamsize": "size_mm",
    "polarization": "kahn_factor", "polarisation": "kahn_factor", "kahn": "kahn_factor",
    "divergence": "divergence_mrad", "bandwidth": "dispersion_percent", "dispersion": "dispersion_percent",
    "distance": "distance_mm", "detectordistance": "distance_mm", "pixelsize": "pixel_mm", "pixel": "pixel_mm",
    "npixels": "pixels", "shape": "pixels", "beamcenter": "beam_center_mm", "beamcentre": "beam_center_mm",
    "orgx": "org_px", "origin": "origin_mm", "twotheta": "twotheta_deg", "tilt": "rotation_deg",
    "thickness": "sensor_thickness_um", "sensorthickness": "sensor_thickness_um", "material": "sensor_material",
    "saturation": "saturation_adu", "overload": "saturation_adu", "osc": "range_deg", "oscillation": "range_deg",
    "oscillationrange": "range_deg", "oscrange": "range_deg", "width": "range_deg", "range": "range_deg",
    "phi": "start_deg",
    "start": "start_deg", "phisteps": "steps", "step": "step_deg", "dmin": "d_min_A", "resolution": "d_min_A",
    "subpixels": "oversample", "oversampling": "oversample", "water": "water_um", "file": "path", "filename": "path",
    "hkl": "path", "spacegroup": "space_group", "f": "amplitudes", "factors": "structure_factors",
    "reflections": "structure_factors", "image": "roi", "region": "roi", "energies": "energies_eV",
}  # fmt: skip
LONGEST_NAME = 60  # of a name that does not exist
FACTORS = {"kev": " (in eV: 1000 times the number)", "nm": " (in Å: 10 times the number)"}


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return "did you mean …?" for a name that does not exist, or an empty text if no known one is like it."""
    known = list(known)
    name = name[:LONGEST_NAME]
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    bare = re.sub(r"(kev|ev|mrad|percent|deg|mm|um|nm|a)$", "", plain) or plain
    found = next((SYNONYMS[key] for key in (plain, bare) if SYNONYMS.get(key) in known), None)
    if found is None:
        near = difflib.get_close_matches(name.lower(), [each.lower() for each in known], 1, 0.6)
        found = next((each for each in known if near and each.lower() == near[0]), None)
    if found is None:  # without what follows the first word, such as a unit
        words = {each.lower().partition("_")[0]: each for each in reversed(known)}
        found = next((words[word] for word in difflib.get_close_matches(bare, words, 1, 0.7)), None)
    if found is None:
        starts = [each for each in known if bare and each.lower().replace("_", "").startswith(bare)]
        found = min(starts, key=len, default=None)
    if found is None:
        return ""
    unit = next((text for ending, text in FACTORS.items() if plain.endswith(ending)), "")
    return f"did you mean {found}{unit}?"
