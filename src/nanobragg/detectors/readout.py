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
# calibration, with noise, here in photons of 12 keV, which make 3300 electrons in silicon. rms noise:
# AGIPD: less than 1 keV (A. Allahgholi et al., J. Synchrotron Rad. 26 (2019) 74-82), 200 to 400 electrons (J. Becker
#   et al., arXiv:1203.5954).
# ePix10k: 245 eV, 67 electrons (G. Blaj et al., arXiv:1903.06805).
# CSPAD in low gain, whose range `Detector.named` has: 3500 eV; in high gain 1000 eV (lcls.slac.stanford.edu).
# JUNGFRAU: no published value was found; 80 electrons are assumed. 10⁴ photons are then 112 dB above the noise, and
#   the documentation of the European XFEL states a dynamic range of the order of 110 dB.
# CCDs: no published value was found, but for the 40 units that ADSC images are above zero (as in the C program) and
#   the gain of a Q315r (its header, see `Detector.named`).
FAMILIES = {
    "eiger": Readout(1.0, 0.0, 0.0, "uint32", sums=True),
    "pilatus": Readout(1.0, 0.0, 0.0, "int32"),
    "jungfrau": Readout(1.0, 0.0, 0.025, "float32"),
    "agipd": Readout(1.0, 0.0, 0.08, "float32"),
    "epix": Readout(1.0, 0.0, 0.02, "float32"),
    "cspad": Readout(1.0, 0.0, 0.29, "float32"),
    "rayonix": Readout(1.0, 10.0, 3.0, "uint16"),
    "mar": Readout(1.0, 10.0, 3.0, "uint16"),
    "adsc": Readout(1.8, 40.0, 3.0, "uint16"),
}


def readout_of(name: str) -> Readout:
    """Return how a detector records photons, from the family that its name contains; `GENERIC` for other names."""
    words = name.casefold()
    return next((readout for family, readout in FAMILIES.items() if family in words), GENERIC)
