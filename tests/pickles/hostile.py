"""Attacks: files that must be refused, each with a phrase of the reason.

What an attack does, if it runs, is to leave a file ``canary`` in the working directory.
"""

from __future__ import annotations

import struct
import zipfile

from tests.pickles import assembler as a

Case = tuple[bytes, str]

COMMAND = a.text("touch canary")
PYTHON = a.text("open('canary', 'w').close()")
TOUCH = b"](" + a.text("touch") + a.text("canary") + b"e"
SYSTEM = a.call("os", "system", COMMAND)
EMPTY = a.name("collections", "OrderedDict") + b")R"
HUGE = struct.pack("<Q", 2**62)
NEGATIVE = b"J\xff\xff\xff\xff"


def _attribute(module: str, attribute: str, *arguments: bytes) -> bytes:
    """A call of a name on the stack, which may be dotted."""
    names = a.stacked(a.text(module), a.text(attribute))
    return names + a.group(*arguments) + b"R"


#: Attacks that the usual loader carries out.
LIVE: dict[str, Case] = {
    "os.system": (a.generator(SYSTEM), "'os.system'"),
    "posix.system": (a.generator(a.call("posix", "system", COMMAND)), "'posix.system'"),
    "a call in a list": (a.file(b"](" + SYSTEM + b"e"), "'os.system'"),
    "a shell": (a.file(a.call("subprocess", "getoutput", COMMAND)), "'subprocess.getoutput'"),
    "eval": (a.generator(a.call("builtins", "eval", PYTHON)), "'builtins.eval'"),
    "exec": (a.generator(a.call("builtins", "exec", PYTHON)), "'builtins.exec'"),
    "getattr": (
        a.file(a.call("builtins", "getattr", a.name("posix", "system"), a.text("__call__")))[:-1]
        + a.group(COMMAND)
        + b"R.",
        "'builtins.getattr'",
    ),
    "names on the stack": (a.file(_attribute("os", "system", COMMAND)), "'os.system'"),
    "a dotted name": (a.file(_attribute("pathlib", "os.system", COMMAND)), "'pathlib.os.system'"),
    "a dotted name below an accepted module": (
        a.file(_attribute("torch._utils", "sys.modules.get", a.text("os")) + b"0" + SYSTEM),
        "'torch._utils.sys.modules.get'",
    ),
    "INST": (a.file(b"(" + COMMAND + b"ios\nsystem\n"), "operation INST"),
    "OBJ": (a.file(b"(" + a.name("subprocess", "Popen") + TOUCH + b"o"), "'subprocess.Popen'"),
    "NEWOBJ": (a.file(a.name("io", "FileIO") + a.group(PYTHON) + b"\x810" + SYSTEM), "'io.FileIO'"),
    "a storage that is a pickle": (a.file(a.loaded(a.file(SYSTEM))), "'os.system'"),
    "a storage's magic number": (a.file(a.loaded(a.legacy(magic=SYSTEM))), "'os.system'"),
    "a storage's system": (a.file(a.loaded(a.legacy(system=SYSTEM))), "'os.system'"),
    "a storage's reference": (a.file(a.loaded(a.legacy(reference=SYSTEM))), "'os.system'"),
    "a storage's keys": (a.file(a.loaded(a.legacy(keys=SYSTEM))), "'os.system'"),
    "a storage's archive": (a.file(a.loaded(a.archive(SYSTEM))), "'os.system'"),
    "pickle.loads": (a.file(a.call("pickle", "loads", a.data(a.file(SYSTEM)))), "'pickle.loads'"),
}

