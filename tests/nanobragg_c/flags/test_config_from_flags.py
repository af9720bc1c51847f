"""C flags: spellings, order, values, quirks, and what they make of a Config (numbers from nanoBragg.c's own output)."""

from __future__ import annotations

import math
import struct
from dataclasses import fields

import pytest

from nanobragg.config.region import region_limits
from nanobragg.errors import ConfigError, NanobraggWarning
from nanobragg.nanobragg_c.flags.config_from_flags import Outputs, help_flag, help_text, parse_flags
from nanobragg.nanobragg_c.flags.flag_table import GROUPS, SPELLINGS
from nanobragg.nanobragg_c.flags.flag_values import FlagValues
from tests.nanobragg_c.flags.flag_lines import BASE, parse, quietly


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    """A folder without an Fdump.bin, which would be read."""
    monkeypatch.chdir(tmp_path)


def get(config, path: str):
    for name in path.split("."):
        config = getattr(config, name)
    return config


# --- the table and its spellings ----------------------------------------------------------------------------


def test_every_spelling_is_of_one_flag_and_every_flag_sets_known_fields():
    flags = [flag for group in GROUPS.values() for flag in group]
    assert len(SPELLINGS) == sum(1 + len(flag.aliases) for flag in flags)
    known = {item.name for item in fields(FlagValues)} | {item.name for item in fields(Outputs)}
    assert {name for flag in flags for name in (*flag.sets, *flag.also)} <= known
    assert [flag.name for flag in flags if not (flag.sets or flag.also or flag.unused)] == []


@pytest.mark.parametrize(
    ("line", "path", "value"),
    [
        ("-wave 1.5", "beam.wavelength_A", 1.5),
        ("-wavelength 1.5", "beam.wavelength_A", 1.5),
        ("-mosaic_spread 0.5", "crystal.mosaic_spread_deg", 0.5),
        ("-mosaicity 0.5", "crystal.mosaic_spread_deg", 0.5),
        ("-mosaic_dom 7", "crystal.mosaic_domains", 7),
        ("-mosaic_domains 7", "crystal.mosaic_domains", 7),
        ("-detector_absorb 300 -detector_thick 50", "detector.attenuation_um", 300.0),
        ("-thicksteps 4", "detector.sensor_layers", 4),
        ("-detector_thicksteps 4", "detector.sensor_layers", 4),
        ("-xtal_size 0.02", "crystal.size_mm", (0.02, 0.02, 0.02)),
        ("-xtalsize 0.02", "crystal.size_mm", (0.02, 0.02, 0.02)),
        ("-sample_thick 1 -sample_width 2 -sample_height 3", "crystal.size_mm", (1.0, 2.0, 3.0)),
        ("-xtal_x 1 -width 2 -heigh 3", "crystal.size_mm", (1.0, 2.0, 3.0)),
        ("-detpixels_x 20 -detpixels_y 30", "detector.shape", (30, 20)),
        ("-detpixels_f 20 -detpixels_s 30", "detector.shape", (30, 20)),
        ("-binary_spots", "crystal.shape", "tophat"),
        ("-gauss_xtal", "crystal.shape", "gauss"),
        ("-N 5 -Nb 7", "crystal.n_cells", (5, 7, 5)),
        ("-misset -5 6.5 -7", "crystal.misset_deg", (-5.0, 6.5, -7.0)),
        ("-dispersion 0.5", "beam.dispersion_percent", 0.5),
        ("-divergence 2 -divsteps 3", "beam.divergence_steps", (3, 3)),
        ("-square_div", "beam.round_divergence", False),
        ("-water 5", "background.water_um", 5.0),
        ("-dmin 2.5", "sampling.d_min_A", 2.5),
        ("-oversample_thick", "sampling.oversample_thick", True),
        ("-mosaic_seed 42", "crystal.mosaic_seed", 42),
        ("-curved_det", "detector.curved", True),  # as the last argument, where the C program ignores it
    ],
)
def test_spelling_reaches_its_field(line, path, value):
    assert get(parse(line).config, path) == value


@pytest.mark.parametrize("spelling", ["-matrix", "-mat"])
def test_matrix_replaces_the_cell(spelling):
    crystal = parse_flags(f"-default_F 1 {spelling} A.mat").config.crystal
    assert (crystal.cell, str(crystal.matrix_path)) == (None, "A.mat")


def test_a_list_of_words_and_a_string_with_quotes_mean_the_same():
    text = parse("-matrix 'my A.mat'").config
    words = parse_flags([*BASE.split(), "-matrix", "my A.mat"]).config
    assert text == words
    assert str(text.crystal.matrix_path) == "my A.mat"


