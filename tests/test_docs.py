"""The documentation: every link leads somewhere, every command runs, every error is a real one."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests import documents, small_network
from tests.conftest import CHECKOUT, Shell
from tests.documents import Command

PAGES = {page.path: page for page in documents.pages()}
TESTS = "".join(
    file.read_text(encoding="utf-8")
    for file in (CHECKOUT / "tests").rglob("test_*.py")
    if file.name not in ("test_docs.py", "test_reference.py")
)
#: Pages whose commands another module runs; those of the benchmarks measure for an hour.
ELSEWHERE = {"docs/benchmarks.md"} | {
    path
    for path in PAGES
    if path.startswith("docs/") and re.search(rf'["/]{re.escape(Path(path).name)}"', TESTS)
}
#: Programs of other projects: their lines are not run.
FOREIGN = (
    "pip",
    "git",
    "conda",
    "gcloud",
    "docker",
    "kubectl",
    "python3",
    "cd",
    "export",
    ".",
    "wandb",
)
#: Commands that end with an error here, where there is no cloud, no cluster and no daemon.
REFUSED_HERE = {
    "generator=stylegan3_r_ffhq": "Put the file at",
    "ifgan.build_images": "docker",
    "ifgan.doctor backend=": "missing",
    "ifgan.fetch RUN_DIR": "RUN_DIR must be the directory of a run",
    "apply=true": "not installed",
}
FEW = ("sampler.num_samples=600", "svm.c=0.001")


def _ours() -> Iterator[tuple[str, Command]]:
    """Page and arguments of every command of ours that this module runs, in order."""
    refused = {cause for page in PAGES.values() for cause, _ in page.refusals}
    for path, page in PAGES.items():
        for command in page.commands if path not in ELSEWHERE else ():
            if command[:2] == ("python", "-m") and command not in refused:
                yield path, command[2:]


COMMANDS = [*_ours()]
REFUSALS = [(p.path, *refusal) for p in PAGES.values() for refusal in p.refusals]
CAUSED = [(cause[2:], message) for _, cause, message in REFUSALS if cause is not None]


def as_run(command: Command) -> Command:
    """The command on fewer faces, and without a cluster."""
    module, *arguments = command
    if module == "ifgan" and not {"--help", "--cfg", "--info"} & {*arguments}:
        arguments += [few for few in FEW if "svm=interfacegan" not in arguments or "svm" not in few]
        if any(re.match(r"backend=.*(docker|kubeflow|vertex)", word) for word in arguments):
            arguments.append("dry_run=true")
    if module == "ifgan.evaluate":
        arguments.append("num_samples=20")
    return (module, *arguments)


def _written_first(folder: Path) -> None:
    """What the pages tell to write, and the files of a reader's own that they speak of."""
    for page in PAGES.values():
        for block in page.blocks if page.path not in ELSEWHERE else ():
            if block.file is not None:
                (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
                (folder / block.file).write_text(block.text, encoding="utf-8")
    small_network.write(folder / "net.safetensors")
    small_network.write_scores(folder / "labels.csv", folder / "net.safetensors", count=600)


class Reader:
    """Somebody who follows the pages in one directory, and types no line twice."""

    def __init__(self, shell: Shell) -> None:
        shell.folder.mkdir(parents=True, exist_ok=True)
        _written_first(shell.folder)
        nowhere = "http://127.0.0.1:9"
        environment = {
            **dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY"), nowhere),
            "DOCKER_HOST": "unix:///nowhere",
            "HOME": str(shell.folder / "home"),
            "PATH": str(Path(sys.executable).parent),  # without gcloud, docker and kubectl
        }
        self.shell = Shell(shell.folder, environment)
        self.ended: dict[Command, CompletedProcess[str]] = {}

    def types(self, command: Command) -> CompletedProcess[str]:
        """What becomes of a module and its arguments."""
        if "sampler.uri=FOLDER" in command and not (self.shell.folder / "FOLDER").exists():
            sampled = next(self.shell.store.glob("*/faces")).parent
            (self.shell.folder / "FOLDER").symlink_to(sampled)
        if command not in self.ended:
            module, *arguments = command
            self.ended[command] = self.shell.run(*arguments, module=module)
        return self.ended[command]


@pytest.fixture(scope="module")
def reader(shared_shell: Shell) -> Reader:
    return Reader(shared_shell)


def _title(value: object) -> str | None:
    return " ".join(value) if isinstance(value, tuple) else None


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=_title)
def test_a_documented_command_runs(reader: Reader, page: str, command: Command) -> None:
    done = reader.types(as_run(command))
    for refused, said in REFUSED_HERE.items():
        if refused in " ".join(command):
            assert done.returncode == 1 and said in done.stdout + done.stderr
            return
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("cause", "message"), CAUSED, ids=_title)
def test_a_documented_error_is_what_its_command_says(
    reader: Reader, cause: Command, message: str
) -> None:
    done = reader.types(cause)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and documents.pattern(message).fullmatch(last), done.stderr


