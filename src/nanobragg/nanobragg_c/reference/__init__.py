"""The original C program for comparison: a shared library or an executable that the user built.

Neither the program nor a recipe to build it is part of this package. The environment variables NB_C_LIB and NB_C_BIN
give the default paths of the shared library and the executable.
"""

from .compare_functions import function_table
from .library import FUNCTIONS, Library, load
from .program import Program, program
from .program_output import Run
from .trace_comparison import compare_trace

__all__ = ["FUNCTIONS", "Library", "Program", "Run", "compare_trace", "function_table", "load", "program"]
