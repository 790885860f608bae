"""Files of other tools: boundaries without ``boundary.json``, and arrays of inversions.

Arrays come as ``.npy``, or as ``.pt`` that holds one tensor. Neither is ever unpickled: a pickle
runs the code of whoever wrote it. A boundary from elsewhere is its normal and nothing more: which
space it lives in has to be said, no generator is recorded, and its intercept is unknown.

Its length is not kept. Tools disagree about it (InterFaceGAN writes unit vectors, others whatever
a factor of theirs expects), and a step should mean the same whoever fitted the boundary.

Shape legend: N latents, D dimensions.
"""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ifgan.errors import UserError
from ifgan.ranges import one_of

if TYPE_CHECKING:
    from ifgan.boundary import Boundary

Array = NDArray[np.floating[Any]]

#: What an InterFaceGAN boundary of unknown origin can live in: rows of W are moved by one of W.
SPACES = ("w", "z")

#: The first byte of a .npy file, here of one that holds objects, and of a pickle.
_PICKLED = (b"\x93", b"\x80")

#: stylegan3-editing saves dictionaries, image -> list, of which the last entry is the one to use.
_UNPACK = (
    "import numpy as np; d = np.load('IN.npy', allow_pickle=True).item(); "
    "np.save('OUT.npy', np.stack([np.asarray(v[-1]) for v in d.values()]))"
)


def read_array(path: str | Path, *, option: str) -> Array:
    """The floating-point array of a ``.npy`` file, or of a ``.pt`` file that holds one tensor.

    Parameters
    ----------
    option : what the path comes from, for messages.

    Raises
    ------
    UserError
        If there is no such file, it holds a pickle or something else, or numbers are not finite.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise UserError(f"{option} must name a file. There is no '{path}'.")
    if path.suffix not in (".npy", ".pt"):
        raise UserError(f"{option} must name a .npy or a .pt file. Got '{path}'.")
    array = _tensor(path, option) if path.suffix == ".pt" else _npy(path, option)
    if array.dtype.kind != "f" or array.ndim == 0 or array.size == 0:
        raise UserError(
            f"{option} must hold floating-point numbers. '{path}' holds {array.dtype} of shape "
            f"{array.shape}."
        )
    with np.errstate(over="ignore"):  # of what float32, in which faces are rendered, can't hold
        finite = np.isfinite(array.astype(np.float32)).all()
    if not finite:
        raise UserError(f"{option}: '{path}' holds numbers that are not finite. Write it again.")
    return array


def _npy(path: Path, option: str) -> Array:
    try:
        loaded = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        if not (isinstance(error, ValueError) and "pickle" in str(error)):
            raise UserError(f"{option}: '{path}' is not a .npy file ({error}).") from None
        with path.open("rb") as file:  # numpy takes any file that it does not know for a pickle
            if file.read(1) not in _PICKLED:
                raise UserError(f"{option}: '{path}' is not a .npy file.") from None
        raise UserError(
            f"{option}: '{path}' is a pickle, which could run anything when it is read, and is "
            f'refused. If you trust it, once: python -c "{_UNPACK}"'
        ) from None
    if not isinstance(loaded, np.ndarray):
        raise UserError(f"{option}: '{path}' is an archive of several arrays. Give one array.")
    return loaded


def _tensor(path: Path, option: str) -> Array:
    from pickle import UnpicklingError

    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles, about what is refused here anyway
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise UserError(
            f"{option}: '{path}' is damaged or holds more than tensors, which could run anything "
            "when it is read, and is refused. Save one tensor: torch.save(tensor, 'OUT.pt')."
        ) from None
    except (OSError, ValueError, EOFError, RuntimeError, KeyError) as error:
        said = " ".join(str(error).split())[:120]
        raise UserError(f"{option}: '{path}' is not a .pt file ({said}).") from None
    if not isinstance(loaded, torch.Tensor):
        raise UserError(
            f"{option}: '{path}' holds a {type(loaded).__name__}, not one tensor. Save the one "
            "tensor: torch.save(tensor, 'OUT.pt')."
        )
    dense = loaded.detach().to_dense()
    array: Array = (dense.float() if dense.is_floating_point() else dense).numpy()
    return array


def read_boundary(path: Path, *, space: str | None) -> dict[str, Any]:
    """The fields of a ``Boundary`` from another tool's file.

    The normal is made a unit vector, ``provenance["foreign"]`` keeps the length that it had. The
    attribute is the file's name without "_boundary", or its folder's where that leaves nothing.

    Raises
    ------
    UserError
        If ``space`` is not given, or the file holds something else than one direction.
    """
    if space is None:
        raise UserError(
            f"space must be given: '{path}' has no .json beside it that says what it means. Give "
            "space=w or space=z, whichever it was found in."
        )
    one_of("space", space, SPACES)
    array = read_array(path, option="boundary").astype(np.float64)
    if array.ndim > 2 or array.size != array.shape[-1]:
        raise UserError(
            f"boundary: '{path}' must hold one direction, of shape (D,) or (1, D). Got shape "
            f"{array.shape}."
        )
    normal = array.reshape(1, -1)
    length = float(np.linalg.norm(normal))
    if length == 0:
        raise UserError(f"boundary: '{path}' must hold a direction. Got a vector of length 0.")
    name = path.stem.removesuffix("boundary").rstrip("_-.")
    return {
        "attribute": name or path.absolute().parent.name or "boundary",
        "space": space,
        "normal": (normal / length).astype(np.float32),
        "intercept": 0.0,
        "provenance": {"foreign": {"file": path.name, "length": length}},
    }


def centred(boundary: Boundary, mean_D: Array) -> Boundary:
    """A boundary from elsewhere with distance 0 at a mean latent (D,); one of ours as it is.

    Where its own zero was is unknown. In Z the population's mean is 0 anyway.
    """
    if "foreign" not in boundary.provenance or boundary.space != "w":
        return boundary
    at_mean = float(boundary.normal[0].astype(np.float64) @ mean_D.astype(np.float64))
    return dataclasses.replace(boundary, intercept=-at_mean)
