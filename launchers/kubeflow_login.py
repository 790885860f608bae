"""What a Kubeflow cluster is shown: a token, cookies, or what kfp finds by itself.

Nothing here asks anybody or opens a browser, and nothing is written down.

Source: the order is that of kfp.Client, kfp/client/client.py and set_volume_credentials.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ifgan.errors import UserError
from launchers.google_login import GoogleLogin
from launchers.wire import Patience

TOKEN, COOKIES = "IFGAN_KFP_TOKEN", "IFGAN_KFP_COOKIES"
_FILE_VARIABLE = "KF_PIPELINES_SA_TOKEN_PATH"
_FILE = "/var/run/secrets/kubeflow/pipelines/token"  # put there by Kubernetes, and renewed
_GOOGLE = ".googleusercontent.com"  # KFP behind Google's proxy wants the account's own token


class KubeflowLogin:
    """What one cluster is shown; asked for each request, because tokens expire."""

    def __init__(self, host: str, patience: Patience) -> None:
        behind_google = (urlsplit(host).hostname or "").endswith(_GOOGLE)
        self._google = GoogleLogin(patience) if behind_google else None

    def headers(self) -> Mapping[str, str]:
        """Headers that identify us; none where nothing is known, as on one's own machine.

        Raises
        ------
        UserError
            If what is in the environment can't be sent in a header.
        """
        token, cookies = _from_environment(TOKEN), _from_environment(COOKIES)
        if not token and not cookies:
            token = _from_file()
            if not token and self._google is not None:
                return self._google.headers()
        return {
            **({"Authorization": f"Bearer {token}"} if token else {}),
            **({"Cookie": cookies} if cookies else {}),
        }


def advice() -> str:
    """What to do when these headers are refused."""
    given = [name for name in (TOKEN, COOKIES) if os.environ.get(name)]
    if given:
        return f"What {' and '.join(given)} holds has expired or is another cluster's: renew it."
    return (
        f"Set {TOKEN} to a token, or {COOKIES} to the cookies of a browser that is logged in "
        "(docs/backends/kubeflow.md)."
    )


def login_warnings(host: str) -> list[str]:
    """What is risky about showing these headers to a host; one line each."""
    parts = urlsplit(host)
    name = parts.hostname or ""
    near = name in ("localhost", "127.0.0.1", "::1") or name.endswith((".svc", ".cluster.local"))
    given = [variable for variable in (TOKEN, COOKIES) if os.environ.get(variable)]
    if parts.scheme != "http" or near or not given:
        return []
    return [f"backend.host={host} is not encrypted: {given[0]} can be read on the way; use https."]


def without_secrets(text: str) -> str:
    """A text that a server sent, without what it may have repeated of these headers."""
    for name in (TOKEN, COOKIES):
        for secret in re.split(r"[;=\s]+", os.environ.get(name, "")):
            if len(secret) >= 8:
                text = text.replace(secret, "…")
    return re.sub(r"Bearer [^\s'\"]+", "Bearer …", text)


def _from_environment(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not re.fullmatch(r"[\x20-\x7e]*", value):
        raise UserError(
            f"{name} must be one line of printable ASCII characters. Got something else, which is "
            "not shown; copy it again."
        )
    return value


def _from_file() -> str:
    path = Path(os.environ.get(_FILE_VARIABLE) or _FILE)
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        return ""
