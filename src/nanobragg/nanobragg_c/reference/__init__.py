"""The original C program beside this one: linked at run time from a library that its user built, or run as a program.

Neither the program nor a recipe to build it is part of this package. Environment variables name defaults:
NB_C_LIB the shared library, NB_C_BIN the executable.
"""

from .compare_functions import function_table
from .library import FUNCTIONS, Library, load
from .program import Program, program
from .program_output import Run
from .trace_comparison import compare_trace

__all__ = ["FUNCTIONS", "Library", "Program", "Run", "compare_trace", "function_table", "load", "program"]
