"""A step whose output changes for equal settings must raise its revision.

The revision enters the key; without it a store would hand out artifacts of the old code. After
raising one, ``python -m tests.test_revisions`` writes the new golden values.
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
from ifgan.images import decode
from ifgan.runtime import Runtime
from ifgan.specs import STEPS, ClassifierSettings, Settings
from tests import planted

GOLDEN = Path(__file__).with_name("golden_revisions.json")


def _execute(name: str, settings: Settings, inputs: dict[str, Path], folder: Path) -> Path:
    spec = STEPS[name]
    message = step.executor_input(
        spec,
        settings,
        inputs={key: str(path) for key, path in inputs.items()},
        outputs={key: str(folder / name / key) for key in spec.outputs},
        output_file=str(folder / f"{name}.json"),
    )
    step.execute(name, message, Runtime(folder, folder / "blocks", device="cpu"))
    return folder / name


def observed(folder: Path) -> dict[str, dict[str, object]]:
    """A few numbers of each step's output, by which any change of meaning would show."""
    sampled = _execute(
        "sampler",
        dataclasses.replace(
            planted.TOYFACES,
            generator_digest="golden",
            num_samples=20,
            seed=5,
            truncation_psi=0.8,
            image_size=48,
        ),
        {},
        folder,
    )
    [shard] = (sampled / "faces").glob("*.tar")
    pixels = np.stack([decode(data) for _, data in read_shard(shard)])
    scored = _execute(
        "classifier",
        ClassifierSettings("toyfaces", "golden"),
        {"faces": sampled / "faces"},
        folder,
    )
    inputs = planted.write(folder / "planted", *planted.world(600, 16))
    fitted = _execute("svm", planted.settings(), inputs, folder)
    metrics = json.loads((fitted / "metrics").read_text())
    del metrics["learning_curve"], metrics["warnings"]
    numbers = {
        "sampler": [*np.load(sampled / "latents" / "w.npy")[3, :6], *pixels.mean(axis=(1, 2, 3))],
        "classifier": [*np.load(scored / "scores" / "scores.npy")[:4].ravel()],
        "svm": [*np.load(fitted / "boundary" / "boundary.npy")[0], *metrics.values()],
    }
    return {
        name: {
            "revision": STEPS[name].revision,
            "values": [None if v is None else float(v) for v in values],
        }
        for name, values in numbers.items()
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    return observed(tmp_path_factory.mktemp("steps"))


@pytest.mark.parametrize("name", STEPS)
def test_output_changes_only_with_the_revision(
    found: dict[str, dict[str, object]], name: str
) -> None:
    golden = json.loads(GOLDEN.read_text())[name]
    assert found[name]["revision"] == golden["revision"], "write the new golden values"
    # Processors differ in the last bits; a change of meaning is larger.
    np.testing.assert_allclose(
        np.array(found[name]["values"], dtype=float),
        np.array(golden["values"], dtype=float),
        rtol=2e-3,
        atol=2e-3,
        err_msg=f"the output of step {name} changed: raise its revision in ifgan/specs.py",
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        GOLDEN.write_text(json.dumps(observed(Path(place)), indent=1) + "\n")
