"""The crystal: cell, orientation, size, shape and mosaic spread (docs/theory.md, Crystal)."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from .._functions import SHAPES
from .._noise import CRandom, random_misset_c, umat_to_misset
from ..bounds import check_bound
from ..constants import RADIAN_IN_DEGREES
from ..errors import ConfigError
from ..geometry import FloatArray, Vector, as_vector, cross_products, determinant, dot, rotate, unit
from ..unit_cell import Cell, cell_from_vectors, check_cell, reciprocal_vectors
from .base import Model, Numbers, Rows
from .crystal_checks import check_block, check_domains, check_twins
from .diffuse import Diffuse, check_diffuse
from .realistic import block_edge_A, check_argument, choose_block, converged_domains, describe, largest_spread
from .twin_law import twin_rotation

if TYPE_CHECKING:
    Shape = str
else:
    Shape = Literal[tuple(SHAPES)]
DEFAULT_MOSAIC_SEED = 12345678
log = logging.getLogger(__name__)


def _complete_cell(value: Any) -> Any:
    """Complete a cell: b and c default to a, angles to 90 degrees; what is not numbers is returned as it is."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = (value,)
    if isinstance(value, (list, tuple)):
        if not 1 <= len(value) <= 6:
            raise ValueError("must be one to six numbers: a, b, c (Å), alpha, beta, gamma (degrees)")
        return (*value, *((value[0],) * 3)[len(value) :], *((90.0,) * 3)[max(len(value) - 3, 0) :])
    return value


CellField = Annotated[Cell, BeforeValidator(_complete_cell), AfterValidator(check_cell)]


