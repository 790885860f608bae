"""Pickles written operation by operation, for what no pickler writes."""

from __future__ import annotations

import io
import struct
import zipfile

PROTO = b"\x80\x04"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def data(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def integer(value: int) -> bytes:
    size = value.bit_length() // 8 + 1
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def group(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def stacked(module: bytes, attribute: bytes) -> bytes:
    return module + attribute + b"\x93"


def call(module: str, attribute: str, *arguments: bytes) -> bytes:
    return name(module, attribute) + group(*arguments) + b"R"


def mapping(**entries: bytes) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in entries.items()) + b"u"


def file(body: bytes) -> bytes:
    return PROTO + body + b"."


def generator(body: bytes) -> bytes:
    """A checkpoint whose generator is something else."""
    return file(mapping(G_ema=body))


def module(**state: bytes) -> bytes:
    meta = mapping(
        type=text("class"),
        version=b"K\x06",
        module_src=text("pass"),
        class_name=text("Generator"),
        state=mapping(**state),
    )
    return call("torch_utils.persistence", "_reconstruct_persistent_obj", meta)


LEGACY = ("magic", "version", "system", "reference", "keys")


def legacy(*, numel: int = 4, elements: bytes = bytes(16), **changes: bytes) -> bytes:
    """A storage in torch's older layout: five pickles and the elements."""
    storage = (text("storage"), name("torch", "FloatStorage"), text("7"), text("cpu"))
    parts = {
        "magic": integer(0x1950A86A20F9469CFC6C),
        "version": b"M\xe9\x03",
        "system": mapping(little_endian=b"\x88"),
        "reference": group(*storage, integer(numel), b"N") + b"Q",
        "keys": b"]" + text("7") + b"a",
        "count": struct.pack("<q", numel),
    }
    parts |= changes
    pickles = [b"\x80\x02" + parts[part] + b"." for part in LEGACY]
    return b"".join(pickles) + parts["count"] + elements


def archive(
    reference: bytes | None = None,
    *,
    elements: bytes = bytes(16),
    numel: int = 4,
    compression: int = zipfile.ZIP_STORED,
    more: int = 0,
    key: str = "0",
    byteorder: str = "little",
) -> bytes:
    """A storage in torch's newer layout."""
    storage = (text("storage"), name("torch", "FloatStorage"), text("0"), text("cpu"))
    described = group(*storage, integer(numel)) + b"Q" if reference is None else reference
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as target:
        target.writestr("archive/data.pkl", b"\x80\x02" + described + b".")
        target.writestr("archive/byteorder", byteorder)
        target.writestr("archive/version", "3\n")
        target.writestr(f"archive/data/{key}", elements)
        for number in range(more):
            target.writestr(f"archive/more/{number}", b"")
    return buffer.getvalue()


def loaded(content: bytes) -> bytes:
    return call("torch.storage", "_load_from_bytes", data(content))


def tensor(
    shape: bytes, stride: bytes, *, offset: bytes = b"K\x00", storage: bytes | None = None
) -> bytes:
    """A tensor of a storage of four elements."""
    source = loaded(legacy()) if storage is None else storage
    end = (b"\x89", name("collections", "OrderedDict") + b")R")
    return call("torch._utils", "_rebuild_tensor_v2", source, offset, shape, stride, *end)


def dtype(code: str, *, order: str = "<", names: bytes = b"N") -> bytes:
    sizes = (b"J\xff\xff\xff\xff", b"J\xff\xff\xff\xff", b"K\x00")
    state = group(b"K\x03", text(order), b"N", names, b"N", *sizes)
    return call("numpy", "dtype", text(code), b"\x89", b"\x88") + state + b"b"


def array(shape: bytes, kind: bytes, content: bytes) -> bytes:
    start = (name("numpy", "ndarray"), group(b"K\x00"), data(b"b"))
    made = call("numpy._core.multiarray", "_reconstruct", *start)
    return made + group(b"K\x01", shape, kind, b"\x89", content) + b"b"
