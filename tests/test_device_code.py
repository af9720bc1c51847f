"""The headers of the kernel compile as device code with NVRTC, NVIDIA's run-time compiler; no GPU is needed."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from tests.paths import TESTS

nvrtc = pytest.importorskip("nvidia.cuda_nvrtc", reason="NVRTC is not installed (pip install '.[nvrtc]')")
INCLUDE = TESTS.parent / "include"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not INCLUDE.exists(), reason="the headers are not beside the tests"),
]

WALK = """
#include "nanobragg/intensity.h"
#include "nanobragg/walk.h"

namespace nb::NB_ISA {

template <class Real, class Entry, class Shape>
void render(const Scene &s, int slow, int fast, Intensity &sink, double *photons)
{
    const volatile int never = 0;
    Accumulate<Intensity> *const add[] = {
        accumulate<Real, Shape, Constant<Entry>, Intensity>, accumulate<Real, Shape, Nearest<Entry>, Intensity>,
        accumulate_tricubic<Real, Shape, Entry, Intensity>,
    };
    walk(s, s.panels[0], slow, &fast, 1, all_of(s), add[s.lookup], &never, sink, photons);
}

template <class... Shape> void render_any(List<Shape...>, const Scene &s, int slow, int fast, double *photons)
{
    Intensity sink;
    int number = 0;
    ((number++ == s.shape ? render<double, float, Shape>(s, slow, fast, sink, photons) : void()), ...);
    render<float, float, Square>(s, slow, fast, sink, photons);
}

extern "C" __global__ void image(Scene s, int width, double *photons)
{
    const int fast = blockIdx.x * blockDim.x + threadIdx.x;
    render_any(Shapes{}, s, blockIdx.y, fast, photons + blockIdx.y * width + fast);
}

} // namespace nb::NB_ISA
"""


def compile_for_device(source: str) -> tuple[int, str, str]:
    """Return NVRTC's status, its messages, and the PTX for compute capability 9.0."""
    library = ctypes.CDLL(str(next(Path(next(iter(nvrtc.__path__)), "lib").glob("libnvrtc.so*"))))
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    assert library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"image.cu", 0, None, None) == 0
    options = ["-std=c++17", "-arch=sm_90", "-default-device", f"-I{INCLUDE}"]
    status = library.nvrtcCompileProgram(
        program, len(options), (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    )

    def fetch(what: str) -> str:
        getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
        text = ctypes.create_string_buffer(size.value)
        getattr(library, f"nvrtcGet{what}")(program, text)
        return text.value.decode()

    return status, fetch("ProgramLog"), fetch("PTX") if status == 0 else ""


def test_the_walk_compiles_for_every_shape_lookup_and_precision():
    status, messages, ptx = compile_for_device(WALK)
    assert status == 0, messages
    assert ".visible .entry image(" in ptx
    assert "ex2" in ptx or "fma.rn.f64" in ptx


def test_a_fault_in_device_code_is_reported():
    status, messages, _ = compile_for_device(WALK.replace("s.panels[0]", "s.no_panels[0]"))
    assert status != 0
    assert "no_panels" in messages
