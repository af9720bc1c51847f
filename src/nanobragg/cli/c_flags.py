"""`nanobragg -cell … -lambda …`: the C program's flags and files."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..analysis.statistics import statistics
from ..analysis.summary import LABEL_WIDTH, summarize_scene, summarize_statistics
from ..errors import FileError, warn_user
from ..io.atomic import check_distinct, check_writable
from ..nanobragg_c.flags.config_from_flags import Outputs, check_background_file, parse_flags
from ..nanobragg_c.outputs import CImages, make_c_images, output_paths, write_c_files, write_dump
from ..nanobragg_c.trace_lines import c_printout, c_trace_lines
from ..rendering.simulate import simulate
from ..rendering.trace.trace import trace
from ..scene.scene import Scene
from .cost import cost_lines
from .progress import progress_reporter


def run(words: Sequence[str]) -> int:
    """Render what the flags describe, and write the C program's files."""
    parsed = parse_flags(words)
    check_background_file(parsed)
    outputs = parsed.outputs
    if outputs.write_noise and outputs.seed is None:
        outputs = replace(outputs, seed=int(time.time()))
    files = list(output_paths(outputs).values())
    for path in files:
        check_writable(path)
    check_distinct(files, parsed.input_files)
    scene = Scene(parsed.config)
    dump = _dump_path(scene, outputs)
    if dump is not None:
        check_distinct([*files, dump], parsed.input_files)
    _print(summarize_scene(scene) + cost_lines(scene, None, outputs.threads, "float32"))
    if outputs.write_noise:
        _print([f"{'noise':<{LABEL_WIDTH}}seed {outputs.seed} (-seed {outputs.seed} reproduces this noise)"])
    progress = progress_reporter(outputs.progress)
    image, report = simulate(scene, threads=outputs.threads, progress=progress, report=True)
    if report.terms_evaluated < report.terms:
        _print([f"{'rendered':<{LABEL_WIDTH}}{report}"])
    _print_pixels(scene, outputs)
    stats = statistics(image, scene)
    made = make_c_images(image, scene, outputs, stats.rmsd)
    _print([*summarize_statistics(stats), *_summarize_outputs(made)])
    if dump is not None:
        write_dump(dump, scene)
    write_c_files(image, made, scene, outputs)
    written = [*output_paths(outputs).values(), *([dump] if dump else [])]
    _print([f"{'written':<{LABEL_WIDTH}}{', '.join(written)}"])
    return 0


def _print(lines: Sequence[str]) -> None:
    print("\n".join(lines), flush=True)


def _print_pixels(scene: Scene, outputs: Outputs) -> None:
    """Print the traces that the flags request, of one pixel or of all rendered ones."""
    if outputs.printout:
        slow, fast = scene.shape
        for x, y in _rendered(scene) if outputs.printout_pixel is None else [outputs.printout_pixel]:
            if 0 <= x < fast and 0 <= y < slow and scene.rendered[y, x]:
                print("\n".join(c_printout(trace(scene, slow=y, fast=x, strongest=1))))
    if outputs.trace_pixel is not None:
        slow, fast = outputs.trace_pixel
        print("\n".join(c_trace_lines(trace(scene, slow=slow, fast=fast, strongest=1))))


def _rendered(scene: Scene) -> Iterator[tuple[int, int]]:
    """Return the pixels (fast, slow) of the region of interest, in the order of rendering."""
    x0, x1, y0, y1 = scene.limits
    return ((x, y) for y in range(y0, y1 + 1) for x in range(x0, x1 + 1))


def _dump_path(scene: Scene, outputs: Outputs) -> str | None:
    """Return the path of Fdump.bin for structure factors read from text; warn and return None if not writable."""
    factors = scene.config.structure_factors
    if factors.path is None or factors.kind == "dump":
        return None
    try:
        check_writable(outputs.dump_path)
    except FileError as error:
        warn_user(str(error))
        return None
    return outputs.dump_path


def _summarize_outputs(made: CImages) -> list[str]:
    scales = f"{made.int_scale:g} (integers)"
    if made.greys is not None:
        scales += f", {made.pgm_scale:g} (picture)"
    lines = [f"{'scales':<{LABEL_WIDTH}}{scales}"]
    if made.noisy is not None:
        lines.append(f"{'noise':<{LABEL_WIDTH}}{made.photons:.0f} photons, {made.overloads} overloads")
    return lines
