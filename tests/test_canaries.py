"""Secrets that commands are given turn up nowhere but in the headers that carry them.

A canary stands for each secret that the environment, a key file or a command line may hold. After
a real command every file that it made, all it said, and what each server was sent are searched.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conftest import Shell
from tests.launchers.conftest import labels  # noqa: F401  # a fixture
from tests.launchers.fault_server import FaultServer, Request
from tests.launchers.kfp_server import KfpServer

TOKEN, COOKIE = "canary-kfp-token-1f3a", "canary-kfp-session-77c2"
ENVIRONMENT = {
    "IFGAN_KFP_TOKEN": TOKEN,
    "IFGAN_KFP_COOKIES": f"authservice_session={COOKIE}",
    "AWS_ACCESS_KEY_ID": "CANARYACCESSKEY00001",
    "AWS_SECRET_ACCESS_KEY": "canary+aws/secret/5bd0",
    "AWS_SESSION_TOKEN": "canary-aws-session-91ee",
    "MINIO_SECRET_KEY": "canary-minio-secret-44d8",
    "WANDB_API_KEY": "canary-wandb-key-20aa",
    "HF_TOKEN": "hf_canaryHuggingFace63bc",
    "HTTPS_PROXY": "http://me:canary-proxy-password-8e01@127.0.0.1:9",
    "SOMETHING_ELSE": "canary-of-an-unknown-name-c0de",
}
GOOGLE_TOKEN = "ya29.canary-google-token-d00d"
PASSWORD = "canary-url-password-3c3c"
#: Says how it was called, and that it can't.
STUB = """#!{python}
import pathlib, sys
with pathlib.Path({record!r}).open("a") as file:
    file.write(repr(sys.argv) + "\\n")
sys.exit("not here")
"""


class TokenServer(FaultServer):
    """Where Google's library changes a signed claim for a token."""

    def answer(self, request: Request) -> dict[str, object]:
        return {"access_token": GOOGLE_TOKEN, "expires_in": 3600, "token_type": "Bearer"}


class FileServer(FaultServer):
    """Gives whoever asks a file that holds no weights."""

    def answer(self, request: Request) -> bytes:
        return b"no weights"


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with TokenServer() as server:
        yield server


@pytest.fixture
def key(tmp_path_factory: pytest.TempPathFactory, tokens: TokenServer) -> Path:
    """A service account's key file, of a real key."""
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = tmp_path_factory.mktemp("keys") / "key.json"
    told = {
        "type": "service_account",
        "project_id": "faces-project",
        "private_key_id": "canary-key-id-aa17",
        "private_key": pem.decode(),
        "client_email": "someone@faces-project.iam.gserviceaccount.com",
        "token_uri": f"{tokens.url}/token",
    }
    path.write_text(json.dumps(told))
    return path


@pytest.fixture
def canaries(key: Path) -> list[bytes]:
    """Every secret, whole; of the private key its lines, of a value with an account its secret."""
    told = json.loads(key.read_text())
    lines = told["private_key"].splitlines()[1:-1]
    proxy = urllib.parse.urlsplit(ENVIRONMENT["HTTPS_PROXY"]).password or ""
    plain = [value for name, value in ENVIRONMENT.items() if name != "HTTPS_PROXY"]
    return [
        secret.encode()
        for secret in (*plain, COOKIE, proxy, GOOGLE_TOKEN, PASSWORD, told["private_key_id"])
    ] + [line.encode() for line in lines if len(line) == 64]


@pytest.fixture
def guarded(tmp_path: Path, key: Path) -> Shell:
    """A shell whose environment holds every canary, and programs that only record."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("docker", "gcloud", "kubectl"):
        path = programs / name
        path.write_text(STUB.format(python=sys.executable, record=str(tmp_path / "calls.txt")))
        path.chmod(0o755)
    return Shell(
        tmp_path,
        {
            **ENVIRONMENT,
            "GOOGLE_APPLICATION_CREDENTIALS": str(key),
            "NO_PROXY": "localhost,127.0.0.1",
            "HOME": str(tmp_path / "home"),
            "PATH": f"{programs}:{os.environ['PATH']}",
        },
    )


def leaks(canaries: list[bytes], *texts: bytes) -> list[bytes]:
    """The canaries in some bytes, as they are or in a usual encoding."""
    found = []
    for secret in canaries:
        forms = {
            secret,
            urllib.parse.quote(secret.decode(), safe="").encode(),
            json.dumps(secret.decode())[1:-1].encode(),
            # In Base64, at each of the three alignments, without what its neighbours change.
            *(base64.b64encode(b"x" * before + secret)[4:-4] for before in range(3)),
        }
        found += [form for form in forms if any(form in text for text in texts)]
    return found


def written(folder: Path) -> list[bytes]:
    """The names and bytes of every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [*(path.read_bytes() for path in files), *(str(path).encode() for path in files)]