def _messages() -> Iterator[str]:
    """Every text in the code, with … for what is filled in."""
    for top in ("ifgan", "launchers"):
        for file in (CHECKOUT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value
                if isinstance(node, ast.JoinedStr):
                    parts = [
                        str(part.value) if isinstance(part, ast.Constant) else "…"
                        for part in node.values
                    ]
                    yield "".join(parts)


@pytest.fixture(scope="module")
def messages() -> list[re.Pattern[str]]:
    return [documents.pattern(text) for text in {*_messages()} if len(text.replace("…", "")) > 20]


@pytest.mark.parametrize(
    "message", [message for _, cause, message in REFUSALS if cause is None], ids=lambda text: text
)
def test_a_documented_error_stands_in_the_code(
    messages: list[re.Pattern[str]], message: str
) -> None:
    said = message.removeprefix("error: ").removeprefix("Vertex AI refuses: …. ")
    assert any(pattern.fullmatch(said) for pattern in messages), said


@pytest.mark.parametrize("path", PAGES)
def test_every_link_leads_somewhere(path: str) -> None:
    for place, anchor in PAGES[path].links:
        target = (CHECKOUT / path).parent / place if place else CHECKOUT / path
        assert target.exists(), f"{path} links to {place}"
        if anchor:
            name = os.path.relpath(target, CHECKOUT)
            assert anchor in PAGES[name].anchors, f"{path} links to {place}#{anchor}"


def test_every_page_and_picture_is_reached_from_the_index() -> None:
    reached, waiting = set(), ["docs/README.md"]
    while waiting:
        path = waiting.pop()
        for place, _ in PAGES[path].links if path in PAGES else ():
            target = os.path.relpath((CHECKOUT / path).parent / place, CHECKOUT) if place else path
            if target not in reached:
                reached.add(target)
                waiting.append(target)
    there = {str(f.relative_to(CHECKOUT)) for f in (CHECKOUT / "docs").rglob("*.*")}
    assert there <= reached | {"docs/README.md"}


def test_every_line_of_a_shell_is_of_a_known_program() -> None:
    for path, page in PAGES.items():
        for command in page.commands:
            assert command[0] in (*FOREIGN, "python", "ruff", "mypy", "pytest"), (path, command)


def test_extras_that_are_to_be_installed_exist() -> None:
    described = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    for page in PAGES.values():
        for names in re.findall(r"(?:ifgan|\.)\[([a-z0-9,]+)\]", page.text):
            for name in names.split(","):
                assert f"\n{name} = [" in described, f"{page.path}: {name}"


def test_pages_whose_commands_run_elsewhere_are_known() -> None:
    ours = {"docs/tutorial.md", "docs/how-it-works.md", "docs/recipes.md", "README.md"}
    assert {"docs/edits.md", "docs/evaluation.md", "docs/classifiers.md"} <= ELSEWHERE
    assert not ours & ELSEWHERE


@pytest.mark.parametrize("number", range(2))
def test_the_examples_of_a_generator_and_a_backend_run(reader: Reader, number: int) -> None:
    examples = [
        block.text
        for block in PAGES["docs/extending.md"].blocks
        if block.language == "python" and "import " in block.text
    ]
    done = subprocess.run(
        [sys.executable, "-c", examples[number]],
        cwd=reader.shell.folder,
        env=reader.shell.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_picture_of_a_run_is_what_its_command_draws(reader: Reader) -> None:
    from PIL import Image

    for command in PAGES["docs/how-it-works.md"].blocks[0].commands:
        assert reader.types(as_run(command[2:])).returncode == 0
    with (
        Image.open(reader.shell.folder / "overview.webp") as drawn,
        Image.open(CHECKOUT / "docs" / "images" / "overview.webp") as committed,
    ):
        assert drawn.size == committed.size
    assert all(f.stat().st_size < 320_000 for f in (CHECKOUT / "docs" / "images").iterdir())
