"""A pickle machine that builds inert values and nothing else.

It is no `pickle.Unpickler` with a filter: nothing in it imports, looks up an attribute or calls
what a file names. A global is looked up in our own table, and "calling" it runs our own code on
inert values. Bytes are never copied: they stay views into the file. A length is compared with what
is left of the file before anything is allocated. Values are only ever referred to, never
traversed, so sharing through the memo cannot multiply them.

Source: the opcodes as documented in Python's `pickletools`, protocols 2 to 5.
"""

from __future__ import annotations

import pickle
import pickletools
import struct
from collections.abc import Callable

from ifgan.generators.pickles.rules import DAMAGED, Budget, Global, RefusedError, Unfinished, shown

PROTOCOLS = range(2, 6)
MAX_MARKS = 1000
MAX_NAME_BYTES = 256
OPERATION_NAMES = {ord(operation.code): operation.name for operation in pickletools.opcodes}


class Machine:
    """Runs the one pickle that starts at a position.

    Parameters
    ----------
    content : the bytes that hold it.
    find : the global of a module and a name, or `RefusedError`.
    budget : what it may still cost.
    start : where it begins.
    persistent : the value of a persistent id; None: such ids are refused.
    """

    def __init__(
        self,
        content: memoryview,
        *,
        find: Callable[[str, str], Global],
        budget: Budget,
        start: int = 0,
        persistent: Callable[[object], object] | None = None,
    ) -> None:
        self.content = content
        self.find = find
        self.budget = budget
        self.position = start
        self.persistent = persistent
        self.stack: list[object] = []
        self.below: list[list[object]] = []  # the stacks under each mark
        self.memo: dict[int, object] = {}

    def run(self) -> object:
        """The value; ``position`` is then the first byte after the pickle."""
        if self.number("<B") != pickle.PROTO[0] or self.number("<B") not in PROTOCOLS:
            raise RefusedError("is not a pickle of protocol 2 to 5", DAMAGED)
        while (code := self.number("<B")) != pickle.STOP[0]:
            self.budget.spend()
            step = STEPS.get(code)
            if step is None:
                name = OPERATION_NAMES.get(code, f"{code:#04x}")
                raise RefusedError(f"uses the pickle operation {name}, which no such file needs")
            step(self)
        value = self.pop()
        if self.stack or self.below:
            raise RefusedError("leaves values on the stack")
        return value

    # Reading

    def take(self, size: int) -> memoryview:
        if not 0 <= size <= len(self.content) - self.position:
            raise RefusedError("ends too early", DAMAGED)
        self.position += size
        return self.content[self.position - size : self.position]

    def number(self, form: str) -> int:
        [value] = struct.unpack(form, self.take(struct.calcsize(form)))
        return int(value)

    def decode(self, raw: memoryview) -> str:
        self.budget.spend_text(len(raw))
        try:
            return str(raw, "utf-8")
        except UnicodeDecodeError:
            raise RefusedError("holds text that is not UTF-8", DAMAGED) from None

    def line(self) -> str:
        ahead = bytes(self.content[self.position : self.position + MAX_NAME_BYTES])
        length = ahead.find(b"\n")
        if length < 0:
            raise RefusedError("names a global without end", DAMAGED)
        return self.decode(self.take(length + 1)[:-1])

    # The stack

    def push(self, value: object) -> None:
        self.stack.append(value)

    def pop(self) -> object:
        if not self.stack:
            raise RefusedError("takes a value from an empty stack")
        return self.stack.pop()

    def top(self) -> object:
        if not self.stack:
            raise RefusedError("takes a value from an empty stack")
        return self.stack[-1]

    def mark(self) -> None:
        if len(self.below) >= MAX_MARKS:
            raise RefusedError(f"nests values more than {MAX_MARKS} deep")
        self.below.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[object]:
        if not self.below:
            raise RefusedError("closes a group that it did not open")
        items, self.stack = self.stack, self.below.pop()
        return items

    # Containers

    def push_tuple(self, size: int) -> None:
        items = [self.pop() for _ in range(size)]
        self.push(tuple(reversed(items)))

    def extend(self, items: list[object]) -> None:
        target = self.top()
        if type(target) is not list:
            raise RefusedError("appends to what is no list")
        target.extend(items)

    def set_items(self, items: list[object]) -> None:
        target = self.top()
        if type(target) is not dict or len(items) % 2:
            raise RefusedError("sets items of what is no mapping")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Integers can be chosen to collide, and nested keys are traversed to hash them.
            if type(key) is not str:
                raise RefusedError("has a mapping with keys that are no text")
            if key in target:
                raise RefusedError(f"sets the key '{shown(key)}' of one mapping twice")
            target[key] = value

    def add_items(self, items: list[object]) -> None:
        target = self.top()
        if type(target) is not set or any(type(item) is not str for item in items):
            raise RefusedError("has a set of something other than texts")
        target.update(items)

    # The memo

    def remember(self, index: int) -> None:
        self.memo[index] = self.top()

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise RefusedError(f"refers to value {index}, which it does not hold")
        self.push(self.memo[index])

    # Globals

    def stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        if type(name) is not str or type(module) is not str:
            raise RefusedError("names a global by something that is not text")
        self.push(self.find(module, name))

    def reduce(self) -> None:
        args, function = self.pop(), self.pop()
        if not isinstance(function, Global):
            raise RefusedError("calls a value that is no global")
        self.push(function.call(args, self.budget))

    def build(self) -> None:
        state, target = self.pop(), self.top()
        if not isinstance(target, Unfinished):
            raise RefusedError("sets the state of a value that has none")
        target.build(state)

    def push_persistent(self) -> None:
        if self.persistent is None:
            raise RefusedError("refers to data outside itself by a persistent id")
        self.push(self.persistent(self.pop()))

    def push_float(self) -> None:
        [value] = struct.unpack(">d", self.take(8))
        self.push(value)


