"""Structure factors from atomic coordinates: density on a grid, FFT, bulk solvent, anomalous scattering."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from ..geometry import FloatArray
from ..io.limits import allowed_memory
from ..unit_cell import Cell
from .symmetry import IndexArray, expand_to_p1, rotations_of, separate_mates

if TYPE_CHECKING:
    from ..io.atoms import AtomicModel

# Electrons/Å³; with B = 46 Å², the mean over the Protein Data Bank:
K_SOL = 0.35  # A. Fokine and A. Urzhumtsev, Acta Cryst. D58 (2002) 1387-1392
LOWEST_EV, HIGHEST_EV = 1000.0, 200_000.0  # validity of Cromer and Liberman's calculation
NO_CELL_A = 1.0  # Å; for gemmi a cell with this edge a means "no cell"
BYTES_PER_POINT = 24  # density, transform and mask
ComplexArray = npt.NDArray[np.complex128]


class ModelAmplitudes(NamedTuple):
    """Amplitudes (electrons) of the P1 cell, F(000) included.

    Attributes
    ----------
    indices : ndarray of int32, shape (n, 3)
    amplitudes : ndarray, shape (n,) or (energies, n)
    note
        Description of the calculation, for the summary.
    """

    indices: IndexArray
    amplitudes: FloatArray
    note: str


def model_amplitudes(
    where: str,
    model: AtomicModel,
    cell: Cell,
    group: Any,
    *,
    d_min_A: float,
    k_sol: float | None,
    b_sol_A2: float,
    energies_eV: FloatArray | None,
) -> ModelAmplitudes:
    """Calculate the amplitudes of an atomic model.

    The electron density (scattering factors of the International Tables, 1992, vol. C) is sampled on a grid of at most
    a third of `d_min_A`, blurred accordingly, and transformed with gemmi (L. F. Ten Eyck, Acta Cryst. A33 (1977)
    486-492). Bulk solvent adds k_sol·exp(-B_sol·s²/4) times the transform of the solvent mask. f' and f'' are those of
    D. T. Cromer and D. A. Liberman, Acta Cryst. A37 (1981) 267-268; with them Bijvoet mates are kept separate.

    Parameters
    ----------
    where
        Name of the file, for errors.
    model
        Model from `io.atoms.read_atoms`.
    cell, group
        Unit cell, and space group as a gemmi object.
    d_min_A
        Resolution limit.
    k_sol, b_sol_A2
        Electrons/Å³ and Å²; k_sol None: 0.35, and 0 for small molecules.
    energies_eV
        Energies for anomalous scattering; None: no anomalous scattering.

    Raises
    ------
    ConfigError
        A grid that does not fit into memory, or an energy outside 1 to 200 keV.
    """
    _check_grid(where, cell, d_min_A)
    structure = _placed(model, cell, group)
    k_sol = (0.0 if model.small else K_SOL) if k_sol is None else k_sol
    rotations = rotations_of(group.operations())
    calculator = _Calculator(structure, d_min_A)
    indices, atoms = calculator.transform()
    present = ~np.asarray(group.operations().systematic_absences(indices), dtype=bool)
    solvent = 0.0
    if k_sol > 0:
        damping = np.exp(-b_sol_A2 * structure.cell.calculate_1_d2_array(indices) / 4.0)
        solvent = k_sol * damping * calculator.solvent(where)
    normal = present * (atoms + solvent)
    note = f"calculated to {d_min_A:g} Å" + (f", solvent {k_sol:g} e/Å³, {b_sol_A2:g} Å²" if k_sol > 0 else "")
    if energies_eV is None:
        return ModelAmplitudes(*expand_to_p1(indices, np.abs(normal), rotations, where), note)
    coefficients = {number: present * each for number, each in calculator.by_element(atoms).items()}
    rows = []
    for energy in energies_eV.tolist():
        plus, minus = _bijvoet_pair(normal, coefficients, energy)
        rows.append(separate_mates(indices, plus, minus, rotations))
    values = np.array([row[1] for row in rows])
    energies = ", ".join(f"{energy:g}" for energy in energies_eV.tolist()[:3])
    more = f", … ({len(energies_eV)})" if len(energies_eV) > 3 else ""
    note += f", anomalous at {energies}{more} eV"
    return ModelAmplitudes(*expand_to_p1(rows[0][0], values if len(values) > 1 else values[0], rotations, where), note)


def _check_grid(where: str, cell: Cell, d_min_A: float) -> None:
    if cell[0] == NO_CELL_A:
        raise ConfigError(f"{where}: a = {NO_CELL_A:g} Å means that there is no cell; give StructureFactors.cell")
    points = 1.0
    for edge in cell[:3]:
        points *= max(4.0, 3.3 * edge / d_min_A)
    if points * BYTES_PER_POINT > allowed_memory() or points >= 2**31:
        raise ConfigError(
            f"{where}: a cell of {cell[0]:g} x {cell[1]:g} x {cell[2]:g} Å to {d_min_A:g} Å needs a grid of "
            f"{points * BYTES_PER_POINT / 2**30:.1f} GiB, more than fits into memory; raise d_min_A"
        )


def _placed(model: AtomicModel, cell: Cell, group: Any) -> Any:
    """Return the structure in its cell, with symmetry copies set up."""
    import gemmi

    structure = model.structure.clone()
    structure.cell = gemmi.UnitCell(*cell)
    structure.spacegroup_hm = group.xhm()
    structure.setup_cell_images()
    return structure


class _Calculator:
    """Fourier transforms of a structure's density and solvent mask, on the same grid and list of reflections."""

    def __init__(self, structure: Any, d_min_A: float) -> None:
        import gemmi

        self.structure, self.d_min = structure, d_min_A
        self.density = gemmi.DensityCalculatorX()
        self.density.d_min = d_min_A
        self.density.set_refmac_compatible_blur(structure[0])
        self.density.set_grid_cell_and_spacegroup(structure)

    def transform(self) -> tuple[IndexArray, ComplexArray]:
        self.density.initialize_grid()
        for each in self.structure[0].all():  # Ctrl-C is noticed between atoms, but not in put_model_density_on_grid
            self.density.add_atom_density_to_grid(each.atom)
        self.density.grid.symmetrize_sum()
        found = self._listed(self.density.grid, self.density.blur)
        return np.array(found.miller_array, dtype=np.int32), np.array(found.value_array, dtype=np.complex128)

    def solvent(self, where: str) -> ComplexArray:
        """Return the transform of the solvent mask, which is 1 outside molecules."""
        import gemmi

        mask = gemmi.FloatGrid(*self.density.grid.shape)
        mask.copy_metadata_from(self.density.grid)
        try:
            gemmi.SolventMasker(gemmi.AtomicRadiiSet.Cctbx).put_mask_on_float_grid(mask, self.structure[0])
        except RuntimeError:
            raise ConfigError(f"{where}: the cell is too small for a mask of bulk solvent; give k_sol = 0") from None
        return np.array(self._listed(mask, 0.0).value_array, dtype=np.complex128)

    def by_element(self, atoms: ComplexArray) -> dict[int, ComplexArray]:
        """Return, by atomic number, what one more electron per atom of the element adds to the transform `atoms`."""
        import gemmi

        numbers = {each.atom.element.atomic_number for each in self.structure[0].all()}
        found = {}
        for number in sorted(numbers):
            self.density.addends.set(gemmi.Element(number), 1.0)
            found[number] = self.transform()[1] - atoms
            self.density.addends.clear()
        return found

    def _listed(self, grid: Any, blur: float) -> Any:
        import gemmi

        transformed = gemmi.transform_map_to_f_phi(grid, half_l=True)
        return transformed.prepare_asu_data(dmin=self.d_min, unblur=blur, with_000=True, with_sys_abs=True)


def _bijvoet_pair(
    normal: ComplexArray, coefficients: dict[int, ComplexArray], energy_eV: float
) -> tuple[FloatArray, FloatArray]:
    """Return |F(h)| and |F(-h)| at one energy: F(h) = A + iB, F(-h)* = A - iB, A and B transforms of real densities."""
    import gemmi

    if not LOWEST_EV <= energy_eV <= HIGHEST_EV:
        raise ConfigError(
            f"StructureFactors.energies_eV: {energy_eV:g} eV is not a valid energy; anomalous scattering is known "
            f"from {LOWEST_EV:g} to {HIGHEST_EV:g} eV"
        )
    real, imaginary = normal.copy(), np.zeros_like(normal)
    for number, coefficient in coefficients.items():
        f_prime, f_double_prime = gemmi.cromer_liberman(number, energy_eV)
        if math.isfinite(f_prime) and math.isfinite(f_double_prime):
            real += f_prime * coefficient
            imaginary += f_double_prime * coefficient
    plus: FloatArray = np.abs(real + 1j * imaginary)
    minus: FloatArray = np.abs(real - 1j * imaginary)
    return plus, minus
