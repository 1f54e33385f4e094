"""Links to pictures that work without a token, for a while: `<img>` tags cannot send one."""

import hashlib
import hmac
from datetime import datetime
from typing import Final

ROUTE: Final = "/static/images"
# Links made within one step are equal, so that a browser's cache finds the picture again.
_STEP_S: Final = 60


class ImageLinks:
    """Makes and checks links. The signature covers path and expiry; the key is used for nothing else."""

    def __init__(self, key: bytes, ttl_s: int) -> None:
        self._key = key
        self._ttl_s = ttl_s

    def link_to(self, path: str, now: datetime) -> str:
        """The URL of a picture, good for the configured time and up to a minute longer."""
        expires_s = (int(now.timestamp()) // _STEP_S + 1) * _STEP_S + self._ttl_s
        return f"{ROUTE}/{path}?exp={expires_s}&sig={self._sign(path, expires_s)}"

    def is_good(self, path: str, expires_s: int, signature: str, now: datetime) -> bool:
        """Whether we made this link and it has not expired."""
        expected = self._sign(path, expires_s)
        return hmac.compare_digest(expected.encode(), signature.encode()) and now.timestamp() < expires_s

    def _sign(self, path: str, expires_s: int) -> str:
        return hmac.new(self._key, f"{path}\n{expires_s}".encode(), hashlib.sha256).hexdigest()
