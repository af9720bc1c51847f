"""Structure factors from atomic coordinates: density on a grid, FFT, bulk solvent, anomalous scattering."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from ..geometry import FloatArray
from ..io.limits import allowed_memory
from ..unit_cell import Cell
from .direct_sum import ionic_factors, sum_over_atoms, unique_reflections
from .placed_atoms import PlacedAtoms, with_all_copies
from .symmetry import (
    ComplexArray,
    Group,
    IndexArray,
    Values,
    absent_reflections,
    expand_to_p1,
    group_from_table,
    point_group,
    point_operators,
    reflection_keys,
    separate_mates,
)

if TYPE_CHECKING:
    from ..io.atoms import AtomicModel

# Electrons/Å³; with B = 46 Å², the mean over the Protein Data Bank:
K_SOL = 0.35  # A. Fokine and A. Urzhumtsev, Acta Cryst. D58 (2002) 1387-1392
LOWEST_EV, HIGHEST_EV = 1000.0, 200_000.0  # validity of Cromer and Liberman's calculation
NO_CELL_A = 1.0  # Å; for gemmi a cell with this edge a means "no cell"
BYTES_PER_POINT = 24  # density, transform and mask
QUICK_TERMS = 2e7  # of a sum over atoms, which takes half a second
MOST_TERMS = 1e9


class ModelAmplitudes(NamedTuple):
    """Amplitudes (electrons) of the P1 cell, F(000) included.

    Attributes
    ----------
    indices : ndarray of int32, shape (n, 3)
    amplitudes : ndarray, shape (n,) or (energies, n)
        Complex if they were calculated with phases.
    note
        Description of the calculation, for the summary.
    """

    indices: IndexArray
    amplitudes: Values
    note: str


class ModelTransform(NamedTuple):
    """Complex amplitudes (electrons) of unique reflections.

    Attributes
    ----------
    indices : ndarray of int32, shape (n, 3)
    normal : ndarray of complex128, shape (n,)
        Amplitudes without anomalous scattering.
    by_element : dict
        By atomic number, what one more electron per atom of the element adds; empty without anomalous scattering.
    rotations : ndarray, shape (m, 3, 3)
        Point group, which makes all reflections of these.
    translations : ndarray, shape (m, 3)
        One that goes with each rotation.
    note
        Description of the calculation, for the summary.
    """

    indices: IndexArray
    normal: ComplexArray
    by_element: dict[int, ComplexArray]
    rotations: npt.NDArray[np.int64]
    translations: FloatArray
    note: str


def model_transform(
    where: str,
    model: AtomicModel,
    placed: PlacedAtoms,
    *,
    d_min_A: float,
    k_sol: float | None,
    b_sol_A2: float,
    anomalous: bool,
) -> ModelTransform:
    """Calculate the complex amplitudes of an atomic model in a cell.

    The electron density (scattering factors of the International Tables, 1992, vol. C) is sampled on a grid of at most
    a third of `d_min_A`, blurred accordingly, and transformed with gemmi (L. F. Ten Eyck, Acta Cryst. A33 (1977)
    486-492). Small molecules, and cells that are narrow for the density of an atom, are summed over their atoms.
    Bulk solvent adds k_sol·exp(-B_sol·s²/4) times the transform of the solvent mask.

    Parameters
    ----------
    where
        Name of the file, for errors.
    model
        Model from `io.atoms.read_atoms`.
    placed
        Its atoms from `placed_atoms.place_atoms`.
    d_min_A
        Resolution limit.
    k_sol, b_sol_A2
        Electrons/Å³ and Å²; k_sol None: 0.35, and 0 for small molecules.
    anomalous
        Whether the transforms of elements are needed.

    Raises
    ------
    ConfigError
        A grid that does not fit into memory.
    """
    _check_grid(where, placed.structure.cell.parameters, d_min_A)
    k_sol = (0.0 if model.small else K_SOL) if k_sol is None else k_sol
    calculator = _calculator(where, placed, d_min_A, direct_if_small=model.small and k_sol == 0)
    indices, atoms = calculator.transform()
    present = ~absent_reflections(indices, calculator.group)
    solvent = 0.0
    if k_sol > 0:
        damping = np.exp(-b_sol_A2 * placed.structure.cell.calculate_1_d2_array(indices) / 4.0)
        solvent = k_sol * damping * calculator.solvent(where)
    note = f"calculated to {d_min_A:g} Å" + (f", solvent {k_sol:g} e/Å³, {b_sol_A2:g} Å²" if k_sol > 0 else "")
    note = ", ".join(filter(None, [model.note, note, placed.note]))
    found = calculator.by_element(atoms) if anomalous else {}
    by_element = {number: present * each for number, each in found.items()}
    return ModelTransform(indices, present * (atoms + solvent), by_element, *point_operators(calculator.group), note)


def amplitudes_of(
    transform: ModelTransform, energies_eV: FloatArray | None, where: str, *, phased: bool = False
) -> ModelAmplitudes:
    """Return the amplitudes of the P1 cell at some energies (None: without anomalous scattering), or complex ones.

    f' and f'' are those of D. T. Cromer and D. A. Liberman, Acta Cryst. A37 (1981) 267-268; with them Bijvoet mates are
    kept separate.

    Raises
    ------
    ConfigError
        An energy outside 1 to 200 keV.
    """
    indices, normal, by_element, rotations, translations, note = transform
    shifts = translations if phased else None
    if energies_eV is None:
        values = normal if phased else np.abs(normal)
        return ModelAmplitudes(*expand_to_p1(indices, values, rotations, where, shifts), note)
    rows = []
    for energy in energies_eV.tolist():
        pair = _bijvoet_pair(normal, by_element, energy)
        plus, minus = pair if phased else map(np.abs, pair)
        rows.append(separate_mates(indices, plus, minus, rotations))
    values = np.array([row[1] for row in rows])
    energies = ", ".join(f"{energy:g}" for energy in energies_eV.tolist()[:3])
    more = f", … ({len(energies_eV)})" if len(energies_eV) > 3 else ""
    note += f", anomalous at {energies}{more} eV"
    values = values if len(values) > 1 else values[0]
    return ModelAmplitudes(*expand_to_p1(rows[0][0], values, rotations, where, shifts), note)


def mixed_transform(shares: Sequence[float], transforms: Sequence[ModelTransform]) -> ModelTransform:
    """Return the sum of transforms of the same reflections, each times its share.

    Raises
    ------
    ConfigError
        Their reflections differ.
    """
    first, *others = (_sorted(each) for each in transforms)
    for each in others:
        if not (np.array_equal(each.rotations, first.rotations) and np.array_equal(each.indices, first.indices)):
            raise ConfigError(
                "StructureFactors.mixed: the states have different reflections; coherent states need the same cell, "
                "space group and d_min_A"
            )
    pairs = list(zip(shares, (first, *others), strict=True))
    numbers = sorted({number for _, each in pairs for number in each.by_element})
    zero = np.zeros(len(first.indices), np.complex128)
    return first._replace(
        normal=sum((share * each.normal for share, each in pairs), zero),
        by_element={
            number: sum((share * each.by_element.get(number, zero) for share, each in pairs), zero)
            for number in numbers
        },
    )


def _sorted(transform: ModelTransform) -> ModelTransform:
    """Return a transform with its reflections in the order of h, k, l."""
    order = np.argsort(reflection_keys(transform.indices))
    by_element = {number: each[order] for number, each in transform.by_element.items()}
    return transform._replace(indices=transform.indices[order], normal=transform.normal[order], by_element=by_element)


def contents_transform(where: str, model: AtomicModel, whole: PlacedAtoms, **options: Any) -> ModelTransform:
    """Calculate the transform of one cell's contents from `whole_molecules`, like `model_transform`.

    The solvent is a medium around the contents too: it counts by what the molecules displace of it.
    """
    found = model_transform(where, model, whole, **options)
    k_sol = (0.0 if model.small else K_SOL) if options["k_sol"] is None else options["k_sol"]
    forward = ~found.indices.any(axis=1)
    return found._replace(normal=found.normal - np.where(forward, k_sol * whole.structure.cell.volume, 0.0))


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


def _calculator(where: str, placed: PlacedAtoms, d_min_A: float, *, direct_if_small: bool) -> _Density | _Sum:
    """Return the density, or the sum over atoms where it is quick, or where atoms are too diffuse for the cell."""
    density = _Density(where, placed, d_min_A)
    cell, group = placed.structure.cell, placed.group
    spheres = 2 * np.pi / 3 * cell.volume / d_min_A**3 / len(point_group(group))  # reflections of half a sphere, unique
    terms = spheres * len(placed.atoms.fract) * len(group.rotations)
    if (direct_if_small and terms < QUICK_TERMS) or (terms < MOST_TERMS and density.is_too_narrow()):
        return _Sum(placed, d_min_A, density)
    return density


def _is_summed_by_gemmi(group: Group) -> bool:
    """Return whether gemmi sums a density over the operators: those of its table, but not the centring of "C 1"."""
    return group.tabulated is not None and (group.tabulated.number > 1 or len(group.rotations) == 1)


class _Density:
    """Fourier transforms of a structure's density and solvent mask, on the same grid and list of reflections."""

    def __init__(self, where: str, placed: PlacedAtoms, d_min_A: float) -> None:
        import gemmi

        tabulated = _is_summed_by_gemmi(placed.group)
        self.group = placed.group if tabulated else group_from_table(gemmi.SpaceGroup("P 1"))
        self.structure = placed.structure if tabulated else with_all_copies(where, placed)
        self._charged, self.d_min = placed.charged, d_min_A
        self.density = gemmi.DensityCalculatorX()
        self.density.d_min = d_min_A
        self.density.set_refmac_compatible_blur(self.structure[0])
        self.density.set_grid_cell_and_spacegroup(self.structure)

    def is_too_narrow(self) -> bool:
        """Return whether the density of an atom would reach beyond half the cell, where it is cut off."""
        broadest: dict[tuple[str, int], Any] = {}
        for each in self.structure[0].all():
            key = (each.atom.element.name, each.atom.charge)
            if key not in broadest or each.atom.b_iso > broadest[key].b_iso:
                broadest[key] = each.atom
        with ionic_factors():
            radii = [self.density.estimate_radius(atom) for atom in broadest.values()]
        spacings = 1.0 / np.array(self.structure.cell.reciprocal().parameters[:3])
        return bool(2 * np.nanmax([0.0, *radii]) > spacings.min())

    def transform(self) -> tuple[IndexArray, ComplexArray]:
        self.density.initialize_grid()
        with ionic_factors() if self._charged else nullcontext():
            for each in self.structure[0].all():  # Ctrl-C is noticed between atoms, not in put_model_density_on_grid
                self.density.add_atom_density_to_grid(each.atom)
        self.density.grid.symmetrize_sum()
        found = self._listed(self.density.grid, self.density.blur)
        return np.array(found.miller_array, dtype=np.int32), np.array(found.value_array, dtype=np.complex128)

    def solvent(self, where: str) -> ComplexArray:
        """Return the transform of the solvent mask, which is 1 outside molecules."""
        return np.array(self._listed(self._mask(where), 0.0).value_array, dtype=np.complex128)

    def solvent_at(self, where: str, indices: IndexArray) -> ComplexArray:
        """Return the transform of the solvent mask at some reflections."""
        import gemmi

        self.density.initialize_grid()
        transformed = gemmi.transform_map_to_f_phi(self._mask(where), half_l=True)
        return np.array(transformed.get_value_by_hkl(indices), dtype=np.complex128)

    def _mask(self, where: str) -> Any:
        import gemmi

        mask = gemmi.FloatGrid(*self.density.grid.shape)
        mask.copy_metadata_from(self.density.grid)
        try:
            gemmi.SolventMasker(gemmi.AtomicRadiiSet.Cctbx).put_mask_on_float_grid(mask, self.structure[0])
        except RuntimeError:
            raise ConfigError(f"{where}: the cell is too small for a mask of bulk solvent; give k_sol = 0") from None
        return mask

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


