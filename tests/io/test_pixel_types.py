"""Every pixel type of the image formats, in both byte orders: read back exactly, as fabio does, or refused by name."""

from __future__ import annotations

import base64
import hashlib
import io
import struct
from pathlib import Path

import fabio
import numpy as np
import pytest
from fabio import dtrekimage
from PIL import Image

import nanobragg as nb
from nanobragg.errors import FormatError, NanobraggWarning

SHAPE = (3, 4)
ORDERS = {"<": "little", ">": "big"}


def pixels(code: str) -> np.ndarray:
    """Return an image with the extreme values of a type."""
    dtype = np.dtype(code)
    if dtype.kind == "f":
        values = [0, 1, -1, 0.5, *(float(sign * np.finfo(dtype).max) for sign in (1, -1)), 1e-3, 7, 9, 250, -3, 2]
    else:
        limits = np.iinfo(dtype)
        middle = limits.max // 2 + 1
        values = [0, 1, limits.max, limits.min, 5, middle, middle + 1, 7, 100, limits.max - 1, 2, 3]
    return np.array(values, dtype).reshape(SHAPE)


def is_read(path: Path, image: np.ndarray) -> None:
    again, _ = nb.read_image(path)
    assert again.dtype == image.dtype.newbyteorder("=")
    assert np.array_equal(again, image)
    assert again.flags.writeable


DTREK = {
    "unsigned char": "u1", "signed char": "i1", "unsigned short int": "u2", "short int": "i2",
    "unsigned long int": "u4", "long int": "i4", "float IEEE": "f4",
}  # fmt: skip
SMV = {
    "unsigned_short": "u2", "unsigned short": "u2", "UNSIGNED_SHORT": "u2", "signed_short": "i2", "short": "i2",
    "unsigned_long": "u4", "unsigned_int": "u4", "signed_long": "i4", "long": "i4", "int": "i4", "float": "f4",
    "unsigned_char": "u1", "signed_char": "i1",
}  # fmt: skip


def smv(path: Path, image: np.ndarray, entries: str) -> Path:
    header = f"{{\nHEADER_BYTES=512;\nDIM=2;\nSIZE1={SHAPE[1]};\nSIZE2={SHAPE[0]};\n{entries}}}\n\f".encode()
    path.write_bytes(header.ljust(512) + image.tobytes())
    return path


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", DTREK)
def test_dtrek_types_are_those_of_fabio(tmp_path: Path, name: str, order: str) -> None:
    image = pixels(DTREK[name]).astype(order + DTREK[name])
    path = smv(tmp_path / "a.img", image, f"BYTE_ORDER={ORDERS[order]}_endian;\nData_type={name};\nCompression=None;\n")
    is_read(path, image)
    theirs = dtrekimage.DtrekImage().read(str(path))
    assert np.array_equal(theirs.data, image)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", SMV)
def test_smv_types_in_any_spelling(tmp_path: Path, name: str, order: str) -> None:
    image = pixels(SMV[name]).astype(order + SMV[name])
    is_read(smv(tmp_path / "a.img", image, f"BYTE_ORDER={ORDERS[order].upper()}_ENDIAN;\nTYPE={name};\n"), image)


def test_an_smv_header_without_byte_order_is_little_endian_with_a_warning(tmp_path: Path) -> None:
    image = pixels("<u2")
    path = smv(tmp_path / "a.img", image, "TYPE=unsigned_short;\n")
    with pytest.warns(NanobraggWarning, match=r"a\.img: the header has no BYTE_ORDER; little_endian is used; add"):
        is_read(path, image)
    is_read(smv(tmp_path / "a.img", pixels("u1"), "TYPE=unsigned_char;\n"), pixels("u1"))


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ("TYPE=unsigned_short;\nData_type=short int;\n", "contradict each other; keep the one that is right"),
        ("Data_type=Compressed;\n", "Data_type='Compressed', .* is not supported; convert it"),
        ("TYPE=mad;\n", "TYPE='mad', .* is not supported; convert it to a two-dimensional image of unsigned_char"),
        ("Data_type=unsigned short int;\nCompression=RAXIS;\n", "COMPRESSION='RAXIS' is not supported"),
        ("TYPE=unsigned_short;\nRAXIS_COMPRESSION_RATIO=32;\n", "pixels above 32767 are multiplied by RAXIS_COMPRES"),
    ],
)
def test_smv_types_that_are_refused_by_name(tmp_path: Path, entries: str, told: str) -> None:
    with pytest.raises(FormatError, match=rf"a\.img: .*{told}"):
        nb.read_image(smv(tmp_path / "a.img", pixels("<u2"), f"BYTE_ORDER=little_endian;\n{entries}"))


