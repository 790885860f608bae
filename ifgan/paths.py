"""Where things lie: conf/ and components/ beside the code, a user's own settings, the store."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """``conf`` or ``components``: beside the package in a checkout, inside it in a wheel."""
    inside = _PACKAGE / "_data" / folder
    return inside if inside.is_dir() else _PACKAGE.parent / folder


def user_conf() -> list[Path]:
    """A user's own YAML, the nearer one first: ./conf.local, then ~/.config/ifgan."""
    candidates = [Path.cwd() / "conf.local", Path.home() / ".config" / "ifgan"]
    return [path for path in candidates if path.is_dir()]


def user_data_dir() -> str:
    """Where the store lies unless IFGAN_STORE says otherwise."""
    import platformdirs

    return platformdirs.user_data_dir("ifgan", appauthor=False)


def as_typed(path: Path) -> Path:
    """A path from the working directory, where it lies below it; else as it is."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def store_at(option: str | None) -> Path:
    """The store that a command is about: what its option says, or where runs put theirs.

    Raises
    ------
    UserError
        If there is none.
    """
    from ifgan.errors import UserError

    root = Path(option or os.environ.get("IFGAN_STORE") or f"{user_data_dir()}/store")
    root = root.expanduser().absolute()
    if not root.is_dir():
        raise UserError(
            f"store must be a directory that runs have written to. Got {root}. Set store=… or "
            "IFGAN_STORE."
        )
    return root
