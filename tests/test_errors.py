"""Wrong input: one line that names the option, exit code 1, nothing left behind."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Shell

WRONG = {
    "attribute=smlie": ("attribute", "Did you mean 'smile'?"),
    "attribute=gender": ("attribute 'gender'", "not scored by classifier 'toyfaces'"),
    "sampler.num_sampels=3": ("sampler.num_sampels", "Did you mean 'num_samples'?"),
    "sampler.num_samples=many": ("sampler.num_samples", "'many'"),
    "sampler.num_samples=0": ("sampler.num_samples", "[1, 100,000,000]. Got 0"),
    "sampler.num_samples=2.5": ("sampler.num_samples", "2.5"),
    "sampler.truncation_psi=7": ("sampler.truncation_psi", "Got 7"),
    "sampler.truncation_psi=nan": ("sampler.truncation_psi", "Got nan"),
    "svm.space=q": ("svm.space", "Choose one of: s, w, z"),
    "svm.threshold=nan": ("svm.threshold", "finite"),
    "svm.threshold=inf": ("svm.threshold", "finite"),
    "svm.c=-1": ("svm.c", "above 0"),
    "svm.c=1e30": ("svm.c", "range"),
    "svm.c_grid=[1e-3,1e-30]": ("svm.c_grid", "range"),
    "svm.c_grid=[]": ("svm.c_grid", "empty"),
    "svm.conditions=[smile]": ("svm.conditions", "Got 'smile' with attribute=smile"),
    "svm.conditions=[agee]": ("svm.conditions", "no attribute 'agee'", "Did you mean 'age'?"),
    "svm.conditions=[age,age]": ("svm.conditions", "each attribute once", "'age' 2 times"),
    "svm.conditions=[gender]": ("attribute 'gender'", "not scored by classifier 'toyfaces'"),
    "svm.conditions=age": ("svm.conditions", "must be a list: write svm.conditions=[…]"),
    "svm.labels=end": ("svm.labels", "Did you mean 'ends'?"),
    "svm.quantiles=[0.7,0.3]": ("svm.quantiles", "the larger one last", "Got [0.7, 0.3]"),
    "svm.folds=1": ("svm.folds", "[2, 20]"),
    "svm=svr": ("svm", "Choose one of: auto, interfacegan, linear, logistic, regression, ridge"),
    "backend.device=tpu": ("backend.device", "Choose one of: auto, cpu, cuda"),
    "backend=vertx": ("backend", "Did you mean 'vertex'?"),
    "generator.resolution=512": ("generator.resolution", "64, 128 or 256"),
    "generator.resolution=100": ("generator.resolution", "Got 100"),
    "generator=checkpoint": ("generator.path", "must be given"),
    "objective=beauty": ("objective", "Choose one of"),
    "smile": ("smile", "option=value"),
    "nonsense=1": ("nonsense", "Choose one of"),
    "store=/proc/nowhere": ("store", "can be written to"),
}


def _one_error(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


@pytest.mark.parametrize("argument", WRONG)
def test_wrong_option_is_one_line_and_leaves_nothing(shell: Shell, argument: str) -> None:
    done = shell.run(argument)
    line = _one_error(done)
    for said in WRONG[argument]:
        assert said in line
    assert done.stderr.count("\n") == 1, done.stderr
    assert not [*shell.folder.glob("outputs/*/*")]
    assert not [*shell.store.glob("*/node.json")]


def test_an_accelerator_asked_for_and_absent_is_an_error(shell: Shell) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has the accelerator")
    assert "backend.device=cuda" in _one_error(shell.run("backend.device=cuda"))


def test_too_few_samples_say_how_many_are_needed(shell: Shell) -> None:
    line = _one_error(shell.run("attribute=eyeglasses", "sampler.num_samples=40"))
    assert "at least" in line and "sampler.num_samples" in line


def test_equal_and_nan_scores_are_refused(shell: Shell) -> None:
    seeds = np.arange(100)
    use = ("sampler.num_samples=100", "classifier=scores")
    np.savez(shell.folder / "equal.npz", seeds=seeds, smile=np.ones(100))
    assert "must differ" in _one_error(shell.run(*use, "classifier.path=equal.npz"))
    np.savez(shell.folder / "nan.npz", seeds=seeds, smile=np.full(100, np.nan))
    assert "not finite" in _one_error(shell.run(*use, "classifier.path=nan.npz"))
    assert "existing file" in _one_error(shell.run(*use, "classifier.path=none.npz"))
    (shell.folder / "text.npz").write_text("not an archive")
    assert "can't be read" in _one_error(shell.run(*use, "classifier.path=text.npz"))


def test_a_file_that_is_no_checkpoint_is_refused(shell: Shell) -> None:
    (shell.folder / "net.safetensors").write_bytes(b"\x80\x04not a checkpoint")
    line = _one_error(shell.run("generator=checkpoint", "generator.path=net.safetensors"))
    assert "net.safetensors" in line


def _with_file_limit(shell: Shell, limit: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run with a limit on the size of every file: what a full disk or a quota does."""
    return subprocess.run(
        [sys.executable, "-m", "ifgan", *arguments],
        cwd=shell.folder,
        env=shell.environment(),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )


def test_a_disk_that_takes_no_more_is_one_line_and_loses_nothing(shell: Shell) -> None:
    line = _one_error(_with_file_limit(shell, 200_000, "sampler.num_samples=300"))
    assert "can't write" in line and "Finished work is kept" in line
    assert not [*shell.store.glob("*/node.json")]
    shell.ok("sampler.num_samples=300")


def test_a_full_file_system_is_one_line(shell: Shell) -> None:
    """A real one of two megabytes, where this process may mount it."""
    place = shell.folder / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        line = _one_error(shell.run("sampler.num_samples=1000", f"store={place / 'store'}"))
        assert "the disk is full" in line
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_an_unwritable_directory_is_one_line(shell: Shell, tmp_path: Path) -> None:
    if os.getuid() == 0:
        line = _one_error(shell.run("store=/sys/kernel/ifgan"))
    else:
        (tmp_path / "closed").mkdir(mode=0o500)
        line = _one_error(shell.run(f"store={tmp_path / 'closed'}"))
    assert "store must be a directory that can be written to" in line


def test_foreign_faces_and_latents_are_one_line(shell: Shell) -> None:
    shell.ok("sampler.num_samples=60")
    [node] = [path.parent for path in shell.store.glob("*/faces")]
    foreign = shell.folder / "foreign"
    damages: list[tuple[Callable[[], object], str]] = [
        (lambda: (foreign / "faces" / "faces.json").write_text("{}"), "faces in"),
        (lambda: next(foreign.glob("faces/*.tar")).write_bytes(b"no tar at all"), "faces in"),
        (lambda: (foreign / "latents" / "truth.npz").write_bytes(b"PK"), "latents in"),
        (lambda: (foreign / "latents" / "w.npy").write_bytes(b"\x93NUMPY"), "latents in"),
    ]
    for damage, said in damages:
        shutil.copytree(node, foreign)
        damage()
        line = _one_error(shell.run("sampler=existing", "sampler.uri=foreign"))
        assert said in line and "can't be read" in line
        shutil.rmtree(foreign)


def test_a_refused_run_leaves_the_users_own_directory_alone(shell: Shell) -> None:
    (shell.folder / "mine").mkdir()
    (shell.folder / "mine" / "notes.txt").write_text("keep")
    _one_error(shell.run("hydra.run.dir=mine", "svm.space=q"))
    assert [path.name for path in (shell.folder / "mine").iterdir()] == ["notes.txt"]
