"""Inner loops of the Winograd convolution, written for vectors of eight numbers.

A compiler left to itself vectorises neither a matrix product in registers nor a stride of four
well. These functions emit the vector operations (LLVM's, so for any processor) in place of a call
from a compiled kernel. Arrays are flat float32; every ``at`` is an index, every ``step`` a
distance, and nothing is checked.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 8
_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_INDEX = ir.IntType(32)
_POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD
_CONTRACT = ("contract",)  # a product and a sum may be rounded once

Formula = Callable[..., Sequence[Any]]


class _Vector:
    """Eight numbers of a kernel under construction; operators emit its instructions."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def __add__(self, other: _Vector) -> _Vector:
        return _Vector(self.builder, self.builder.fadd(self.value, other.value, flags=_CONTRACT))

    def __sub__(self, other: _Vector) -> _Vector:
        return _Vector(self.builder, self.builder.fsub(self.value, other.value, flags=_CONTRACT))

    def __rmul__(self, factor: float) -> _Vector:
        constant = ir.Constant(_VECTOR, [float(factor)] * LANES)
        return _Vector(self.builder, self.builder.fmul(constant, self.value, flags=_CONTRACT))

    def shuffle(self, other: _Vector, lanes: Sequence[int]) -> _Vector:
        mask = ir.Constant(ir.VectorType(_INDEX, LANES), list(lanes))
        return _Vector(self.builder, self.builder.shuffle_vector(self.value, other.value, mask))


class _Code:
    """The body of one function below: its arguments, and loads and stores of vectors."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> None:
        self.builder = builder
        self.args = [
            context.make_array(kind)(context, builder, value).data
            if isinstance(kind, types.Array)
            else value
            for kind, value in zip(signature.args, args, strict=True)
        ]

    def index(self, at: Any, step: Any, times: int) -> Any:
        """at + step * times."""
        step = step if isinstance(step, ir.Value) else ir.Constant(at.type, step)
        return self.builder.add(at, self.builder.mul(step, ir.Constant(at.type, times)))

    def load(self, array: Any, at: Any) -> _Vector:
        return _Vector(self.builder, self.builder.load(self._pointer(array, at), align=4))

    def store(self, vector: _Vector, array: Any, at: Any) -> None:
        self.builder.store(vector.value, self._pointer(array, at), align=4)

    def splat(self, array: Any, at: Any) -> _Vector:
        """One number, eight times."""
        number = self.builder.load(self.builder.gep(array, [at]), align=4)
        nothing = ir.Constant(_VECTOR, ir.Undefined)
        vector = self.builder.insert_element(nothing, number, ir.Constant(_INDEX, 0))
        return _Vector(self.builder, vector).shuffle(_Vector(self.builder, nothing), [0] * LANES)

    def zero(self) -> Any:
        """A place for a vector, in a register as far as they go; holds zeros."""
        zeros = ir.Constant(_VECTOR, [0.0] * LANES)
        return cgutils.alloca_once_value(self.builder, zeros)  # type: ignore[no-untyped-call]

    def _pointer(self, array: Any, at: Any) -> Any:
        pointer = self.builder.gep(array, [at])
        return self.builder.bitcast(pointer, _VECTOR.as_pointer())


def product(rows: int) -> Any:
    """Compilable (u, u_at, v, v_at, v_step, m, m_at, m_step, depth): m = u times v.

    ``rows`` rows and 16 columns of m, summed in the order of ``depth`` numbers. u is stored with
    its rows innermost. Six rows keep twelve sums in the sixteen registers of AVX2.
    """

    def emit(code: _Code) -> None:
        u, u_at, v, v_at, v_step, m, m_at, m_step, depth = code.args
        builder = code.builder
        sums = [[code.zero() for _ in range(2)] for _ in range(rows)]
        with cgutils.for_range(builder, depth) as loop:
            row_at = builder.add(v_at, builder.mul(loop.index, v_step))
            halves = [code.load(v, code.index(row_at, LANES, k)) for k in range(2)]
            for r in range(rows):
                factor = code.splat(u, code.index(code.index(u_at, loop.index, rows), r, 1))
                for place, half in zip(sums[r], halves, strict=True):
                    term = builder.fmul(factor.value, half.value, flags=_CONTRACT)
                    total = builder.fadd(builder.load(place), term, flags=_CONTRACT)
                    builder.store(total, place)
        for r in range(rows):
            for k, place in enumerate(sums[r]):
                at = code.index(code.index(m_at, m_step, r), LANES, k)
                code.store(_Vector(builder, builder.load(place)), m, at)

    return _intrinsic(emit, "AiAiiAiii")


def between_rows(formula: Formula, taken: int) -> Any:
    """Compilable (x, x_at, x_step, y, y_at, y_step): y = formula of rows of x, 8 columns."""

    def emit(code: _Code) -> None:
        x, x_at, x_step, y, y_at, y_step = code.args
        rows = [code.load(x, code.index(x_at, x_step, k)) for k in range(taken)]
        for k, row in enumerate(formula(*rows)):
            code.store(row, y, code.index(y_at, y_step, k))

    return _intrinsic(emit, "AiiAii")


def split_columns(formula: Formula) -> Any:
    """Compilable (x, x_at, y, y_at, y_step): y[k][j] = formula(x[4 j … 4 j + 5])[k], 8 j's."""

    def emit(code: _Code) -> None:
        x, x_at, y, y_at, y_step = code.args
        quads = [code.load(x, code.index(x_at, LANES, k)) for k in range(4)]
        ahead = [code.load(x, code.index(code.index(x_at, 4, 1), LANES, k)) for k in range(4)]
        for k, row in enumerate(formula(*_transpose(quads), *_transpose(ahead)[:2])):
            code.store(row, y, code.index(y_at, y_step, k))

    return _intrinsic(emit, "AiAii")


