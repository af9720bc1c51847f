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
    image, metadata = nb.read_image(tmp_path / "a.h5", index=1)
    assert np.array_equal(image, images[1])
    assert metadata["frames"] == 3
    for index in (2, 4):
        with pytest.raises(FormatError, match=r"data_000002 is in a_000002\.h5, which is missing"):
            nb.read_image(tmp_path / "a.h5", index=index)


def test_missing_and_wrong_files_are_refused(tmp_path):
    with pytest.raises(FileError, match="check the path"):
        nb.read_image(tmp_path / "none.nxs")
    (tmp_path / "a.nxs").write_text("no HDF5")
    with pytest.raises(FormatError, match="is not valid HDF5"):
        nb.read_image(tmp_path / "a.nxs")


def nxmx(path):
    """Return an open NXmx file with an empty group of data."""
    file = h5py.File(path, "w")
    entry = file.create_group("entry")
    entry.attrs["NX_class"] = "NXentry"
    entry["definition"] = "NXmx"
    data = entry.create_group("data")
    data.attrs.update(NX_class="NXdata", signal="data")
    return file


def virtual(file, source, name, frames=3, start=0):
    """Add a virtual dataset of images that are in another dataset."""
    layout = h5py.VirtualLayout((frames, 4, 5), "i4")
    layout[:] = h5py.VirtualSource(source, name, (start + frames, 4, 5), "i4")[start:]
    file["entry/data"].create_virtual_dataset("data", layout)


STACK = np.arange(60, dtype=np.int32).reshape(3, 4, 5) + 1


def linked_to_nothing(folder, file):
    file["entry/data/data_000001"] = h5py.ExternalLink("gone.h5", "/data")
    virtual(file, ".", "/entry/data/data_000001")


def of_a_file_without_the_dataset(folder, file):
    with h5py.File(folder / "source.h5", "w") as source:
        source["other"] = STACK
    virtual(file, "source.h5", "/data")


def of_a_virtual_dataset_of_nothing(folder, file):
    with h5py.File(folder / "source.h5", "w") as source:
        layout = h5py.VirtualLayout((3, 4, 5), "i4")
        layout[:] = h5py.VirtualSource("gone.h5", "/data", (3, 4, 5), "i4")
        source.create_virtual_dataset("data", layout)
    virtual(file, "source.h5", "/data")


def of_a_link_in_the_source(folder, file):
    with h5py.File(folder / "source.h5", "w") as source:
        source["data"] = h5py.ExternalLink("gone.h5", "/data")
    virtual(file, "source.h5", "/data")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (linked_to_nothing, r"data_000001 in \., a link to gone\.h5, is missing"),
        (of_a_file_without_the_dataset, r"its source /data in source\.h5 is missing"),
        (of_a_virtual_dataset_of_nothing, r"images are in gone\.h5, which is missing"),
        (of_a_link_in_the_source, r"its source /data in source\.h5, a link to gone\.h5, is missing"),
    ],
)
def test_images_that_are_not_there_are_never_zeros(tmp_path, make, told):
    with nxmx(tmp_path / "a.nxs") as file:
        make(tmp_path, file)
    with pytest.raises(FormatError, match=told):
        nb.read_image(tmp_path / "a.nxs", index=1)


def test_a_source_that_is_shorter_than_planned_costs_the_images_that_it_lacks(tmp_path):
    with h5py.File(tmp_path / "source.h5", "w") as source:
        source["data"] = STACK
    with nxmx(tmp_path / "a.nxs") as file:
        virtual(file, "source.h5", "/data", frames=5)
    assert np.array_equal(nb.read_image(tmp_path / "a.nxs", index=2)[0], STACK[2])
    with pytest.raises(FormatError, match=r"the image is not among the 3 in source\.h5; it was never written"):
        nb.read_image(tmp_path / "a.nxs", index=3)


def test_images_that_no_source_holds_are_refused(tmp_path):
    with h5py.File(tmp_path / "source.h5", "w") as source:
        source["data"] = STACK
    with nxmx(tmp_path / "a.nxs") as file:
        layout = h5py.VirtualLayout((5, 4, 5), "i4")
        layout[2:] = h5py.VirtualSource("source.h5", "/data", (3, 4, 5), "i4")
        file["entry/data"].create_virtual_dataset("data", layout)
    assert np.array_equal(nb.read_image(tmp_path / "a.nxs", index=2)[0], STACK[0])
    with pytest.raises(FormatError, match="the image was never written"):
        nb.read_image(tmp_path / "a.nxs", index=1)


@pytest.mark.parametrize("chunks", [(1, 4, 5), (1, 2, 5), None])
def test_images_that_were_never_written_are_refused(tmp_path, chunks):
    with nxmx(tmp_path / "a.nxs") as file:
        data = file["entry/data"].create_dataset("data", (3, 4, 5), "i4", chunks=chunks)
        if chunks:
            data[0] = STACK[0]
            data[1, :2] = 7
    if chunks:
        assert np.array_equal(nb.read_image(tmp_path / "a.nxs")[0], STACK[0])
    for index in (0, 2) if chunks is None else (2, *([1] if chunks == (1, 2, 5) else [])):
        with pytest.raises(FormatError, match="the image was never written; the run was interrupted"):
            nb.read_image(tmp_path / "a.nxs", index=index)


def test_metadata_are_found_in_other_usual_places(tmp_path):
    def store(place, value, units):
        file[f"entry/{place}"] = value
        file[f"entry/{place}"].attrs["units"] = units

    with nxmx(tmp_path / "a.nxs") as file:
        file["entry/data/data"] = STACK
        store("instrument/monochromator/wavelength", 0.098, "nanometers")
        store("instrument/detector/detector_distance", 15.0, "centimetre")
        store("sample/goniometer/omega", np.radians([10, 10.5, 11]), "radians")
    metadata = nb.read_image(tmp_path / "a.nxs", index=1)[1]
    assert metadata == pytest.approx({"frames": 3, "wavelength_A": 0.98, "distance_mm": 150, "omega_deg": 10.5})


def test_the_signal_may_be_marked_at_the_data(tmp_path):
    with nxmx(tmp_path / "a.nxs") as file:
        del file["entry/data"].attrs["signal"]
        file["entry/data/counts"] = STACK
        file["entry/data/counts"].attrs["signal"] = 1
    assert np.array_equal(nb.read_image(tmp_path / "a.nxs", index=1)[0], STACK[1])
