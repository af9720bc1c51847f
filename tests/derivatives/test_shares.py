"""Shares of single terms in the derivatives of a traced pixel."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.cli import main
from nanobragg.errors import ConfigError
from tests.builders import config
from tests.derivatives.scenes import config as golden

pytestmark = pytest.mark.filterwarnings("ignore:.*does not hit the detector", "ignore:oversample")


@pytest.mark.parametrize(
    "name", ["all", "gauss_mosaic_sensor_water", "round_phi_subpixels", "tricubic", "two_panels", "curved"]
)
def test_the_shares_of_all_terms_and_the_background_add_up_to_the_derivative(name):
    scene = nb.Scene(golden(name))
    names = [p.name for p in nb.parameters(scene) if p.name not in ("log_background", "default_F")]
    image = nb.simulate(scene, dtype="float64", tolerance=0)
    *_, slow, fast = np.unravel_index(int(image.argmax()), image.shape)
    traced = nb.trace_derivatives(nb.trace(scene, slow=slow, fast=fast, strongest=None), names)
    bare = scene.config.replace(background=nb.Background())
    alone = nb.derivatives(nb.Scene(bare), names, tolerance=0)[..., slow, fast].reshape(len(names), -1)[:, 0]
    whole = nb.derivatives(scene, names, tolerance=0)[..., slow, fast].reshape(len(names), -1)[:, 0]
    for each, crystal, total in zip(traced.derivatives, alone, whole, strict=True):
        assert len(each.terms) == len(traced.terms)
        assert sum(each.terms) == pytest.approx(crystal, rel=1e-9, abs=1e-12 * np.abs(each.terms).sum()), each.name
        assert each.total == pytest.approx(total, rel=1e-12), each.name


def test_an_amplitude_has_the_terms_of_its_reflection():
    scene = nb.Scene(golden("gauss_mosaic_sensor_water"))
    image = nb.simulate(scene, dtype="float64", tolerance=0)
    *_, slow, fast = np.unravel_index(int(image.argmax()), image.shape)
    trace = nb.trace(scene, slow=slow, fast=fast, strongest=None)
    reflections = sorted({term.nearest for term in trace.terms if term.F_cell_from == "nearest"})
    names = [f"F({h},{k},{l})" for h, k, l in reflections]
    for each in nb.trace_derivatives(trace, names).derivatives:
        assert sum(each.terms) == pytest.approx(each.total, rel=1e-9)
        assert {t.nearest for t, share in zip(trace.terms, each.terms, strict=True) if share} <= {
            reflections[names.index(each.name)]
        }


def test_shares_are_shown_by_every_form_of_a_trace():
    one = config(sampling=nb.Sampling(oversample=1))
    traced = nb.trace_derivatives(nb.trace(one, slow=3, fast=5), ["rot_x", "log_fluence"])
    values = traced.values()
    (term,) = (name for name in values if name.endswith("domain[0].derivative.rot_x"))
    assert values[term] == traced.derivatives[0].terms[0] == pytest.approx(values["final.derivative.rot_x"])
    assert json.loads(traced.to_json())[term] == values[term]
    assert "The derivative by rot_x is" in traced.explain()
    assert "photons per rad" in traced.explain()


def test_a_parameter_without_shares_is_refused():
    traced = nb.trace(golden("all"), slow=3, fast=5)
    with pytest.raises(ConfigError, match=r"source_weight0: a trace does not show .*nb\.derivatives"):
        nb.trace_derivatives(traced, ["source_weight0"])
    with pytest.raises(ConfigError, match="did you mean rot_x"):
        nb.trace_derivatives(traced, ["rotx"])


def test_the_command_line_shows_shares(tmp_path, capsys):
    path = tmp_path / "still.toml"
    config().to_toml(path)
    assert main(["trace", str(path), "--pixel", "3", "5", "--derivative", "cell_a", "--derivative", "n_a"]) == 0
    printed = capsys.readouterr().out
    assert "domain[0].derivative.cell_a = " in printed
    assert "final.derivative.n_a = " in printed