#: Operations and names that no such file needs, each of them a way into the usual loader.
OPERATIONS: dict[str, Case] = {
    "OBJ of an accepted name": (a.file(b"(" + a.name("numpy", "dtype") + b"o"), "operation OBJ"),
    "NEWOBJ_EX": (a.file(a.name("numpy", "dtype") + b")}\x92"), "operation NEWOBJ_EX"),
    "EXT1": (a.file(b"\x82\x01)R"), "operation EXT1"),
    "EXT2": (a.file(b"\x83\x01\x00)R"), "operation EXT2"),
    "EXT4": (a.file(b"\x84\x01\x00\x00\x00)R"), "operation EXT4"),
    "PERSID": (a.file(b"P7\n"), "operation PERSID"),
    "BINPERSID": (a.file(a.text("7") + b"Q"), "persistent id"),
    "NEXT_BUFFER": (a.file(b"\x97"), "operation NEXT_BUFFER"),
    "READONLY_BUFFER": (a.file(a.data(b"1") + b"\x98"), "operation READONLY_BUFFER"),
    "LONG4": (a.file(b"\x8b\xff\xff\xff\x7f"), "operation LONG4"),
    "DUP": (a.file(b"]2a"), "operation DUP"),
    "STRING": (a.file(b"S'text'\n"), "operation STRING"),
    "an unknown operation": (a.file(b"\xff"), "operation 0xff"),
    "PROTO in the middle": (a.file(b"\x80\x04N"), "operation PROTO"),
    "BUILD of a mapping": (a.file(b"}" + a.mapping(__class__=b"N") + b"b"), "sets the state"),
    "BUILD of a global": (
        a.file(a.name("collections", "OrderedDict") + a.mapping(__setstate__=b"N") + b"b"),
        "sets the state",
    ),
    "BUILD of a module": (a.file(a.module() + a.mapping(build=b"N") + b"b"), "sets the state"),
    "BUILD that would set __dict__ and slots": (
        a.file(b"]" + a.group(a.mapping(__class__=b"N"), a.mapping(__dict__=b"N")) + b"b"),
        "sets the state",
    ),
    "BUILD of a tensor": (
        a.file(
            a.tensor(a.group(b"K\x02"), a.group(b"K\x01")) + a.mapping(__setstate__=b"N") + b"b"
        ),
        "sets the state",
    ),
    "a module whose attributes are methods": (
        a.generator(a.module(__setstate__=a.name("os", "system"), __reduce__=b"N")),
        "'os.system'",
    ),
    "BUILD of text": (a.file(a.text("build") + b"}b"), "sets the state"),
    "a call of text": (a.file(a.text("os.system") + a.group(COMMAND) + b"R"), "no global"),
    "a call without a tuple": (a.file(a.name("numpy", "dtype") + b"]R"), "'numpy.dtype'"),
    "a call of a class that is data": (a.file(a.call("numpy", "ndarray", b"K\x01")), "ndarray'"),
    "a call of a storage class": (a.file(a.call("torch", "FloatStorage", b"K\x01")), "Storage'"),
    "a mapping with arguments": (a.file(a.call("collections", "OrderedDict", b"]")), "a mapping"),
    "a set of a list": (a.file(a.call("builtins", "set", b"]]a")), "'builtins.set'"),
    "another encoding": (
        a.file(a.call("_codecs", "encode", a.text("abg"), a.text("rot13"))),
        "'_codecs.encode'",
    ),
    "names that are numbers": (a.file(a.stacked(b"K\x01", b"K\x02")), "not text"),
    "names that are lists": (a.file(a.stacked(b"]", b"]")), "not text"),
    "empty names": (a.file(a.stacked(a.text(""), a.text(""))), "'.'"),
    "a name without end": (a.file(b"c" + b"x" * 1000), "without end"),
    "a name in another script": (
        a.file(a.stacked(a.text("collections"), a.text("ОrderedDict"))),
        r"'collections.\u041erderedDict'",
    ),
    "a name with control characters": (
        a.file(a.stacked(a.text("a\n\x1b[2J"), a.text("b"))),
        r"'a\n\x1b[2J.b'",
    ),
    "a long name": (a.file(a.stacked(a.text("x" * 10_000), a.text("y"))), "xxx…"),
    "a module's name with the dot elsewhere": (
        a.file(a.stacked(a.text("torch"), a.text("_utils._rebuild_tensor_v2"))),
        "'torch._utils._rebuild_tensor_v2'",
    ),
    "a storage within a storage": (
        a.file(a.loaded(a.legacy(system=a.loaded(a.legacy())))),
        "'torch.storage._load_from_bytes'",
    ),
    "a network of TensorFlow": (
        a.file(a.group(*[a.name("dnnlib.tflib.network", "Network") + b")\x81"] * 3)),
        "TensorFlow era. Convert it first",
    ),
}