class Crystal(Model):
    """A crystal: coherent blocks of unit cells that scatter independently, or a single block.

    Intensities are those of one block times the number of blocks in the beam. The block determines the shape of the
    spots, the illuminated volume their brightness.

    Attributes
    ----------
    cell
        a b c (Å) α β γ (degrees); b and c default to a, angles to 90. Default: the cell of the file of structure
        factors, if it has one.
    matrix, matrix_path
        Reciprocal vectors a* b* c* as columns, rows x y z (Å⁻¹), in place of the cell; or a MOSFLM matrix file, whose
        elements are multiplied by the wavelength.
    misset_deg
        Rotations of the reciprocal vectors about lab x, then y, then z; or "random", uniform over all orientations.
    misset_seed
        Seed of the random orientation.
    n_cells
        Number of unit cells of a block along a, b, c, or one number for all; not necessarily whole. Along an axis with
        a size and one cell, the default, the block is as long as the crystal.
    block_um
        Edge of a block in place of n_cells: the nearest whole number of cells along each axis.
    size_mm
        Size of the crystal along a, b, c, or one number for all; zero: that of one block.
    blocks, volume_mm3
        Number of blocks in the beam, or volume of the crystal, in place of a size. A volume counts as a cube, which
        the beam clips as it clips a size (docs/theory.md).
    n_cells_off
        N_ab, N_bc, N_ac: the other elements of the symmetric matrix N with n_cells on its diagonal, of the general
        Gaussian block (shape="gauss").
    shape, fudge
        Shape transform: "square", "round", "gauss", "tophat" or "gauss_star"; and a factor on the squared radius (not
        for "square").
    mosaic_spread_deg, mosaic_domains, mosaic_seed
        Spread of the domains' rotations, number of domains (10 unless given), seed. Three numbers are the standard
        deviations of the rotations about the crystal's own axes, which turn with it: a, b*, and the axis across both.
    mosaic_model
        "cap": the C program's spherical cap, the spread is the largest rotation; "gaussian": rotations about random
        axes, σ of the angle = spread, or, with three spreads, normally distributed rotation vectors.
    mosaic_sampling
        "balanced": rotations with a mean of zero and the mean square of the model; "random": independent draws, the
        first domain unrotated, as in the C program; `compat="c"` always uses these. "analytic": no domains, but the
        sum over three normally distributed rotations and over strain_percent in closed form, for Gaussian blocks.
    mosaic_rotations_deg, mosaic_weights
        Rotation vectors of the domains about the crystal's own axes, shape (n, 3), in place of a spread; and their
        shares of the crystal, shape (n,), in any unit (default: equal).
    strain_percent
        Standard deviation of the strain of the domains: one number for Δd/d, the same along all directions, or six for
        the components 11, 22, 33, 23, 13, 12 in the crystal's own axes, independent of each other.
    diffuse
        Diffuse scattering between the spots; None: no displacements beyond those in the structure factors.
    fraction
        Factor of the crystal's photons, of its blocks in the beam: its share where several lattices scatter.
    twins
        Laws of the crystal's twins with the share of each, such as (("-h,-k,l", 0.3),); see `twinned`.
    twin_law
        The crystal is the twin individual of this law alone.
    spindle_axis
        Lab vector; default: that of the detector's convention.
    """

    cell: CellField | None = None
    matrix: tuple[Vector, Vector, Vector] | None = None
    matrix_path: Path | None = None
    misset_deg: Vector | Literal["random"] = (0.0, 0.0, 0.0)
    misset_seed: int = 1
    n_cells: tuple[int | float, int | float, int | float] = (1, 1, 1)
    n_cells_off: Vector = (0.0, 0.0, 0.0)
    block_um: float | None = Field(default=None, gt=0)
    size_mm: Vector = (0.0, 0.0, 0.0)
    blocks: float | None = Field(default=None, gt=0)
    volume_mm3: float | None = Field(default=None, gt=0)
    shape: Shape = "square"
    fudge: float = Field(default=1.0, ge=0)
    mosaic_spread_deg: float | Vector | None = None
    mosaic_domains: int | None = Field(default=None, ge=1)
    mosaic_seed: int = DEFAULT_MOSAIC_SEED
    mosaic_model: Literal["cap", "gaussian"] = "cap"
    mosaic_sampling: Literal["balanced", "random", "analytic"] = "balanced"
    mosaic_rotations_deg: Rows | None = None
    mosaic_weights: Numbers | None = None
    strain_percent: float | tuple[float, float, float, float, float, float] = 0.0
    diffuse: Diffuse | None = None
    fraction: float = Field(default=1.0, gt=0)
    twins: tuple[tuple[str, float], ...] = ()
    twin_law: str | None = None
    spindle_axis: Vector | None = None

    @field_validator("n_cells", "size_mm", mode="before")
    @classmethod
    def _same_along_all(cls, value: Any) -> Any:
        return (value,) * 3 if isinstance(value, int | float | np.integer | np.floating) else value

    @field_validator("n_cells", mode="after")
    @classmethod
    def _whole_numbers(cls, value: tuple[float, float, float]) -> tuple[float, ...]:
        return tuple(int(n) if isinstance(n, int) or n.is_integer() else n for n in value)

    @model_validator(mode="after")
    def _consistent(self) -> Crystal:
        if min(self.n_cells) < 1:
            raise ConfigError(f"Crystal.n_cells = {self.n_cells}: must be at least 1 along each axis")
        if min(self.size_mm) < 0:
            raise ConfigError(f"Crystal.size_mm = {self.size_mm}: must not be negative; zero: that of one block")
        if self.block_um is not None and self.n_cells != (1, 1, 1):
            raise ConfigError(
                f"Crystal.block_um = {self.block_um} and Crystal.n_cells = {self.n_cells}: give one of them"
            )
        check_block(self)
        check_domains(self)
        check_twins(self)
        check_diffuse(self)
        given = [name for name in ("blocks", "volume_mm3") if getattr(self, name) is not None]
        given += ["size_mm"] if any(self.size_mm) else []
        if len(given) > 1:
            raise ConfigError(
                f"Crystal.{given[0]} = {getattr(self, given[0])} and Crystal.{given[1]}: give one of them"
            )
        if self.matrix is not None and self.matrix_path is not None:
            raise ConfigError(f"Crystal.matrix and Crystal.matrix_path = {self.matrix_path}: give one of them")
        if self.spindle_axis is not None:
            unit(self.spindle_axis, "Crystal.spindle_axis")
        return self

    @classmethod
    def realistic(
        cls,
        size_mm: float | Vector,
        *,
        mosaic_spread_deg: float = 0.1,
        d_min_A: float = 2.0,
        accuracy: float = 0.05,
        **fields: Any,
    ) -> Crystal:
        """Return a large mosaic crystal with block, shape and mosaic domains for which a still converges.

        The blocks are Gaussian and about cubic; their spots are half as wide as the mosaic spread makes them at twice
        `d_min_A`, within limits (docs/guide/crystal.md). There are as many domains as `accuracy` requires. The choice
        is logged.

        Parameters
        ----------
        size_mm
            Size of the crystal along a, b, c, or one number for all.
        mosaic_spread_deg
            Mosaic spread, of the cap unless `mosaic_model` is given. With mosaic_sampling="analytic", which takes the
            place of domains, the standard deviation about each axis, or three of them.
        d_min_A
            Resolution of the image.
        accuracy
            Σ|I - I'|/ΣI' of the integrated spots of a still that twice as many domains would leave. A rotation image
            that records whole reflections needs fewer domains.
        **fields
            Other fields of `Crystal`. n_cells or block_um, shape and mosaic_domains replace what would be chosen.
            Without a cell or matrix, the block is chosen as a length.

        Returns
        -------
        Crystal
            The crystal.

        Raises
        ------
        ConfigError
            An invalid field or argument.
        """
        usual: dict[str, Any] = {"size_mm": size_mm, "mosaic_spread_deg": mosaic_spread_deg, "shape": "gauss"}
        if fields.get("mosaic_sampling") == "analytic" and mosaic_spread_deg:
            three = mosaic_spread_deg if isinstance(mosaic_spread_deg, tuple) else (mosaic_spread_deg,) * 3
            usual |= {"mosaic_spread_deg": three, "mosaic_model": "gaussian"}
        given = cls(**{**usual, **fields})
        check_argument("d_min_A", d_min_A)
        check_argument("accuracy", accuracy)
        if not all(given.size_mm):
            raise ConfigError(f"Crystal.size_mm = {given.size_mm}: a realistic crystal has a size along each axis")
        spread = largest_spread(given)
        changes, block = choose_block(given, block_edge_A(spread, d_min_A), "n_cells" in fields)
        given = given.replace(changes)
        if "mosaic_domains" not in fields and not given.is_smeared:
            distribution = (given.mosaic_model, given.mosaic_sampling)
            domains = converged_domains(distribution, spread, block, d_min_A, accuracy)
            given = given.replace(mosaic_domains=domains)
        log.info("%s", describe(given, spread, block, d_min_A, accuracy))
        return given

    @property
    def has_cell(self) -> bool:
        """Whether a cell or a matrix is given."""
        return self.cell is not None or self.matrix is not None or self.matrix_path is not None

    def domains(self) -> int:
        """Return the number of domains: by default 10 with a spread or a strain; 1 without either, or where none
        are listed (mosaic_sampling="analytic")."""
        if self.is_smeared:
            return 1
        if self.mosaic_rotations_deg is not None:
            return len(self.mosaic_rotations_deg)
        return (self.mosaic_domains or 10) if self.is_mosaic or self.is_strained else 1

    def twinned(self, law: str, share: float) -> Crystal:
        """Return a twin of this crystal: a share of it is in the orientation that a law gives.

        Parameters
        ----------
        law
            What the twin law makes of h, k, l, such as "-h,-k,l", "k,h,-l" or "h,-k,-h/2-l": the twin's reflection
            h, k, l lies where that of these indices lies in the rest of the crystal. The law of a twin that is not
            merohedral maps the lattice onto itself only nearly; it stands for the closest rotation.
        share
            Of the crystal in this orientation, between 0 and 1.

        Returns
        -------
        Crystal
            With one more entry in `twins`.

        Raises
        ------
        ConfigError
            The law or the share is not valid.
        """
        return self.replace(twins=(*self.twins, (law, share)))

    def beyond_c(self) -> list[str]:
        """Return the fields in use that describe a block or domains that the C program does not have."""
        used = {
            "n_cells_off": any(self.n_cells_off), "mosaic_spread_deg": isinstance(self.mosaic_spread_deg, tuple),
            "mosaic_rotations_deg": self.mosaic_rotations_deg is not None, "strain_percent": self.is_strained,
            "mosaic_sampling": self.is_smeared, "diffuse": self.diffuse, "fraction": self.fraction != 1,
            "twins": self.twins, "twin_law": self.twin_law,
        }  # fmt: skip
        return [name for name, value in used.items() if value]

    @property
    def is_mosaic(self) -> bool:
        """Whether the domains of the crystal are rotated."""
        return self.mosaic_rotations_deg is not None or bool(np.any(self.mosaic_spread_deg or 0.0))

    @property
    def is_strained(self) -> bool:
        """Whether the domains of the crystal have different cells."""
        return bool(np.any(self.strain_percent))

    @property
    def is_smeared(self) -> bool:
        """True if the sum over mosaic domains is calculated in closed form."""
        return self.mosaic_sampling == "analytic"

    @property
    def turns_domains(self) -> bool:
        """Whether the rotations of the domains are about the crystal's own axes, and turn with it."""
        return self.mosaic_rotations_deg is not None or isinstance(self.mosaic_spread_deg, tuple)


