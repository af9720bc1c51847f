"""The constructors that read a file, under names of their own, one for each kind of file: `nb.read_mtz(path)`."""

from .beam import Sources
from .config import Config
from .spectrum import Spectrum
from .structure_factors import StructureFactors

read_toml = Config.from_toml
read_hkl = StructureFactors.from_hkl
read_fdump = StructureFactors.from_dump
read_shelx = StructureFactors.from_shelx
read_mtz = StructureFactors.from_mtz
read_cif = StructureFactors.from_cif
read_coordinates = StructureFactors.from_coordinates
read_spectrum = Spectrum.from_file
read_sources = Sources.from_file
