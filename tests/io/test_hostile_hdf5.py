"""HDF5 files that attack their reader: foreign storage, links that leave the folder, chunks that lie, virtual loops."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import FileError, FormatError, NanobraggError
from nanobragg.io.hdf5 import open_hdf5, read_values
from nanobragg.io.limits import LIMIT_VARIABLE
from nanobragg.io.named_files import OUTSIDE_VARIABLE
from tests.io.nexus_experiments import PIXELS, TURNING, counts
from tests.processes import finished, python

DATA = "entry/data/data"
SHAPE = (1, *PIXELS)


@pytest.fixture
def path(tmp_path):
    """Return the path of a valid file with one image, in a folder of its own."""
    (tmp_path / "here").mkdir()
    nb.write_nexus(tmp_path / "here" / "a.nxs", counts(1), TURNING, compression=None)
    return tmp_path / "here" / "a.nxs"


def replace_data(path, make, name=DATA):
    """Replace the images of a file by what `make(group, name)` creates."""
    with h5py.File(path, "a") as root:
        del root[name]
        group, _, last = name.rpartition("/")
        make(root[group], last)


def with_chunk(raw, mask=0, **options):
    """Return a function that creates a dataset with one chunk of given bytes."""

    def make(group, name):
        dataset = group.create_dataset(name, SHAPE, "u2", chunks=SHAPE, **options)
        dataset.id.write_direct_chunk((0, 0, 0), raw, mask)

    return make


def virtual(*sources):
    """Return a function that creates a virtual dataset of (file, dataset) pairs."""

    def make(group, name):
        layout = h5py.VirtualLayout(SHAPE, "u2")
        for file, dataset in sources:
            layout[:] = h5py.VirtualSource(file, dataset, SHAPE, "u2")
        group.create_virtual_dataset(name, layout)

    return make


def bitshuffled(count=1):
    """Return the bytes of a valid chunk and the options of its dataset."""
    options = dict(hdf5plugin.Bitshuffle(cname="lz4"))
    with h5py.File("bitshuffled", "w", driver="core", backing_store=False) as root:
        dataset = root.create_dataset("a", data=counts(count), chunks=SHAPE, **options)
        return dataset.id.read_direct_chunk((0, 0, 0))[1], options


def lz4_chunk():
    options = dict(hdf5plugin.LZ4())
    with h5py.File("lz4", "w", driver="core", backing_store=False) as root:
        dataset = root.create_dataset("a", data=counts(1), chunks=SHAPE, **options)
        return dataset.id.read_direct_chunk((0, 0, 0))[1], options


def refused(path, match):
    with pytest.raises(FormatError, match=match) as caught:
        nb.read_image(path)
    assert str(caught.value).isprintable()


# storage in other files


@pytest.mark.parametrize("name", ["/etc/passwd", "neighbour.bin", "/dev/zero"])
def test_external_raw_storage_is_not_read(path, name):
    (path.parent / "neighbour.bin").write_bytes(bytes(10000))
    replace_data(path, lambda group, last: group.create_dataset(last, SHAPE, "u2", external=[(name, 0, 10000)]))
    refused(path, rf"its values are in a foreign file, {name}")


def test_external_raw_storage_of_a_detector_parameter_is_not_read(path):
    name = "entry/instrument/detector/distance"
    replace_data(
        path, lambda group, last: group.create_dataset(last, (1,), "f8", external=[("/etc/passwd", 0, 8)]), name
    )
    refused(path, "foreign file")


@pytest.mark.parametrize(
    "sources",
    [
        [(".", "/entry/data/data")],
        [(".", "/entry/data/other")],
        [("a.nxs", "/entry/data/data")],
        [("a.nxs", "/entry/data/other"), (".", "/entry/data/data")],
    ],
)
def test_a_virtual_dataset_of_itself(path, sources):
    replace_data(path, virtual(*sources))
    with h5py.File(path, "a") as root:
        virtual((".", "/entry/data/data"))(root["entry/data"], "other")
    refused(path, "of itself")


@pytest.mark.parametrize("name", ["missing.h5", "a_%%.h5", "../elsewhere.h5", "/etc/passwd", "fifo", "zero"])
def test_sources_of_a_virtual_dataset(path, name):
    nb.write_nexus(path.parent.parent / "elsewhere.h5", counts(1), TURNING)
    os.mkfifo(path.parent / "fifo")
    (path.parent / "zero").symlink_to("/dev/zero")
    replace_data(path, virtual((name, DATA)))
    with pytest.raises(NanobraggError, match=r"missing|pattern|outside the folder|a device or a pipe"):
        nb.read_image(path)


def test_a_virtual_dataset_whose_source_lacks_the_dataset(path):
    """HDF5 would fill in zeros."""
    nb.write_nexus(path.parent / "b.nxs", counts(1), TURNING)
    replace_data(path, virtual(("b.nxs", "entry/nothing")))
    refused(path, "its source entry/nothing in b.nxs is missing")


def test_a_chunk_of_a_source_is_checked(path):
    raw, options = bitshuffled()
    nb.write_nexus(path.parent / "b.nxs", counts(1), TURNING)
    replace_data(path.parent / "b.nxs", with_chunk(raw[:-5], **options))
    replace_data(path, virtual(("b.nxs", DATA)))
    refused(path, "not valid HDF5")


# links


@pytest.mark.parametrize("kind", ["fifo", "device", "outside", "outside by a link", "absolute"])
def test_external_links_leave_the_folder(path, kind):
    nb.write_nexus(outside := path.parent.parent / "b.nxs", counts(1), TURNING)
    os.mkfifo(path.parent / "fifo")
    (path.parent / "link.nxs").symlink_to(outside)
    names = {
        "fifo": "fifo", "device": "/dev/zero", "outside": "../b.nxs", "outside by a link": "link.nxs",
        "absolute": str(outside),
    }  # fmt: skip

    def make(group, last):
        group[last] = h5py.ExternalLink(names[kind], DATA)

    replace_data(path, make)
    with pytest.raises(FileError, match=r"outside the folder|a device or a pipe"):
        nb.read_image(path)


def test_the_environment_allows_links_to_regular_files_elsewhere(path, monkeypatch):
    nb.write_nexus(outside := path.parent.parent / "b.nxs", counts(1), TURNING)

    def make(group, last):
        group[last] = h5py.ExternalLink(str(outside), DATA)

    replace_data(path, make)
    monkeypatch.setenv(OUTSIDE_VARIABLE, "1")
    assert np.array_equal(nb.read_image(path)[0], counts(1)[0])


def test_links_within_the_folder_are_followed(path):
    """A soft link to an external link to a file in a folder below, whose absolute name no longer exists."""
    (path.parent / "below").mkdir()
    nb.write_nexus(path.parent / "below" / "b.nxs", counts(1), TURNING)
    nb.write_nexus(path.parent / "c.nxs", counts(1), TURNING)

    def make(group, last):
        group["first"] = h5py.ExternalLink("below/b.nxs", "/entry/data")
        group[last] = h5py.SoftLink("/entry/data/first/data")
        group["moved"] = h5py.ExternalLink("/beamline/c.nxs", "/entry/data/data")

    replace_data(path, make)
    assert np.array_equal(nb.read_image(path)[0], counts(1)[0])
    with open_hdf5(path) as root:
        assert np.array_equal(root["entry/data/moved"][0], counts(1)[0])


@pytest.mark.parametrize("target", ["data", "/entry/data/data", "other"])
def test_soft_links_in_a_circle(path, target):
    def make(group, last):
        group[last] = h5py.SoftLink(target)
        group["other"] = h5py.SoftLink("data")

    replace_data(path, make)
    refused(path, "too many parts or links")


# chunks


def test_a_deflate_stream_longer_than_its_chunk(path):
    replace_data(path, with_chunk(zlib.compress(bytes(10_000_000)), compression="gzip"))
    refused(path, r"unpacks to more than|takes \d+ bytes")


def test_nested_deflate(path):
    def make(group, last):
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk(SHAPE)
        for _ in range(2):
            properties.set_deflate(9)
        space = h5py.h5s.create_simple(SHAPE)
        h5py.h5d.create(group.id, last.encode(), h5py.h5t.NATIVE_UINT16, space, properties)
        raw = zlib.compress(zlib.compress(bytes(10**6)))
        group[last].id.write_direct_chunk((0, 0, 0), raw)

    replace_data(path, make)
    refused(path, "in this order are not read")


def test_filters_that_detectors_do_not_use(path):
    replace_data(path, lambda group, last: group.create_dataset(last, data=counts(1), chunks=SHAPE, compression="lzf"))
    refused(path, "filter 32000 is not read")


@pytest.mark.parametrize("make", [bitshuffled, lz4_chunk], ids=["bitshuffle", "lz4"])
def test_a_truncated_or_lying_frame(path, make):
    raw, options = make()
    replace_data(path, with_chunk(raw, **options))
    assert np.array_equal(nb.read_image(path)[0], counts(1)[0])
    damaged = [raw[:length] for length in range(1, len(raw), 7)]
    told = []
    for at in range(16):  # the stated sizes, and that of the first block
        damaged += [raw[:at] + bytes([value]) + raw[at + 1 :] for value in (0, 1, 127, 255) if raw[at] != value]
    for content in damaged:
        replace_data(path, with_chunk(content, **options))
        try:  # a changed byte may still make a valid frame, such as one of another block size
            assert nb.read_image(path)[0].shape == PIXELS
        except FormatError as error:
            told.append(str(error))
    assert all("not valid HDF5" in message for message in told)
    assert len(told) > len(damaged) // 2


def test_a_chunk_whose_filter_was_skipped(path):
    raw = counts(1).tobytes()
    replace_data(path, with_chunk(raw, mask=1, compression="gzip"))
    assert np.array_equal(nb.read_image(path)[0], counts(1)[0])
    replace_data(path, with_chunk(raw[:-9], mask=1, compression="gzip"))
    refused(path, "a chunk holds")


@pytest.mark.parametrize("itemsize", [0, 1, 7])
def test_bitshuffle_of_another_item_size(path, itemsize):
    raw, _ = bitshuffled()
    options = {"compression": 32008, "compression_opts": (0, 2, 0, 0, 2)}

    def make(group, last):
        dataset = group.create_dataset(last, SHAPE, "u2", chunks=SHAPE, **options)
        dataset.id.write_direct_chunk((0, 0, 0), raw)

    replace_data(path, make)
    content = path.read_bytes()
    with h5py.File(path) as root:
        properties = root[DATA].id.get_create_plist()
        values = np.array(properties.get_filter(0)[2], "<u4")
    place = content.index(values.tobytes())
    values[2] = itemsize
    path.write_bytes(content[:place] + values.tobytes() + content[place + values.nbytes :])
    refused(path, "not valid HDF5")


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        {"shuffle": True},
        {"fletcher32": True},
        dict(hdf5plugin.Bitshuffle(cname="zstd")),
        dict(hdf5plugin.Bitshuffle(cname="none")),
        dict(hdf5plugin.Bitshuffle(cname="lz4", nelems=1024)),
        dict(hdf5plugin.LZ4(nbytes=100)),
    ],
)
@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", ">u2"])
def test_the_pipelines_of_detectors_are_read(path, options, dtype):
    image = (counts(1) % 200).astype(dtype)
    replace_data(path, lambda group, last: group.create_dataset(last, data=image, chunks=(1, 3, PIXELS[1]), **options))
    assert np.array_equal(nb.read_image(path)[0], image[0])


# texts, attributes and memory


def test_many_texts_of_variable_length(path):
    def make(group, last):
        group.create_dataset(last, data=["x" * 100] * 1000, dtype=h5py.string_dtype())

    replace_data(path, make, "entry/definition")
    refused(path, "variable length")


@pytest.mark.parametrize("chunks", [None, (1,)])
def test_a_text_that_claims_more_than_its_file(path, chunks):
    """HDF5 allocates the length of a text before it looks for it."""

    def make(group, last):
        group.create_dataset(last, data=["NXmx"], dtype=h5py.string_dtype(), chunks=chunks)

    replace_data(path, make, "entry/definition")
    with h5py.File(path) as root:
        dataset = root["entry/definition"].id
        place = dataset.get_offset() if chunks is None else dataset.get_chunk_info(0).byte_offset
    with path.open("r+b") as content:
        content.seek(place)
        content.write((2**31).to_bytes(4, "little"))
    refused(path, "definition: claims a text of 2147483648 bytes in a file of")


def test_an_attribute_that_takes_much_memory(tmp_path):
    with h5py.File(path := tmp_path / "a.h5", "w", libver="latest") as root:
        root.attrs["large"] = np.zeros(2**18)
    with open_hdf5(path) as root, pytest.raises(FormatError, match="its large takes 2097152 bytes"):
        root.attrs["large"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_while_bombs_are_refused(path, tmp_path):
    replace_data(path, with_chunk(zlib.compress(bytes(2**29)), compression="gzip"))
    script = f"""
        import nanobragg as nb
        try:
            nb.read_image({str(path)!r})
        except nb.errors.FormatError:
            status = open("/proc/self/status").read()  # ru_maxrss would be the parent's if that is larger
            print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
    """
    with python(script, env={**os.environ, LIMIT_VARIABLE: str(2**20)}) as process:
        output, errors = finished(process)
    assert int(output) < 200, errors


def test_a_dataset_of_many_chunks_reads_only_those_that_exist(tmp_path):
    with h5py.File(path := tmp_path / "a.h5", "w") as root:
        dataset = root.create_dataset("a", (1, 300, 300), "u1", chunks=(1, 2, 2), compression="gzip")
        dataset[0, :4, :4] = 7
    with open_hdf5(path) as root:
        assert int(read_values(root["a"]).sum()) == 7 * 16


def test_complex_numbers_are_refused_without_a_warning_of_numpy(path):
    name = "entry/instrument/detector/distance"
    replace_data(path, lambda group, last: group.create_dataset(last, data=[1 + 2j]), name)
    refused(path, "complex numbers")