class Lattice(NamedTuple):
    """Direct (Å) and reciprocal (Å⁻¹) basis vectors as rows, and the cell volume (Å³)."""

    direct: FloatArray
    reciprocal: FloatArray
    volume: float


def build_lattice(crystal: Crystal, wavelength_A: float, *, c_cell: bool, c_misset: bool | None = None) -> Lattice:
    """Return the lattice at φ = 0, without mosaic rotation.

    `c_cell` builds a given cell as the C program does: c*_z is too long in triclinic cells, and cross products are
    scaled to the requested lengths (docs/quirks.md, row 9). `c_misset` draws a random orientation as it does (row 8);
    default: as `c_cell`.
    """
    reciprocal, volume = _starting_vectors(crystal, wavelength_A, c_cell)
    misset = misset_angles(crystal, c_cap=c_cell if c_misset is None else c_misset)
    reciprocal = np.array([rotate(vector, misset) for vector in reciprocal])
    forced = crystal.cell if c_cell else None
    crossed = cross_products(reciprocal)
    if forced is None:
        volume = 1.0 / dot(reciprocal[0], crossed[0])
    else:
        crossed = np.array([x / volume / math.sqrt(dot(v, v)) * v for x, v in zip(forced[:3], crossed, strict=True)])
    direct = crossed * volume
    if crystal.twin_law is not None:
        direct = direct @ twin_rotation(crystal.twin_law, direct).T
        volume *= float(np.sign(determinant(direct)))
    return Lattice(direct, cross_products(direct) * (1.0 / volume), abs(volume))