def said(done: CompletedProcess[str]) -> list[bytes]:
    return [done.stdout.encode(), done.stderr.encode()]


def sent(request: Request) -> list[bytes]:
    """All of a request but the headers that are for secrets."""
    carriers = ("authorization", "cookie")
    others = {name: v for name, v in request.headers.items() if name not in carriers}
    return [request.path.encode(), repr((request.query, others)).encode(), request.body]


def test_the_search_finds_what_is_there(canaries: list[bytes], tmp_path: Path) -> None:
    for number, secret in enumerate(canaries):
        (tmp_path / f"{number}").write_bytes(b"a" * (number % 3) + secret)
        (tmp_path / f"{number}.b64").write_bytes(
            base64.b64encode(b"a" * (number % 3) + secret + b" and more")
        )
    for number, secret in enumerate(canaries):
        for name in (f"{number}", f"{number}.b64"):
            assert leaks([secret], (tmp_path / name).read_bytes()), secret


@pytest.mark.parametrize(
    "options",
    [
        ("backend=kubeflow", "backend.pipeline_root=gs://bucket/ifgan"),
        ("backend=vertex", "backend.pipeline_root=gs://bucket/ifgan"),
        ("backend=docker",),
    ],
    ids=lambda options: options[0],
)
def test_a_dry_run_writes_no_secret(
    guarded: Shell,
    canaries: list[bytes],
    labels: Path,  # noqa: F811
    options: tuple[str, ...],
) -> None:
    done = guarded.ok(*options, "dry_run=true", "classifier=scores", f"classifier.path={labels}")
    [request] = guarded.folder.glob("outputs/*/*/pipeline.yaml")
    assert b"ifgan-svm" in request.read_bytes()
    assert not leaks(canaries, *said(done), *written(guarded.folder))


