"""`nanobragg -cell … -lambda …`: the C program's flags and files."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import replace

from ..analysis.statistics import statistics
from ..analysis.summary import LABEL_WIDTH, summarize_scene, summarize_statistics
from ..errors import FileError, NanobraggWarning
from ..io.atomic import check_writable
from ..nanobragg_c.flags.to_config import Outputs, parse_flags
from ..nanobragg_c.outputs import CImages, make_c_images, output_paths, write_c_files, write_dump
from ..rendering.simulate import simulate
from ..scene.scene import Scene
from .printout import print_pixels
from .progress import progress_reporter


def run(words: Sequence[str]) -> int:
    """Render what the flags describe, and write the C program's files."""
    parsed = parse_flags(words)
    outputs = parsed.outputs
    if outputs.write_noise and outputs.seed is None:
        outputs = replace(outputs, seed=int(time.time()))
    for path in output_paths(outputs).values():
        check_writable(path)
    scene = Scene(parsed.config)
    dump = _dump_path(scene, outputs)
    _print(summarize_scene(scene))
    if outputs.write_noise:
        _print([f"{'noise':<{LABEL_WIDTH}}seed {outputs.seed} (-seed {outputs.seed} reproduces this noise)"])
    image = simulate(scene, threads=outputs.threads, progress=progress_reporter(outputs.progress))
    print_pixels(scene, outputs)
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


def _dump_path(scene: Scene, outputs: Outputs) -> str | None:
    """Return the path of Fdump.bin for structure factors read from text; warn and return None if not writable."""
    factors = scene.config.structure_factors
    if factors.path is None or factors.kind == "dump":
        return None
    try:
        check_writable(outputs.dump_path)
    except FileError as error:
        warnings.warn(str(error), NanobraggWarning, stacklevel=2)
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