def _starting_vectors(crystal: Crystal, wavelength_A: float, c_cell: bool) -> tuple[FloatArray, float]:
    """Return reciprocal vectors (rows) before the misset rotations, and the cell volume (0: not known)."""
    volume, vectors = 0.0, None
    if crystal.cell is not None:
        vectors, volume = reciprocal_vectors(crystal.cell, c_cell=c_cell)
    columns = matrix_columns(crystal, wavelength_A)
    if columns is None:
        assert vectors is not None  # Config requires a cell or a matrix
        return vectors, volume
    where = f"Crystal matrix {crystal.matrix_path or ''}".strip()
    check_bound(f"{where}: a component of a*, b*, c*", columns, field="Crystal.matrix")
    vectors = columns.T
    if not abs(determinant(vectors)) > 1e-12 * np.prod(np.linalg.norm(vectors, axis=1)):
        raise ConfigError(
            f"Crystal matrix {crystal.matrix_path or crystal.matrix}: columns a*, b*, c* are linearly dependent; "
            "correct them"
        )
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # the bound refuses what comes of it
        edges = np.linalg.norm(cross_products(vectors), axis=1) / abs(determinant(vectors))
    check_bound(f"{where}: an edge of its cell", edges, field="Crystal.cell")
    if crystal.cell is not None and not c_cell:
        found = cell_from_vectors(cross_products(vectors) / determinant(vectors))
        if not np.allclose(found, crystal.cell, rtol=1e-4):
            raise ConfigError(
                f"Crystal.cell = {crystal.cell}: contradicts the matrix, whose cell is "
                f"({', '.join(f'{x:.6g}' for x in found)}); leave one of them out"
            )
    return vectors, volume


