"""The files that a graph imports, where the containers of a platform can read them.

    <root>/weights/<sha256><suffix>      a file
    <root>/imports/<sha256>/…            a directory, by the digest of its tree
    <root>/imports/<sha256>.json         what is in it; written last, so that it is there whole

A name says the bytes: they are uploaded once for all runs of everybody who shares the root.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from ifgan.errors import UserError
from ifgan.files import write_json
from ifgan.graph import File
from ifgan.progress import Progress
from ifgan.storage.address import Address
from ifgan.storage.objects import QUIET, exists, upload
from ifgan.storage.trees import upload_tree


def weights_address(file: File, root: str, *, option: str = "backend.pipeline_root") -> str:
    """Where a file or directory of the graph lies below a root; nothing is contacted."""
    assert re.fullmatch(r"[0-9a-f]{64}", file.sha256), file
    place = Address.parse(root, option=option)
    if file.as_path().is_dir():
        return str(place.child(f"imports/{file.sha256}"))
    suffix = file.as_path().suffix
    if not re.fullmatch(r"(\.[A-Za-z0-9]{1,16})?", suffix):
        raise UserError(
            f"{option}: {file.path} can't be uploaded under its suffix; rename it to end in .csv, "
            ".npz or .safetensors."
        )
    return str(place.child(f"weights/{file.sha256}{suffix}"))


def upload_weights(
    file: File,
    root: str,
    *,
    option: str = "backend.pipeline_root",
    progress: Progress = QUIET,
    endpoint: str | None = None,
) -> str:
    """Put a file or directory of the graph below a root, once; returns its URI.

    Parameters
    ----------
    root : ``gs://…``, ``s3://…`` or a path.
    option : the option that ``root`` comes from, for messages.

    Raises
    ------
    UserError
        If it can't be uploaded, or there is something else under its name.
    """
    uri = weights_address(file, root, option=option)
    path = file.as_path()
    if not path.is_dir():
        upload(path, uri, option=option, progress=progress, endpoint=endpoint)
        return uri
    whole = f"{uri}.json"
    if exists(whole, option=option, endpoint=endpoint):
        return uri
    upload_tree(path, uri, option=option, progress=progress, endpoint=endpoint)
    with tempfile.TemporaryDirectory() as scratch:
        record = Path(scratch) / "record.json"
        names = sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file())
        write_json(record, {"sha256": file.sha256, "files": names})
        upload(record, whole, option=option, endpoint=endpoint)
    return uri
