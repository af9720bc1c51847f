"""Scattering of what surrounds a crystal: gases, liquid water and hexagonal ice, as amplitudes of one molecule.

An amplitude is the root of the mean squared amplitude of a molecule, electrons, as the tables of `Background` hold it.
Free atoms scatter as neutral, spherical ones (International Tables C, table 6.1.1.4, from gemmi); inelastic scattering
is left out.
"""

import math

import gemmi
import numpy as np

from ..geometry import FloatArray

STOL = np.linspace(0.0, 1.5, 3001)  # sin θ/λ, Å⁻¹
OH_A, HOH_DEG = 0.9572, 104.52  # of the water molecule (W. S. Benedict et al., J. Chem. Phys. 24 (1956) 1139-1165)
N2_A, O2_A = 1.0977, 1.2075  # (K. P. Huber and G. Herzberg, Constants of Diatomic Molecules (1979))
AIR = {"N2": 0.7808, "O2": 0.2095, "Ar": 0.0093}  # fractions of the molecules

# Distances of oxygen atoms in liquid water near 295 K: r (Å) and g(r). These are approximate values of the curve that
# X-ray diffraction gives (for example L. B. Skinner et al., J. Chem. Phys. 138 (2013) 074506); they were not digitised
# from a publication. Between the points it is interpolated, and beyond them it is 1.
G_OO = (
    (2.35, 0.0), (2.5, 0.25), (2.6, 0.95), (2.7, 1.95), (2.8, 2.57), (2.9, 2.25), (3.0, 1.62), (3.15, 1.1),
    (3.3, 0.89), (3.45, 0.84), (3.6, 0.86), (3.8, 0.93), (4.0, 1.02), (4.25, 1.1), (4.5, 1.12), (4.75, 1.09),
    (5.0, 1.01), (5.3, 0.93), (5.6, 0.9), (5.9, 0.93), (6.2, 0.99), (6.6, 1.04), (6.9, 1.05), (7.3, 1.02),
    (7.7, 0.99), (8.0, 0.98), (8.5, 1.0), (9.0, 1.008), (9.5, 1.0),
)  # fmt: skip
WATER_PER_A3 = 0.0334
# Below this sin θ/λ the amplitude rises linearly from its limit in the direct beam, which follows from the
# compressibility and which distances known to 9.5 Å do not determine.
FIRST_DEBYE, WATER_FORWARD = 0.1, 2.57
# Hexagonal ice: cell (Å) and the oxygen's z of P 63/m m c at 4f (W. F. Kuhs and M. S. Lehmann, Water Science Reviews 2
# (1986) 1-65); the mean-square displacement of its atoms at 100 K as a B factor, Å².
ICE_CELL, ICE_Z, ICE_B = (4.497, 7.321), 0.0622, 1.1
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
    r = np.linspace(0.005, 9.5, 1900)
    g = np.interp(r, *np.array(G_OO).T)
    shells = 4.0 * math.pi * WATER_PER_A3 * r**2 * (g - 1.0) * (r[1] - r[0])
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
