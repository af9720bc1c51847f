"""Write made.expt and truth.json: models of dxtbx (DIALS 3.12), and what dxtbx and DIALS compute from them.

Run again with the Python that has dxtbx: /usr/bin/python3 tests/expt/make.py tests/expt
"""

import json
import math
import sys
from pathlib import Path

from dials.algorithms.spot_prediction import ScanStaticReflectionPredictor
from dials.array_family import flex
from dxtbx.model import (
    Beam,
    Crystal,
    Detector,
    Experiment,
    Goniometer,
    MosaicCrystalKabsch2010,
    MultiAxisGoniometer,
    ParallaxCorrectedPxMmStrategy,
    Scan,
)
from dxtbx.model.experiment_list import ExperimentList
from dxtbx.serialize import load
from scitbx import matrix
from scitbx.math import euler_angles_as_matrix

PIXELS = ((0.5, 0.5), (100.5, 20.5), (30, 90))  # fast, slow
IMAGES = (0, 7)


def turned(x, y, z):
    return matrix.sqr(euler_angles_as_matrix((x, y, z), deg=True).elems)


def crystal(kind, angles):
    u = turned(*angles)
    axes = [u * matrix.col(v) for v in ((50, 0, 0), (-20, 60, 0), (5, -10, 70))]
    return kind(*axes, space_group_symbol="P 1")


def sensor(panel, pixel, size, thickness, parallax):
    panel.set_pixel_size((pixel, pixel))
    panel.set_image_size(size)
    panel.set_trusted_range((-1, 65000))
    panel.set_thickness(thickness)
    panel.set_material("Si")
    panel.set_mu(3.9)
    if parallax:
        panel.set_px_mm_strategy(ParallaxCorrectedPxMmStrategy(3.9, thickness))


def one_panel(parallax):
    detector = Detector()
    panel = detector.add_panel()
    panel.set_frame((1, 0, 0), (0, -1, 0), (-80.3, 82.1, -200.7))
    sensor(panel, 0.172, (975, 1043), 0.32, parallax)
    return detector


def two_groups_of_four():
    detector = Detector()
    root = detector.hierarchy()
    root.set_frame((math.cos(0.1), math.sin(0.1), 0), (-math.sin(0.1), math.cos(0.1), 0), (0.1, 0.2, -150))
    for g in range(2):
        group, t = root.add_group(), 0.2 * (g + 1)
        group.set_local_frame((math.cos(t), 0, math.sin(t)), (0, 1, 0), (-10 + 25 * g, 3, 2 * g))
        for p in range(4):
            panel, s = group.add_panel(), 0.03 * (p + 1)
            panel.set_name(f"g{g}p{p}")
            fast, slow = (math.cos(s), math.sin(s), 0), (-math.sin(s), math.cos(s), 0)
            panel.set_local_frame(fast, slow, (-20 + 10 * p, -15, 0.1 * p))
            sensor(panel, 0.075, (128, 100), 0.45, True)
            panel.add_mask(3, 4, 10, 12)
    return detector


def several_axes(scan_axis):
    axes = flex.vec3_double([(1, 0, 0), (0.7, 0.7, 0.1), (0.99, 0.01, 0.1)])
    names = flex.std_string(["phi", "kappa", "omega"])
    return MultiAxisGoniometer(axes, flex.double([30, -40, 5.0]), names, scan_axis)


def experiments():
    beam = Beam(matrix.col((0.01, 0.02, 1)), 0.9795, 0, 0, matrix.col((0.0, 0.99, -0.0198)), 0.98, 0, 1)
    scan = Scan((1, 20), (10.0, 0.5), [0.1] * 20, [0.0] * 20)
    one_axis = Goniometer((1, 0.01, 0), turned(10, 20, 30).elems, turned(1, 2, -3).elems)
    mosaic, varying = crystal(MosaicCrystalKabsch2010, (50, 60, 70)), crystal(Crystal, (5, 6, 7))
    mosaic.set_mosaicity(0.1)
    a0 = matrix.sqr(varying.get_A())
    varying.set_A_at_scan_points([(turned(0.02 * k, 0.01 * k, 0) * a0 * (1 + 1e-4 * k)).elems for k in range(21)])
    groups, plain = two_groups_of_four(), crystal(Crystal, (110, 20, 230))
    return ExperimentList([
        Experiment(beam=beam, detector=one_panel(True), goniometer=one_axis, scan=scan, crystal=plain),
        Experiment(beam=beam, detector=groups, goniometer=several_axes(2), scan=scan, crystal=mosaic),
        Experiment(beam=beam, detector=one_panel(False), goniometer=several_axes(0), scan=scan, crystal=varying),
        Experiment(beam=beam, detector=groups, crystal=plain),
    ])  # fmt: skip


def setting(e, image):
    """The crystal's A in the lab, in the middle of an image."""
    a = matrix.sqr(e.crystal.get_A())
    if e.goniometer is None:
        return a.elems
    if e.crystal.num_scan_points:
        a = 0.5 * sum((matrix.sqr(e.crystal.get_A_at_scan_point(image + k)) for k in (0, 1)), 0 * a)
    phi = e.scan.get_angle_from_array_index(image + 0.5)
    r = matrix.col(e.goniometer.get_rotation_axis_datum()).axis_and_angle_as_r3_rotation_matrix(phi, deg=True)
    s, f = matrix.sqr(e.goniometer.get_setting_rotation()), matrix.sqr(e.goniometer.get_fixed_rotation())
    return (s * r * f * a).elems


def rays(panel):
    """Directions, and the pixels (fast, slow) where DIALS sees them."""
    edge = panel.get_pixel_size()[0]
    width, height = panel.get_image_size()
    for f, s in ((10, 90), (60, 60), (width - 5, 5), (width - 5, height - 5)):
        ray = matrix.col(panel.get_lab_coord((f * edge, s * edge))).normalize()
        yield [*ray.elems, *panel.get_ray_intersection_px(ray.elems)]


def predictions(e):
    """Panel, x (fast), y (slow), image: where DIALS predicts the spots that a scan crosses."""
    if e.goniometer is None or e.crystal.num_scan_points or len(e.detector) == 1:
        return []
    table = ScanStaticReflectionPredictor(e, dmin=1.6).for_ub(e.crystal.get_A())
    return [[table["panel"][i], *table["xyzcal.px"][i]] for i in range(len(table))]


def truth(e):
    places = [
        [p.get_lab_coord((f * p.get_pixel_size()[0], s * p.get_pixel_size()[1])) for f, s in PIXELS] for p in e.detector
    ]
    return {
        "places": places,
        "rays": [list(rays(p)) for p in e.detector],
        "predictions": predictions(e),
        "s0": e.beam.get_unit_s0(),
        "cell": e.crystal.get_unit_cell().parameters(),
        "A": {image: setting(e, image) for image in (IMAGES if e.goniometer else IMAGES[:1])},
    }


def main(folder):
    experiments().as_file(folder / "made.expt")
    stored = load.experiment_list(folder / "made.expt", check_format=False)
    (folder / "truth.json").write_text(json.dumps([truth(e) for e in stored]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