def test_plain_line_leaves_the_c_programs_defaults():
    parsed = parse()
    config = parsed.config
    assert config.compat == "c"
    assert config.crystal.n_cells == (1, 1, 1)
    assert config.crystal.mosaic_seed == 12345678
    assert (config.beam.wavelength, config.beam.fluence) == (1.0, 125932015286227086360700780544.0)
    assert config.scan.range_deg is None
    assert config.roi is None
    assert (config.beam.direction, config.beam.polarization_axis, config.crystal.spindle_axis) == (None, None, None)
    assert (parsed.outputs, parsed.unused) == (Outputs(), [])


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-distanse 5", "-distanse: unknown flag; did you mean -distance"),
        ("--distance 5", "--distance: unknown flag; did you mean -distance"),
        ("-zzz", "-zzz: unknown flag; nanobragg --help"),
        ("-distance", "-distance: needs D in mm; got nothing"),
        ("-misset 1 2", "-misset: needs X Y Z in degrees; got 1 2"),
        ("-fdet_vector 1 -sdet_vector 0 1 0", "-fdet_vector: needs X Y Z; got 1"),
        ("-hkl -N 5", "-hkl: needs FILE; got nothing"),
        ("-distance far", "-distance far is not a finite number"),
        ("-distance nan", "-distance nan is not a finite number"),
        ("-fluence 1_000", "-fluence 1_000 is not a finite number"),
        ("-oversample many", "-oversample many is not a valid integer"),
        ("-detpixels .5", "-detpixels .5 is not a valid integer"),
        ("-seed 99999999999", "-seed 99999999999 is not a valid integer"),
        ("-pivot detector", "-pivot detector is not a valid pivot; give beam or sample"),
        ("-N 5 6", "'6' after -N: belongs to no flag"),
        ("-N 5 -6", "'-6' after -N: belongs to no flag"),
        ("-cell 10 20 x", "'x' after -cell: belongs to no flag"),
        ("-nopgm yes", "'yes' after -nopgm: belongs to no flag"),
        ("-distance 0", "-distance 0 is not valid; give a positive"),
        ("-close_distance -3", "-close_distance -3 is not valid; give a positive"),
        ("-pixel 0", "-pixel 0 is not valid; give a positive"),
        ("-detpixels -4", "-detpixels_f -4 is not valid; give at least 1"),
        ("-detpixels 0 -detsize 0.04", "-detsize_f 0.04 is smaller than a pixel of 0.1 mm"),
        ("-twotheta 5 -twotheta_axis 0 0 0", "-twotheta_axis 0 0 0 is not a valid axis"),
        ("-fdet_vector 0 0 0", "cannot have length zero"),
        ("-osc 0 -phistep 1", "-osc 0 with -phistep 1: gives no step"),
        ("-threads 0", "-threads 0 is not valid; give at least 1"),
        ("-roi 5 3 0 9", "-roi 5 3 0 9: contains no pixel"),
        ("-cell 0", "lengths must be positive"),
        ("-exact -polar 1.5", "Beam.kahn_factor = 1.5"),
    ],
)
def test_invalid_lines_are_refused_with_the_cure(line, message):
    with pytest.raises(ConfigError) as caught:
        parse(line)
    assert message in str(caught.value)


def test_incomplete_lines_are_refused():
    with pytest.raises(ConfigError, match="no unit cell: give -cell"):
        parse_flags("-default_F 1")
    with pytest.raises(ConfigError, match="no structure factors: give -hkl"):
        parse_flags("-cell 10")
    with pytest.raises(ConfigError, match="close the quotation"):
        parse_flags("-hkl 'a")


def test_a_whole_number_may_have_a_decimal_point():
    assert parse("-oversample 2.0").config.sampling.oversample == 2


# --- values as the C program takes them ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "cell"),
    [
        ("-cell 50", (50, 50, 50, 90, 90, 90)),
        ("-cell 50 60 -N 3", (50, 60, 50, 90, 90, 90)),
        ("-cell 50 0 70 80", (50, 50, 70, 80, 90, 90)),
        ("-cell 50 60 70 0 95 100", (50, 60, 70, 90, 95, 100)),
        ("-cell 50 60 70 80 95 100 -cell 40", (40, 60, 70, 80, 95, 100)),
    ],
)
def test_cell_is_completed(line, cell):
    assert parse_flags("-default_F 1 " + line).config.crystal.cell == cell


