"""The files of conf/attribute/, and the command that lists them."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

from ifgan import paths
from ifgan.attributes import called_in, main, read_attributes
from ifgan.celeba import ATTRIBUTES
from ifgan.classifier_options import CLASSIFIERS
from ifgan.toyfaces.factors import FACTORS
from tests.conftest import CHECKOUT, Shell

SHIPPED = sorted(path.stem for path in paths.shipped("conf").glob("attribute/*.yaml"))
SHIPPED.remove("custom")  # whose name is given on the command line
DOCS = (CHECKOUT / "docs" / "classifiers.md").read_text(encoding="utf-8")
SECTION = DOCS[DOCS.index("## Attributes\n") : DOCS.index("## One class of several")]


def test_every_attribute_of_celeba_of_toyfaces_and_of_the_paper_has_one_file() -> None:
    found = read_attributes()
    assert [*found] == SHIPPED == [attribute.name for attribute in found.values()]
    called = [called_in(attribute) for attribute in found.values()]
    celeba = [one["celeba_resnet50"] for one in called if one["celeba_resnet50"]]
    assert sorted(celeba) == sorted(ATTRIBUTES)
    assert {one["toyfaces"] for one in called} - {None} == {factor.name for factor in FACTORS}
    assert {"age", "eyeglasses", "gender", "pose", "smile"} <= {*found}


@pytest.mark.parametrize("choice", SHIPPED)
def test_a_file_speaks_of_classifiers_that_there_are(choice: str) -> None:
    attribute = read_attributes()[choice]
    assert {*attribute.called} <= {*CLASSIFIERS}
    assert all(called_in(attribute)[kind] == name for kind, name in attribute.called.items())
    assert attribute.positive and attribute.negative and attribute.positive != attribute.negative


def test_the_table_is_aligned_and_shows_each_column(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    header, *rows = capsys.readouterr().out.split("\n\n")[0].splitlines()
    begins = [match.end() for match in re.finditer(r"^|  +", header)]
    assert len(rows) == len(SHIPPED)
    assert all(row[begin - 2 : begin] == "  " for row in rows for begin in begins[1:])
    cells = {row.split()[0]: [row[begin:].split()[0] for begin in begins] for row in rows}
    assert cells["smile"][:4] == ["smile", "binary", "smile", "Smiling"]
    assert cells["pose"][:4] == ["pose", "continuous", "pose", "-"]
    assert cells["hat"][:4] == ["hat", "binary", "-", "Wearing_Hat"]


def test_json_says_the_column_in_every_classifier(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [*found] == SHIPPED
    assert found["gender"]["kind"] == "binary"
    assert found["gender"]["called"]["celeba_resnet50"] == "Male"
    assert found["gender"]["called"]["toyfaces"] is None
    assert found["gender"]["called"]["scores"] == "gender"
    assert (found["hat"]["called"]["clip"], found["hat"]["positive"]) == (
        "hat",
        "a person wearing a hat",
    )
    assert {*CLASSIFIERS} <= {*found["gender"]["called"]}


def test_it_starts_without_torch_and_hydra() -> None:
    code = (
        "import sys; from ifgan.attributes import main; main(['--json']); "
        "sys.exit(not {'torch', 'hydra'}.isdisjoint(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True)
    assert done.returncode == 0


def test_what_is_wrong_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    shell: Shell,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = shell.folder / "conf.local" / "attribute"
    own.mkdir(parents=True)
    monkeypatch.chdir(shell.folder)
    assert main(["--jsn"]) == 1
    assert "no option '--jsn'. Choose one of: --json." in capsys.readouterr().err
    for text, expected in (
        ("name: grin\nkind: often\n", "attribute.kind has no choice 'often'"),
        ("name: grin\nkinds: binary\n", "Key 'kinds' not in 'Attribute'"),
        ("name: [grin\n", "must be an attribute"),
        ("- grin\n", "must be an attribute"),
    ):
        (own / "grin.yaml").write_text(text)
        assert main([]) == 1
        said = capsys.readouterr().err
        assert expected in said and "grin.yaml" in said and said.count("\n") == 1


def test_the_documented_file_is_an_attribute_like_the_others(shell: Shell) -> None:
    own = shell.folder / "conf.local" / "attribute"
    own.mkdir(parents=True)
    [text] = re.findall(r"```yaml\n(.*?)```", SECTION, flags=re.DOTALL)
    (own / "grin.yaml").write_text(text, encoding="utf-8")
    (own / "smirk.yaml").write_text("defaults: [grin]\nname: smirk\n", encoding="utf-8")
    [commands] = re.findall(r"```bash\n(.*?)```", SECTION, flags=re.DOTALL)
    for line in commands.splitlines():
        [_, _, module, *arguments] = shlex.split(line)
        listed = shell.ok(*arguments, module=module)
    for choice in ("grin", "smirk"):
        found = json.loads(listed.stdout)[choice]["called"]
        assert (found["toyfaces"], found["celeba_resnet50"]) == ("smile", "Smiling")
        assert found["clip"] == choice
    quick = ("sampler.num_samples=300", "svm.c=0.001")
    shell.ok("-m", "attribute=grin,smile", *quick)
    grin, smile = (np.load(folder / "boundary.npy") for folder in shell.run_dirs())
    assert np.array_equal(grin, smile)