def join_columns(formula: Formula) -> Any:
    """Compilable (x, x_at, x_step, bias, bias_at, y, y_at).

    y[4 j … 4 j + 3] = bias[bias_at] + formula of six rows of x at column j, 8 j's.
    """

    def emit(code: _Code) -> None:
        x, x_at, x_step, bias, bias_at, y, y_at = code.args
        rows = [code.load(x, code.index(x_at, x_step, k)) for k in range(6)]
        level = code.splat(bias, bias_at)
        for k, quads in enumerate(_interleave([level + row for row in formula(*rows)])):
            code.store(quads, y, code.index(y_at, LANES, k))

    return _intrinsic(emit, "AiiAiAi")


def _intrinsic(emit: Callable[[_Code], None], kinds: str) -> Any:
    """What numba calls to put the code in place; kinds: A flat float32 array, i index."""
    flat = types.Array(types.float32, 1, "C")
    signature = types.void(*(flat if kind == "A" else types.intp for kind in kinds))

    def generate(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        emit(_Code(context, builder, signature, args))
        return context.get_dummy_value()

    def typed(context: Any, *arguments: Any) -> tuple[Any, Any]:
        return signature, generate

    # Numba asks for every argument by name.
    names = ["context", *(f"argument{k}" for k in range(len(kinds)))]
    parameters = [inspect.Parameter(name, _POSITIONAL) for name in names]
    typed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return intrinsic(typed)


_LOW, _HIGH = (0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15)  # halves of two vectors


def _transpose(v: Sequence[_Vector]) -> list[_Vector]:
    """Four vectors of eight quads -> the first numbers of all quads, the second ones, …"""
    pairs = [(v[0], v[2], _LOW), (v[0], v[2], _HIGH), (v[1], v[3], _LOW), (v[1], v[3], _HIGH)]
    return _quads([a.shuffle(b, half) for a, b, half in pairs])


def _interleave(v: Sequence[_Vector]) -> list[_Vector]:
    """The inverse of `_transpose`."""
    q = _quads(v)
    pairs = [(q[0], q[1], _LOW), (q[2], q[3], _LOW), (q[0], q[1], _HIGH), (q[2], q[3], _HIGH)]
    return [a.shuffle(b, half) for a, b, half in pairs]


def _quads(v: Sequence[_Vector]) -> list[_Vector]:
    """Transpose the 4 x 4 numbers in the lower halves of four vectors, and those in the upper."""
    low, high = (0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15)
    even, odd = (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)
    ab, ab_high = v[0].shuffle(v[1], low), v[0].shuffle(v[1], high)
    cd, cd_high = v[2].shuffle(v[3], low), v[2].shuffle(v[3], high)
    pairs = [(ab, cd, even), (ab, cd, odd), (ab_high, cd_high, even), (ab_high, cd_high, odd)]
    return [a.shuffle(b, lanes) for a, b, lanes in pairs]
