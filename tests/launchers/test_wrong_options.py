"""Wrong options of the backends: one line that names the option and what was received, exit 1."""

from __future__ import annotations

import pytest

from ifgan.compose import compose_config
from ifgan.doctor.__main__ import main
from tests.conftest import Shell

KUBEFLOW, VERTEX = "backend=kubeflow", "backend=vertex"
ACCELERATOR = "backend.resources.sampler.accelerator"

#: What is given, and how its line begins.
WRONG = [
    ([KUBEFLOW, "backend.host=ftp://x"], "backend.host must be like https://HOST. Got 'ftp://x'."),
    ([KUBEFLOW, "backend.host='https://h;id'"], "backend.host must be like https://HOST. Got"),
    ([KUBEFLOW, "backend.host='https://h?x'"], "backend.host must be like https://HOST. Got"),
    ([KUBEFLOW, "backend.host="], "backend.host must be like https://HOST. Got ''."),
    ([KUBEFLOW, "backend.hots=https://h"], "there is no option 'backend.hots'. Choose one of:"),
    ([KUBEFLOW, "+backend.hots=https://h"], "there is no option 'backend.hots'. Choose one of:"),
    ([KUBEFLOW, "backend.service_account='a b'"], "backend.service_account must be like"),
    ([KUBEFLOW, "backend.service_account='$(id)'"], "backend.service_account must be like"),
    ([KUBEFLOW, "backend.experiment=a/b"], "backend.experiment must be like ifgan. Got 'a/b'."),
    ([KUBEFLOW, "backend.experiment="], "backend.experiment must be like ifgan. Got ''."),
    ([KUBEFLOW, "backend.experiment=null"], "option backend.experiment has the wrong type"),
    ([KUBEFLOW, "backend.namespace=Me_"], "backend.namespace must be like kubeflow-user. Got"),
    ([KUBEFLOW, "+backend.labels.Team=x"], "backend.labels must be like team. Got 'Team'."),
    ([VERTEX, "+backend.labels.team='a b'"], "backend.labels.team must be like faces. Got 'a b'."),
    (
        [VERTEX, "backend.labels.team=faces"],
        "there is no option 'backend.labels.team'. To add a name of your own, put a plus before "
        "it: +backend.labels.team=…",
    ),
    ([KUBEFLOW, "+backend.secrets.A=a"], "backend.secrets.A must be like SECRET/KEY. Got 'a'."),
    ([VERTEX, "backend.location=moon"], "backend.location must be like us-central1. Got 'moon'."),
    ([VERTEX, "backend.location=us-east1-a"], "backend.location must be like us-central1. Got"),
    ([VERTEX, "backend.location=null"], "option backend.location has the wrong type"),
    ([VERTEX, "backend.project=My_Project"], "backend.project must be like my-project-123. Got"),
    ([VERTEX, f"{ACCELERATOR}=t5"], f"{ACCELERATOR} has no choice 't5'. Choose one of: a100-40gb"),
    ([VERTEX, f"{ACCELERATOR}_count=0"], f"{ACCELERATOR}_count must be in the range [1, 64]. Got"),
    ([VERTEX, "backend.poll_seconds=soon"], "option backend.poll_seconds has the wrong type"),
]


@pytest.mark.parametrize("options, line", WRONG, ids=lambda given: str(given[-1])[:40])
def test_it_is_one_line_that_begins_with_the_option(
    options: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options) == 1
    said = capsys.readouterr()
    assert said.out == ""
    [only] = said.err.splitlines()
    assert only.startswith(f"error: {line}")


@pytest.mark.parametrize(
    "options, said",
    [
        ([VERTEX, "backend.service_account=me"], "NAME@PROJECT.iam.gserviceaccount.com. Got 'me'"),
        ([VERTEX, f"{ACCELERATOR}=gpu"], f"{ACCELERATOR} must name one on vertex: t4"),
        ([VERTEX, f"{ACCELERATOR}=l4", f"{ACCELERATOR}_count=3"], "accelerator_count must be 1 or"),
        ([KUBEFLOW, "+backend.nonsense=3"], "there is no option 'backend.nonsense'"),
    ],
    ids=["account", "any accelerator", "count", "unknown"],
)
def test_what_only_the_place_refuses_is_one_line_of_a_dry_run_too(
    shell: Shell, options: list[str], said: str
) -> None:
    done = shell.run(*options, "backend.pipeline_root=gs://bucket/ifgan", "dry_run=true")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ") and said in line
    assert not [*shell.folder.rglob("request.json")]


def test_names_of_ones_own_are_added_with_a_plus() -> None:
    given = ["+backend.labels.team=faces", "+backend.secrets.AWS_SECRET_ACCESS_KEY=s3/secret"]
    backend = compose_config([KUBEFLOW, *given]).backend
    assert vars(backend)["labels"] == {"team": "faces"}
    assert vars(backend)["secrets"] == {"AWS_SECRET_ACCESS_KEY": "s3/secret"}