_WAYS = """
builtins.__import__ builtins.open builtins.compile builtins.setattr builtins.object
importlib.import_module runpy.run_path marshal.loads types.CodeType types.FunctionType
operator.attrgetter operator.methodcaller functools.partial functools.reduce
copyreg._reconstructor copyreg.__newobj__ copy_reg._reconstructor
subprocess.Popen pty.spawn ctypes.CDLL shutil.rmtree socket.create_connection
code.interact pdb.run timeit.timeit cProfile.run webbrowser.open pip.main
_pickle.loads _pickle.Unpickler dill.loads joblib.load cloudpickle.loads
numpy.load numpy.testing._private.utils.runstring numpy.f2py.crackfortran.getlincoef
torch.load torch.jit.load torch.hub.load torch._utils._rebuild_tensor
torch._tensor._rebuild_from_type_v2 torch._utils._rebuild_wrapper_subclass
torch.storage.UntypedStorage torch.storage._load_from_bytes.__globals__
torch_utils.persistence._src_to_module torch_utils.persistence.import_hook
torch_utils.persistence.exec dnnlib.util.call_func_by_name dnnlib.util.open_url
collections.OrderedDict.fromkeys collections.defaultdict __main__.Generator
"""

#: Other names that loaders have been attacked by, or that lead out of an accepted module.
NAMED: dict[str, Case] = {
    full: (a.generator(a.call(module, attribute, COMMAND)), f"names the global '{full}'")
    for full in _WAYS.split()
    for module, _, attribute in [full.rpartition(".")]
}

#: Damage: stacks, lengths and containers that no pickler writes.
DAMAGED: dict[str, Case] = {
    "nothing": (b"", "is empty"),
    "only a header": (a.PROTO, "ends too early"),
    "no value": (a.file(b""), "empty stack"),
    "two values": (a.file(b"NN"), "on the stack"),
    "an open mark": (a.file(b"N(N"), "on the stack"),
    "a group that was not opened": (a.file(b"t"), "did not open"),
    "bytes after the end": (a.file(b"}") + b"N", "goes on after its end"),
    "protocol 0": (b"(dp0\nS'G_ema'\np1\nNs.", "not a pickle of protocol 2"),
    "protocol 1": (b"\x80\x01}.", "not a pickle of protocol 2"),
    "protocol 6": (b"\x80\x06}.", "not a pickle of protocol 2"),
    "an archive": (a.archive(), "not a pickle of protocol 2"),
    "a memo of nothing": (a.file(b"r\xff\xff\xff\xff"), "empty stack"),
    "a memo far away": (a.file(b"]r\xff\xff\xff\xff"), "no mapping of networks"),
    "a value that is not held": (a.file(b"h\x07"), "refers to value 7"),
    "a long reference": (a.file(b"j\xff\xff\xff\xff"), "refers to value 4294967295"),
    "bytes of 2^62": (a.file(b"\x8e" + HUGE), "ends too early"),
    "bytes of 2^64 - 1": (a.file(b"\x8e" + b"\xff" * 8), "ends too early"),
    "text of 2^62": (a.file(b"\x8d" + HUGE), "ends too early"),
    "an array of 2^62": (a.file(b"\x96" + HUGE), "ends too early"),
    "text of 4 GiB": (a.file(b"X\xff\xff\xff\xff"), "ends too early"),
    "text that is no UTF-8": (a.file(b"X\x02\x00\x00\x00\xff\xfe"), "not UTF-8"),
    "a key that is a tuple": (a.file(b"}" + a.group(b"K\x01") + b"Ns"), "no text"),
    "a key that is an integer": (a.file(b"}K\x01Ns"), "no text"),
    "half an item": (a.file(b"}(" + a.text("key") + b"u"), "no mapping"),
    "items of a list": (a.file(b"]" + a.text("key") + b"Ns"), "no mapping"),
    "appending to a mapping": (a.file(b"}Na"), "no list"),
    "adding lists to a set": (a.file(b"\x8f(]\x90"), "set of something"),
    "a key twice": (a.file(b"}(" + (a.text("G_ema") + b"N") * 2 + b"u"), "'G_ema' of one"),
    "a list of itself": (a.generator(b"]\x94h\x00a"), "no generator as G_ema"),
}


TWO = a.group(b"K\x02", b"K\x02")
REFERENCE = (a.text("storage"), a.name("torch", "FloatStorage"), a.text("7"), a.text("cpu"))

