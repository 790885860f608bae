"""A configuration as it may be shown: no secrets, no places on a machine.

Accounts, addresses and names of secrets are options of backends; of a backend only what it is and
what it asks of machines is shown. Of a local path the base name is left, of an address what comes
before its query. What the files were, their digests say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ifgan.record import Record

_ASIDE = ("store", "publish", "dry_run", "tracking")
_OF_BACKEND = ("kind", "device", "batch_size", "workers", "gpus", "images", "resources")
#: Options that hold a path or an address, however it is written.
_PLACES = ("path", "uri", "identity", "perceptual")
_HUBS = ("huggingface", "clip")  # whose path may be OWNER/NAME


def public_config(record: Record) -> dict[str, Any]:
    """The configuration of a run by group, with the digests of what it was run on."""
    shown = {name: value for name, value in record.config.items() if name not in _ASIDE}
    backend = shown["backend"]
    shown["backend"] = {name: backend[name] for name in _OF_BACKEND if name in backend}
    public = {name: public_values(value) for name, value in shown.items()}
    return {**public, "key": record.key, "digests": dict(_digests(record))}


def public_values(value: Any, *, name: str = "", kind: str = "") -> Any:
    """Plain data with every place on a machine cut to its base name.

    Parameters
    ----------
    name : of the option that the value is of; kind : of the group that it is in.
    """
    if isinstance(value, Mapping):
        inside = str(value.get("kind", kind))
        return {key: public_values(below, name=key, kind=inside) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [public_values(each, name=name, kind=kind) for each in value]
    return _public(value, name, kind) if isinstance(value, str) else value


def _public(text: str, name: str, kind: str) -> str:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        scheme, _, rest = re.split(r"[?#]", text, maxsplit=1)[0].partition("://")
        if scheme == "file":
            return _base(rest)
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    on_hub = kind in _HUBS and re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", text)
    is_place = name in _PLACES and not on_hub
    if is_place or re.match(r"[/\\~]|\.{1,2}[/\\]|[A-Za-z]:[/\\]", text):
        return _base(text)
    return text


def _base(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _digests(record: Record) -> Iterator[tuple[str, str]]:
    """Digests of weights by what they are of, and of files that take a step's place."""
    for node in record.nodes.values():
        for name, value in node.settings.items():
            if name.endswith("_digest") and value:
                yield name.removesuffix("_digest"), value
        for name, source in node.inputs.items():
            if source not in record.nodes:
                yield name, source
