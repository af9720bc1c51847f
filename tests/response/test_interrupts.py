"""Ctrl-C interrupts long calculations that are not rendering, within a fraction of what they take."""

from __future__ import annotations

import signal

import pytest

from tests.paths import ROOT
from tests.processes import python

ATTEMPTS = 3  # the same call may take several times longer, or shorter, on a machine with other work

SCRIPT = """
    import os, signal, sys, threading, time, warnings
    import numpy as np
    import nanobragg as nb
    from nanobragg.analysis.statistics import statistics
    from nanobragg.response.noise import c_noise
    from tests.builders import config

    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    image = np.full((2800, 2800), 50.0, np.float32)
    large = nb.Scene(config(detector=nb.Detector.flat(distance_mm=100, pixels=(1400, 1400), pixel_mm=0.1),
                            sampling=nb.Sampling(oversample=20)))

    def atoms():
        import gemmi
        model, chain = gemmi.Model(1), gemmi.Chain("A")
        for i in range(1500):
            residue = gemmi.Residue()
            residue.name, residue.seqid = "ALA", gemmi.SeqId(i + 1, " ")
            for j in range(10):
                atom = gemmi.Atom()
                atom.name, atom.element, atom.b_iso = "C", gemmi.Element("C"), 20.0
                atom.pos = gemmi.Position(*(np.random.default_rng(10 * i + j).random(3) * 140))
                residue.add_atom(atom)
            chain.add_residue(residue)
        structure = gemmi.Structure()
        model.add_chain(chain)
        structure.add_model(model)
        structure.cell, structure.spacegroup_hm = gemmi.UnitCell(140, 140, 140, 90, 90, 90), "P 1"
        structure.make_mmcif_document().write_file(sys.argv[2])
        return nb.StructureFactors.from_coordinates(sys.argv[2], d_min_A=1.5, k_sol=0)

    calls = {
        "noise": lambda: nb.add_noise(image, seed=1, readout_noise_adu=3, calibration_error=0.1, threads=1),
        "psf": lambda: nb.add_noise(image, seed=1, psf="fiber", psf_fwhm_px=2.0, threads=2),
        "noise of the C program": lambda: c_noise(image, 1),
        "statistics": lambda: statistics(image, large),
        "coordinates": atoms,
    }
    call = calls[sys.argv[1]]
    start = time.perf_counter()
    call()
    whole = time.perf_counter() - start
    fired = []

    def fire():
        time.sleep(whole / 5)
        fired.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=fire, daemon=True).start()
    try:
        call()
        print("finished after", time.perf_counter() - start - whole, "of", whole)
    except KeyboardInterrupt:
        print("interrupted", (time.perf_counter() - fired[0]) / whole)
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="POSIX signals")
@pytest.mark.parametrize("name", ["noise", "psf", "noise of the C program", "statistics", "coordinates"])
def test_ctrl_c_interrupts(name, tmp_path):
    """The signal comes after a fifth of what the call takes; a call that is deaf to it would go on for four fifths."""
    for _ in range(ATTEMPTS):
        with python(SCRIPT, arguments=[name, str(tmp_path / "a.cif")], cwd=ROOT) as process:
            output, errors = process.communicate(timeout=120)
        assert output, errors
        if output.startswith("interrupted") and float(output.split()[1]) < 0.5:
            return
    raise AssertionError(output + errors)
