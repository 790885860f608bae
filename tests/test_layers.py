"""The layers of the house: imports point leftward only, and heavy packages stay where used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT

#: Left to right; a module imports from its own layer and those before it.
LAYERS = (
    (
        "ifgan.errors",
        "ifgan.ranges",
        "ifgan.framing",
        "ifgan.preprocessing",
        "ifgan.labels",
        "ifgan.prompts",
        "ifgan.celeba",
        "ifgan.functions",
        "ifgan.classifier_options",
        "ifgan.options",
        "ifgan.backends",
        "ifgan.paths",
        "ifgan.files",
        "ifgan.header",
        "ifgan.columns",
        "ifgan.locks",
        "ifgan.parallel",
        "ifgan.workers",
        "ifgan.digest",
        "ifgan.seeds",
        "ifgan.layers",
        "ifgan.styles",
        "ifgan.reach",
        "ifgan.specs",
        "ifgan.settings",
        "ifgan.tracking_options",
        "ifgan.schema",
    ),
    (
        "ifgan.combinations",
        "ifgan.node_settings",
        "ifgan.graph",
        "ifgan.scorers",
        "ifgan.evaluation_node",
        "ifgan.artifacts",
        "ifgan.boundary",
        "ifgan.boundary_checks",
        "ifgan.boundary_files",
        "ifgan.conditions",
        "ifgan.edit_vector",
        "ifgan.foreign",
        "ifgan.progress",
    ),
    (
        "ifgan.store",
        "ifgan.downloads",
        "ifgan.partial",
        "ifgan.https",
        "ifgan.storage",
        "ifgan.blocks",
        "ifgan.runtime",
        "ifgan.devices",
        "ifgan.groups",
        "ifgan.images",
        "ifgan.onnx_session",
        "ifgan.onnx_file",
        "ifgan.onnx_model",
        "ifgan.onnx_checks",
        "ifgan.celeba_weights",
        "ifgan.model_files",
        "ifgan.model_source",
        "ifgan.model_labels",
        "ifgan.image_processor",
        "ifgan.transformers_model",
        "ifgan.listings",
        "ifgan.existing",
        "ifgan.faces",
        "ifgan.blas",
        "ifgan.losses",
        "ifgan.newton",
        "ifgan.fits",
        "ifgan.style_fits",
        "ifgan.spaces",
        "ifgan.labelling",
        "ifgan.problem",
        "ifgan.evidence",
        "ifgan.intervals",
        "ifgan.uncertainty",
        "ifgan.score_quality",
        "ifgan.generators",
        "ifgan.classifiers",
        "ifgan.toyfaces",
        "ifgan.editing",
        "ifgan.population",
        "ifgan.strip",
        "ifgan.strip_render",
        "ifgan.chosen_faces",
        "ifgan.edit_table",
        "ifgan.edit_summary",
        "ifgan.rescoring",
        "ifgan.resemblance",
        "ifgan.stage",
    ),
    ("ifgan.steps", "ifgan.report"),
    ("ifgan.step",),
    (
        "ifgan.convert",
        "ifgan.model_identities",
        "ifgan.score_files",
        "ifgan.identities",
        "ifgan.jobs",
        "ifgan.record",
        "ifgan.run_index",
        "ifgan.needs",
        "ifgan.upkeep",
        "ifgan.compose",
        "ifgan.complaints",
        "ifgan.interface",
        "ifgan.places",
        "ifgan.comparison",
        "launchers",
    ),
    (
        "ifgan.attributes",
        "ifgan.benchmark",
        "ifgan.build_images",
        "ifgan.compare",
        "ifgan.doctor",
        "ifgan.edit",
        "ifgan.edit_files",
        "ifgan.edit_options",
        "ifgan.evaluate",
        "ifgan.fetch",
        "ifgan.overview",
        "ifgan.provision",
        "ifgan.reference",
        "ifgan.track",
        "ifgan.tracking",
        "ifgan.runs",
        "ifgan.store.__main__",
        "ifgan.__main__",
    ),
)
#: package -> the only modules that may import it
ONLY_IN = {
    "av": ("ifgan.report.film",),
    "kfp": ("launchers.compile", "launchers.components", "launchers.kubernetes"),
    "google.cloud": ("ifgan.storage.gcs", "ifgan.provision.bucket"),
    "google.auth": (
        "ifgan.storage.gcs",
        "ifgan.provision.bucket",
        "launchers.google_login",
        "launchers.kubeflow_login",
    ),
    "boto3": ("ifgan.storage.s3",),
    "pyarrow": ("ifgan.score_files",),
    "requests": ("ifgan.https", "ifgan.storage.gcs", "launchers.wire"),
    "triton": ("ifgan.generators.triton_kernels",),
    "onnxruntime": ("ifgan.onnx_session",),
    "transformers": ("ifgan.transformers_model",),
    "huggingface_hub": ("ifgan.model_source",),
    "wandb": ("ifgan.tracking.writing",),
    "matplotlib": ("ifgan.report",),
    "hydra": ("ifgan.__main__", "ifgan.compose", "ifgan.complaints", "launchers.merged"),
}
#: what no image has
CLIENT = ("hydra", "omegaconf", "kfp", "wandb", "google", "boto3", "requests", "yaml", "launchers")
TORCHLESS = (
    "ifgan.steps.svm",
    "ifgan.report",
    "ifgan.graph",
    "ifgan.evaluation_node",
    "ifgan.store",
    "ifgan.identities",
    "ifgan.attributes",
    "ifgan.compare",
    "ifgan.comparison.page",
)


def _modules() -> dict[str, Path]:
    found = {}
    for top in ("ifgan", "launchers"):
        for path in (CHECKOUT / top).rglob("*.py"):
            parts = path.relative_to(CHECKOUT).with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


def _imports(path: Path) -> list[str]:
    """Every module that a file imports, at its top or inside a function."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def _within(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