def test_counts_below_one_and_negative_values_mean_not_given():
    config = parse(
        "-N 0 -Nb -3 -oversample -1 -osc -1 -phistep -1 -phisteps -1 -hdivrange -1 -hdivstep 0 -hdivsteps 0 "
        "-vdivrange 0 -dispersion -1 -dispsteps -1 -mosaic -1 -mosaic_dom 0 -samplesize -1 -dmin -1 "
        "-detector_thick -1 -detector_abs -1 -thicksteps 0 -roi -1 -1 -1 -1 -beamsize -1"
    ).config
    assert config.crystal.n_cells == (1, 1, 1)
    assert config.crystal.size_mm == (0, 0, 0)
    assert (config.crystal.mosaic_spread_deg, config.crystal.mosaic_domains) == (None, None)
    assert (config.scan.range_deg, config.scan.step_deg, config.scan.steps) == (None, None, None)
    assert config.beam.divergence_mrad == (None, 0.0)
    assert config.beam.divergence_step_mrad == config.beam.divergence_steps == (None, None)
    assert (config.beam.dispersion_percent, config.beam.dispersion_steps, config.beam.size_mm) == (None,) * 3
    assert (config.sampling.oversample, config.sampling.d_min_A) == (None, 0)
    sensor = config.detector
    assert (sensor.sensor_thickness_um, sensor.attenuation_um, sensor.sensor_layers) == (None, None, None)
    assert config.roi is None


def test_zero_phi_steps_and_a_zero_phi_step_are_given():
    scan = parse("-osc 1 -phisteps 0 -phistep 0").config.scan
    assert (scan.range_deg, scan.steps, scan.step_deg) == (1.0, 0, 0.0)


def test_the_later_of_wavelength_and_energy_wins():
    assert parse("-energy 12398.42 -lambda 2").config.beam.wavelength == 2.0
    assert parse("-lambda 2 -energy 6199.21").config.beam.wavelength == 2.0


@pytest.mark.parametrize(
    ("line", "fluence"),
    [
        ("-flux 1e12 -exposure 0.1 -beamsize 0.03", 1e12 * 0.1 / 3e-5 / 3e-5),
        ("-flux 1e12 -exposure 0 -fluence 3", 3.0),
        ("-flux 1e12 -beamsize -1 -fluence 3", 3.0),
        ("-flux 0 -fluence 3", 3.0),
    ],
)
def test_fluence_comes_from_a_flux_that_is_complete(line, fluence):
    assert parse(line).config.beam.fluence == pytest.approx(fluence, rel=1e-15)


@pytest.mark.parametrize(
    ("line", "roi"),
    [
        ("-roi 10 50 20 33", (10, 50, 20, 33)),
        ("-roi -1 50 20 128", (0, 50, 20, 127)),
        ("-roi 5 -1 5 -1", (5, 127, 5, 127)),
    ],
)
def test_roi_is_kept_within_the_detector(line, roi):
    region = parse(line).config.roi
    assert region_limits(region, (128, 128)) == roi


def test_random_misset_without_a_seed_takes_and_records_one_from_the_clock(monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1234.5)
    with pytest.warns(NanobraggWarning, match="-misset_seed 1234 reproduces this orientation"):
        crystal = parse("-misset random").config.crystal
    assert (crystal.misset_deg, crystal.misset_seed) == ("random", 1234)
    crystal = parse("-misset rand -misset_seed 7").config.crystal
    assert (crystal.misset_deg, crystal.misset_seed) == ("random", 7)
    assert parse("-misset random -misset 1 2 3").config.crystal.misset_deg == (1, 2, 3)


def test_misset_seed_does_not_set_angles():
    assert parse("-misset_seed 5 -N 1 -Na 2").config.crystal.misset_deg == (0, 0, 0)  # row 19, not followed


# --- structure factors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-N 3", False),
        ("-N 2", True),
        ("-N 5 -Nb 0", True),
        ("-N 1 -nointerpolate", False),
        ("-N 9 -interpolate", True),
        ("-interpolate -nointerpolate", False),
    ],
)
def test_interpolation_goes_by_the_number_of_cells_given(line, expected):
    assert parse("-hkl P1.hkl " + line).config.structure_factors.interpolate is expected
    assert parse(line).config.structure_factors.interpolate is False  # nothing to interpolate


def test_a_size_alone_interpolates():
    with pytest.warns(NanobraggWarning, match="row 21"):
        assert parse("-hkl P1.hkl -samplesize 1").config.structure_factors.interpolate is True
    assert parse("-hkl P1.hkl -samplesize 1 -N 3").config.structure_factors.interpolate is False


