"""Links between HDF5 files: each is followed by this module and not by HDF5, so that it is checked before.

Values in other files are accepted only as virtual datasets, whose sources obey the same rules as links.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from ..errors import FormatError
from .hdf5_chunks import Box, check_chunks, check_kind, check_texts
from .named_files import check_link

MOST_LINKS = 32  # on the way to an item
MOST_PARTS = 64  # of a path
DEEPEST_VIRTUAL = 3  # virtual datasets of virtual datasets


class LinkedFiles:
    """The HDF5 files that a file links to, opened once and closed together."""

    def __init__(self) -> None:
        self._files: dict[str, Any] = {}
        self._opened = ExitStack()

    def __enter__(self) -> LinkedFiles:
        return self

    def __exit__(self, *failure: object) -> None:
        self._opened.close()

    def open(self, owner: str, name: str) -> Any:
        """Return the h5py File called `name` in another one, `owner`; None if it is missing.

        Raises `FileError` if it must not be linked to. As in HDF5, a missing file of an absolute path is looked for in
        the owner's folder.
        """
        import h5py

        folder = os.path.dirname(os.path.abspath(owner))
        choices = [os.path.join(folder, name), os.path.join(folder, os.path.basename(name))]
        path = next((path for path in choices if "\0" not in path and os.path.lexists(path)), None)
        if path is None:
            return None
        check_link(path, owner)
        real = os.path.realpath(path)
        if real not in self._files:
            self._files[real] = self._opened.enter_context(h5py.File(path, "r"))
        return self._files[real]

    def follow(self, group: Any, path: str, links: int = 0) -> Any:
        """Return the h5py object at a path, relative to a group or absolute; None if it is missing."""
        import h5py

        parts = [part for part in path.split("/") if part not in ("", ".")]
        item = group.file["/"] if path.startswith("/") else group
        if len(parts) > MOST_PARTS or links > MOST_LINKS:
            raise FormatError(f"{group.file.filename}: {path[:80]!r} is a path of too many parts or links")
        for part in parts:
            if not isinstance(item, h5py.Group):
                return None
            item = self._member(item, part, links)
        return item

    def missing_file(self, root: Any, path: str) -> str:
        """Return the name of the missing file that a path in a file leads to; "" if that is not the cause."""
        import h5py

        group = root["/"]
        for part in [part for part in path.split("/") if part not in ("", ".")][:MOST_PARTS]:
            item = self._member(group, part, 0)
            if item is None:
                is_link = group.id.links.exists(part.encode())
                is_external = is_link and group.id.links.get_info(part.encode()).type == h5py.h5l.TYPE_EXTERNAL
                return os.fsdecode(group.id.links.get_val(part.encode())[0]) if is_external else ""
            if not isinstance(item, h5py.Group):
                break
            group = item
        return ""

    def _member(self, group: Any, name: str, links: int) -> Any:
        import h5py

        if not group.id.links.exists(name.encode()):
            return None
        kind = group.id.links.get_info(name.encode()).type
        if kind == h5py.h5l.TYPE_HARD:
            item = group[name]
            return item if isinstance(item, (h5py.Group, h5py.Dataset)) else None
        target = group.id.links.get_val(name.encode())
        if kind == h5py.h5l.TYPE_SOFT:
            return self.follow(group, target.decode("utf-8", "surrogateescape"), links + 1)
        if kind == h5py.h5l.TYPE_EXTERNAL:
            file, path = (os.fsdecode(each) for each in target)
            root = self.open(group.file.filename, file)
            return None if root is None else self.follow(root["/"], path, links + 1)
        return None


def check_place(files: LinkedFiles, dataset: Any, depth: int = 0) -> None:
    """Raise `FormatError` unless the values of an h5py Dataset are in its file, or in virtual sources that are checked.

    Called before the shape of the dataset is used, for which HDF5 opens the sources.
    """
    import h5py

    properties, where = dataset.id.get_create_plist(), f"{dataset.file.filename}: {dataset.name}"
    if properties.get_external_count():
        name = properties.get_external(0)[0].decode(errors="replace")
        raise FormatError(f"{where}: its values are in a foreign file, {name}, which is not read; copy them into HDF5")
    if properties.get_layout() != h5py.h5d.VIRTUAL:
        return
    if depth == DEEPEST_VIRTUAL:
        raise FormatError(f"{where}: is a virtual dataset of virtual datasets, or of itself; copy it with h5repack")
    seen = set()
    for i in range(properties.get_virtual_count()):
        source = (properties.get_virtual_filename(i), properties.get_virtual_dsetname(i))
        if source not in seen:
            seen.add(source)
            found, _ = _find_source(files, dataset, *source)
            if found is not None:  # a missing one costs the images that it holds, see `check_values`
                check_place(files, found, depth + 1)


def check_values(files: LinkedFiles, dataset: Any, box: Box, *, written: bool = False) -> None:
    """Raise an error unless a part of an h5py Dataset can be decoded safely within `limits.byte_limit`.

    `written` demands that its values are there: that HDF5 does not fill in a part that no file holds.
    """
    import h5py

    properties = dataset.id.get_create_plist()
    check_kind(dataset)
    if properties.get_layout() == h5py.h5d.CHUNKED:
        check_chunks(dataset, properties, box, written=written)
    if properties.get_layout() != h5py.h5d.VIRTUAL:
        check_texts(dataset)
        if written and not dataset.id.get_storage_size():
            raise _never_written(dataset)
        return
    covered = False
    for i in range(properties.get_virtual_count()):
        low, high = properties.get_virtual_vspace(i).get_select_bounds()
        if any(last < a or first > b for (first, last), a, b in zip(box, low, high, strict=True)):
            continue
        covered = True
        source = _source(files, dataset, properties.get_virtual_filename(i), properties.get_virtual_dsetname(i))
        part = _part_of_source(low, high, properties.get_virtual_srcspace(i), source.shape, box)
        if written and (not part or part[0][0] > part[0][1]):
            raise FormatError(
                f"{dataset.file.filename}: {dataset.name}: the image is not among the {source.shape[0]} in "
                f"{os.path.basename(source.file.filename)}; it was never written"
            )
        check_values(files, source, part, written=written)
    if written and not covered:
        raise _never_written(dataset)


def _never_written(dataset: Any) -> FormatError:
    return FormatError(f"{dataset.file.filename}: {dataset.name}: the image was never written; the run was interrupted")


def _find_source(files: LinkedFiles, dataset: Any, file_name: str, name: str) -> tuple[Any, bool]:
    """Return a source of a virtual dataset, None if it is missing, and whether its file is there."""
    import h5py

    if "%" in file_name + name:
        where = f"{dataset.file.filename}: {dataset.name}"
        raise FormatError(f"{where}: is a virtual dataset of files that match a pattern, which is not read")
    root = dataset.file if file_name == "." else files.open(dataset.file.filename, file_name)
    found = None if root is None else files.follow(root["/"], name)
    return (found if isinstance(found, h5py.Dataset) else None), root is not None


def _source(files: LinkedFiles, dataset: Any, file_name: str, name: str) -> Any:
    """Return a source of a virtual dataset; raise `FormatError` if it is missing."""
    found, file_is_there = _find_source(files, dataset, file_name, name)
    where = f"{dataset.file.filename}: {dataset.name}"
    if not file_is_there:
        raise FormatError(
            f"{dataset.file.filename}: images are in {file_name}, which is missing; put it in the same folder"
        )
    if found is None:
        root = dataset.file if file_name == "." else files.open(dataset.file.filename, file_name)
        linked = files.missing_file(root, name)
        told = f", a link to {linked}," if linked else ""
        raise FormatError(f"{where}: its source {name} in {file_name}{told} is missing; fetch the whole file again")
    return found


def _part_of_source(low: Sequence[int], high: Sequence[int], selection: Any, shape: Sequence[int], box: Box) -> Box:
    """Return the part of a source of a virtual dataset, which fills the box from `low` to `high`, for a part of it.

    The last image is before the first one if the source does not have them.
    """
    import h5py

    if selection.get_select_type() == h5py.h5s.SEL_ALL:
        start, end = [0] * len(shape), [n - 1 for n in shape]
        if len(low) == len(shape):
            end[0] = high[0] - low[0]
    else:
        start, end = selection.get_select_bounds()
    there = [min(last, n - 1) for last, n in zip(end, shape, strict=True)]
    whole = list(zip(start, there, strict=True))
    if len(low) != len(start) or high[0] - low[0] != end[0] - start[0]:
        return whole
    shift = start[0] - low[0]  # images follow each other as in the source
    return [(max(box[0][0] + shift, start[0]), min(box[0][1] + shift, there[0])), *whole[1:]]
