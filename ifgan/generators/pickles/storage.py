"""Tensor data: the torch files nested in a checkpoint, one per storage.

Torch has two layouts. The older one, which pickled tensors use to this day, is a row of five small
pickles and then the elements; the newer one is an uncompressed zip archive. Both are read with our
own machine, which here knows storage classes and nothing else; the elements stay a view into the
file. Devices (``cuda:0``) are ignored.

Source: `torch.serialization` (both layouts); PKWARE's APPNOTE.TXT (zip).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from ifgan.generators.pickles.machine import Machine
from ifgan.generators.pickles.rules import DAMAGED, Budget, Global, RefusedError
from ifgan.generators.pickles.values import GLOBALS, STORAGE_GLOBALS, STORAGES, Storage, finder

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001

ZIP_END = struct.Struct("<4s6xHIIH")  # signature, entries, size and start of the table, comment
ZIP_ENTRY = struct.Struct("<4s4xHH8xIIHHH8xI")
ZIP_LOCAL = struct.Struct("<4s22xHH")
MAX_ZIP_ENTRIES = 16  # one storage makes seven


class _Reference:
    """What a persistent id says of a storage: its class, key and number of elements."""

    def __init__(self, value: object) -> None:
        if isinstance(value, tuple) and len(value) == 6 and value[-1] is None:
            value = value[:-1]  # the older layout's place for views
        match value:
            case ("storage", Global() as kind, str() as key, str(), int() as numel) if (
                kind in STORAGE_GLOBALS.values()
            ):
                self.key, self.numel = key, numel
                self.dtype, self.itemsize = STORAGES[kind.name.removeprefix("torch.")]
            case _:
                raise RefusedError("holds a storage that is described in an unknown way")

    def storage(self, content: memoryview) -> Storage:
        if len(content) != self.numel * self.itemsize:
            raise RefusedError("holds a storage with more or fewer elements than stated", DAMAGED)
        return Storage(self.dtype, self.itemsize, content)


def load_from_bytes(args: tuple[object, ...], budget: Budget) -> Storage:
    """The storage in the bytes of a nested torch file."""
    match args:
        case (memoryview() as content,):
            is_zip = bytes(content[:4]) == b"PK\x03\x04"
            return (_from_zip if is_zip else _from_pickles)(content, budget)
    raise RefusedError("calls 'torch.storage._load_from_bytes' with something that is not bytes")


def _machine(content: memoryview, budget: Budget, start: int = 0) -> Machine:
    find = finder(STORAGE_GLOBALS)
    return Machine(content, find=find, budget=budget, start=start, persistent=_Reference)


def _from_pickles(content: memoryview, budget: Budget) -> Storage:
    position = 0
    values: list[object] = []
    for _ in range(5):
        machine = _machine(content, budget, position)
        values.append(machine.run())
        position = machine.position
    magic, version, system, reference, keys = values
    if (magic, version) != (MAGIC, VERSION) or not isinstance(reference, _Reference):
        raise RefusedError("holds a storage that is no torch file of a known version")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise RefusedError("holds a storage that is not little-endian")
    if keys != [reference.key] or len(content) < position + 8:
        raise RefusedError("holds a storage whose elements are missing", DAMAGED)
    [numel] = struct.unpack_from("<q", content, position)
    if numel != reference.numel:
        raise RefusedError("holds a storage that states two numbers of elements", DAMAGED)
    return reference.storage(content[position + 8 :])


def _from_zip(content: memoryview, budget: Budget) -> Storage:
    files = {}
    for name, data in _zip_entries(content):
        if name in files:
            raise RefusedError(f"holds a storage with two files '{name}'")
        files[name] = data
    machine = _machine(files.get("data.pkl", content[:0]), budget)
    reference = machine.run()
    if not isinstance(reference, _Reference) or f"data/{reference.key}" not in files:
        raise RefusedError("holds a storage whose elements are missing", DAMAGED)
    if bytes(files.get("byteorder", b"little")[:8]) != b"little":
        raise RefusedError("holds a storage that is not little-endian")
    return reference.storage(files[f"data/{reference.key}"])


def _zip_entries(content: memoryview) -> Iterator[tuple[str, memoryview]]:
    """Names, without their first folder, and contents; all must be stored uncompressed."""
    wrong = RefusedError("holds a storage that is no uncompressed zip archive by torch", DAMAGED)
    try:
        end = content[-ZIP_END.size :]
        signature, entries, _, position, comment = ZIP_END.unpack(end)
        if signature != b"PK\x05\x06" or comment or entries > MAX_ZIP_ENTRIES:
            raise wrong
        for _ in range(entries):
            found = ZIP_ENTRY.unpack_from(content, position)
            signature, flags, method, packed, size, *lengths, start = found
            if signature != b"PK\x01\x02" or flags & 1 or method or packed != size:
                raise wrong
            position += ZIP_ENTRY.size
            name = bytes(content[position : position + lengths[0]]).decode("ascii")
            position += sum(lengths)
            signature, name_length, extra_length = ZIP_LOCAL.unpack_from(content, start)
            start += ZIP_LOCAL.size + name_length + extra_length
            if signature != b"PK\x03\x04" or start + size > len(content):
                raise wrong
            yield name.partition("/")[2], content[start : start + size]
    except (struct.error, UnicodeDecodeError):
        raise wrong from None


LOAD_FROM_BYTES = Global("torch.storage._load_from_bytes", load_from_bytes)


def find_in_checkpoint() -> Callable[[str, str], Global]:
    """What the outer file may name: storages too, which a storage itself may not."""
    return finder(GLOBALS | {("torch.storage", "_load_from_bytes"): LOAD_FROM_BYTES})
