"""The globals that the checkpoints name, and the inert value that each one stands for.

Every builder checks its arguments in full: a file may call an accepted name with anything. What is
not in `GLOBALS` is refused by name. Modules are recorded as their attributes; the source code that
comes with them stays text.

Source: the layout of the published files, and the reduction of tensors in `torch._utils` and of
arrays in `numpy`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from ifgan.generators.pickles.rules import Budget, Builder, Global, RefusedError, shown

#: Layout of a stored module; the published files are all of version 6.
MAX_PERSISTENCE_VERSION = 6
MAX_DIMENSIONS = 8
TENSORFLOW_REMEDY = (
    "Convert it first, on a machine where you trust it: `python legacy.py --source=OLD.pkl "
    "--dest=NEW.pkl` in a checkout of github.com/NVlabs/stylegan3."
)

#: torch storage class -> dtype of torch, bytes an element
STORAGES = {
    "DoubleStorage": ("float64", 8),
    "FloatStorage": ("float32", 4),
    "HalfStorage": ("float16", 2),
    "BFloat16Storage": ("bfloat16", 2),
    "LongStorage": ("int64", 8),
    "IntStorage": ("int32", 4),
    "ShortStorage": ("int16", 2),
    "CharStorage": ("int8", 1),
    "ByteStorage": ("uint8", 1),
    "BoolStorage": ("bool", 1),
}
#: numpy dtype -> format of `struct`
DTYPES = {"f2": "<e", "f4": "<f", "f8": "<d", "b1": "<?"}
DTYPES |= {"i1": "<b", "i2": "<h", "i4": "<i", "i8": "<q"}
DTYPES |= {"u1": "<B", "u2": "<H", "u4": "<I", "u8": "<Q"}


@dataclass(frozen=True, eq=False)
class Storage:
    """Elements in a row: a view into the file."""

    dtype: str  # of torch
    itemsize: int
    content: memoryview

    def __len__(self) -> int:
        return len(self.content) // self.itemsize


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor not yet made; offset and strides count elements and stay within the storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def extent(self) -> int:
        """Elements from the first to the last one, both included."""
        steps = zip(self.shape, self.stride, strict=True)
        return 1 + sum((size - 1) * step for size, step in steps) if self.numel else 0


@dataclass(frozen=True, eq=False)
class Module:
    """A stored torch module: its attributes."""

    state: dict[str, object]


@dataclass(eq=False)
class DType:
    """A plain little-endian numpy dtype."""

    code: str
    is_built: bool = False

    def build(self, state: object) -> None:
        # (version, byte order, subdtype, names, fields, size, alignment, flags)
        plain = (None, None, None, -1, -1, 0)
        if self.is_built or not isinstance(state, tuple) or len(state) != 8:
            raise RefusedError("describes a numpy dtype in an unknown way")
        if state[1] not in ("<", "|", "=") or state[2:] != plain:
            raise RefusedError("holds a numpy array that is not of plain little-endian numbers")
        self.is_built = True


@dataclass(eq=False)
class Array:
    """A numpy array; no network keeps its weights in one, so that it stays bytes."""

    dtype: DType | None = None
    shape: tuple[int, ...] = ()
    content: memoryview = field(default_factory=lambda: memoryview(b""))

    def build(self, state: object) -> None:
        match state:  # (version, shape, dtype, order, bytes)
            case (_, shape, DType() as dtype, _, memoryview() as content) if self.dtype is None:
                self.dtype, self.content = dtype, content
                self.shape = _sizes(shape, "a numpy array's shape")
            case _:
                raise RefusedError("holds a numpy array that is not of plain numbers")
        if math.prod(self.shape) * struct.calcsize(DTYPES[dtype.code]) != len(content):
            raise RefusedError("holds a numpy array whose bytes do not fill its shape")


def _sizes(value: object, what: str) -> tuple[int, ...]:
    """A few integers from 0 up."""
    if isinstance(value, tuple) and len(value) <= MAX_DIMENSIONS:
        sizes = tuple(item for item in value if type(item) is int and item >= 0)
        if len(sizes) == len(value):
            return sizes
    raise RefusedError(f"gives {what} other than as a short tuple of integers from 0 up")


def _wrong(name: str) -> RefusedError:
    return RefusedError(f"calls '{name}' with arguments that no such file gives")


def _mapping(args: tuple[object, ...], _: Budget) -> object:
    if args:
        raise _wrong("OrderedDict")
    return {}


def _set(args: tuple[object, ...], budget: Budget) -> object:
    match args:
        case (list() as items,):
            budget.spend(len(items))
            if all(type(item) is str for item in items):
                return set(items)
    raise _wrong("builtins.set")


def _latin1(args: tuple[object, ...], budget: Budget) -> object:
    match args:  # how protocol 2 writes bytes
        case (str() as text, "latin1"):
            budget.spend_text(len(text))
            try:
                return memoryview(text.encode("latin1"))
            except UnicodeEncodeError:
                pass
    raise _wrong("_codecs.encode")


def _module(args: tuple[object, ...], _: Budget) -> object:
    """A module by `{type, version, module_src, class_name, state}`; the source is not looked at."""
    match args:
        case ({"type": "class", "version": int() as version, "state": dict() as state},):
            pass
        case _:
            raise _wrong("torch_utils.persistence._reconstruct_persistent_obj")
    if not 1 <= version <= MAX_PERSISTENCE_VERSION:
        raise RefusedError(f"stores modules in version {shown(str(version))}; known is 6")
    return Module(state)


def _tensor(args: tuple[object, ...], _: Budget) -> object:
    match args:
        case (Storage() as storage, int() as offset, shape, stride, bool(), {}, *_) if (
            len(args) <= 7 and offset >= 0
        ):
            tensor = StoredTensor(
                storage,
                offset,
                _sizes(shape, "a tensor's shape"),
                _sizes(stride, "a tensor's strides"),
            )
        case _:
            raise _wrong("torch._utils._rebuild_tensor_v2")
    if len(tensor.shape) != len(tensor.stride):
        raise RefusedError("holds a tensor with more sizes than strides or fewer")
    if offset + tensor.extent > len(storage):
        raise RefusedError("holds a tensor that reaches outside its storage")
    return tensor


def _parameter(args: tuple[object, ...], _: Budget) -> object:
    match args:
        case (StoredTensor() as tensor, bool(), {}):
            return tensor
    raise _wrong("torch._utils._rebuild_parameter")


def _dtype(args: tuple[object, ...], _: Budget) -> object:
    match args:
        case (str() as code, bool() | 0 | 1, bool() | 0 | 1) if code in DTYPES:
            return DType(code)
        case (str() as code, *_):
            raise RefusedError(f"holds numpy data of dtype '{shown(code)}', no plain number")
    raise _wrong("numpy.dtype")


def _array(args: tuple[object, ...], _: Budget) -> object:
    match args:
        case (Global() as kind, (0,), memoryview()) if kind is NDARRAY:
            return Array()
    raise _wrong("numpy's _reconstruct")


def _array_of_buffer(args: tuple[object, ...], _: Budget) -> object:
    match args:
        case (content, dtype, shape, "C" | "F"):
            array = Array()
            array.build((1, shape, dtype, False, content))
            return array
    raise _wrong("numpy's _frombuffer")


def _scalar(args: tuple[object, ...], _: Budget) -> object:
    match args:
        case (DType(code=code), memoryview() as raw) if len(raw) == struct.calcsize(DTYPES[code]):
            return struct.unpack(DTYPES[code], raw)[0]
    raise _wrong("numpy's scalar")


NDARRAY = Global("numpy.ndarray")
_NUMPY = {
    "multiarray": {"_reconstruct": _array, "scalar": _scalar},
    "numeric": {"_frombuffer": _array_of_buffer},
}
_BUILDERS: dict[tuple[str, str], Builder] = {
    ("collections", "OrderedDict"): _mapping,
    ("dnnlib.util", "EasyDict"): _mapping,
    ("builtins", "set"): _set,
    ("__builtin__", "set"): _set,  # its name in protocol 2
    ("_codecs", "encode"): _latin1,
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _module,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("numpy", "dtype"): _dtype,
    **{
        (f"numpy.{core}.{module}", name): builder
        for core in ("core", "_core")  # before and since numpy 2
        for module, builders in _NUMPY.items()
        for name, builder in builders.items()
    },
}
STORAGE_GLOBALS = {("torch", name): Global(f"torch.{name}") for name in STORAGES}
GLOBALS: dict[tuple[str, str], Global] = {
    ("numpy", "ndarray"): NDARRAY,
    **{(module, name): Global(f"{module}.{name}", b) for (module, name), b in _BUILDERS.items()},
    **STORAGE_GLOBALS,
}


def finder(known: dict[tuple[str, str], Global]) -> Callable[[str, str], Global]:
    """Looks names up in one table and refuses all others by name."""

    def find(module: str, name: str) -> Global:
        if (module, name) in known:
            return known[module, name]
        if module == "dnnlib.tflib" or module.startswith("dnnlib.tflib."):
            raise RefusedError("is a checkpoint of the TensorFlow era", TENSORFLOW_REMEDY)
        full = f"{shown(module)}.{shown(name)}"
        raise RefusedError(f"names the global '{full}', which no such file needs")

    return find
