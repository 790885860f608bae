"""Offline runs, with the package wandb: the only module that imports it.

wandb keeps its state in its process, so this is for a process that does nothing else. Of that
process and its machine nothing is recorded: no console, code, git, host, hardware or packages.
"""

from __future__ import annotations

import contextlib
import errno
import netrc
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ifgan.errors import UserError
from ifgan.tracking.content import Artifact, Chart, Content, Histogram, Picture, Table

#: Of a W&B agent or service around this process: ids are ours, and nothing is shared.
_NOT_OURS = ("WANDB_SERVICE", "WANDB_RUN_ID", "WANDB_RESUME", "WANDB_SWEEP_ID", "WANDB_LAUNCH")
_PROJECT = "ifgan"
_DATA_DIR = os.environ.get("WANDB_DATA_DIR")
_OFFLINE = ("offline", "dryrun")


@dataclass(frozen=True)
class Place:
    """Where runs go on W&B; None leaves it to WANDB_* and W&B's settings files."""

    mode: str | None = None
    project: str | None = None
    entity: str | None = None


def prepare() -> None:
    """Keep wandb from looking at what is around this process; before anything else of it."""
    for variable in _NOT_OURS:
        os.environ.pop(variable, None)
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # to W&B's makers
    os.environ["WANDB_SILENT"] = "true"


def mode_of(place: Place) -> tuple[str, str]:
    """ "online", "offline" or "disabled", and why it is not online though that was asked for."""
    found = _environment()
    said = os.environ.get("WANDB_MODE") or None
    mode = place.mode or (found.mode if said or found.mode != "online" else None)
    if mode in (*_OFFLINE, "disabled"):
        return ("disabled" if mode == "disabled" else "offline"), ""
    if _has_key(found):
        return "online", ""
    return "offline", "there is no API key; `wandb login` asks for one" if mode else ""


def server() -> str:
    """Address of the server that runs are uploaded to."""
    return str(_environment().base_url)


def write(content: Content, *, root: Path, place: Place) -> Path:
    """Write one offline run below ``root``/wandb; its directory.

    An earlier one of the same id there is replaced: the new one has all that it had.

    Raises
    ------
    UserError
        If wandb can't write it.
    OSError
        If the disk can't take it.
    """
    import wandb

    root = Path(os.environ.get("WANDB_DIR") or root)
    root.mkdir(parents=True, exist_ok=True)
    # Files of artifacts wait beside the run that they are of, until it is uploaded.
    os.environ["WANDB_DATA_DIR"] = _DATA_DIR or str(root / "wandb")
    earlier = [*root.glob(f"wandb/offline-run-*-{content.id}")]
    try:
        run = wandb.init(
            mode="offline",
            dir=root,
            project=place.project or _environment().project or _PROJECT,
            entity=place.entity,
            id=content.id,
            name=content.name,
            group=content.group,
            job_type=content.job_type,
            tags=[*dict.fromkeys((*content.tags, *(_environment().run_tags or ())))],
            config=dict(content.config),
            reinit="create_new",
            settings=_settings(),
        )
        _log(run, content)
        run.finish()
        written = Path(run.settings.sync_file)
        if not shutil.disk_usage(root).free:  # of which wandb's service says nothing
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(root))
    except (wandb.errors.Error, OSError) as error:
        for half in {*root.glob(f"wandb/offline-run-*-{content.id}")} - {*earlier}:
            shutil.rmtree(half, ignore_errors=True)
        if isinstance(error, OSError):  # of which every command says why, as of a full disk
            raise
        raise UserError(f"W&B: can't write an offline run below {root}: {error}") from error
    for folder in earlier:
        if folder != written.parent:
            shutil.rmtree(folder, ignore_errors=True)
    return written.parent


def _environment() -> Any:
    """W&B's settings as WANDB_* and its settings files have them."""
    import wandb

    return wandb.setup(settings=_settings()).settings


def _settings() -> Any:
    import wandb

    return wandb.Settings(
        console="off",
        silent=True,
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
        save_code=False,
        symlink=False,
        label_disable=True,
        host="",
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )


def _has_key(found: Any) -> bool:
    """Whether W&B would find credentials without asking."""
    if found.api_key or found.identity_token_file:
        return True
    home = Path("~").expanduser()
    given = os.environ.get("NETRC")
    files = [Path(given).expanduser()] if given else [home / ".netrc", home / "_netrc"]
    for file in files:
        with contextlib.suppress(OSError, netrc.NetrcParseError):
            if netrc.netrc(file).authenticators(urlsplit(found.base_url).netloc):
                return True
    return False


def _log(run: Any, content: Content) -> None:
    """Everything in one step: a run that is uploaded again has the same one step."""
    for artifact in content.used:
        # What use_artifact does with a new artifact; itself it refuses to offline.
        run._log_artifact(_artifact(artifact), is_user_created=True, use_after_commit=True)
    for artifact in content.made:
        run.log_artifact(_artifact(artifact), aliases=[*artifact.aliases])
    run.log({**content.metrics, **dict(_media(content))})
    run.summary.update(dict(content.summary))


def _artifact(artifact: Artifact) -> Any:
    import wandb

    made = wandb.Artifact(artifact.name, artifact.kind, metadata=dict(artifact.metadata))
    for name, content in artifact.files.items():
        with made.new_file(name, mode="wb") as file:
            file.write(content)
    return made


def _media(content: Content) -> Iterator[tuple[str, Any]]:
    """Charts, tables, histograms and pictures as W&B's own."""
    import wandb

    for name, shown in content.shown.items():
        match shown:
            case Picture(image, caption):
                yield name, wandb.Image(image, caption=caption, file_type="jpg")
            case Histogram(counts, edges):
                yield name, wandb.Histogram(np_histogram=(counts, edges))
            case Table():
                yield name, _table(shown)
            case Chart(spec, table, fields, texts):
                yield (
                    name,
                    wandb.plot_table(
                        vega_spec_name=spec,
                        data_table=_table(table),
                        fields=dict(fields),
                        string_fields=dict(texts),
                    ),
                )


def _table(table: Table) -> Any:
    import wandb

    return wandb.Table(columns=[*table.columns], data=[[*row] for row in table.rows])