def _texts(form: str) -> Callable[[Machine], None]:
    return lambda m: m.push(m.decode(m.take(m.number(form))))


def _views(form: str) -> Callable[[Machine], None]:
    return lambda m: m.push(m.take(m.number(form)))


_STEPS: dict[bytes, Callable[[Machine], object]] = {
    pickle.FRAME: lambda m: m.take(8),  # only a hint for readers
    pickle.MARK: Machine.mark,
    pickle.POP: Machine.pop,
    pickle.POP_MARK: Machine.pop_mark,
    # Plain values
    pickle.NONE: lambda m: m.push(None),
    pickle.NEWTRUE: lambda m: m.push(True),
    pickle.NEWFALSE: lambda m: m.push(False),
    pickle.BININT: lambda m: m.push(m.number("<i")),
    pickle.BININT1: lambda m: m.push(m.number("<B")),
    pickle.BININT2: lambda m: m.push(m.number("<H")),
    pickle.LONG1: lambda m: m.push(int.from_bytes(m.take(m.number("<B")), "little", signed=True)),
    pickle.BINFLOAT: Machine.push_float,
    pickle.SHORT_BINUNICODE: _texts("<B"),
    pickle.BINUNICODE: _texts("<I"),
    pickle.BINUNICODE8: _texts("<Q"),
    pickle.SHORT_BINBYTES: _views("<B"),
    pickle.BINBYTES: _views("<I"),
    pickle.BINBYTES8: _views("<Q"),
    pickle.BYTEARRAY8: _views("<Q"),
    # Containers
    pickle.EMPTY_TUPLE: lambda m: m.push(()),
    pickle.TUPLE1: lambda m: m.push_tuple(1),
    pickle.TUPLE2: lambda m: m.push_tuple(2),
    pickle.TUPLE3: lambda m: m.push_tuple(3),
    pickle.TUPLE: lambda m: m.push(tuple(m.pop_mark())),
    pickle.EMPTY_LIST: lambda m: m.push([]),
    pickle.APPEND: lambda m: m.extend([m.pop()]),
    pickle.APPENDS: lambda m: m.extend(m.pop_mark()),
    pickle.EMPTY_DICT: lambda m: m.push({}),
    pickle.SETITEM: lambda m: m.set_items([m.pop(), m.pop()][::-1]),
    pickle.SETITEMS: lambda m: m.set_items(m.pop_mark()),
    pickle.EMPTY_SET: lambda m: m.push(set()),
    pickle.ADDITEMS: lambda m: m.add_items(m.pop_mark()),
    # The memo
    pickle.BINPUT: lambda m: m.remember(m.number("<B")),
    pickle.LONG_BINPUT: lambda m: m.remember(m.number("<I")),
    pickle.MEMOIZE: lambda m: m.remember(len(m.memo)),
    pickle.BINGET: lambda m: m.recall(m.number("<B")),
    pickle.LONG_BINGET: lambda m: m.recall(m.number("<I")),
    # Globals
    pickle.GLOBAL: lambda m: m.push(m.find(m.line(), m.line())),
    pickle.STACK_GLOBAL: Machine.stack_global,
    pickle.REDUCE: Machine.reduce,
    pickle.NEWOBJ: Machine.reduce,  # our builders do not tell a class from a function
    pickle.BUILD: Machine.build,
    pickle.BINPERSID: Machine.push_persistent,
}
STEPS = {code[0]: step for code, step in _STEPS.items()}