def test_reading_an_existing_dump_is_reported(tmp_path):
    dump = b"0 0 0 0 0 0\n\f" + struct.pack("8d", 7.0, *[0.0] * 7)
    (tmp_path / "Fdump.bin").write_bytes(dump)
    (tmp_path / "other.bin").write_bytes(dump)
    with pytest.warns(NanobraggWarning, match=r"no -hkl: reading Fdump\.bin"):
        factors = parse("-N 1").config.structure_factors
    assert (str(factors.path), factors.file_format, factors.interpolate) == ("Fdump.bin", "dump", True)
    assert factors.default_F == 100
    with pytest.warns(NanobraggWarning, match=r"reading other\.bin"):
        assert str(parse_flags("-cell 9 -dumpfile other.bin").config.structure_factors.path) == "other.bin"
    assert parse("-dump none.bin").config.structure_factors.path is None
    assert parse("-hkl P1.hkl").config.structure_factors.file_format == "hkl"


# --- sensor, polarization, and other rows -------------------------------------------------------------------


def test_infinite_depth_clears_a_thickness_before_it():
    with pytest.warns(NanobraggWarning, match="-detector_thick has no effect: .*row 22"):
        detector = parse("-detector_thick 300 -detector_abs inf").config.detector
    assert (detector.sensor_thickness_um, detector.attenuation_um) == (0, None)


def test_infinite_depth_before_a_thickness_captures_nothing():
    with pytest.warns(NanobraggWarning, match="absorbs no photons"):
        detector = parse("-detector_abs 0 -detector_thick 300").config.detector
    assert (detector.sensor_thickness_um, detector.attenuation_um) == (300, math.inf)


def test_polar_cancels_an_earlier_nopolar():
    with pytest.warns(NanobraggWarning, match="-nopolar has no effect: a later -polar cancels it.*row 22"):
        assert parse("-nopolar -polar 0.9").config.beam.polarized is True
    beam = parse("-polar 0.9 -nopolar").config.beam
    assert (beam.polarized, beam.kahn_factor) == (False, 0.9)


@pytest.mark.parametrize(
    "flag", ["-coherent", "-hdiv 0", "-detsize_x 5", "-xdet_vector 1 0 0", "-stol a.stol", "-MW 5"]
)
def test_flag_that_the_c_program_ignores_is_reported(flag):
    with pytest.warns(NanobraggWarning, match=f"{flag.split()[0]} has no effect"):
        parsed = parse(flag)
    assert parsed.unused == [flag.split()[0]]
    assert parsed.config == parse().config


def test_background_file_is_recorded_with_its_multiplier():
    assert (quietly("-stol a").stol_path, quietly("-stol a").stol_multiplier) == ("a", 1.0)
    assert quietly("-4stol a").stol_multiplier == 0.25
    assert quietly("-Q a").stol_multiplier == pytest.approx(1 / (4 * math.pi), rel=1e-15)


# --- outputs and help ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-floatfile a -intimage b -pgmfile c -noiseimage d",
         {"float_path": "a", "int_path": "b", "pgm_path": "c", "noise_path": "d"}),
        ("-pgmfile a -nopgm -nonoise", {"pgm_path": "a", "write_pgm": False, "write_noise": False}),
        ("-nopgm -pgmscale 2", {"pgm_scale": 2.0}),
        ("-nonoise -noisefile n", {"noise_path": "n"}),
        ("-scale 2.5 -adcoffset 10 -seed 7", {"int_scale": 2.5, "adc_offset": 10.0, "seed": 7}),
        ("-scale 0 -pgmscale -1 -adc 0", {"adc_offset": 0.0}),
        ("-dumpfile d -noprogress -threads 2", {"dump_path": "d", "progress": False, "threads": 2}),
        ("-noprogress -progress -printout", {"printout": True}),
        ("-printout_pixel 3 4", {"printout": True, "printout_pixel": (3, 4)}),
        ("-printout_pixel -1 4", {"printout": True}),
        ("-trace_pixel 5 6", {"trace_pixel": (5, 6)}),
    ],
)  # fmt: skip
def test_output_flags(line, expected):
    assert parse(line).outputs == Outputs(**expected)


def test_help_lists_every_flag_with_unit_and_default():
    text = help_text()
    lines = text.splitlines()
    assert all(any(line.startswith(f"  {flag.name}") for line in lines) for flag in SPELLINGS.values())
    assert "  -distance D               sample to detector along the beam [mm; default: 100]" in lines
    assert max(map(len, lines)) <= 100
    assert help_flag("thicksteps").startswith("  -detector_thicksteps N ")
    with pytest.raises(ConfigError, match="did you mean -distance"):
        help_flag("distanc")
