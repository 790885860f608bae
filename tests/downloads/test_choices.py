"""The published networks as choices of ``generator``, and how their files enter the graph."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir

from ifgan import compose, paths
from ifgan.errors import UserError
from ifgan.files import sha256
from ifgan.identities import identify
from ifgan.schema import Checkpoint, Config
from launchers import merged
from tests import small_network
from tests.conftest import Shell
from tests.downloads.conftest import CONTENT, DIGEST
from tests.downloads.server import Served

CHOICES = sorted(path.stem for path in paths.shipped("conf").glob("generator/*.yaml"))
OURS = ("checkpoint", "toyfaces", "toyfaces_stylegan3")
PUBLISHED = [choice for choice in CHOICES if choice not in OURS]
URL = re.compile(
    r"https://api\.ngc\.nvidia\.com/v2/models/nvidia/research/(stylegan[23])/versions/1/files/"
    r"(\1(?:-[tr])?)-([a-z0-9]+)-(\d+)x(\d+)\.pkl"
)


def composed(*overrides: str) -> Config:
    compose.register()
    merged.register()
    with initialize_config_dir(str(paths.shipped("conf")), version_base="1.3"):
        return compose.to_config(hydra_compose("config", list(overrides)))


@pytest.mark.parametrize("choice", PUBLISHED)
def test_a_choice_names_the_file_it_is_called_after(choice: str) -> None:
    config = composed(f"generator={choice}")
    assert isinstance(config.generator, Checkpoint)
    assert config.generator.psi == config.sampler.truncation_psi == 0.7
    found = URL.fullmatch(config.generator.path)
    assert found
    _, network, data, width, height = found.groups()
    assert width == height
    assert choice in (
        f"{network}_{data}".replace("-", "_"),
        f"{network}_{data}_{width}".replace("-", "_"),
    )


def test_every_published_face_network_is_a_choice() -> None:
    urls = {composed(f"generator={choice}").generator.path for choice in PUBLISHED}
    data = {
        "ffhq-1024x1024",
        "ffhqu-1024x1024",
        "ffhqu-256x256",
        "metfaces-1024x1024",
        "metfacesu-1024x1024",
        "afhqv2-512x512",
    }
    assert {url.rpartition("/")[2] for url in urls} == {
        *(f"stylegan3-{config}-{name}.pkl" for config in "tr" for name in data),
        "stylegan2-ffhq-1024x1024.pkl",
        "stylegan2-ffhq-256x256.pkl",
        "stylegan2-celebahq-256x256.pkl",
    }


def test_the_network_that_ships_enters_the_graph_without_a_download(tmp_path: Path) -> None:
    config = composed("generator=toyfaces_stylegan3", f"store={tmp_path}")
    file = identify(config).generator_file
    assert file is not None and file.path.endswith("toyfaces_stylegan3.safetensors")
    assert file.sha256 == sha256(Path(file.path))
    assert Path(file.path).stat().st_size < 8 * 2**20
    assert not [*tmp_path.glob("downloads/*")]


@pytest.mark.parametrize("given", ["abc", "g" * 64, "", "0" * 65])
def test_a_digest_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(UserError, match=r"generator\.sha256 must be 64 hexadecimal digits"):
        composed("generator=checkpoint", "generator.path=x", f"generator.sha256='{given}'")


def test_a_downloaded_network_enters_the_graph_by_its_bytes(served: Served, tmp_path: Path) -> None:
    small_network.write(tmp_path / "net.safetensors")
    served.content = (tmp_path / "net.safetensors").read_bytes()
    digest = sha256(tmp_path / "net.safetensors")
    config = composed(
        "generator=checkpoint",
        f"generator.path={served.url}/net.safetensors",
        f"generator.sha256='{digest}'",
        f"store={tmp_path / 'store'}",
    )
    identities = identify(config)
    assert identities.generator_digest == digest
    file = identities.generator_file
    assert file and file.sha256 == sha256(Path(file.path)) == digest
    assert Path(file.path).is_relative_to(tmp_path / "store" / "downloads")


def test_a_pickle_is_converted_once_for_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converted = []

    small_network.write(tmp_path / "net.safetensors")

    def convert(source: Path, target: Path, *, option: str) -> None:
        assert option == "generator.path"
        converted.append(source)
        target.write_bytes((tmp_path / "net.safetensors").read_bytes())

    monkeypatch.setattr("ifgan.convert.convert", convert)
    for name in ("one.pkl", "same.PKL"):
        (tmp_path / name).write_bytes(CONTENT)
        file = identify(
            composed(
                "generator=checkpoint",
                f"generator.path={tmp_path / name}",
                f"store={tmp_path / 'store'}",
            )
        ).generator_file
        assert file and Path(file.path) == tmp_path / f"store/weights/{DIGEST}.safetensors"
        assert file.sha256 == sha256(Path(file.path)) != DIGEST
    assert converted == [tmp_path / "one.pkl"]


def test_without_a_network_a_choice_says_in_one_line_which_file_to_put_where(
    shell: Shell,
) -> None:
    # A proxy that is not there: no way to the network, on every machine.
    shell.env = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    shell.env |= {"NO_PROXY": "", "no_proxy": ""}
    done = shell.run("generator=stylegan3_r_ffhq")
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "generator.path: can't reach api.ngc.nvidia.com (" in line
    place = re.search(r"Put the file at (\S+), or set generator\.path to a copy of it\.", line)
    assert place and Path(place[1]).name == "stylegan3-r-ffhq-1024x1024.pkl"
    assert os.path.commonpath([place[1], shell.store]) == str(shell.store)