def test_braces_in_an_smv_header_belong_to_a_value(tmp_path: Path) -> None:
    image = pixels("<u2")
    common = "BYTE_ORDER=little_endian;\nTYPE=unsigned_short;\n"
    path = smv(tmp_path / "a.img", image, f"HOLDER={{ Z X Y }};\nAXES={{\nA=1;\n{{B}} }};\n{common}DISTANCE=80;\n")
    is_read(path, image)
    header = nb.read_image(path)[1]
    assert (header["HOLDER"], header["DISTANCE"]) == ("{ Z X Y }", "80")
    assert "A" not in header
    path = smv(tmp_path / "b.img", image, f"COMMENT=open {{ brace;\n{common}DISTANCE=80;\n")
    is_read(path, image)
    assert nb.read_image(path)[1]["DISTANCE"] == "80"


EDF = {
    "SignedByte": "i1", "UnsignedByte": "u1", "SignedShort": "i2", "UnsignedShort": "u2", "SignedInteger": "i4",
    "UnsignedInteger": "u4", "SignedLong": "i4", "UnsignedLong": "u4", "Signed64": "i8", "Unsigned64": "u8",
    "FloatValue": "f4", "FLOATVALUE": "f4", "DoubleValue": "f8",
}  # fmt: skip


def edf(path: Path, image: np.ndarray, kind: str, order: str, extra: str = "") -> Path:
    text = (
        f"{{\nHeaderID = EH:000001:000000:000000 ;\nImage = 1 ;\nByteOrder = {order}ByteFirst ;\nDataType = {kind} ;\n"
        f"Dim_1 = {SHAPE[1]} ;\nDim_2 = {SHAPE[0]} ;\nSize = {image.nbytes} ;\n{extra}"
    )
    path.write_bytes(text.encode().ljust(1022) + b"}\n" + image.tobytes())
    return path


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", EDF)
def test_edf_types_are_those_of_fabio(tmp_path: Path, name: str, order: str) -> None:
    image = pixels(EDF[name]).astype(order + EDF[name])
    path = edf(tmp_path / "a.edf", image, name, {"<": "Low", ">": "High"}[order], "title = a b ;\n")
    is_read(path, image)
    with fabio.open(path) as theirs:
        assert np.array_equal(theirs.data, image)


