"""Google's default credentials: who asks, as the headers of a request.

Source: google.auth, "application default credentials".
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

from ifgan.errors import UserError
from ifgan.partial import in_few_words
from launchers.wire import NotSentError, Patience

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"

ADVICE = (
    "Log in with `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS "
    "to a key file."
)


class GoogleLogin:
    """One account; its token is fetched when it is first needed, and again when it expires.

    Parameters
    ----------
    patience : how long the server of tokens is waited for.
    anonymous : say nothing of who asks: for a server on this machine.
    credentials : instead of the default ones.
    """

    def __init__(
        self, patience: Patience, *, anonymous: bool = False, credentials: Any = None
    ) -> None:
        self.anonymous, self._given, self._patience = anonymous, credentials, patience

    def headers(self) -> Mapping[str, str]:
        """Headers that a request carries.

        Raises
        ------
        UserError
            If there are no credentials, or Google does not accept them.
        NotSentError
            If the server of tokens can't be reached.
        """
        if self.anonymous and self._given is None:
            return {}
        from google.auth.exceptions import GoogleAuthError, TransportError
        from google.auth.transport.requests import Request

        headers: dict[str, str] = {}
        # Google's wrapper of requests, with our own limit instead of two minutes.
        request = partial(Request(), timeout=self._patience.answer)
        try:
            self._credentials.before_request(request, "GET", "", headers)
        except TransportError as error:
            raise NotSentError(f"no token: {in_few_words(error)}") from error
        except GoogleAuthError as error:
            raise UserError(f"Google does not accept the credentials here. {ADVICE}") from error
        return headers

    def hide(self, text: str) -> str:
        """Text of a server without the token, should it repeat it."""
        if self.anonymous and self._given is None:
            return text
        token = getattr(self._credentials, "token", None)
        return text.replace(token, "…") if token else text

    @cached_property
    def _credentials(self) -> Any:
        import google.auth
        from google.auth.exceptions import GoogleAuthError

        if self._given is not None:
            return self._given
        try:
            with warnings.catch_warnings(action="ignore"):  # of quotas: a refusal would say it
                found, _ = google.auth.default(scopes=[_SCOPE])
        except GoogleAuthError as error:
            raise UserError(f"There are no usable Google credentials here. {ADVICE}") from error
        return found
