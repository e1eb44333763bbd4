"""Arrays as .npy and .npz files, without numpy."""

import ast
import pathlib
import struct
import typing
import zipfile


def npy(values: list[float], shape: tuple[int, ...], code: str = "f") -> bytes:
    dtype = {"f": "<f4", "d": "<f8", "q": "<i8"}[code]
    header = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode()
    header = header.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + struct.pack(f"<{len(values)}{code}", *values)


def npz(path: pathlib.Path, **arrays: bytes) -> pathlib.Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in arrays.items():
            archive.writestr(name + ".npy", content)
    return path


class Array(typing.NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    content: bytes


def read_npz(path: pathlib.Path) -> dict[str, Array]:
    """The arrays in the order of the archive."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            data = archive.read(member)
            (length,) = struct.unpack_from("<H", data, 8)
            header = ast.literal_eval(data[10 : 10 + length].decode())
            arrays[member.removesuffix(".npy")] = Array(header["descr"], header["shape"], data[10 + length :])
    return arrays
