"""Options of the backends that run compiled pipelines: images, machines, places, accounts.

None of them changes a result. Names are checked here, before any of them can reach a shell, a
URL or a container; secrets are no options: they come from the environment or, by name, from a
cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from ifgan.errors import UserError
from ifgan.ranges import bytes_of, in_range, matches, one_of

#: Accelerators by neutral name: Vertex AI's name, and the value of GKE's node label.
ACCELERATORS = {
    "t4": ("NVIDIA_TESLA_T4", "nvidia-tesla-t4"),
    "p4": ("NVIDIA_TESLA_P4", "nvidia-tesla-p4"),
    "p100": ("NVIDIA_TESLA_P100", "nvidia-tesla-p100"),
    "v100": ("NVIDIA_TESLA_V100", "nvidia-tesla-v100"),
    "l4": ("NVIDIA_L4", "nvidia-l4"),
    "a100-40gb": ("NVIDIA_TESLA_A100", "nvidia-tesla-a100"),
    "a100-80gb": ("NVIDIA_A100_80GB", "nvidia-a100-80gb"),
    "h100-80gb": ("NVIDIA_H100_80GB", "nvidia-h100-80gb"),
    "h200-141gb": ("NVIDIA_H200_141GB", "nvidia-h200-141gb"),
}
#: Label of an image: the revision of its step.
REVISION_LABEL = "ifgan.revision"
ANY_ACCELERATOR = "gpu"  # whatever the place has

_LABEL = r"[a-z0-9]([-_a-z0-9]{0,61}[a-z0-9])?"
_DNS = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_KUBERNETES_LABEL = r"([A-Za-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_ENVIRONMENT = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
_IMAGE = r"[a-z0-9][A-Za-z0-9._/:@-]{0,300}"
_ACCOUNT = r"[A-Za-z0-9][A-Za-z0-9@._-]{0,127}"


@dataclass
class Backend:
    """Where the graph runs."""

    kind: str = MISSING


@dataclass
class Images:
    """The container image of each step, best pinned by digest: NAME@sha256:…"""

    sampler: str = "ifgan-sampler"  # image of this step, best HOST/NAME@sha256:…
    classifier: str = "ifgan-classifier"  # image of this step, best HOST/NAME@sha256:…
    svm: str = "ifgan-svm"  # image of this step, best HOST/NAME@sha256:…
    evaluation: str = "ifgan-evaluation"  # image of this step, best HOST/NAME@sha256:…

    def __post_init__(self) -> None:
        for step, image in vars(self).items():
            matches(f"backend.images.{step}", image, _IMAGE, example="HOST/NAME@sha256:…")


@dataclass
class Resources:
    """What one step asks of a machine; null leaves it to the place.

    Parameters
    ----------
    cpu : cores.
    memory, disk, shm : such as 16G or 512Mi; of disk for scratch files, of shm as /dev/shm.
    accelerator : t4, l4, a100-80gb, …, or gpu for whatever the place has.
    accelerator_count : accelerators of that kind; the step uses all it finds.
    spot : cheaper machines that may be taken away; see ``retries``.
    retries : how often a failed task is tried again.
    timeout_minutes : after which a task is ended as failed.
    """

    cpu: float | None = None
    memory: str | None = None
    disk: str | None = None
    shm: str | None = None
    accelerator: str | None = None
    accelerator_count: int = 1
    spot: bool = False
    retries: int = 0
    timeout_minutes: int | None = None

    def check(self, option: str) -> None:
        """Refuse what is no such quantity; ``option`` is the name of this group."""
        if self.cpu is not None:
            in_range(f"{option}.cpu", self.cpu, low=0.1, high=1024)
        for name in ("memory", "disk", "shm"):
            if (quantity := getattr(self, name)) is not None:
                bytes_of(f"{option}.{name}", quantity)
        if self.accelerator is not None:
            one_of(f"{option}.accelerator", self.accelerator, (*ACCELERATORS, ANY_ACCELERATOR))
        in_range(f"{option}.accelerator_count", self.accelerator_count, low=1, high=64)
        in_range(f"{option}.retries", self.retries, low=0, high=100)
        if self.timeout_minutes is not None:
            in_range(f"{option}.timeout_minutes", self.timeout_minutes, low=1, high=100_000)


@dataclass
class StepResources:
    """Resources of each step."""

    sampler: Resources = field(default_factory=Resources)
    classifier: Resources = field(default_factory=Resources)
    svm: Resources = field(default_factory=Resources)
    evaluation: Resources = field(default_factory=Resources)

    def __post_init__(self) -> None:
        for step, resources in vars(self).items():
            resources.check(f"backend.resources.{step}")


@dataclass
class Compiled(Backend):
    """What all backends have that run a compiled pipeline."""

    images: Images = field(default_factory=Images)
    resources: StepResources = field(default_factory=StepResources)
    batch_size: int = 64  # faces that are rendered or scored together

    def __post_init__(self) -> None:
        in_range("backend.batch_size", self.batch_size, low=1, high=4096)


@dataclass
class Docker(Compiled):
    """Containers on this machine, by its Docker daemon."""

    kind: str = "docker"
    workers: int = 2  # containers side by side
    gpus: str = "auto"  # auto: all where there are any; all, and none but these; none

    def __post_init__(self) -> None:
        super().__post_init__()
        in_range("backend.workers", self.workers, low=1, high=256)
        one_of("backend.gpus", self.gpus, ("auto", "all", "none"))


@dataclass
class Remote(Compiled):
    """What the places have in common that run pipelines elsewhere."""

    pipeline_root: str | None = None  # where artifacts lie: gs://BUCKET/FOLDER
    service_account: str | None = None  # that the tasks run as
    wait: bool = True  # follow the run and fetch its results; false: print how to fetch them later
    poll_seconds: float = 10.0  # between two looks at a run that is waited for
    register: bool = False  # also upload the pipeline as a version of the template "ifgan"
    labels: dict[str, str] = field(default_factory=dict)  # of the run's tasks, for bills

    def __post_init__(self) -> None:
        super().__post_init__()
        in_range("backend.poll_seconds", self.poll_seconds, low=0.01, high=3600)
        matches("backend.service_account", self.service_account, _ACCOUNT, example="NAME@PROJECT")
        for key, value in self.labels.items():
            matches("backend.labels", key, _LABEL, example="team")
            matches(f"backend.labels.{key}", value, _LABEL, example="faces")
        if self.pipeline_root is not None and any(c.isspace() for c in self.pipeline_root):
            raise UserError(
                f"backend.pipeline_root must be like gs://BUCKET/FOLDER. Got {self.pipeline_root}."
            )


@dataclass
class Toleration:
    """A taint of nodes that tasks may run on all the same."""

    key: str = MISSING
    operator: str = "Exists"
    value: str | None = None
    effect: str | None = None

    def __post_init__(self) -> None:
        matches("backend.tolerations.key", self.key, _KUBERNETES_LABEL, example="nvidia.com/gpu")
        one_of("backend.tolerations.operator", self.operator, ("Exists", "Equal"))
        if self.effect is not None:
            effects = ("NoSchedule", "PreferNoSchedule", "NoExecute")
            one_of("backend.tolerations.effect", self.effect, effects)


@dataclass
class Kubeflow(Remote):
    """A Kubeflow Pipelines cluster.

    A token or cookies that the cluster asks for come from the environment: IFGAN_KFP_TOKEN,
    IFGAN_KFP_COOKIES.
    """

    kind: str = "kubeflow"
    host: str | None = None  # https://…, of the API and the UI
    namespace: str | None = None  # the user's, in multi-user mode
    experiment: str = "ifgan"  # that runs are listed under in the UI
    s3_endpoint: str | None = None  # where this machine reaches s3:// and minio:// roots
    gpu_resource: str = "nvidia.com/gpu"  # what pods ask for
    accelerator_label: str | None = "cloud.google.com/gke-accelerator"  # node label; null: none
    spot_label: str | None = "cloud.google.com/gke-spot"  # of nodes and of their taint; null: none
    node_selector: dict[str, str] = field(default_factory=dict)  # labels that nodes must have
    tolerations: list[Toleration] = field(default_factory=list)  # {key: …, effect: …} each
    secrets: dict[str, str] = field(default_factory=dict)  # environment variable: SECRET/KEY

    def __post_init__(self) -> None:
        super().__post_init__()
        url = r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._~/-]*)?"
        matches("backend.host", self.host, url, example="https://HOST")
        matches("backend.s3_endpoint", self.s3_endpoint, url, example="http://localhost:9000")
        matches("backend.namespace", self.namespace, _DNS, example="kubeflow-user")
        matches("backend.experiment", self.experiment, r"[\w .-]{1,128}", example="ifgan")
        labels = {"accelerator_label": self.accelerator_label, "spot_label": self.spot_label}
        for name, label in {**labels, "gpu_resource": self.gpu_resource}.items():
            matches(f"backend.{name}", label, _KUBERNETES_LABEL, example="nvidia.com/gpu")
        for key, value in self.node_selector.items():
            matches("backend.node_selector", key, _KUBERNETES_LABEL, example="pool")
            matches(f"backend.node_selector.{key}", value, _KUBERNETES_LABEL, example="gpus")
        for variable, secret in self.secrets.items():
            matches("backend.secrets", variable, _ENVIRONMENT, example="AWS_SECRET_ACCESS_KEY")
            pattern = rf"{_DNS}/[A-Za-z0-9._-]{{1,253}}"
            matches(f"backend.secrets.{variable}", secret, pattern, example="SECRET/KEY")


@dataclass
class Vertex(Remote):
    """Vertex AI Pipelines, as the account that `gcloud auth application-default login` names."""

    kind: str = "vertex"
    project: str | None = None  # Google Cloud's, that runs and pays
    location: str = "us-central1"  # the region
    network: str | None = None  # projects/NUMBER/global/networks/NAME
    encryption_key: str | None = None  # projects/…/locations/…/keyRings/…/cryptoKeys/…
    repository: str = "ifgan"  # Artifact Registry's, of images; templates are in NAME-templates
    endpoint: str | None = None  # https://…, of a private endpoint; null: the location's own

    def __post_init__(self) -> None:
        super().__post_init__()
        project = r"([a-z0-9.-]{1,63}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"
        matches("backend.project", self.project, project, example="my-project-123")
        location = r"[a-z]+-[a-z]+[0-9]+"
        matches("backend.location", self.location, location, example="us-central1")
        network = r"projects/[0-9]+/global/networks/[a-z0-9-]+"
        matches("backend.network", self.network, network, example="projects/1/global/networks/n")
        key = r"projects/[\w-]+/locations/[\w-]+/keyRings/[\w-]+/cryptoKeys/[\w-]+"
        example = "projects/P/locations/L/keyRings/R/cryptoKeys/K"
        matches("backend.encryption_key", self.encryption_key, key, example=example)
        matches("backend.repository", self.repository, _DNS, example="ifgan")
        # Without encryption only to this machine, and then without credentials.
        here = r"http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?"
        endpoint = rf"https://[A-Za-z0-9.-]+(:[0-9]{{1,5}})?|{here}"
        matches("backend.endpoint", self.endpoint, endpoint, example="https://HOST")
