"""What a task asks of its machine, on Kubernetes: the second document of a compiled pipeline.

Scratch space is an emptyDir of at most ``disk``, and TMPDIR points there. Kubernetes ends a task
that fills more, but reserves nothing: KFP has no field for ephemeral storage, and the volume of a
claim would belong to root, which the steps are not.

Source: kubernetes_executor_config.proto of kubeflow/pipelines; node labels and taints of GKE's
documentation on GPUs and Spot VMs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ifgan.backends import ACCELERATORS, ANY_ACCELERATOR, Kubeflow, Resources, Toleration
from ifgan.graph import Node
from launchers.machines import plain_quantity, resources_of

SCRATCH = "/scratch"


def dress(task: Any, node: Node, backend: Kubeflow) -> None:
    """Set what only Kubernetes understands on a task (a PipelineTask)."""
    from kfp import kubernetes

    resources = resources_of(backend, node.step)
    if resources.accelerator is not None:
        task.set_accelerator_type(backend.gpu_resource)
        task.set_accelerator_limit(resources.accelerator_count)
    for label, value in node_labels(backend, resources).items():
        kubernetes.add_node_selector(task, label, value)
    for toleration in tolerations(backend, resources):
        kubernetes.add_toleration(
            task, toleration.key, toleration.operator, toleration.value, toleration.effect
        )
    for variable, secret in backend.secrets.items():
        name, _, key = secret.partition("/")
        kubernetes.use_secret_as_env(task, name, {key: variable})
    for label, value in backend.labels.items():
        kubernetes.add_pod_label(task, label, value)
    _add_volumes(task, resources)
    if resources.timeout_minutes is not None:
        kubernetes.set_timeout(task, 60 * resources.timeout_minutes)


def node_labels(backend: Kubeflow, resources: Resources) -> dict[str, str]:
    """Labels that a node must carry."""
    labels = dict(backend.node_selector)
    named = resources.accelerator not in (None, ANY_ACCELERATOR)
    if named and backend.accelerator_label is not None:
        labels[backend.accelerator_label] = ACCELERATORS[str(resources.accelerator)][1]
    if resources.spot and backend.spot_label is not None:
        labels[backend.spot_label] = "true"
    return labels


def tolerations(backend: Kubeflow, resources: Resources) -> Iterator[Toleration]:
    """Taints of nodes that don't keep the task away: the given, GPUs' and spot machines'."""
    yield from backend.tolerations
    if resources.accelerator is not None:
        yield Toleration(backend.gpu_resource, "Exists", effect="NoSchedule")
    if resources.spot and backend.spot_label is not None:
        yield Toleration(backend.spot_label, "Equal", "true", "NoSchedule")


def warnings(backend: Kubeflow) -> list[str]:
    """What of the resources Kubernetes takes otherwise than it is said; one line each."""
    return [
        f"backend.resources.{step}.{line}"
        for step, resources in vars(backend.resources).items()
        for line in _warnings(backend, resources)
    ]


def _warnings(backend: Kubeflow, resources: Resources) -> Iterator[str]:
    named = resources.accelerator not in (None, ANY_ACCELERATOR)
    if named and backend.accelerator_label is None:
        yield (
            f"accelerator={resources.accelerator}: any {backend.gpu_resource} may be given, "
            "because backend.accelerator_label is null; backend.node_selector can choose."
        )
    if resources.spot and backend.spot_label is None:
        yield "spot=true is ignored, because backend.spot_label is null."
    elif resources.spot and not resources.retries:
        yield "spot=true without retries: a machine that is taken away fails the run."
    if resources.disk is not None:
        yield (
            f"disk={resources.disk} bounds the scratch space, but Kubernetes reserves none of it: "
            "the nodes' own disks must be that large."
        )


def _add_volumes(task: Any, resources: Resources) -> None:
    from kfp import kubernetes

    if resources.shm is not None:
        size = plain_quantity(resources.shm)
        kubernetes.empty_dir_mount(task, "shm", "/dev/shm", medium="Memory", size_limit=size)
    if resources.disk is not None:
        size = plain_quantity(resources.disk)
        kubernetes.empty_dir_mount(task, "scratch", SCRATCH, size_limit=size)
        task.set_env_variable("TMPDIR", SCRATCH)
