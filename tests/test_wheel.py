"""The wheel works where there is no checkout; its console script completes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel, and nothing of the checkout, is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(folder)]
    subprocess.run([*build, str(CHECKOUT)], check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    assert wheel.stat().st_size < 6 * 2**20  # 2.5 of them the StyleGAN3 that ships
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


def _run(installed: Path, folder: Path, *arguments: str, **env: str) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HYDRA", "IFGAN"))}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**clean, "PYTHONPATH": str(installed), "IFGAN_STORE": str(folder / "store"), **env},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_wheel_finds_a_boundary_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = _run(installed, tmp_path, "-c", "import ifgan; print(ifgan.__file__)")
    assert where.startswith(str(installed))
    _run(installed, tmp_path, "-m", "ifgan", "sampler.num_samples=200")
    [found] = tmp_path.glob("outputs/*/*/boundary.npy")
    assert found.stat().st_size > 2000


def test_wheel_compiles_a_pipeline_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    _run(installed, tmp_path, "-m", "ifgan", "backend=kubeflow", "dry_run=true")
    assert [*tmp_path.glob("outputs/*/*/pipeline.yaml")]


def test_users_own_yaml_is_found_where_they_work(installed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "conf.local" / "attribute"
    folder.mkdir(parents=True)
    (folder / "grin.yaml").write_text(
        "name: grin\nkind: binary\ncalled:\n  toyfaces: smile\n", encoding="utf-8"
    )
    _run(installed, tmp_path, "-m", "ifgan", "attribute=grin", "sampler.num_samples=200")
    assert [*tmp_path.glob("outputs/*/*-grin/boundary.npy")]


def test_console_script_completes_groups_and_options(installed: Path, tmp_path: Path) -> None:
    script = installed / "bin" / "ifgan"
    assert "complete" in _run(installed, tmp_path, str(script), "-sc", "install=bash")
    for typed, expected in (
        ("attribute=s", "attribute=smile"),
        ("backend=ver", "backend=vertex"),
        ("sampler.num", "sampler.num_samples="),
    ):
        line = f"ifgan {typed}"
        shown = _run(
            installed,
            tmp_path,
            str(script),
            "-sc",
            "query=bash",
            COMP_LINE=line,
            COMP_POINT=str(len(line)),
        )
        assert expected in shown.split(), (typed, shown)
