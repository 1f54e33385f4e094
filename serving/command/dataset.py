"""`ussop dataset`: data sets in and out, through the API like any other client."""

import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, NoReturn

import httpx
import typer

from serving.errors import InvalidRequest, NotAuthenticated, ServingError, StorageUnavailable
from serving.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Bring data sets in and out.")
_API: Final = "/api/v1"
_POLL_S: Final = 0.5
_TIMEOUT: Final = httpx.Timeout(60.0, write=600.0, read=600.0)

Url = Annotated[str, typer.Option(help="Address of the API; this machine's by default.")]
Username = Annotated[str, typer.Option(envvar="USSOP_USERNAME", help="An engineer or administrator.")]
Password = Annotated[
    str, typer.Option(envvar="USSOP_PASSWORD", prompt=True, hide_input=True, help="Asked for if not given.")
]


@app.command("import", help="Import a zip file or a folder of pictures and labels.")
def import_(
    path: Annotated[Path, typer.Argument(exists=True, readable=True)],
    password: Password,
    name: Annotated[str, typer.Option(help="Name for people.")] = "",
    label_format: Annotated[
        str, typer.Option("--format", help="coco, yolo or labelstudio; found out if left out.")
    ] = "",
    unlabelled: Annotated[str, typer.Option(help="Pictures without labels: skip, queue or good.")] = "skip",
    username: Username = "admin",
    url: Url = "",
) -> None:
    """Send it, follow the import, and say what became of it."""
    with _logged_in(url, username, password) as client, _archive_of(path) as archive:
        fields = {"name": name or path.stem, "format": label_format, "unlabelled": unlabelled}
        answer = client.post(f"{_API}/datasets/import", files={"file": (f"{path.stem}.zip", archive)}, data=fields)
        state = _follow(client, str(_content(answer)["id"]))
    for problem in state["errors"]:
        typer.echo(f"{problem['file']}: {problem['problem']}", err=True)
    counts = state["counts"]
    typer.echo(
        f"{state['state']}: {counts['added']} new, {counts['present']} there already, {counts['good_parts']} good "
        f"parts, {counts['annotations']} annotations, {counts['queued']} to review, {counts['errors']} with problems"
    )
    if state["state"] == "failed":
        raise InvalidRequest(f"the import failed: {state['detail']}")
    typer.echo(f"data set {state['dataset_id']}")


@app.command("export", help="Export a data set as a zip file.")
def export(
    dataset_id: Annotated[str, typer.Argument(help="As `ussop dataset list` shows it.")],
    path: Annotated[Path, typer.Argument(help="The file to write; it must not exist yet.")],
    password: Password,
    label_format: Annotated[str, typer.Option("--format", help="coco or yolo.")] = "coco",
    username: Username = "admin",
    url: Url = "",
) -> None:
    """Receive it into a file that appears only when it is complete."""
    part = path.with_name(f"{path.name}.part")
    if path.exists():
        raise InvalidRequest(f"{path} exists already")
    try:
        with _logged_in(url, username, password) as client, part.open("xb") as file:
            where = f"{_API}/datasets/{dataset_id}/export"
            with client.stream("GET", where, params={"format": label_format}) as answer:
                if not answer.is_success:
                    answer.read()
                    _refuse(answer)
                for piece in answer.iter_bytes():
                    file.write(piece)
        part.rename(path)
    except OSError as error:
        raise StorageUnavailable(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    typer.echo(f"written to {path}")


@app.command("list", help="List the data sets, newest first.")
def list_datasets(password: Password, username: Username = "admin", url: Url = "") -> None:
    """One line for each."""
    with _logged_in(url, username, password) as client:
        for dataset in _content(client.get(f"{_API}/datasets"))["datasets"]:
            counts = dataset["counts"]
            typer.echo(
                f"{dataset['id']}  {counts['pictures']:>7} pictures  {dataset['created_at'][:10]}  {dataset['name']}"
            )


@contextmanager
def _logged_in(url: str, username: str, password: str) -> Iterator[httpx.Client]:
    """A client with a token.

    Raises:
        ServingError: The API does not answer, or refuses.
    """
    settings = load_settings()
    base_url = url or f"http://{settings.api_host}:{settings.api_port}"
    try:
        with httpx.Client(base_url=base_url, timeout=_TIMEOUT, trust_env=False) as client:
            answer = client.post(f"{_API}/auth/login", json={"username": username, "password": password})
            client.headers["Authorization"] = f"Bearer {_content(answer)['access_token']}"
            yield client
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StorageUnavailable(f"the API at {base_url} cannot be reached: {error}") from error


@contextmanager
def _archive_of(path: Path) -> Iterator[BinaryIO]:
    """The zip file, or one made of the folder (links are left out)."""
    if path.is_file():
        with path.open("rb") as file:
            yield file
        return
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for member in sorted(path.rglob("*")):
                if member.is_file() and not member.is_symlink():
                    archive.write(member, member.relative_to(path).as_posix())
        file.seek(0)
        yield file


def _follow(client: httpx.Client, import_id: str) -> dict[str, Any]:
    while True:
        state = _content(client.get(f"{_API}/datasets/imports/{import_id}"))
        if state["state"] != "running":
            return state
        time.sleep(_POLL_S)


def _content(answer: httpx.Response) -> dict[str, Any]:
    if not answer.is_success:
        _refuse(answer)
    content: dict[str, Any] = answer.json()
    return content


def _refuse(answer: httpx.Response) -> NoReturn:
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"the API answered {answer.status_code}"
    kind: type[ServingError] = NotAuthenticated if answer.status_code == httpx.codes.UNAUTHORIZED else ServingError
    raise kind(detail)
