"""A step whose output changes for equal settings must raise its revision.

The revision enters the key; without it a store would hand out artifacts of the old code. After
raising one, ``python -m tests.test_revisions`` writes the new golden values. A case is called by
its step and what else is particular to it.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest

from ifgan import step
from ifgan.artifacts import read_shard
from ifgan.boundary import Boundary
from ifgan.convert import convert
from ifgan.images import decode
from ifgan.runtime import Runtime
from ifgan.specs import STEPS, ClassifierSettings, Settings
from ifgan.toyfaces.space import load_space
from ifgan.toyfaces.traits import INDEX
from tests import planted
from tests.pickles import stand_ins

GOLDEN = Path(__file__).with_name("golden_revisions.json")


#: How each svm case differs from a linear fit in w.
FITS: dict[str, dict[str, object]] = {
    "svm": {},
    "svm z": {"space": "z"},
    "svm ends": {"labels": "ends", "chosen_num_or_ratio": 0.2},
    "svm quantiles": {"labels": "quantiles", "quantiles": [0.3, 0.7]},
    "svm regression": {"method": "regression", "kind": "continuous"},
    "svm ridge": {"method": "ridge", "kind": "continuous"},
    "svm logistic": {"method": "logistic"},
    "svm interfacegan": {"method": "interfacegan", "c": 1.0, "chosen_num_or_ratio": 0.2},
    "svm interfacegan z": {
        "method": "interfacegan",
        "c": 1.0,
        "chosen_num_or_ratio": 0.2,
        "space": "z",
    },
}
NETWORKS = {"sampler stylegan2": "stylegan2_32", "sampler stylegan3": "stylegan3_r_32"}
CASES = ("sampler", *NETWORKS, "classifier", *FITS, "evaluation")


def _execute(case: str, settings: Settings, inputs: dict[str, Path], folder: Path) -> Path:
    name = case.split()[0]
    message = step.executor_input(
        STEPS[name],
        settings,
        inputs={key: str(path) for key, path in inputs.items()},
        outputs={key: str(folder / case / key) for key in STEPS[name].outputs},
        output_file=str(folder / f"{case}.json"),
    )
    step.execute(name, message, Runtime(folder, folder / "blocks", device="cpu"))
    return folder / case


def _sampled(case: str, settings: Settings, inputs: dict[str, Path], folder: Path) -> list[object]:
    """Latents of one face, and the mean level of each quarter of three."""
    made = _execute(case, settings, inputs, folder)
    [shard] = (made / "faces").glob("*.tar")
    pixels = np.stack([decode(data) for _, data in read_shard(shard)][:3])
    half = pixels.shape[1] // 2
    quarters = pixels.reshape(len(pixels), 2, half, 2, half, 3).mean(axis=(2, 4, 5))
    return [*np.load(made / "latents" / "w.npy")[3, :6], *quarters.ravel()]


def _fitted(case: str, settings: Settings, inputs: dict[str, Path], folder: Path) -> list[object]:
    made = _execute(case, settings, inputs, folder)
    metrics = json.loads((made / "metrics").read_text())
    figures = [value for value in metrics.values() if not isinstance(value, list | dict)]
    return [*np.load(made / "boundary" / "boundary.npy")[0], *figures]


def _evaluated(folder: Path) -> list[object]:
    """Step and change of every score at the equal change, along the true direction of hair."""
    (place := folder / "true boundary").mkdir()
    space = load_space()
    hair = INDEX["hair"]
    unit = (space.readout[hair] / space.readout[hair].norm()).float().numpy()
    generator = {"generator": "toyfaces", "generator_digest": "toyfaces-1-64"}
    Boundary("hair", "w", unit[None], 0.0, {"generator": generator}).write(place)
    settings = dataclasses.replace(planted.EVALUATION, column="hair")
    made = _execute("evaluation", settings, {"boundary": place}, folder)
    [row] = json.loads((made / "edits" / "table.json").read_text())["rows"]
    equal = row["equal"]
    changes = [effect["in_sigmas"]["mean"] for effect in equal["effects"]]
    return [
        equal["sigmas"],
        equal["euclidean"],
        equal["mahalanobis"],
        row["leaves_after"],
        *changes,
    ]


def observed(folder: Path) -> dict[str, dict[str, object]]:
    """A few numbers of each step's output, by which any change of meaning would show."""
    drawn = dataclasses.replace(
        planted.TOYFACES,
        generator_digest="golden",
        num_samples=20,
        seed=5,
        truncation_psi=0.8,
        image_size=48,
    )
    numbers = {"sampler": _sampled("sampler", drawn, {}, folder)}
    for case, name in NETWORKS.items():
        (folder / f"{name}.pkl").write_bytes(stand_ins.checkpoint(name))
        convert(folder / f"{name}.pkl", weights := folder / f"{name}.safetensors")
        settings = dataclasses.replace(
            drawn,
            generator="checkpoint",
            generator_digest=name,
            resolution=None,
            num_samples=4,
            truncation_cutoff=3,
        )
        numbers[case] = _sampled(case, settings, {"weights": weights}, folder)
    faces = {"faces": folder / "sampler" / "faces"}
    scored = _execute("classifier", ClassifierSettings("toyfaces", "golden"), faces, folder)
    numbers["classifier"] = [*np.load(scored / "scores" / "scores.npy")[:4].ravel()]
    inputs = planted.write(folder / "planted", *planted.world(600, 16))
    numbers["evaluation"] = _evaluated(folder)
    for case, changes in FITS.items():
        numbers[case] = _fitted(case, planted.settings(**changes), inputs, folder)
    return {
        case: {
            "revision": STEPS[case.split()[0]].revision,
            "values": [None if v is None else float(f"{v:.6g}") for v in values],
        }
        for case, values in numbers.items()
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    return observed(tmp_path_factory.mktemp("steps"))


@pytest.mark.parametrize("case", CASES)
def test_output_changes_only_with_the_revision(
    found: dict[str, dict[str, object]], case: str
) -> None:
    golden = json.loads(GOLDEN.read_text())[case]
    assert found[case]["revision"] == golden["revision"], "write the new golden values"
    # Processors differ in the last bits; a change of meaning is larger.
    np.testing.assert_allclose(
        np.array(found[case]["values"], dtype=float),
        np.array(golden["values"], dtype=float),
        rtol=2e-3,
        atol=2e-3,
        err_msg=f"the output of {case} changed: raise that step's revision in ifgan/specs.py",
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        lines = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in observed(Path(place)).items()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
