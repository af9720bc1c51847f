"""NXmx files that cannot be read are refused; images in linked files are found."""

import h5py
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, FileError, FormatError
from tests.io.nexus_experiments import TURNING, counts


def test_truncated_hdf5_is_refused(tmp_path):
    nb.write_nexus(tmp_path / "a.nxs", counts(3), TURNING)
    content = (tmp_path / "a.nxs").read_bytes()
    for length in range(0, len(content), len(content) // 40):
        (tmp_path / "a.nxs").write_bytes(content[:length])
        with pytest.raises(FormatError, match=r"a\.nxs is not valid HDF5 \(.*\); fetch"):
            nb.read_image(tmp_path / "a.nxs")


def test_a_damaged_chunk_is_refused(tmp_path):
    nb.write_nexus(tmp_path / "a.nxs", counts(2), TURNING, compression="gzip")
    with h5py.File(tmp_path / "a.nxs") as file:
        place = file["entry/data/data"].id.get_chunk_info(1).byte_offset
    with open(tmp_path / "a.nxs", "r+b") as file:
        file.seek(place + 5)
        file.write(bytes(range(30)))
    with pytest.raises(FormatError, match="is not valid HDF5"):
        nb.read_image(tmp_path / "a.nxs", index=1)


def test_hdf5_without_nxmx_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["spam"] = 1
    with pytest.raises(FormatError, match=r"a\.h5 holds no NXentry with definition NXmx, only spam"):
        nb.read_image(tmp_path / "a.h5")


def test_nxmx_without_images_is_refused(tmp_path):
    nb.write_nexus(tmp_path / "a.h5", counts(1), TURNING)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["entry/data/data"]
        file["entry/data/data"] = "none"
    with pytest.raises(FormatError, match="holds no stack of images"):
        nb.read_image(tmp_path / "a.h5")


@pytest.mark.parametrize("index", [-1, 2])
def test_a_missing_image_is_refused(tmp_path, index):
    nb.write_nexus(tmp_path / "a.nxs", counts(2), TURNING)
    with pytest.raises(ConfigError, match=f"index = {index} is not valid; the file holds 2"):
        nb.read_image(tmp_path / "a.nxs", index=index)


def test_linked_data_without_a_signal_are_read_in_order(tmp_path):
    images = counts(5)
    nb.write_nexus(tmp_path / "a.h5", images, TURNING, images_per_file=2)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["entry/data/data"]
    assert np.array_equal(nb.read_image(tmp_path / "a.h5", index=3)[0], images[3])
    (tmp_path / "a_000002.h5").unlink()
    with pytest.raises(FormatError, match=r"data_000002 is in a_000002\.h5, which is missing"):
        nb.read_image(tmp_path / "a.h5", index=0)


def test_missing_and_wrong_files_are_refused(tmp_path):
    with pytest.raises(FileError, match="check the path"):
        nb.read_image(tmp_path / "none.nxs")
    (tmp_path / "a.nxs").write_text("no HDF5")
    with pytest.raises(FormatError, match="is not valid HDF5"):
        nb.read_image(tmp_path / "a.nxs")
