"""The plan of backend=kubeflow: a GKE cluster with a pool of GPUs, and Kubeflow Pipelines on it.

The GPU pool starts without nodes and grows with the work; GKE installs the drivers. Tasks act as
the service account through workload identity: no key is made.

Source: Kubeflow Pipelines' installation guide for Google Cloud; GKE's documentation of GPUs.
"""

from __future__ import annotations

from collections.abc import Sequence

from ifgan.backends import ACCELERATORS
from ifgan.provision import google
from ifgan.provision.apply import output_of
from ifgan.provision.google import gcloud
from ifgan.provision.images import push_images
from ifgan.provision.options import Options
from ifgan.provision.plan import Step, command

_MANIFESTS = "github.com/kubeflow/pipelines/manifests/kustomize"
_ADDRESS = command(
    *("kubectl", "get", "configmap", "inverse-proxy-config"),
    *("--namespace=kubeflow", "--output=jsonpath={.data.Hostname}"),
)
#: Machine type of GKE that carries one accelerator of a kind.
_MACHINES = {
    "l4": "g2-standard-8",
    "a100-40gb": "a2-highgpu-1g",
    "a100-80gb": "a2-ultragpu-1g",
    "h100-80gb": "a3-highgpu-1g",
    "h200-141gb": "a3-ultragpu-8g",
}


def plan(options: Options) -> Sequence[Step]:
    """Everything a cluster of one's own needs, in order."""
    return [
        google.enable(options, "container", "compute", "artifactregistry", "storage", "iam"),
        google.make_bucket(options),
        google.make_repository(
            options, options.repository, form="docker", title="Make the repository of images"
        ),
        google.make_account(options),
        google.grant(options, project_roles=[]),
        _cluster(options),
        _gpus(options),
        Step(
            "Fetch the cluster's credentials",
            [gcloud(options, *_clusters("get-credentials", options), _zone(options))],
        ),
        _pipelines(options),
        _identity(options),
        Step("Find the address of the API and the UI", [_ADDRESS]),
        *push_images(options, lambda: {"host": f"https://{output_of(_ADDRESS)}"}),
    ]


def _clusters(verb: str, options: Options) -> tuple[str, ...]:
    return ("container", "clusters", verb, options.cluster)


def _zone(options: Options) -> str:
    return f"--zone={options.cluster_zone}"


def _cluster(options: Options) -> Step:
    return Step(
        "Make the GKE cluster",
        [
            gcloud(
                options,
                *_clusters("create", options),
                _zone(options),
                "--machine-type=e2-standard-4",
                "--num-nodes=2",
                "--release-channel=regular",
                f"--workload-pool={options.project}.svc.id.goog",
            )
        ],
        check=gcloud(options, *_clusters("describe", options), _zone(options)),
    )


def _gpus(options: Options) -> Step:
    pools = ("container", "node-pools")
    _, label = ACCELERATORS[options.accelerator]
    where = (f"--cluster={options.cluster}", _zone(options))
    return Step(
        f"Add a pool of {options.accelerator} GPUs, empty until there is work",
        [
            gcloud(
                options,
                *(*pools, "create", "gpus", *where),
                f"--machine-type={_MACHINES.get(options.accelerator, 'n1-standard-8')}",
                f"--accelerator=type={label},count=1,gpu-driver-version=latest",
                *("--num-nodes=0", "--enable-autoscaling", "--min-nodes=0"),
                f"--max-nodes={options.gpus}",
                "--workload-metadata=GKE_METADATA",
            )
        ],
        check=gcloud(options, *pools, "describe", "gpus", *where),
    )


def _pipelines(options: Options) -> Step:
    ref = f"?ref={options.kfp_version}"
    return Step(
        f"Install Kubeflow Pipelines {options.kfp_version}",
        [
            command("kubectl", "apply", "-k", f"{_MANIFESTS}/cluster-scoped-resources{ref}"),
            command(
                *("kubectl", "wait", "--for=condition=established", "--timeout=60s"),
                "crd/applications.app.k8s.io",
            ),
            command("kubectl", "apply", "-k", f"{_MANIFESTS}/env/dev{ref}"),
            command(
                *("kubectl", "wait", "--for=condition=available", "--timeout=900s"),
                *("--namespace=kubeflow", "deployment/ml-pipeline", "deployment/ml-pipeline-ui"),
            ),
        ],
    )


def _identity(options: Options) -> Step:
    member = f"serviceAccount:{options.project}.svc.id.goog[kubeflow/pipeline-runner]"
    return Step(
        "Let tasks act as the service account",
        [
            gcloud(
                options,
                *("iam", "service-accounts", "add-iam-policy-binding", options.service_account),
                *(f"--member={member}", "--role=roles/iam.workloadIdentityUser"),
            ),
            command(
                *("kubectl", "annotate", "serviceaccount", "pipeline-runner"),
                *("--namespace=kubeflow", "--overwrite"),
                f"iam.gke.io/gcp-service-account={options.service_account}",
            ),
        ],
    )
