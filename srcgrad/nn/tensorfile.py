"""Files of named arrays: safetensors with a header of our own, written whole or not at all."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from srcgrad.errors import SrcgradError
from srcgrad.nn.lazy import needed

FORMAT, VERSION = "srcgrad", "1"
HEADER_MOST = 100_000_000
"""More bytes than safetensors takes for a header: a number above it is not the length of one."""
DTYPES = {
    "BOOL": "bool", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64", "U8": "uint8", "U16": "uint16",
    "U32": "uint32", "U64": "uint64", "F16": "float16", "F32": "float32", "F64": "float64", "C64": "complex64",
}  # fmt: skip
"""NumPy's names of the format's dtypes. There are others, of the same widths, that NumPy does not have."""


class CheckpointError(SrcgradError, ValueError):
    """A file that is no whole checkpoint, or one of another model. What was to be loaded is as it was."""

    usual = "Load a file that `save` wrote for this model."


def write(path: str | os.PathLike[str], tensors: Mapping[str, np.ndarray], header: Any) -> None:
    """Write arrays and a header that JSON can hold.

    The bytes go to a file beside `path`, which is then renamed: whenever the program or the machine stops, `path` holds
    the whole of what was there or the whole of this. ValueError for an array of a dtype that safetensors does not have.
    """
    library = needed("safetensors.numpy", "saving")
    path = Path(path)
    # safetensors takes the memory of an array as if it were in C order
    ordered = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    for name, tensor in ordered.items():
        if tensor.dtype.name not in DTYPES.values():
            raise ValueError(f"{name} has the dtype {tensor.dtype}, which a safetensors file cannot hold.")
    text = json.dumps(header, default=_plain)
    content = library.save(ordered, {"format": FORMAT, "version": VERSION, "header": text})
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    if os.name == "posix":  # the renaming, too, is on the disk only once the folder is
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _plain(value: Any) -> Any:
    """A number of NumPy's as one of Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a header holds what JSON can hold, and a {type(value).__name__} is not.")


class TensorFile:
    """A file that `write` wrote, opened: its header, and the shape and dtype of each array before any is read.

    FileNotFoundError where there is none; CheckpointError where it is cut off or of another kind.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        safetensors = needed("safetensors", "loading")
        self.path = Path(path)
        if self.path.is_dir():
            raise CheckpointError(f"{self.path} is a folder, not a checkpoint.")
        try:
            self._file = safetensors.safe_open(self.path, framework="numpy")
        except safetensors.SafetensorError as error:
            raise CheckpointError(self._damage() or f"{self.path} is no safetensors file ({error}).") from error
        metadata = self._file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise CheckpointError(f"{self.path} is a safetensors file that srcgrad did not write.")
        if metadata["version"] != VERSION:
            raise CheckpointError(
                f"{self.path} has version {metadata['version']} of the format, and this srcgrad reads {VERSION}.",
                "Load it with a newer srcgrad.",
            )
        self.header = json.loads(metadata["header"])
        self.names = list(self._file.keys())

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._file.get_slice(name).get_shape())

    def dtype(self, name: str) -> str:
        code = self._file.get_slice(name).get_dtype()
        return DTYPES.get(code, code)

    def read(self) -> dict[str, np.ndarray]:
        """All arrays by name, in memory of their own."""
        return {name: self._file.get_tensor(name) for name in self.names}

    def _damage(self) -> str:
        """What is missing of a file that was cut off, "" where it is none."""
        size = self.path.stat().st_size
        with open(self.path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > HEADER_MOST:
                return ""
            text = file.read(length)
        if size < 8 + length:
            return f"{self.path} is cut off within its header: it has {size} bytes of {8 + length} and more."
        try:
            entries = json.loads(text)
            ends = {name: entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"}
        except (ValueError, TypeError, KeyError, AttributeError, IndexError):
            return ""
        missing = sorted((end, name) for name, end in ends.items() if 8 + length + end > size)
        if not missing:
            return ""
        whole = 8 + length + max(ends.values())
        return f"{self.path} is cut off within {missing[0][1]}: it has {size} bytes of {whole}."
