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
# calibration, with noise, of 3300 electrons per photon of 12 keV: JUNGFRAU 83 electrons rms (A. Mozzanica et al., J.
# Instrum. 11 (2016) C02047), AGIPD 265 (A. Allahgholi et al., J. Synchrotron Rad. 26 (2019) 74-82), ePix10k 120
# (G. Blaj et al., AIP Conf. Proc. 2054 (2019) 060062), CSPAD 1000 (S. Herrmann et al., Nucl. Instrum. Methods A 718
# (2013) 550-553); the numbers are quoted from memory. CCDs record units above an offset: ADSC 1.8 per photon and 40
# (J. Holton, X-ray image formats, bl831.als.lbl.gov), Rayonix and MAR 10; their other numbers are assumptions.
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
