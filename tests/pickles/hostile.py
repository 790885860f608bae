"""Attacks: files that must be refused, each with a phrase of the reason.

What an attack does, if it runs, is to leave a file ``canary`` in the working directory.
"""

from __future__ import annotations

import struct
import zipfile

from tests.pickles import assembler as a
from tests.pickles.stand_ins import checkpoint

Case = tuple[bytes, str]

COMMAND = a.text("touch canary")
PYTHON = a.text("open('canary', 'w').close()")
TOUCH = b"](" + a.text("touch") + a.text("canary") + b"e"
SYSTEM = a.call("os", "system", COMMAND)
ORDERED = a.name("collections", "OrderedDict")
HUGE = struct.pack("<Q", 2**62)

#: Attacks that the usual loader carries out.
LIVE: dict[str, Case] = {
    "os.system": (a.generator(SYSTEM), "'os.system'"),
    "posix.system": (a.generator(a.call("posix", "system", COMMAND)), "'posix.system'"),
    "a call in a list": (a.file(b"](" + SYSTEM + b"e"), "'os.system'"),
    "a shell": (a.generator(a.call("subprocess", "getoutput", COMMAND)), "getoutput'"),
    "eval": (a.generator(a.call("builtins", "eval", PYTHON)), "'builtins.eval'"),
    "exec": (a.generator(a.call("builtins", "exec", PYTHON)), "'builtins.exec'"),
    "open": (
        a.file(a.call("builtins", "open", a.text("canary"), a.text("w"))),
        "'builtins.open'",
    ),
    "getattr": (
        a.file(
            a.call("builtins", "getattr", a.call("builtins", "__import__", a.text("os")),
                   a.text("system")) + a.group(COMMAND) + b"R"
        ),
        "'builtins.getattr'",
    ),
    "names on the stack": (
        a.file(a.stacked(a.text("os"), a.text("system")) + a.group(COMMAND) + b"R"),
        "'os.system'",
    ),
    "a dotted name": (
        a.file(a.stacked(a.text("pathlib"), a.text("os.system")) + a.group(COMMAND) + b"R"),
        "'pathlib.os.system'",
    ),
    "a dotted name below an accepted module": (
        a.file(a.stacked(a.text("torch._utils"), a.text("sys.modules.get")) + a.group(a.text("os"))
               + b"R0" + SYSTEM),
        "'torch._utils.sys.modules.get'",
    ),
    "INST": (a.file(b"(" + COMMAND + b"ios\nsystem\n"), "operation INST"),
    "OBJ": (a.file(b"(" + a.name("subprocess", "Popen") + TOUCH + b"o"), "'subprocess.Popen'"),
    "NEWOBJ": (
        a.file(a.name("subprocess", "Popen") + b")\x81" + SYSTEM)
        .replace(b")\x81", b"0"),
        "'subprocess.Popen'",
    ),
    "an attack before a good network": (a.PROTO + SYSTEM + b"0" + checkpoint()[2:], "'os.system'"),
    "a pickle in place of a storage": (a.file(a.loaded(a.file(SYSTEM))), "'os.system'"),
    "a storage's magic number": (a.file(a.loaded(a.legacy(magic=SYSTEM))), "'os.system'"),
    "a storage's system": (a.file(a.loaded(a.legacy(system=SYSTEM))), "'os.system'"),
    "a storage's reference": (a.file(a.loaded(a.legacy(reference=SYSTEM))), "'os.system'"),
    "a storage's keys": (a.file(a.loaded(a.legacy(keys=SYSTEM))), "'os.system'"),
    "a storage's archive": (
        a.file(a.loaded(a.archive(SYSTEM, version=True))),
        "'os.system'",
    ),
    "pickle.loads": (a.file(a.call("pickle", "loads", a.data(a.file(SYSTEM)))), "'pickle.loads'"),
    "torch.load": (
        a.file(a.call("torch", "hub.os.system", COMMAND)).replace(b"ctorch\n", b"ctorch\n"),
        "'torch.hub.os.system'",
    ),
}


def _bomb(levels: int) -> bytes:
    """A list of two references to a list of two references to …"""
    steps = b"".join(b"](" + f"j{struct.pack('<I', i).decode('latin1')}".encode("latin1") * 2
                     + b"e\x94" for i in range(levels))
    return b"]\x94" + steps


NESTED_CALLS = {
    "a storage in a storage": (a.file(a.loaded(a.legacy(system=a.loaded(a.legacy())))), "'torch."),
}