def test_a_run_on_a_cluster_sends_secrets_in_headers_alone(
    guarded: Shell,
    canaries: list[bytes],
    labels: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Waited for, with a task that repeats the token in its log, and published to a bucket."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    bucket = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    bucket.start()
    port = bucket.get_host_and_port()[1]
    fails = {"svm-age": f"the cluster sent Bearer {TOKEN} and {COOKIE}"}
    try:
        guarded.env |= {
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        client = _client(port)
        client.create_bucket(Bucket="faces")
        with KfpServer(
            tmp_path / "machines", fails=fails, login=("authorization", f"Bearer {TOKEN}")
        ) as cluster:
            done = guarded.run(
                *("-m", "attribute=smile,age", "sampler.num_samples=400", "classifier=scores"),
                *(f"classifier.path={labels}", "backend=kubeflow", f"backend.host={cluster.url}"),
                *(f"backend.pipeline_root={tmp_path}/root", "backend.poll_seconds=0.05"),
                *("backend.register=true", "publish=s3://faces/published"),
            )
        names = [entry["Key"] for entry in client.list_objects_v2(Bucket="faces")["Contents"]]
        published = [client.get_object(Bucket="faces", Key=n)["Body"].read() for n in names]
    finally:
        bucket.stop()
    assert "svm-age failed on kubeflow: the cluster sent" in done.stderr
    assert any(name.endswith("boundary.npy") for name in names)
    assert [*tmp_path.glob("multirun/*/*/*.submission.json")] and [*guarded.store.iterdir()]
    machines = written(tmp_path / "machines")  # what was executed for the cluster
    mine = [path for path in tmp_path.iterdir() if path.name not in ("machines", "root")]
    files = [text for path in mine for text in written(path)]
    assert not leaks(canaries, *said(done), *files, *machines, *published)
    assert len(cluster.requests) > 5
    for request in cluster.requests:
        assert not leaks(canaries, *sent(request)), request.path
        assert request.headers["authorization"] == f"Bearer {TOKEN}"


def _client(port: int) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="other",
        aws_secret_access_key="other",
    )


def test_a_run_here_keeps_no_secret(
    guarded: Shell,
    canaries: list[bytes],
    labels: Path,  # noqa: F811
) -> None:
    job = ("sampler.num_samples=400", "classifier=scores", f"classifier.path={labels}")
    done = guarded.ok(*job, "backend.device=cpu")
    assert [*guarded.store.rglob("boundary.npy")]
    assert not leaks(canaries, *said(done), *written(guarded.folder))


def test_the_doctor_says_no_secret(
    guarded: Shell, canaries: list[bytes], tokens: TokenServer, tmp_path: Path
) -> None:
    """Of Google it gets a token; what it then can't reach it says without the proxy's password."""
    done = guarded.run(
        *("backend=vertex", "backend.project=faces-project"),
        *("backend.pipeline_root=gs://bucket/ifgan", "backend.resources.sampler.accelerator=t4"),
        module="ifgan.doctor",
    )
    assert done.returncode == 1 and "missing" in done.stdout, done.stderr
    assert tokens.requests  # the key was used
    assert not leaks(canaries, *said(done), *written(tmp_path))
    with KfpServer() as cluster:
        done = guarded.run(
            *("backend=kubeflow", f"backend.host={cluster.url}"),
            f"backend.pipeline_root={tmp_path}/root",
            module="ifgan.doctor",
        )
        assert cluster.requests
    assert "ok       kubeflow" in done.stdout
    assert not leaks(canaries, *said(done), *written(tmp_path))
    assert not [found for r in cluster.requests for found in leaks(canaries, *sent(r))]
    assert "gcloud', 'beta', 'quotas'" in (tmp_path / "calls.txt").read_text()


def test_a_key_that_is_no_key_is_not_repeated(
    guarded: Shell, canaries: list[bytes], key: Path, tmp_path: Path
) -> None:
    told = json.loads(key.read_text())
    first, *rest = told["private_key"].splitlines()
    key.write_text(json.dumps({**told, "private_key": "\n".join([first, "!", *rest])}))
    done = guarded.run(
        *("backend=vertex", "backend.project=faces-project"),
        "backend.pipeline_root=gs://bucket/ifgan",
        module="ifgan.doctor",
    )
    assert done.returncode == 1 and "There are no usable Google credentials here." in done.stdout
    assert not leaks(canaries, *said(done), *written(tmp_path))


@pytest.mark.parametrize("backend", ["vertex", "kubeflow"])
def test_a_printed_plan_holds_no_secret(
    guarded: Shell, canaries: list[bytes], backend: str
) -> None:
    done = guarded.ok(f"backend={backend}", "project=my-project-123", module="ifgan.provision")
    assert "# 1. " in done.stdout
    assert not leaks(canaries, *said(done), *written(guarded.folder))


@pytest.mark.parametrize(
    "option",
    [
        f"generator.path=https://me:{PASSWORD}@example.com/face.pkl",
        f"backend.pipeline_root=s3://KEY:{PASSWORD}@bucket/ifgan",
        f"backend.host=https://me:{PASSWORD}@example.com",
        f"publish=gs://me:{PASSWORD}@bucket/ifgan",
    ],
    ids=lambda option: option.partition("=")[0],
)
@pytest.mark.parametrize("module", ["ifgan", "ifgan.doctor"])
def test_a_password_in_an_address_is_refused_and_written_nowhere(
    guarded: Shell, canaries: list[bytes], option: str, module: str
) -> None:
    done = guarded.run("backend=kubeflow", "generator=checkpoint", option, module=module)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: {option.partition('=')[0]} must hold no account")
    assert not leaks(canaries, *said(done), *written(guarded.folder))


def test_a_download_takes_its_account_from_netrc_and_writes_it_nowhere(
    guarded: Shell, canaries: list[bytes]
) -> None:
    home = guarded.folder / "home"
    home.mkdir()
    (home / ".netrc").write_text(f"machine 127.0.0.1 login me password {PASSWORD}\n")
    with FileServer() as files:
        path = f"generator.path={files.url}/face.safetensors"
        done = guarded.run("generator=checkpoint", path, "backend.device=cpu")
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith("error: ")
    account = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    assert {request.headers["authorization"] for request in files.requests} == {f"Basic {account}"}
    (home / ".netrc").unlink()
    assert not leaks(canaries, *said(done), *written(guarded.folder))