#: Tensors, storages and arrays that are not what they say.
VALUES: dict[str, Case] = {
    "a size beyond the storage": (
        a.file(a.tensor(a.group(b"K\x05"), a.group(b"K\x01"))),
        "outside its storage",
    ),
    "a stride beyond the storage": (
        a.file(a.tensor(TWO, a.group(b"K\x03", b"K\x01"))),
        "outside its storage",
    ),
    "an offset beyond the storage": (
        a.file(a.tensor(TWO, TWO, offset=a.integer(2**62))),
        "outside its storage",
    ),
    "a size of 2^62": (
        a.file(a.tensor(a.group(a.integer(2**62)), a.group(b"K\x01"))),
        "outside its storage",
    ),
    "a negative offset": (a.file(a.tensor(TWO, TWO, offset=NEGATIVE)), "_rebuild_tensor_v2'"),
    "a negative size": (
        a.file(a.tensor(a.group(NEGATIVE), a.group(b"K\x01"))),
        "a tensor's shape",
    ),
    "a negative stride": (
        a.file(a.tensor(TWO, a.group(NEGATIVE, b"K\x01"))),
        "a tensor's strides",
    ),
    "fewer strides than sizes": (
        a.file(a.tensor(TWO, a.group(b"K\x01"))),
        "more sizes than strides",
    ),
    "a size that is no integer": (
        a.file(a.tensor(a.group(b"G" + bytes(8)), a.group(b"K\x01"))),
        "a tensor's shape",
    ),
    "sizes in a list": (a.file(a.tensor(b"]", b"]")), "a tensor's shape"),
    "a hundred dimensions": (
        a.file(a.tensor(a.group(*[b"K\x01"] * 100), a.group(*[b"K\x01"] * 100))),
        "a tensor's shape",
    ),
    "a tensor of bytes": (
        a.file(a.tensor(TWO, TWO, storage=a.data(bytes(16)))),
        "_rebuild_tensor_v2'",
    ),
    "a parameter of a list": (
        a.file(a.call("torch._utils", "_rebuild_parameter", b"]", b"\x88", EMPTY)),
        "_rebuild_parameter'",
    ),
    "a storage of text": (
        a.file(a.call("torch.storage", "_load_from_bytes", a.text("x"))),
        "not bytes",
    ),
    "a storage of nothing": (a.file(a.loaded(b"")), "ends too early"),
    "another magic number": (a.file(a.loaded(a.legacy(magic=b"K\x07"))), "known version"),
    "another version": (a.file(a.loaded(a.legacy(version=b"K\x07"))), "known version"),
    "a big-endian storage": (
        a.file(a.loaded(a.legacy(system=a.mapping(little_endian=b"\x89")))),
        "not little-endian",
    ),
    "too few elements": (a.file(a.loaded(a.legacy(elements=bytes(12)))), "more or fewer"),
    "too many elements": (a.file(a.loaded(a.legacy(elements=bytes(20)))), "more or fewer"),
    "no elements": (a.file(a.loaded(a.legacy(count=b"", elements=b""))), "are missing"),
    "2^62 elements": (a.file(a.loaded(a.legacy(numel=2**62))), "more or fewer"),
    "-4 elements": (a.file(a.loaded(a.legacy(numel=-4))), "more or fewer"),
    "two numbers of elements": (a.file(a.loaded(a.legacy(count=HUGE))), "two numbers"),
    "another key": (a.file(a.loaded(a.legacy(keys=b"]" + a.text("8") + b"a"))), "are missing"),
    "an unknown storage class": (
        a.file(a.loaded(a.legacy(reference=a.name("torch", "ComplexFloatStorage")))),
        "'torch.ComplexFloatStorage'",
    ),
    "a reference of another kind": (
        a.file(a.loaded(a.legacy(reference=a.group(a.text("module"), *REFERENCE[1:]) + b"Q"))),
        "unknown way",
    ),
    "a reference to a view": (
        a.file(a.loaded(a.legacy(reference=a.group(*REFERENCE, b"K\x04", TWO) + b"Q"))),
        "unknown way",
    ),
    "a compressed archive": (
        a.file(a.loaded(a.archive(elements=bytes(2**26), compression=zipfile.ZIP_DEFLATED))),
        "no uncompressed zip",
    ),
    "an archive of many files": (a.file(a.loaded(a.archive(more=60))), "no uncompressed zip"),
    "an archive without the elements": (a.file(a.loaded(a.archive(key="1"))), "are missing"),
    "an archive with fewer elements": (a.file(a.loaded(a.archive(numel=2**40))), "more or fewer"),
    "a big-endian archive": (a.file(a.loaded(a.archive(byteorder="big"))), "not little-endian"),
    "half an archive": (a.file(a.loaded(a.archive()[:200])), "no uncompressed zip"),
    "an array of objects": (
        a.file(
            a.array(
                a.group(b"K\x01"), a.call("numpy", "dtype", a.text("O8"), b"\x89", b"\x88"), b"]Na"
            )
        ),
        "dtype 'O8'",
    ),
    "an array of records": (
        a.file(a.dtype("f8", names=a.group(a.text("x")))),
        "not of plain little-endian",
    ),
    "a big-endian array": (a.file(a.dtype("f8", order=">")), "not of plain little-endian"),
    "an array that is too short": (
        a.file(a.array(a.group(b"K\x02"), a.dtype("f8"), a.data(bytes(8)))),
        "do not fill",
    ),
    "an array of 2^62": (
        a.file(a.array(a.group(a.integer(2**62)), a.dtype("f8"), a.data(bytes(8)))),
        "do not fill",
    ),
    "an array with a negative size": (
        a.file(a.array(a.group(NEGATIVE), a.dtype("f8"), a.data(bytes(8)))),
        "array's shape",
    ),
    "an array that is filled twice": (
        a.file(a.array(a.group(b"K\x01"), a.dtype("f8"), a.data(bytes(8))) + b")b"),
        "not of plain numbers",
    ),
    "a scalar of another length": (
        a.file(a.call("numpy.core.multiarray", "scalar", a.dtype("f8"), a.data(bytes(4)))),
        "scalar'",
    ),
    "a scalar of an object": (
        a.file(a.call("numpy.core.multiarray", "scalar", a.dtype("f8"), a.data(a.file(SYSTEM)))),
        "scalar'",
    ),
}


