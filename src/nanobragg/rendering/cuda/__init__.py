"""Rendering on NVIDIA GPUs: the headers of the core, compiled at run time (docs/gpu.md)."""
