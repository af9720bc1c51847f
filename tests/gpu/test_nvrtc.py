"""Device code compiles with NVRTC, NVIDIA's run-time compiler, and keeps its numbers in registers; no GPU is needed."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from nanobragg._functions import HALO, SHAPES
from nanobragg.rendering.cuda import deviates
from nanobragg.rendering.cuda.render import LANES, PRECISIONS
from nanobragg.rendering.cuda.source import OPTIONS, THREADS, Kind

nvrtc = pytest.importorskip("nvidia.cuda_nvrtc", reason="NVRTC is not installed (pip install '.[nvrtc]')")
pytestmark = pytest.mark.slow

ARCHITECTURE = "sm_90"
CUPY_OPTIONS = ("-ftz=true",)  # what CuPy adds
MOST_REGISTERS = 65536 // THREADS // 3  # at least three blocks share a multiprocessor


class Compiled(NamedTuple):
    """What NVRTC and its assembler say."""

    status: int
    messages: str
    registers: int
    spilled: int  # bytes stored to local memory
    stack: int  # bytes
    ptx: str


def compile_for_device(source: str, options: tuple[str, ...] = OPTIONS) -> Compiled:
    """Compile for compute capability 9.0."""
    library = ctypes.CDLL(str(next(Path(next(iter(nvrtc.__path__)), "lib").glob("libnvrtc.so*"))))
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    assert library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"image.cu", 0, None, None) == 0
    options = [*options, *CUPY_OPTIONS, f"-arch={ARCHITECTURE}", "--ptxas-options=-v"]
    status = library.nvrtcCompileProgram(
        program, len(options), (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    )
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    library.nvrtcGetProgramLog(program, text)
    messages, ptx = text.value.decode(), b""
    if status == 0:
        library.nvrtcGetPTXSize(program, ctypes.byref(size))
        assembly = ctypes.create_string_buffer(size.value)
        library.nvrtcGetPTX(program, assembly)
        ptx = assembly.value
    library.nvrtcDestroyProgram(ctypes.byref(program))

    def largest(pattern: str) -> int:
        return max(map(int, re.findall(pattern, messages)), default=-1)

    return Compiled(
        status, messages, largest(r"Used (\d+) registers"), largest(r"(\d+) bytes spill stores"),
        largest(r"(\d+) bytes stack frame"), ptx.decode(),
    )  # fmt: skip


# What is not a shape of the crystal's own: the shape's number, and the lookups that it has.
OTHERS = {"smeared": (SHAPES["gauss"].number, ("constant", "nearest")), "halos": (HALO, ("nearest",))}


def kinds(header: str, shape: str) -> list[Kind]:
    """Return the device code of every lookup and precision for a shape; of images, for flat and curved detectors."""
    found = []
    number, lookups = OTHERS[shape] if shape in OTHERS else (SHAPES[shape].number, tuple(LANES))
    for lookup in lookups:
        for name, (real, entry) in PRECISIONS.items():
            if name == "single" and (shape in OTHERS or not SHAPES[shape].single_precision):
                continue
            for curved in (0, 1) if header == "image.h" else ((len(found) + number) % 2,):
                defines = {
                    "NB_REAL": real, "NB_ENTRY": entry, "NB_SHAPE": number, "NB_SMEARED": int(shape == "smeared"),
                    "NB_LOOKUP": lookup.capitalize(), "NB_CURVED": curved, "NB_THREADS": THREADS,
                    "NB_PIXEL": "double" if name == "double" else "float",
                    "NB_SHARES": 0, "NB_BEAMSTOP": 0,
                    "NB_LANES": LANES[lookup] if header == "image.h" and shape in SHAPES else 1,
                    "NB_PIECE_EDGE": (4, 2, 1)[list(LANES).index(lookup)],
                }  # fmt: skip
                found.append(Kind(header, tuple(defines.items())))
    return found


def compile_all(every: list[Kind]) -> Iterator[tuple[Kind, Compiled]]:
    with ThreadPoolExecutor(2) as pool:
        for kind, compiled in zip(every, pool.map(lambda kind: compile_for_device(kind.source), every), strict=True):
            assert compiled.status == 0, compiled.messages
            yield kind, compiled


# Registers, and bytes spilled and on the stack, of every header at most. What images spill is outside the loop over
# orientations; the sums of a pixel of derivatives do not all fit into registers. A smeared spot has some hundred
# operations, and more numbers than others.
LIMITS = {
    "image.h": (MOST_REGISTERS, 160, 256),
    "derivatives.h": (255, 1024, 2560),
    "culled.h": (255, 512, 512),
    "culled_primitives.h": (255, 1024, 2560),
}
SMEARED_LIMITS = {"image.h": (255, 256, 256), "derivatives.h": LIMITS["derivatives.h"]}  # culled ones have none


@pytest.mark.parametrize(
    ("header", "shape"),
    [
        *((header, shape) for header in LIMITS for shape in (*SHAPES, "halos")),
        *((h, "smeared") for h in SMEARED_LIMITS),
    ],
)
def test_device_code_compiles_for_every_kind_of_scene(header, shape):
    registers, spilled, stack = (SMEARED_LIMITS if shape == "smeared" else LIMITS)[header]
    for kind, compiled in compile_all(kinds(header, shape)):
        assert 0 < compiled.registers <= registers, (kind.defines, compiled)
        assert 0 <= compiled.spilled <= spilled, (kind.defines, compiled)
        assert 0 <= compiled.stack <= stack, (kind.defines, compiled)


@pytest.mark.parametrize("header", LIMITS)
def test_device_code_compiles_for_weighted_domains_and_a_beamstop(header):
    kind = kinds(header, "gauss")[0]
    source = kind.source.replace("#define NB_SHARES 0", "#define NB_SHARES 1")
    compiled = compile_for_device(source.replace("#define NB_BEAMSTOP 0", "#define NB_BEAMSTOP 1"))
    assert compiled.status == 0, compiled.messages


def test_noise_is_compiled_to_instructions_that_round_as_the_cpus_do():
    """None that fuses a multiplication with an addition, and none that approximates."""
    compiled = compile_for_device(deviates.KIND.source, deviates.KIND.options)
    assert compiled.status == 0, compiled.messages
    assert 0 < compiled.registers <= 64
    assert 0 <= compiled.stack <= 128
    arithmetic = set(re.findall(r"\b(\w+(?:\.\w+)*)\.f64\b", compiled.ptx))
    assert {"mul.rn", "add.rn", "div.rn", "sqrt.rn"} <= arithmetic
    assert not [name for name in arithmetic if "fma" in name or "approx" in name or "mad" in name]
    fused = compile_for_device(deviates.KIND.source)
    assert "fma.rn.f64" in fused.ptx


def test_a_fault_in_device_code_is_reported():
    kind = kinds("image.h", "square")[0]
    compiled = compile_for_device(kind.source.replace("s.panels[pixels.panel]", "s.no_panels[0]"))
    assert compiled.status != 0
    assert "no_panels" in compiled.messages