def _doubled(build: bytes, levels: int) -> bytes:
    """A container of two references to a container of two references to …"""
    first, rest = build + b"\x94", []
    for level in range(levels):
        reference = b"j" + struct.pack("<I", level)
        rest.append(b"0](" + reference * 2 + b"e\x94")
    return first + b"".join(rest)


def _module_bomb(levels: int) -> bytes:
    """A module that holds the next one twice, and so on: 2 ** levels when walked through."""
    body = b""
    for level in range(levels):
        child = b"j" + struct.pack("<I", max(level - 1, 0))
        children = a.mapping(a=child, b=child) if level else b"}"
        body += a.module(_modules=children) + b"\x94"
        body += b"" if level == levels - 1 else b"0"
    return a.generator(body)


#: Files of a few megabytes at most that would grow without bound, or take for ever.
BOMBS: dict[str, Case] = {
    "a million marks": (a.file(b"(" * 1_000_000), "nests values"),
    "lists in lists": (a.file(b"]" * 400_000 + b"a" * 399_999), "no mapping of networks"),
    "tuples in tuples": (a.file(b")" + b"\x85" * 900_000), "no mapping of networks"),
    "mappings without number": (a.file(b"}\x94" * 2_000_000), "1,000,000 operations"),
    "sets without number": (a.file(b"\x8f" * 2_000_000), "1,000,000 operations"),
    "doubled lists": (a.file(_doubled(b"]", 300)), "no mapping of networks"),
    "a doubled tuple as a key": (
        a.file(_doubled(b")", 300) + b"\x85\x940}j" + struct.pack("<I", 301) + b"Ns"),
        "no text",
    ),
    "doubled modules": (_module_bomb(100), "1,000,000 operations"),
    "a set made again and again": (
        a.file(
            a.name("builtins", "set")
            + b"\x940]("
            + a.text("x") * 300_000
            + b"e\x85\x940"
            + b"h\x00h\x01R0" * 150_000
        ),
        "1,000,000 operations",
    ),
    "too much text": (a.file(b"](" + a.text("x" * 2**20) * 40 + b"e"), "bytes of text"),
    "text encoded again and again": (
        a.file(
            a.name("_codecs", "encode")
            + b"\x940"
            + a.text("x" * 2**20)
            + a.text("latin1")
            + b"\x86\x940"
            + b"h\x00h\x01R" * 1000
        ),
        "bytes of text",
    ),
    "a storage loaded again and again": (
        a.file(
            a.name("torch.storage", "_load_from_bytes")
            + b"\x940"
            + a.data(a.legacy(numel=2**20, elements=bytes(2**22)))
            + b"\x85\x940"
            + b"h\x00h\x01R" * 300_000
        ),
        "1,000,000 operations",
    ),
}

ALL = {
    "live": LIVE,
    "operations": OPERATIONS,
    "named": NAMED,
    "damaged": DAMAGED,
    "values": VALUES,
    "bombs": BOMBS,
}
