"""onnxruntime: the one module that imports it.

ONNX is the neutral format of trained networks, and a file of it executes nothing but the operators
of its graph. Weights in a second file (``.onnx.data``) are refused: the digest of the first would
not be theirs.

Source: onnx.ai, IR specification; onnxruntime, InferenceSession and SessionOptions.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
from pathlib import Path
from typing import Any

from ifgan.errors import UserError

log = logging.getLogger(__name__)

_CUDA = "CUDAExecutionProvider"
#: Where no file is: weights outside of the file itself are then not found.
_NOWHERE = "/nonexistent/external-data"


def open_session(path: Path, *, option: str, gpu: int | None) -> Any:
    """A session of onnxruntime for a file, each of whose runs takes one thread.

    Parameters
    ----------
    option : that names the file, for messages.
    gpu : index of a CUDA device; None: the processor.

    Raises
    ------
    UserError
        If onnxruntime is not installed, or the file is none that it runs.
    """
    runtime = _onnxruntime(option)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what fails is raised, and said once
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", _NOWHERE
    )
    providers: list[Any] = ["CPUExecutionProvider"]
    if gpu is not None and _CUDA in runtime.get_available_providers():
        # TensorFloat-32 has ten bits: results would differ from a processor's in the third digit.
        providers.insert(0, (_CUDA, {"device_id": gpu, "use_tf32": 0}))
    elif gpu is not None:
        _warn_of_the_processor()
    try:
        return runtime.InferenceSession(path.read_bytes(), options, providers=providers)
    except OSError as error:
        raise UserError(f"{option}: {path} can't be read ({error.strerror}).") from error
    except Exception as error:
        if "xternal data" in str(error):
            raise UserError(
                f"{option} must hold its weights itself, since its digest stands for them. Got "
                f"{path.name}, whose weights are in another file. Export it with "
                "external_data=False."
            ) from error
        raise refusal(error, f"{option}: {path.name} is no ONNX network that runs here") from error


def is_on_gpu(session: Any) -> bool:
    """Whether a session runs on a GPU."""
    return bool(session.get_providers()[0] == _CUDA)


def engine(*, gpu: bool) -> str:
    """What runs networks here, which decides the last bit of a result."""
    runtime = _onnxruntime("an ONNX network")
    provider = _CUDA if gpu and _CUDA in runtime.get_available_providers() else "processor"
    return f"onnxruntime {runtime.__version__}, {provider}"


def refusal(error: Exception, begins: str) -> UserError:
    """What onnxruntime raises, as one line; a bug of ours goes on as it is."""
    if not type(error).__module__.startswith("onnxruntime"):
        raise error
    return UserError(f"{begins} ({' '.join(str(error).split())[:200]}).")


def _onnxruntime(what: str) -> Any:
    if importlib.util.find_spec("onnxruntime") is None:
        raise UserError(
            f'{what} needs onnxruntime, which is not installed: pip install "ifgan[onnx]"'
        )
    import onnxruntime

    return onnxruntime


@functools.cache  # once
def _warn_of_the_processor() -> None:
    log.warning(
        "onnxruntime has no CUDA here, so ONNX networks run on the processor. For a GPU install "
        "onnxruntime-gpu in place of onnxruntime."
    )