def matrix_columns(crystal: Crystal, wavelength_A: float) -> FloatArray | None:
    """Return the matrix of a crystal, a*, b*, c* (Å⁻¹) as columns; None if it has a cell only."""
    if crystal.matrix is not None:
        return np.array(crystal.matrix, dtype=np.float64)
    if crystal.matrix_path is None:
        return None
    from ..io.mosflm_matrix import read_matrix

    with np.errstate(over="ignore"):  # the bound refuses infinity
        return read_matrix(crystal.matrix_path) * (1e-10 / (wavelength_A / 1e10))


def misset_angles(crystal: Crystal, *, c_cap: bool) -> Vector:
    """Return the misset rotations about x, y, z in radians; random ones are drawn from the seed.

    `c_cap` draws from the C program's cap of 90 radians (docs/quirks.md, row 8) in place of all rotations.
    """
    if crystal.misset_deg != "random":
        x, y, z = crystal.misset_deg
        return x / RADIAN_IN_DEGREES, y / RADIAN_IN_DEGREES, z / RADIAN_IN_DEGREES
    angles = (
        random_misset_c(crystal.misset_seed) if c_cap else umat_to_misset(uniform_rotations(crystal.misset_seed, 1)[0])
    )
    x, y, z = np.asarray(angles).tolist()
    return x, y, z


def with_rotation(crystal: Crystal, rotation: FloatArray) -> Crystal:
    """Return a crystal that is turned from its orientation by a rotation matrix (3, 3).

    Raises
    ------
    ConfigError
        The matrix is not a rotation.
    """
    is_rotation = rotation.shape == (3, 3) and np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
    if not (is_rotation and determinant(rotation) > 0):
        raise ConfigError(f"crystal.rotation = {rotation.tolist()}: is not a rotation matrix of shape (3, 3)")
    angles = misset_angles(crystal, c_cap=False)
    before = np.array([rotate(axis, angles) for axis in np.eye(3)]).T
    turned: Crystal = crystal.replace(misset_deg=as_vector(umat_to_misset(rotation @ before) * RADIAN_IN_DEGREES))
    return turned


def uniform_rotations(seed: int, count: int) -> FloatArray:
    """Return random rotation matrices, shape (count, 3, 3), uniform over all rotations.

    The first deviate of the seed is discarded because the generator's shuffle makes small ones twice as likely.
    Source: K. Shoemake, Uniform random rotations, Graphics Gems III (1992), 124-132.
    """
    deviates = np.asarray(CRandom(seed).ran1(3 * count + 1)[1:], dtype=np.float64)
    return np.array([rotation_of_deviates(*three) for three in deviates.reshape(count, 3).tolist()])


def rotation_of_deviates(u: float, v: float, w: float) -> list[list[float]]:
    """Return the rotation matrix of three uniform deviates: a random one, uniform over all rotations."""
    p, q = math.sqrt(1 - u), math.sqrt(u)
    x, y = p * math.sin(2 * math.pi * v), p * math.cos(2 * math.pi * v)
    z, r = q * math.sin(2 * math.pi * w), q * math.cos(2 * math.pi * w)
    return [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * r), 2 * (x * z + y * r)],
        [2 * (x * y + z * r), 1 - 2 * (x * x + z * z), 2 * (y * z - x * r)],
        [2 * (x * z - y * r), 2 * (y * z + x * r), 1 - 2 * (x * x + y * y)],
    ]