@pytest.mark.parametrize("code", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_edf_written_by_fabio_is_read(tmp_path: Path, code: str) -> None:
    fabio.edfimage.EdfImage(data=pixels(code)).write(str(tmp_path / "a.edf"))
    is_read(tmp_path / "a.edf", pixels(code))


def test_edf_files_that_are_doubtful_or_refused(tmp_path: Path) -> None:
    image = pixels("<u2")
    path = edf(tmp_path / "a.edf", image, "UnsignedShort", "Low")
    path.write_bytes(path.read_bytes() * 2)
    with pytest.warns(NanobraggWarning, match=r"a\.edf holds several images; only the first is read"):
        is_read(path, image)
    for kind, extra, told in (
        ("QuadrupleValue", "", "DataType='QuadrupleValue'"), ("UnsignedShort", "Compression = GZIP ;\n", "'GZIP'"),
        ("UnsignedShort", "Dim_3 = 2 ;\n", "Dim_3='2'"), ("DoubleValue", "", "needs 96 bytes, the file holds 24"),
    ):  # fmt: skip
        with pytest.raises(FormatError, match=told):
            nb.read_image(edf(path, image, kind, "Low", extra))
    with pytest.raises(FormatError, match="it looks like one of EDF"):
        nb.read_image(path, format="smv")


CBF = {
    f"{sign} {bits}-bit integer": f"{sign[0].replace('s', 'i')}{bits // 8}"
    for sign in ("signed", "unsigned")
    for bits in (8, 16, 32, 64)
}


def cbf(path: Path, image: np.ndarray, data: bytes, element: str, order: str = "<", conversions: str = "") -> Path:
    lines = [
        "###CBF: VERSION 1.5", "", "data_a", "_array_data.data", ";", "--CIF-BINARY-FORMAT-SECTION--",
        f"Content-Type: application/octet-stream;{conversions}", "Content-Transfer-Encoding: BINARY",
        f"X-Binary-Size: {len(data)}", "X-Binary-ID: 1", f'X-Binary-Element-Type: "{element}"',
        f"X-Binary-Element-Byte-Order: {ORDERS[order].upper()}_ENDIAN",
        f"Content-MD5: {base64.b64encode(hashlib.md5(data).digest()).decode()}",
        f"X-Binary-Number-of-Elements: {image.size}", f"X-Binary-Size-Fastest-Dimension: {image.shape[1]}",
        f"X-Binary-Size-Second-Dimension: {image.shape[0]}", "X-Binary-Size-Padding: 0", "", "",
    ]  # fmt: skip
    end = b"\r\n--CIF-BINARY-FORMAT-SECTION----\r\n;\r\n"
    path.write_bytes("\r\n".join(lines).encode() + b"\x0c\x1a\x04\xd5" + data + end)
    return path


def byte_offsets(image: np.ndarray) -> bytes:
    """Compress integers as CBF's byte offsets: differences of 1, 2, 4 or 8 bytes, the lowest of each size an escape."""
    parts, before = [], 0
    for value in image.ravel().tolist():
        difference = (value - before + 2**63) % 2**64 - 2**63
        size = next(size for size in (1, 2, 4, 8) if size == 8 or abs(difference) < 2 ** (8 * size - 1))
        smaller = [each for each in (1, 2, 4) if each < size]
        escapes = b"".join((-(2 ** (8 * each - 1))).to_bytes(each, "little", signed=True) for each in smaller)
        parts.append(escapes + difference.to_bytes(size, "little", signed=True))
        before = value
    return b"".join(parts)


OFFSETS = '\r\n     conversions="x-CBF_BYTE_OFFSET"'


@pytest.mark.parametrize("element", CBF)
def test_cbf_types_compressed_as_byte_offsets(tmp_path: Path, element: str) -> None:
    image = pixels(CBF[element])
    path = cbf(tmp_path / "a.cbf", image, byte_offsets(image), element, conversions=OFFSETS)
    is_read(path, image)
    image = image // 2  # fabio cannot read differences of 64 bits
    with fabio.open(cbf(path, image, byte_offsets(image), element, conversions=OFFSETS)) as theirs:
        assert np.array_equal(theirs.data.astype(image.dtype), image)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("element", [*CBF, "signed 32-bit real IEEE", "signed 64-bit real IEEE"])
def test_cbf_types_that_are_not_compressed(tmp_path: Path, element: str, order: str) -> None:
    code = CBF.get(element) or f"f{int(element[7:9]) // 8}"
    image = pixels(code).astype(order + code)
    is_read(cbf(tmp_path / "a.cbf", image, image.tobytes(), element, order), image)


def test_cbf_types_that_are_refused_by_name(tmp_path: Path) -> None:
    image = pixels("<i4")
    for element, conversions, told in (
        ("signed 32-bit integer", '\r\n     conversions="x-CBF_PACKED_V2"', "X-CBF_PACKED_V2"),
        ("signed 32-bit real IEEE", OFFSETS, "signed 32-bit real IEEE, X-CBF_BYTE_OFFSET"),
        ("signed 32-bit complex IEEE", "", "signed 32-bit complex IEEE"), ("unsigned 1-bit integer", "", "1-bit"),
    ):  # fmt: skip
        with pytest.raises(FormatError, match=rf"a\.cbf: .*{told}.* are read; convert it first"):
            nb.read_image(cbf(tmp_path / "a.cbf", image, image.tobytes(), element, "<", conversions))
    stack = cbf(tmp_path / "a.cbf", image, image.tobytes(), "signed 32-bit integer")
    stack.write_bytes(stack.read_bytes().replace(b"Size-Padding: 0", b"Size-Third-Dimension: 2"))
    with pytest.raises(FormatError, match="holds a stack of images, which is not read"):
        nb.read_image(stack)
    wide = cbf(tmp_path / "a.cbf", image, byte_offsets(pixels("i4")), "signed 16-bit integer", conversions=OFFSETS)
    with pytest.raises(FormatError, match=r"pixels from -2147483648 to 2147483647 do not fit into int16"):
        nb.read_image(wide)


TIFF = ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]


