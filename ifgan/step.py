"""The contract every step is run by, wherever it runs.

    python -m ifgan.step NAME --executor-input JSON

JSON is the ExecutorInput message of Kubeflow Pipelines. Containers receive it through the
placeholder ``{{$}}``; the local backend composes it itself. So one code path runs everywhere,
and any step of any run can be replayed at a desk with one line.

Source: ExecutorInput and ExecutorOutput of kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ifgan.errors import UserError, choices, circumstance
from ifgan.progress import Progress
from ifgan.runtime import Runtime
from ifgan.settings import settings_from_dict
from ifgan.specs import KEY, STEPS, Settings, StepSpec, settings_to_dict

#: Where platforms present object stores as paths.
_MOUNTS = {"gs://": "/gcs/", "minio://": "/minio/", "s3://": "/s3/"}


def local_path(uri: str) -> Path:
    """The path at which a step finds a URI: ``gs://b/k`` is ``/gcs/b/k``, a path is itself."""
    for scheme, mount in _MOUNTS.items():
        if uri.startswith(scheme):
            return Path(mount + uri.removeprefix(scheme))
    return Path(uri.removeprefix("file://"))


def executor_input(
    spec: StepSpec,
    settings: Settings,
    *,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    output_file: str,
    key: str | None = None,
) -> dict[str, Any]:
    """Compose the message: settings, URIs of input and output artifacts, and the output file."""
    required = spec.required_inputs(inputs)
    types = {**required, **spec.optional_inputs, **spec.outputs}

    def artifacts(uris: Mapping[str, str]) -> dict[str, Any]:
        return {
            name: {
                "artifacts": [
                    {"name": name, "uri": uri, "type": {"schemaTitle": f"system.{types[name]}"}}
                ]
            }
            for name, uri in uris.items()
        }

    given = {**settings_to_dict(settings), KEY: key}
    values = {name: value for name, value in given.items() if value is not None}
    return {
        "inputs": {"parameterValues": values, "artifacts": artifacts(inputs)},
        "outputs": {"artifacts": artifacts(outputs), "outputFile": output_file},
    }


def execute(name: str, message: Mapping[str, Any], runtime: Runtime) -> None:
    """Run one step as the message says, and last write the executor output.

    Outputs are built in ``runtime.scratch`` and moved to their places when all are finished.

    Raises
    ------
    UserError
        If the message does not fit the step, or the step refuses its input.
    """
    spec = _spec(name)
    inputs = {key: local_path(uri) for key, uri in _uris(message, "inputs").items()}
    places = {key: local_path(uri) for key, uri in _uris(message, "outputs").items()}
    values = dict(message.get("inputs", {}).get("parameterValues", {}))
    key = _checked_key(values.pop(KEY, None))
    settings = settings_from_dict(spec, values)
    _check_artifacts(spec, inputs, places)
    with tempfile.TemporaryDirectory(dir=runtime.scratch, prefix="outputs-") as scratch:
        outputs = {key: Path(scratch, key) for key in spec.outputs}
        for output, path in outputs.items():
            if output not in spec.files:
                path.mkdir()
        run = importlib.import_module(f"ifgan.steps.{spec.name}").run
        metadata = run(settings, inputs, outputs, runtime)
        for name, path in outputs.items():
            if key is not None and path.is_dir():
                (path / marker(key)).write_text(f"{spec.name}\n")
            _place(path, places[name])
    _write_output(message, metadata)


def marker(key: str) -> str:
    """Name of a file in every output directory of a node, by which a listing finds it.

    Platforms choose the places of outputs, reuse those of earlier runs, and do not always tell.
    """
    return f"{key}.node"


def _checked_key(key: object) -> str | None:
    if key is not None and not (isinstance(key, str) and re.fullmatch(r"[0-9a-f]{32}", key)):
        raise UserError(f"key must be 32 hexadecimal digits. Got {key!r:.80}.")
    return key