def _layer(module: str) -> int:
    """That of the nearest name: a package may have its command elsewhere."""
    named = {name: number for number, names in enumerate(LAYERS) for name in names}
    return named[max((name for name in named if _within(module, (name,))), key=len)]


MODULES = _modules()


@pytest.mark.parametrize("module", [m for m in MODULES if m != "ifgan"])
def test_imports_point_leftward(module: str) -> None:
    for imported in _imports(MODULES[module]):
        if _within(imported, ("ifgan", "launchers")) and imported != "ifgan.__version__":
            if not _within(imported, tuple(name for names in LAYERS for name in names)):
                continue  # the package itself
            assert _layer(imported) <= _layer(module), f"{module} imports {imported}"


@pytest.mark.parametrize("package", ONLY_IN)
def test_heavy_packages_are_imported_where_they_are_used(package: str) -> None:
    users = [
        module
        for module, path in MODULES.items()
        if any(_within(imported, (package,)) for imported in _imports(path))
    ]
    assert all(_within(user, ONLY_IN[package]) for user in users), users


def test_steps_import_nothing_of_the_client_however_far_they_reach() -> None:
    """A container has no Hydra; neither at a module's top nor inside a function may one want it."""
    waiting = [m for m in MODULES if _within(m, ("ifgan.step", "ifgan.steps"))]
    reached: dict[str, str] = dict.fromkeys(waiting, "")
    while waiting:
        module = waiting.pop()
        for imported in _imports(MODULES[module]):
            assert not _within(imported, CLIENT), f"{reached[module]} > {module} imports {imported}"
            for name in (imported, imported.rpartition(".")[0]):
                if name in MODULES and name not in {"ifgan", *reached}:
                    reached[name] = f"{reached[module]} > {module}"
                    waiting.append(name)
    assert {"ifgan.generators.checkpoint", "ifgan.fits", "ifgan.toyfaces"} <= set(reached)


@pytest.mark.parametrize("module", TORCHLESS)
def test_no_torch_is_imported(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT).returncode == 0


def test_functions_and_modules_stay_readable() -> None:
    """Modules under about 250 lines, functions under about 40 of code."""
    for module, path in MODULES.items():
        text = path.read_text()
        assert text.count("\n") <= 300, module
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno <= 60, f"{module}.{node.name}"
