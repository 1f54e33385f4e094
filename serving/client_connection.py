"""The connection beneath the client: who asks, logging in when it must, and errors as one type."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, Self, TypeVar

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

AnswerT = TypeVar("AnswerT", bound=BaseModel)
_TIMEOUT_S: Final = 30.0
_LONGEST_DETAIL: Final = 300


class ClientError(Exception):
    """The API did not do what was asked.

    Attributes:
        status: HTTP status, None where there was no answer.
        api_code: The API's stable word for the error, empty where there was no answer.
        retry_after_s: Seconds after which it wants to be asked again, None if it did not say.
    """

    code: ClassVar[str] = "client_error"

    def __init__(
        self, detail: str, *, status: int | None = None, retry_after_s: float | None = None, api_code: str = ""
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.api_code = api_code
        self.retry_after_s = retry_after_s

    @property
    def is_passing(self) -> bool:
        """Whether the same request may well succeed later."""
        return self.status in {None, 408, 429, 502, 503, 504}


class ServiceAccount(BaseModel):
    """Name and password of an account."""

    username: str
    password: SecretStr

    @classmethod
    def read(cls, path: Path) -> Self:
        """The account of a file that `ussop up` wrote.

        Raises:
            ClientError: There is no such file, or it is damaged.
        """
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError) as error:
            raise ClientError(f"the service account cannot be read ({type(error).__name__}): {path.name}") from error


class ApiKey(BaseModel):
    """The secret of an API key, which needs no login."""

    key: SecretStr


class Connection:
    """A connection to the API under one account or key; logs in when it must, and again when a token has expired."""

    def __init__(self, base_url: str, account: ServiceAccount | ApiKey, *, timeout_s: float = _TIMEOUT_S) -> None:
        """Takes the API's address; nothing is sent before the first call."""
        # Where nothing is encrypted, nobody need read the authorities' certificates: it takes a tenth of a second.
        has_tls = not base_url.startswith("http:")
        url = f"{base_url.rstrip('/')}/api/v1"
        self._client = httpx.Client(base_url=url, timeout=timeout_s, trust_env=False, verify=has_tls)
        self._account = account
        self._token = ""
        self._logging_in = threading.Lock()

    def __enter__(self) -> Self:
        """The connection itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connection."""
        self._client.close()

    def _ask(self, kind: type[AnswerT], method: str, path: str, **content: Any) -> AnswerT:
        return parsed(kind, self._send(method, path, **content), path)

    def _send(self, method: str, path: str, *, headers: dict[str, str] | None = None, **content: Any) -> httpx.Response:
        if isinstance(self._account, ApiKey):
            key = {"X-API-Key": self._account.key.get_secret_value()}
            return checked(self._request(method, path, headers={**(headers or {}), **key}, **content))
        token = self._token or self._log_in(self._account, "")
        answer = self._request(method, path, headers={**(headers or {}), **bearer(token)}, **content)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            headers = {**(headers or {}), **bearer(self._log_in(self._account, token))}
            answer = self._request(method, path, headers=headers, **content)
        return checked(answer)

    def _log_in(self, account: ServiceAccount, stale_token: str) -> str:
        """A token other than the stale one; of several threads that ask, one logs in."""
        with self._logging_in:
            if self._token == stale_token:
                body = {"username": account.username, "password": account.password.get_secret_value()}
                answer = checked(self._request("POST", "/auth/login", json=body))
                self._token = str(answer.json()["access_token"])
            return self._token

    def _request(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **content)
        except httpx.HTTPError as error:
            raise ClientError(f"the API does not answer: {type(error).__name__}") from error


def parsed(kind: type[AnswerT], answer: httpx.Response, path: str) -> AnswerT:
    """The content of an answer.

    Raises:
        ClientError: It is something else.
    """
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:
        raise ClientError(f"the answer to {path} is not what was asked for", status=answer.status_code) from error


def form_in_one_piece(
    fields: Mapping[str, str], files: Mapping[str, tuple[str, bytes, str]]
) -> tuple[bytes, dict[str, str]]:
    """A multipart body and its headers.

    httpx would send the body in a piece per boundary, header and field: fourteen system calls for a picture, and as
    many wake-ups of the server.
    """
    request = httpx.Request("POST", "http://form/", data=fields, files=files)
    return request.read(), {"Content-Type": request.headers["Content-Type"]}


def bearer(token: str) -> dict[str, str]:
    """The header that carries an access token."""
    return {"Authorization": f"Bearer {token}"}


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer, if it is a good one.

    Raises:
        ClientError: It is not.
    """
    if answer.is_success:
        return answer
    try:
        body = answer.json()
        detail, code = str(body["detail"])[:_LONGEST_DETAIL], str(body.get("code", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        detail, code = f"the API answered {answer.status_code}", ""
    wait = answer.headers.get("Retry-After", "")
    wait_s = float(wait) if wait.isdigit() else None
    raise ClientError(detail, status=answer.status_code, retry_after_s=wait_s, api_code=code)
