"""The looks, each at one thing that a backend needs; none changes anything but the last probe.

The looks at remote places go through the same code that submits and fetches, so what they find
is what a run would meet.
"""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ifgan import storage
from ifgan.backends import ANY_ACCELERATOR, Compiled, Docker, Kubeflow, Remote, Vertex
from ifgan.doctor.findings import Finding, Look, Mark, last_line, looked, output_of
from ifgan.errors import UserError
from ifgan.schema import Config, Local
from ifgan.specs import STEPS
from ifgan.store import Store
from launchers import remote
from launchers.service import Service, service_of

_ROOM = 2 * 10**9  # bytes free below which a run of some size won't fit
#: Vertex AI's quota of each accelerator, per region, as its metric ends.
_QUOTAS = {
    "t4": "t4",
    "p4": "p4",
    "p100": "p100",
    "v100": "v100",
    "l4": "l4",
    "a100-40gb": "a100",
    "a100-80gb": "a100_80gb",
    "h100-80gb": "h100",
    "h200-141gb": "h200",
}


def looks_at(config: Config) -> Iterator[Look]:
    """Everything that matters to a configuration's backend, the cheap first."""
    backend = config.backend
    yield functools.partial(look_at_store, config.store)
    if isinstance(backend, Local):
        yield functools.partial(look_at_device, backend)
    elif isinstance(backend, Docker):
        yield look_at_docker
        for step in _steps(config):
            yield functools.partial(look_at_local_image, backend, step)
    elif isinstance(backend, Remote):
        yield functools.partial(look_at_options, backend)
        yield functools.partial(look_at_service, backend)
        yield functools.partial(look_at_root, backend)
        for step in _steps(config):
            yield functools.partial(look_at_image, backend, step)
        yield functools.partial(look_at_quota, backend)


def _steps(config: Config) -> list[str]:
    """The steps that a configuration needs an image of."""
    return [s for s in STEPS if s != "evaluation" or config.evaluation.kind != "none"]


def look_at_store(place: str) -> Finding:
    """Whether the store can be written to, and has room."""

    def look() -> str:
        store = Store(place)
        free = shutil.disk_usage(store.root).free
        if free < _ROOM:
            raise UserError(
                f"{store.root} has {free / 1e9:.1f} GB free; faces need more. Set store=…."
            )
        return f"{store.root}, {free / 1e9:,.0f} GB free"

    return looked("store", look)


def look_at_device(backend: Local) -> Finding:
    """What the local backend renders on."""

    def look() -> str:
        import torch

        from ifgan.devices import device_class, resolve_all

        devices = resolve_all(backend.device)
        several = f"{len(devices)} x " if len(devices) > 1 else ""
        return f"{several}{device_class(devices[0])}, {torch.get_num_threads()} threads"

    return looked("device", look)


def look_at_docker() -> Finding:
    """Whether the daemon answers."""
    code, said = output_of("docker", "version", "--format", "{{.Server.Version}}")
    if code == 0:
        return Finding("docker", Mark.OK, f"daemon {said}")
    answer = last_line(said).partition(". Is ")[0]
    return Finding("docker", Mark.MISSING, f"{answer}. Start Docker, or install it.")


def look_at_local_image(backend: Docker, step: str) -> Finding:
    """Whether a step's image is here."""
    image = getattr(backend.images, step)
    code, said = output_of("docker", "image", "inspect", "--format", "{{.Id}}", image)
    if code == 0:
        return Finding(f"image {step}", Mark.OK, f"{image} ({said[:19]})")
    if "No such" not in said:
        return Finding(f"image {step}", Mark.MISSING, "not asked, because Docker does not answer")
    advice = "python -m ifgan.build_images builds it"
    return Finding(f"image {step}", Mark.MISSING, f"{image} is not here: {advice}")


def look_at_options(backend: Remote) -> Finding:
    """Whether what a submission needs is set, and what is set is possible there."""

    def look() -> str:
        service = service_of(backend)
        if missing := service.missing():
            raise UserError(f"set {', '.join(missing)}")
        if backend.pipeline_root is None:
            raise UserError("set backend.pipeline_root, or results can't be fetched")
        ignored = service.warnings()
        return f"complete{'; ' if ignored else ''}{' '.join(ignored)}"

    return looked("options", look)


def look_at_service(backend: Remote) -> Finding:
    """Whether the place answers, and knows us: asked for a run that nobody has."""

    def look() -> str:
        service: Service = service_of(backend)
        if service.missing():
            raise UserError("not asked, because options are missing")
        service.find("ifgan-doctor")
        return f"answers, and takes the credentials ({service.address()})"

    return looked(backend.kind, look)