def _spec(name: str) -> StepSpec:
    if name not in STEPS:
        raise UserError(f"there is no step '{name}'. {choices(STEPS, name)}")
    return STEPS[name]


def _uris(message: Mapping[str, Any], side: str) -> dict[str, str]:
    """URI of each artifact on one side of the message."""
    entries = message.get(side, {}).get("artifacts", {})
    try:
        return {name: entry["artifacts"][0]["uri"] for name, entry in entries.items()}
    except (LookupError, TypeError, AttributeError) as error:
        raise UserError(
            f"--executor-input: the {side} artifacts must each have a URI. Got {entries!r:.200}."
        ) from error


def _check_artifacts(
    spec: StepSpec, inputs: Mapping[str, Path], outputs: Mapping[str, Path]
) -> None:
    required = spec.required_inputs(inputs)
    known = {**required, **spec.optional_inputs}
    for name in required:
        if name not in inputs:
            raise UserError(f"step {spec.name} needs the input artifact '{name}'.")
    for name, path in inputs.items():
        if name not in known:
            raise UserError(f"step {spec.name} has no input '{name}'. {choices(known, name)}")
        if not path.exists():
            raise UserError(f"step {spec.name}: input '{name}' does not exist at {path}.")
    if set(outputs) != set(spec.outputs):
        raise UserError(
            f"step {spec.name} gives the outputs {', '.join(spec.outputs)}. "
            f"Got places for: {', '.join(outputs) or 'none'}."
        )


def _place(built: Path, place: Path) -> None:
    """Move an output: by renaming where that works, else file by file (mounted buckets)."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not any(place.iterdir()):
        place.rmdir()
    try:
        built.replace(place)
    except OSError:
        if built.is_dir():
            shutil.copytree(built, place, copy_function=shutil.copyfile, dirs_exist_ok=True)
        else:
            shutil.copyfile(built, place)


def _write_output(message: Mapping[str, Any], metadata: Mapping[str, dict[str, Any]]) -> None:
    """Say what was made: the platform keeps only artifacts that are listed here."""
    artifacts = {
        name: {
            "artifacts": [
                {**artifact, "metadata": metadata.get(name, {})} for artifact in entry["artifacts"]
            ]
        }
        for name, entry in message["outputs"]["artifacts"].items()
    }
    path = Path(message["outputs"]["outputFile"])
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps({"artifacts": artifacts, "parameterValues": {}}))
    partial.replace(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of a container; where and how come from the environment, as IFGAN_*."""
    parser = argparse.ArgumentParser(prog="python -m ifgan.step", description=__doc__)
    parser.add_argument("name", help=f"one of {', '.join(STEPS)}")
    parser.add_argument("--executor-input", required=True, metavar="JSON")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")  # progress, for the console
    try:
        message = json.loads(options.executor_input)
        if not isinstance(message, dict):
            raise UserError("--executor-input must be a JSON object.")
        with tempfile.TemporaryDirectory(prefix="ifgan-") as scratch:
            runtime = Runtime(
                scratch=Path(scratch),
                blocks=Path(os.environ.get("IFGAN_BLOCKS", f"{scratch}/blocks")),
                device=os.environ.get("IFGAN_DEVICE", "auto"),
                batch_size=_count("IFGAN_BATCH_SIZE", 64),
                workers=_count("IFGAN_WORKERS", os.cpu_count() or 1),
                progress=Progress(options.name),
            )
            execute(options.name, message, runtime)
    except json.JSONDecodeError as error:
        return _fail(f"--executor-input is not JSON ({error}).")
    except Exception as error:
        line = circumstance(error)
        if line is None:
            raise
        return _fail(line)
    return 0


def _count(variable: str, default: int) -> int:
    given = os.environ.get(variable, str(default))
    if not given.isdigit() or int(given) < 1:
        raise UserError(f"{variable} must be a whole number above 0. Got '{given}'.")
    return int(given)


def _fail(message: str) -> int:
    sys.stderr.write(f"error: {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
