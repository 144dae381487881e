"""`python app.py token`: a login of the embedded estate, for `call`, `chat` and one's own clients."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from schemas.jsontext import to_json
from schemas.settings import Settings

UNREACHABLE, REFUSED = 3, 2


class LoginFailed(Exception):
    """No token. `code` is the exit code: 2 refused, 3 not reached."""

    def __init__(self, reason: str, code: int) -> None:
        self.code = code
        super().__init__(reason)


def login(settings: Settings, user: str, expires_in_s: int | None) -> str:
    """A token of that resident from the running estate. Raises `LoginFailed`."""
    url = f"http://127.0.0.1:{settings.demo_port}/demo/login"
    wanted = {"user_id": user} | ({} if expires_in_s is None else {"expires_in_s": expires_in_s})
    request = urllib.request.Request(url, to_json(wanted).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - its own estate, on loopback
            return str(json.load(answer)["token"])
    except urllib.error.HTTPError as error:
        raise LoginFailed(_reason(error), REFUSED) from None
    except (OSError, ValueError, KeyError) as error:
        reason = f"the embedded estate does not answer on port {settings.demo_port} ({error}); start it: python app.py"
        raise LoginFailed(reason, UNREACHABLE) from None


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return f"the estate answered {error.code}"