def tiff(path: Path, image: np.ndarray, rows_per_strip: int = 3, **changed: int) -> Path:
    """Write an uncompressed TIFF in the byte order of the image, in strips."""
    order = ">" if image.dtype.str[0] == ">" else "<"
    parts = [image[row : row + rows_per_strip].tobytes() for row in range(0, len(image), rows_per_strip)]
    kind = {"u": 1, "i": 2, "f": 3}[image.dtype.kind]
    data = 8 + 2 + 12 * 10 + 4 + 8 * len(parts)
    offsets = np.cumsum([data, *(len(part) for part in parts)])[:-1].tolist()
    listed = data - 8 * len(parts)
    one = len(parts) == 1
    tags = {
        256: image.shape[1], 257: image.shape[0], 258: 8 * image.dtype.itemsize, 259: 1, 262: 1,
        273: offsets[0] if one else listed, 277: 1, 278: rows_per_strip,
        279: len(parts[0]) if one else listed + 4 * len(parts), 339: kind,
    }  # fmt: skip
    tags.update({int(tag.removeprefix("tag")): value for tag, value in changed.items()})
    entries = b"".join(
        struct.pack(f"{order}HHII", tag, 4, len(parts) if tag in (273, 279) else 1, value)
        for tag, value in sorted(tags.items())
    )
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    lists = struct.pack(f"{order}{2 * len(parts)}I", *offsets, *map(len, parts))
    path.write_bytes(start + entries + bytes(4) + lists + b"".join(parts))
    return path


@pytest.mark.parametrize("rows_per_strip", [3, 1])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("code", TIFF)
def test_tiff_types_are_those_of_fabio(tmp_path: Path, code: str, order: str, rows_per_strip: int) -> None:
    image = pixels(code).astype(order + code)
    path = tiff(tmp_path / "a.tif", image, rows_per_strip)
    is_read(path, image)
    if code not in ("u8", "i8", "f2"):
        with fabio.open(path) as theirs:
            assert np.array_equal(theirs.data, image)


def test_a_marccd_file_is_a_tiff(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.mccd", pixels("<u2"))
    path.write_bytes(path.read_bytes())
    is_read(path, pixels("u2"))
    with pytest.raises(nb.errors.ConfigError, match=r"'\.mccd' is not a valid image suffix"):
        nb.write_image(tmp_path / "b.mccd", pixels("u2"))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("code", ["u1", "u2", "i4", "f4"])
def test_compressed_tiffs_keep_their_type(tmp_path: Path, code: str, compression: str) -> None:
    Image.fromarray(pixels(code)).save(tmp_path / "a.tif", compression=compression)
    is_read(tmp_path / "a.tif", pixels(code))


def test_tiffs_that_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"II+\0" + bytes(60))
    with pytest.raises(FormatError, match="BigTIFF is not read; convert it"):
        nb.read_image(path)
    for changed, told in (
        ({"tag258": 12}, "1 channels of 12 bits"), ({"tag339": 5}, "SampleFormat 5"), ({"tag277": 3}, "only one grey"),
        ({"tag257": 30}, "strips hold 24 of 240 bytes"), ({"tag273": 9999}, "strips hold 0 of 24 bytes"),
        ({"tag259": 7}, "a.tif"), ({"tag262": 3}, "only one grey channel"),
    ):  # fmt: skip
        tiff(path, pixels("<u2"), **changed)
        with pytest.raises(FormatError, match=told):
            nb.read_image(path)
    buffer = io.BytesIO()
    Image.new("1", (4, 3)).save(buffer, "TIFF")
    path.write_bytes(buffer.getvalue())
    with pytest.raises(FormatError, match="1 channels of 1 bits"):
        nb.read_image(path)


@pytest.mark.parametrize(("code", "bits"), [("f2", 0x7D01), ("f4", 0x7FA00001), ("f8", 0x7FF4000000000001)])
@pytest.mark.parametrize("suffix", ["bin", "npy", "png", "tif"])
def test_signalling_nan_are_written_without_a_warning(tmp_path: Path, code: str, bits: int, suffix: str) -> None:
    image = np.ones(SHAPE, code)
    image.view(f"u{image.itemsize}")[1, 2] = bits
    nb.write_image(tmp_path / f"a.{suffix}", image)
    assert nb.compare(image, image).correlation == 1


@pytest.mark.parametrize("suffix", ["bin", "tif"])
def test_a_value_beyond_single_precision_is_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(FormatError, match=rf"a\.{suffix}: a value exceeds 3\.4e38"):
        nb.write_image(tmp_path / f"a.{suffix}", np.full(SHAPE, 1e300))
    assert not list(tmp_path.iterdir())
