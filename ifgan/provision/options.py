"""What provisioning may be told: ``name=value`` on its command line, checked here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ifgan.backends import ACCELERATORS
from ifgan.errors import UserError, choices
from ifgan.ranges import in_range, matches, one_of

BACKENDS = ("kubeflow", "vertex")
_NAME = r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?"


@dataclass
class Options:
    """What is set up, and where.

    Parameters
    ----------
    backend : kubeflow or vertex.
    project : the Google Cloud project, which exists and has billing.
    location : region of everything.
    bucket : of artifacts; null: PROJECT-ifgan.
    repository : Artifact Registry's repository of images; templates are in NAME-templates.
    account : name of the service account that tasks run as.
    submitter : who submits, as user:NAME@DOMAIN or serviceAccount:…; null: nobody is granted
        the right to use the service account, which owners of the project have anyway.
    cluster, zone, accelerator, gpus : of kubeflow's GKE cluster; the GPU pool starts empty.
    kfp_version : of Kubeflow Pipelines.
    torch_index : package index of the images' torch; null: pip's own, which is for CUDA.
    apply : execute the steps instead of printing them.
    """

    backend: str = ""
    project: str = ""
    location: str = "us-central1"
    bucket: str | None = None
    repository: str = "ifgan"
    account: str = "ifgan"
    submitter: str | None = None
    cluster: str = "ifgan"
    zone: str | None = None
    accelerator: str = "l4"
    gpus: int = 4
    kfp_version: str = "2.14.3"
    torch_index: str | None = None
    apply: bool = False

    def __post_init__(self) -> None:
        one_of("backend", self.backend, BACKENDS)
        project = r"([a-z0-9.-]{1,63}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"
        matches("project", self.project, project, example="my-project-123")
        matches("location", self.location, r"[a-z]+-[a-z]+[0-9]+", example="us-central1")
        bucket = r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]"
        matches("bucket", self.bucket, bucket, example="my-project-123-ifgan")
        for name in ("repository", "cluster"):
            matches(name, getattr(self, name), _NAME, example="ifgan")
        # 6 to 30 characters are Google's rule for accounts; ours gets an end that makes it so.
        matches("account", self.account, _NAME, example="ifgan")
        member = r"(user|group|serviceAccount):[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+"
        matches("submitter", self.submitter, member, example="user:you@example.com")
        matches("zone", self.zone, r"[a-z]+-[a-z]+[0-9]+-[a-z]", example="us-central1-a")
        one_of("accelerator", self.accelerator, tuple(ACCELERATORS))
        in_range("gpus", self.gpus, low=1, high=100)
        matches("kfp_version", self.kfp_version, r"\d+\.\d+\.\d+", example="2.14.3")
        matches("torch_index", self.torch_index, r"https://[\w./-]+", example="https://HOST/PATH")

    @property
    def artifacts_bucket(self) -> str:
        """The bucket's name."""
        return self.bucket or f"{self.project.replace(':', '-').replace('.', '-')}-ifgan"

    @property
    def pipeline_root(self) -> str:
        """What backend.pipeline_root becomes."""
        return f"gs://{self.artifacts_bucket}/pipelines"

    @property
    def account_name(self) -> str:
        """The service account's own name, which Google wants to be of 6 characters at least."""
        return self.account if len(self.account) >= 6 else f"{self.account}-tasks"

    @property
    def service_account(self) -> str:
        """The service account's address."""
        project = self.project
        if ":" in project:  # domain-scoped: example.com:name
            domain, _, name = project.partition(":")
            project = f"{name}.{domain}"
        return f"{self.account_name}@{project}.iam.gserviceaccount.com"

    @property
    def registry(self) -> str:
        """Where images are pushed to."""
        project = self.project.replace(":", "/")
        return f"{self.location}-docker.pkg.dev/{project}/{self.repository}"

    @property
    def cluster_zone(self) -> str:
        """Zone of the cluster's nodes."""
        return self.zone or f"{self.location}-a"


def parse(arguments: Sequence[str]) -> Options:
    """Options of ``name=value`` arguments.

    Raises
    ------
    UserError
        On an unknown option, or a value that is not allowed.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    known = Options.__dataclass_fields__
    given: dict[str, str] = {}
    for argument in arguments:
        name, separator, value = argument.partition("=")
        if not separator:
            raise UserError(f"can't read '{argument}': write option=value.")
        if name not in known:
            raise UserError(f"there is no option '{name}'. {choices(known, name)}")
        given[name] = value
    for name, example in (("backend", "vertex"), ("project", "my-project-123")):
        if not given.get(name):
            raise UserError(f"option {name} must be given: add {name}={example}")
    cleared = {name: None if value == "null" else value for name, value in given.items()}
    try:
        # The schema is checked like any options, so it needs valid ones where there is no default.
        schema = Options(backend="vertex", project="my-project-123")
        merged = OmegaConf.merge(OmegaConf.structured(schema), cleared)
        options = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        said = " ".join(str(error).split()).partition(" full_key:")[0]
        raise UserError(f"option {error.full_key} has the wrong type: {said}") from error
    assert isinstance(options, Options)
    return options
