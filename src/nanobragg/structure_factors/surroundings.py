"""Scattering of what surrounds a crystal: gases, liquid water and hexagonal ice, as amplitudes of one molecule.

An amplitude is the root of the mean squared amplitude of a molecule, electrons, as the tables of `Background` hold it.
Free atoms scatter as neutral, spherical ones (International Tables C, table 6.1.1.4, from gemmi); inelastic scattering
is left out.
"""

import math

import gemmi
import numpy as np

from ..constants import AVOGADRO
from ..geometry import FloatArray

STOL = np.linspace(0.0, 1.5, 3001)  # sin θ/λ, Å⁻¹
OH_A, HOH_DEG = 0.9572, 104.52  # of the water molecule (W. S. Benedict et al., J. Chem. Phys. 24 (1956) 1139-1165)
N2_A, O2_A = 1.0977, 1.2075  # (K. P. Huber and G. Herzberg, Constants of Diatomic Molecules (1979))
AIR = {"N2": 0.7808, "O2": 0.2095, "Ar": 0.0093}  # fractions of the molecules

# Distances of oxygen atoms in liquid water at ambient conditions: r (Å) and g(r), from X-ray and neutron diffraction
# (A. K. Soper, ISRN Physical Chemistry 2013, 279463, some rows of the table of g_OO). X-ray diffraction alone gives a
# maximum of 2.57(5) at 2.80(1) Å (L. B. Skinner et al., J. Chem. Phys. 138 (2013) 074506). Between the points it is
# interpolated, and beyond them it is 1.
G_OO = (
    (2.31, 0.0003), (2.37, 0.0104), (2.4, 0.0365), (2.43, 0.0987), (2.46, 0.2094), (2.49, 0.3723), (2.52, 0.5807),
    (2.55, 0.8266), (2.58, 1.0999), (2.61, 1.3902), (2.64, 1.6822), (2.67, 1.9529), (2.7, 2.1836), (2.73, 2.3569),
    (2.76, 2.4604), (2.79, 2.4953), (2.82, 2.4648), (2.85, 2.3819), (2.88, 2.2566), (2.91, 2.1053), (2.97, 1.7687),
    (3.03, 1.4504), (3.09, 1.1917), (3.15, 1.0083), (3.21, 0.8940), (3.27, 0.8326), (3.33, 0.8062), (3.39, 0.8005),
    (3.48, 0.8081), (3.6, 0.8323), (3.75, 0.8851), (3.9, 0.9566), (4.05, 1.0252), (4.2, 1.0775), (4.35, 1.1104),
    (4.5, 1.1242), (4.65, 1.1166), (4.8, 1.0858), (4.95, 1.0360), (5.1, 0.9808), (5.25, 0.9317), (5.4, 0.8980),
    (5.55, 0.8837), (5.7, 0.8907), (5.85, 0.9160), (6.0, 0.9510), (6.15, 0.9862), (6.3, 1.0177), (6.45, 1.0411),
    (6.6, 1.0561), (6.75, 1.0611), (6.9, 1.0560), (7.05, 1.0441), (7.2, 1.0276), (7.35, 1.0102), (7.5, 0.9947),
    (7.65, 0.9832), (7.8, 0.9770), (7.95, 0.9761), (8.1, 0.9800), (8.25, 0.9863), (8.4, 0.9936), (8.55, 0.9997),
    (8.7, 1.0037), (8.85, 1.0053), (9.0, 1.0047), (9.15, 1.0026), (9.33, 1.0003),
)  # fmt: skip
FARTHEST_A = 9.33
WATER_G_CM3, WATER_G_MOL = 0.9982, 18.015  # at 20 °C
# Below this sin θ/λ the amplitude rises linearly from its limit in the direct beam, which distances known to 9 Å do not
# determine: 10 electrons times the root of ρ k T κ, at 20 °C with κ = 4.589e-10/Pa (G. S. Kell, J. Chem. Eng. Data 20
# (1975) 97-105).
FIRST_DEBYE, WATER_FORWARD = 0.1, 2.49
# Hexagonal ice at 100 K: cell (Å), that with which DIALS finds ice rings; z of the oxygen atom at 4f of P 63/m m c, and
# its B at 243 K, 3.7 Å², reduced in proportion to the temperature (A. Goto, T. Hondoh and S. Mae, J. Chem. Phys. 93
# (1990) 1412-1417).
ICE_CELL, ICE_Z, ICE_B = (4.498, 7.338), 0.06226, 1.5
FINEST_RING = 0.6  # sin θ/λ, Å⁻¹


