"""What a place in a bucket holds: the same for all jobs of a sweep, and known later without asking.

<base>/listing.json     names, sizes and checksums, as last seen
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from ifgan import storage
from ifgan.errors import UserError
from ifgan.files import write_json
from ifgan.partial import writing
from ifgan.storage import Stored

#: What a bucket held when this process first asked.
_listed: dict[tuple[str, Path], dict[str, Stored]] = {}


def listing_identity(listing: Mapping[str, Stored]) -> str:
    """Hexadecimal SHA-256 over names, sizes and checksums."""
    found = hashlib.sha256()
    for name, stored in sorted(listing.items()):
        found.update(f"{name}\0{stored.size}\0{stored.checksum}\n".encode())
    return found.hexdigest()


def listed(uri: str, base: Path, *, option: str, offline: bool) -> dict[str, Stored]:
    """What is below a URI: as this process has seen it, else as it is, else as it was.

    Parameters
    ----------
    base : where the listing is kept.
    option : that the URI comes from, for messages.
    offline : contact nothing.

    Raises
    ------
    UserError
        If it can't be had, or is not known and nothing may be contacted.
    """
    note = base / "listing.json"
    if (uri, base) in _listed:
        return _listed[uri, base]
    if offline:
        try:
            kept = json.loads(note.read_text())["objects"]
            return {name: Stored(**about) for name, about in kept.items()}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{option}: what {uri} holds is not known here yet, and a dry run contacts "
                "nothing. Run without dry_run first, or set it to a copy on this machine."
            ) from error
    found = storage.list_tree(uri, option=option)
    with writing(note):
        base.mkdir(parents=True, exist_ok=True)
        scratch = note.with_suffix(".json.part")
        write_json(scratch, {"uri": uri, "objects": {n: vars(s) for n, s in found.items()}})
        scratch.replace(note)
    return _listed.setdefault((uri, base), found)