class _Sum:
    """The sum over atoms and operators, with the interface of `_Density`."""

    def __init__(self, placed: PlacedAtoms, d_min_A: float, density: _Density) -> None:
        self.group, self._placed, self._density = placed.group, placed, density
        cell = placed.structure.cell
        self.indices = unique_reflections(cell.parameters, placed.group, d_min_A)
        self._inverse_d2 = cell.calculate_1_d2_array(self.indices)

    def transform(self) -> tuple[IndexArray, ComplexArray]:
        return self.indices, sum_over_atoms(self._placed.atoms, self.group, self.indices, self._inverse_d2)

    def solvent(self, where: str) -> ComplexArray:
        return self._density.solvent_at(where, self.indices)

    def by_element(self, atoms: ComplexArray) -> dict[int, ComplexArray]:
        """Return, by atomic number, what one more electron per atom of the element adds."""
        unit = np.array([[0.0] * 8 + [1.0]])
        found = {}
        for number in np.unique(self._placed.elements).tolist():
            of_element = self._placed.elements == number
            chosen = self._placed.atoms.chosen(of_element, unit)
            found[number] = sum_over_atoms(chosen, self.group, self.indices, self._inverse_d2)
        return found


def _bijvoet_pair(
    normal: ComplexArray, coefficients: dict[int, ComplexArray], energy_eV: float
) -> tuple[ComplexArray, ComplexArray]:
    """Return F(h) and F(-h) at one energy: F(h) = A + iB, F(-h) = A* + iB*, A and B transforms of real densities."""
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
    return real + 1j * imaginary, np.conj(real - 1j * imaginary)