def atom(element: str) -> FloatArray:
    """Return the amplitude of a free atom at `STOL`."""
    coefficients = gemmi.Element(element).it92
    return np.array([coefficients.calculate_sf(x) for x in (STOL**2).tolist()])


def pair(distance_A: float) -> FloatArray:
    """Return sin(Qr)/(Qr) at `STOL`, Q = 4π sin θ/λ: Debye's factor of two atoms at a distance."""
    return np.asarray(np.sinc(4.0 * STOL * distance_A))


def helium() -> FloatArray:
    """Return the amplitude of a helium atom."""
    return np.asarray(np.abs(atom("He")))


def air() -> FloatArray:
    """Return the amplitude of a mean molecule of dry air."""
    squares = {
        "N2": 2.0 * atom("N") ** 2 * (1.0 + pair(N2_A)),
        "O2": 2.0 * atom("O") ** 2 * (1.0 + pair(O2_A)),
        "Ar": atom("Ar") ** 2,
    }
    return np.asarray(np.sqrt(np.sum([share * squares[name] for name, share in AIR.items()], axis=0)))


def water() -> FloatArray:
    """Return the amplitude of a molecule in liquid water: Debye's formula over its atoms and its neighbours."""
    oxygen, hydrogen = atom("O"), atom("H")
    hh = 2.0 * OH_A * math.sin(math.radians(HOH_DEG / 2.0))
    alone = oxygen**2 + 2.0 * hydrogen**2 * (1.0 + pair(hh)) + 4.0 * oxygen * hydrogen * pair(OH_A)
    mean = oxygen + 2.0 * hydrogen * pair(OH_A)  # of a molecule in any orientation, about its oxygen
    r = np.linspace(0.005, FARTHEST_A, 1866)
    per_A3 = WATER_G_CM3 / WATER_G_MOL * AVOGADRO * 1e-24
    g = np.interp(r, *np.array(G_OO).T)
    shells = 4.0 * math.pi * per_A3 * r**2 * (g - 1.0) * (r[1] - r[0])
    neighbours = np.array([np.sinc(4.0 * x * r) @ shells for x in STOL.tolist()])
    amplitude = np.sqrt(np.maximum(alone + mean**2 * neighbours, 0.0))
    first = np.searchsorted(STOL, FIRST_DEBYE)
    ramp = np.linspace(WATER_FORWARD, amplitude[first], int(first) + 1)
    return np.concatenate([ramp, amplitude[first + 1 :]])


def ice(width_per_A: float) -> FloatArray:
    """Return the amplitude of a molecule in a powder of hexagonal ice; `width_per_A` is σ of a ring in sin θ/λ.

    A reflection of a powder scatters |F|²/(32π V x²) per cell and unit of x = sin θ/λ.
    """
    a, c = ICE_CELL
    volume = a * a * c * math.sqrt(3.0) / 2.0
    sites = np.array([
        (1 / 3, 2 / 3, ICE_Z), (2 / 3, 1 / 3, ICE_Z + 0.5), (2 / 3, 1 / 3, -ICE_Z), (1 / 3, 2 / 3, 0.5 - ICE_Z),
    ])  # fmt: skip
    most = math.ceil(2.0 * FINEST_RING * c)
    hkl = np.indices((2 * most + 1,) * 3).reshape(3, -1).T - most
    h, k, l = hkl.T.astype(float)
    stol = 0.5 * np.sqrt(4.0 * (h * h + h * k + k * k) / (3.0 * a * a) + (l / c) ** 2)
    seen = (stol > 0.0) & (stol < FINEST_RING)
    strength = np.abs(np.exp(2j * math.pi * (hkl[seen] @ sites.T)).sum(axis=1)) ** 2
    rings, where = np.unique(stol[seen].round(9), return_inverse=True)
    molecule = atom("O") + 2.0 * atom("H") * pair(OH_A)
    damping = np.exp(-2.0 * ICE_B * STOL**2)
    powder = np.zeros_like(STOL)
    for ring, whole in zip(rings.tolist(), np.bincount(where.ravel(), strength).tolist(), strict=True):
        profile = np.exp(-0.5 * ((STOL - ring) / width_per_A) ** 2) / (width_per_A * math.sqrt(2.0 * math.pi))
        powder += whole * profile / (32.0 * math.pi * ring**2 * volume * len(sites))
    powder[FINEST_RING - 3.0 * width_per_A < STOL] = 1.0  # rings overlap there
    return np.asarray(np.abs(molecule) * np.sqrt(powder * damping + 1.0 - damping))
