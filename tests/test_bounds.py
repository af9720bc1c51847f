"""Every number of a Config has a bound, and no number within or beyond it leads to an error that is not ours."""

from __future__ import annotations

import typing
import warnings

import numpy as np
import pytest

import nanobragg as nb
from fuzzing.deep import use_config
from nanobragg.bounds import BOUNDS, check_bound
from nanobragg.config.base import Model
from nanobragg.config.flat_panel import FlatPanelParameters
from nanobragg.errors import ConfigError, NanobraggError, NanobraggWarning
from tests.builders import config

STRANGE = (-1, 0, 1, 5e-324, 1e-300, 1e-9, 1e300, -1e300, 2**31 - 1, 2**63, 10**400, float("nan"), float("inf"))


def models(model: type[Model], found: list[type[Model]] | None = None) -> list[type[Model]]:
    """Return a model and the models of its fields."""
    found = [] if found is None else found
    if model not in found:
        found.append(model)
        for field in model.model_fields.values():
            for each in parts(field.annotation):
                if isinstance(each, type) and issubclass(each, Model):
                    models(each, found)
    return found


def parts(annotation: object) -> list[object]:
    inner = [each for argument in typing.get_args(annotation) for each in parts(argument)]
    return [annotation, *inner]


def is_numeric(annotation: object) -> bool:
    found = parts(annotation)
    return bool({int, float, np.float64, np.int32} & {each for each in found if isinstance(each, type)})


NUMERIC = [
    f"{model.model_config.get('title') or model.__name__}.{name}"
    for model in [*models(nb.Config), FlatPanelParameters]
    for name, field in model.model_fields.items()
    if is_numeric(field.annotation)
]


def test_every_number_has_a_bound():
    assert set(NUMERIC) == set(BOUNDS)
    assert all(bound.low <= bound.high and bound.reason for bound in BOUNDS.values())


def shaped(name: str, value: object) -> object:
    """Return a value of the shape that a field needs, with one number replaced."""
    model, field = name.split(".")
    if field in ("matrix",):
        return ((value, 0, 0), (0, 0.02, 0), (0, 0, 0.03))
    if field == "cell":
        return (value, 60, 70)
    if field in ("table", "positions", "indices"):
        return {"table": [[0, 1], [0.1, value]], "positions": [[-1, 0, value]], "indices": [[1, 0, value]]}[field]
    if field == "twins":
        return [("-h,-k,l", value)]
    if field == "gain_map":
        return [[value, 1], [1, 1]]
    lists = ("amplitudes", "weights", "wavelengths_A", "energies_eV")
    if field in lists and (model, field) != ("Beam", "energy_eV"):
        return [value]
    vectors = ("misset_deg", "n_cells", "size_mm", "origin_mm", "rotation_deg")
    if field in vectors or field.endswith(("axis", "direction")):
        return (value, 1, 2)
    if field in ("divergence_mrad", "divergence_steps", "divergence_step_mrad", "beam_center_mm", "org_px", "pixels",
                 "near_point_mm"):  # fmt: skip
        return (value, 3)
    return value


def experiment(name: str, value: object) -> nb.Config:
    """Return a small experiment with a value in a field."""
    model, field = name.split(".")
    given = shaped(name, value)
    flat = {"distance_mm": 100, "pixels": (8, 8), "pixel_mm": 1.0}
    detector = nb.Detector.flat(**flat)
    if model == "Config":
        return config(detector=detector, **{field: given})
    if model == "Detector":
        if field == "close_distance_mm":
            flat.pop("distance_mm")
        return config(detector=nb.Detector.flat(**{**flat, "sensor_thickness_um": 100, field: given}))
    if model in ("Panel", "NominalGeometry"):
        panel = detector.panels[0]
        if model == "Panel":
            return config(detector=nb.Detector(panels=(panel.replace(**{field: given}),)))
        return config(detector=nb.Detector(panels=(panel,), nominal=detector.nominal.replace(**{field: given})))
    if model == "Beamstop":
        stop = {"diameter_mm": 2.0, "distance_mm": 30.0, field: given}
        return config(detector=detector.replace(beamstop=nb.Beamstop(**stop)))
    if model == "Diffuse":
        halos = {"correlation_length_A": 20.0, "displacement_A": 0.3, field: given}
        return config(detector=detector, crystal=nb.Crystal(cell=(50, 60, 70), diffuse=nb.Diffuse(**halos)))
    others = {
        "Crystal": {} if field in ("cell", "matrix") else {"cell": (50, 60, 70)},
        "StructureFactors": {"indices": {"amplitudes": [5.0]}, "amplitudes": {"indices": [[1, 0, 0]]}}.get(field, {}),
        "Spectrum": {"weights": {"wavelengths_A": [1.0]}}.get(field, {"weights": [1.0]}),
        "Sources": {} if field == "positions" else {"positions": [[-1, 0, 0]]},
        "Background": {"table": [[0, 1], [0.1, 2]], "thickness_um": 1.0} if field != "water_um" else {},
    }.get(model, {})
    if model == "Spectrum" and field == "bins":
        others = {"wavelengths_A": [1.0, 1.1], "weights": [1, 1]}
    made = getattr(nb, model)(**{**others, field: given})
    if model in ("Spectrum", "Sources"):
        return config(detector=detector, beam=nb.Beam(**{model.lower(): made}))
    place = {"StructureFactors": "structure_factors"}.get(model, model.lower())
    return config(**{"detector": detector, place: made})


@pytest.mark.parametrize("name", BOUNDS)
def test_no_number_leads_to_a_foreign_error(name, tmp_path):
    """The bound's ends, values beyond them and strange ones are used or refused in one printable line."""
    bound = BOUNDS[name]
    values = [bound.low, bound.high, 2 * bound.high + 1, *STRANGE]
    if isinstance(bound.low, int):
        values += [bound.low - 1, bound.high + 1, 2.5]
    told = []
    for value in values:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", NanobraggWarning)
            try:
                use_config(experiment(name, value), tmp_path)
            except NanobraggError as error:
                told.append(str(error))
    assert all(text and text.isprintable() for text in told)


@pytest.mark.parametrize("name", [name for name in BOUNDS if name != "Detector.attenuation_um"])
def test_numbers_beyond_the_bound_are_refused(name):
    field = name.split(".")[1]
    with pytest.raises(ConfigError, match=field.split("_")[0]):
        experiment(name, 2 * BOUNDS[name].high + 1)


def test_the_message_names_value_bound_and_reason():
    with pytest.raises(
        ConfigError, match=r"^Background.water_um = 1e\+200: must be from 0 to 1e\+09 \(µm; a kilometre\)$"
    ):
        nb.Background(water_um=1e200)
    with pytest.raises(ConfigError, match=r"^a.txt, line 3 = 1e\+300: must be"):
        check_bound("a.txt, line 3", 1e300, field="Beam.wavelength_A")
