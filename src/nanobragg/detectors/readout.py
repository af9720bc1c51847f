"""How detectors record photons: gain, offset, read-out noise and type of the recorded numbers."""

from typing import NamedTuple


class Readout(NamedTuple):
    """The numbers that a detector records.

    Attributes
    ----------
    gain_adu_per_photon, adc_offset, readout_noise_adu
        Recorded units per photon, of a pixel without photons, and standard deviation of the electronics' noise.
    dtype
        Type of the pixels in files.
    sums
        Whether an image is the sum of many read-outs, so that it holds more than the counter of a pixel.
    """

    gain_adu_per_photon: float
    adc_offset: float
    readout_noise_adu: float
    dtype: str
    sums: bool = False


GENERIC = Readout(1.0, 40.0, 0.0, "uint16")  # as the C program's noise image
# Photon counters record photons: no gain, offset or noise. Integrating pixel detectors record photons after their
# calibration, with noise; a photon of 12 keV makes 3300 electrons in silicon. AGIPD has 200 to 400 electrons rms
# (J. Becker et al., arXiv:1203.5954). The noise of JUNGFRAU (80 electrons), ePix10k (120) and CSPAD (1000), and the
# numbers of CCDs but for the 40 units that ADSC images are above zero (as in the C program), are assumptions of the
# right size without a source: give the fields of Noise where they matter.
FAMILIES = {
    "eiger": Readout(1.0, 0.0, 0.0, "uint32", sums=True),
    "pilatus": Readout(1.0, 0.0, 0.0, "int32"),
    "jungfrau": Readout(1.0, 0.0, 0.025, "float32"),
    "agipd": Readout(1.0, 0.0, 0.08, "float32"),
    "epix": Readout(1.0, 0.0, 0.036, "float32"),
    "cspad": Readout(1.0, 0.0, 0.3, "float32"),
    "rayonix": Readout(1.0, 10.0, 3.0, "uint16"),
    "mar": Readout(1.0, 10.0, 3.0, "uint16"),
    "adsc": Readout(1.8, 40.0, 3.0, "uint16"),
}


def readout_of(name: str) -> Readout:
    """Return how a detector records photons, from the family that its name contains; `GENERIC` for other names."""
    words = name.casefold()
    return next((readout for family, readout in FAMILIES.items() if family in words), GENERIC)