def look_at_root(backend: Remote) -> Finding:
    """Whether the pipeline root can be read and written from here."""

    def look() -> str:
        root = remote.readable_root(backend)
        if root is None:
            raise UserError("backend.pipeline_root is not set")
        endpoint = remote.endpoint_of(backend)
        place = f"{root.rstrip('/')}/ifgan-doctor.txt"
        with tempfile.TemporaryDirectory() as scratch:
            probe = Path(scratch, "probe.txt")
            probe.write_text("python -m ifgan.doctor was here: this root can be written to.\n")
            storage.upload(probe, place, option="backend.pipeline_root", endpoint=endpoint)
        storage.read_bytes(place, option="backend.pipeline_root", endpoint=endpoint)
        return f"{backend.pipeline_root} can be read and written"

    return looked("pipeline root", look)


def look_at_image(backend: Compiled, step: str) -> Finding:
    """Whether a step's image is in its registry, and pinned."""
    image, name = getattr(backend.images, step), f"image {step}"
    if "/" not in image:
        advice = f"python -m ifgan.provision backend={backend.kind} builds and pushes it"
        return Finding(name, Mark.MISSING, f"{image} is in no registry; {advice}")
    code, said = output_of("docker", "manifest", "inspect", image)
    if code is None:
        return Finding(name, Mark.NOTE, f"{image}: not looked for, {said}")
    if code != 0:
        return Finding(name, Mark.MISSING, f"{image}: {last_line(said)}")
    if "@sha256:" not in image:
        return Finding(name, Mark.NOTE, f"{image} is there, by a tag that may move")
    return Finding(name, Mark.OK, f"{image.partition('@')[0]}, by its digest")


def look_at_quota(backend: Remote) -> Finding:
    """Whether the accelerators that are asked for may be had."""
    asked = {
        resources.accelerator: resources.accelerator_count
        for resources in vars(backend.resources).values()
        if resources.accelerator is not None
    }
    if not asked:
        return Finding("quota", Mark.OK, "no accelerators asked for")
    if isinstance(backend, Vertex):
        return _vertex_quota(backend, asked)
    assert isinstance(backend, Kubeflow)
    return _cluster_gpus(backend)


def _vertex_quota(backend: Vertex, asked: dict[str, int]) -> Finding:
    code, said = output_of(
        *("gcloud", "beta", "quotas", "info", "list", "--service=aiplatform.googleapis.com"),
        *(f"--project={backend.project}", "--format=json"),
    )
    if code != 0:
        return Finding("quota", Mark.NOTE, f"not looked at: {last_line(said)}")
    for accelerator, count in asked.items():
        if accelerator == ANY_ACCELERATOR:
            continue
        metric = f"custom_model_training_nvidia_{_QUOTAS[accelerator]}_gpus"
        try:
            allowed = _allowed(said, f"aiplatform.googleapis.com/{metric}", backend.location)
        except (ValueError, TypeError, AttributeError):
            return Finding("quota", Mark.NOTE, "not looked at: gcloud lists quotas in another form")
        if allowed < count:
            return Finding(
                "quota",
                Mark.MISSING,
                f"{count} {accelerator} asked for, {allowed:g} allowed in {backend.location}. Ask "
                f"for more of {metric} in the console's quota page.",
            )
    wanted = ", ".join(f"{count} {accelerator}" for accelerator, count in asked.items())
    return Finding("quota", Mark.OK, f"{wanted} in {backend.location}")


def _allowed(listing: str, metric: str, location: str) -> float:
    """The value of a quota in a region, from Cloud Quotas' listing; 0 where it has none.

    Raises
    ------
    ValueError, TypeError, AttributeError
        If it is no such listing.
    """
    for info in json.loads(listing):
        if info.get("metric") == metric:
            for dimension in info.get("dimensionsInfos", []):
                if location in dimension.get("applicableLocations", []):
                    value = int(dimension.get("details", {}).get("value", 0))
                    return value if value >= 0 else float("inf")  # -1: without a limit
    return 0


def _cluster_gpus(backend: Kubeflow) -> Finding:
    resource = backend.gpu_resource.replace(".", "\\.")
    form = f"jsonpath={{.items[*].status.allocatable.{resource}}}"
    code, said = output_of("kubectl", "get", "nodes", f"--output={form}")
    if code != 0:
        return Finding("quota", Mark.NOTE, f"not looked at: {last_line(said)}")
    count = sum(int(number) for number in said.split() if number.isdigit())
    more = "" if count else "; a pool that grows with the work may add some"
    return Finding("quota", Mark.OK if count else Mark.NOTE, f"{count} GPUs on nodes now{more}")
