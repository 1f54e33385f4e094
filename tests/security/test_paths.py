"""Hostile strings in every parameter of every path, and links that appear when nobody looks."""

import os
import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from serving.beneath import open_beneath
from serving.datasets.sources import FolderSource
from serving.errors import InvalidRequest
from tests.contracts.running import Running
from tests.prove.plugin import Proof
from tests.serving.declared import document

CANARY: Final = "CANARY-of-a-file-outside"
_UP: Final = "../../../../../../../../"
HOSTILE: Final = (
    *("..", "../..", f"{_UP}etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e", "..\\..\\windows\\win.ini"),
    *("....//....//etc/passwd", "/etc/passwd", "//etc/passwd", "~root/.ssh/id_rsa", "file:///etc/passwd"),
    *("/proc/self/environ", "\\\\127.0.0.1\\share", "C:\\boot.ini", ".", "", " ", "\0", "a\0.jpg", "%00", "%2500"),
    *("\r\nSet-Cookie: a=b", "%0d%0aX: y", "\u202egpj.exe", "\ufeff", "\ud7ff", "ÿ" * 300, "a" * 5000, "*", "?", "#"),
    *("' OR '1'='1", "1; DROP TABLE inspections", "1 UNION SELECT password_hash FROM users", "${jndi:ldap://x}"),
    *(
        "{{7*7}}",
        "<script>alert(1)</script>",
        "$(id)",
        "`id`",
        "|id",
        ";id",
        "-1",
        "0",
        "1e308",
        "99999999999999999999",
    ),
    *(
        "null",
        "undefined",
        "NaN",
        "true",
        "[]",
        "{}",
        "__proto__",
        "constructor",
        "me",
        "%c0%ae%c0%ae/",
        "..;/",
        "@evil",
    ),
)
_ENDS_SESSION: Final = ("/logout", "/users/me/password", "/users/me")


def _routes() -> Iterator[tuple[str, str, str]]:
    """Method, path and name of each parameter of a path."""
    for path, methods in sorted(document()["paths"].items()):
        for method, operation in sorted(methods.items()):
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    yield method, path, parameter["name"]


@pytest.mark.prove("paths-and-injection", "hostile strings in every parameter of every path, as an administrator")
def test_nothing_breaks_or_leaks_when_a_parameter_is_hostile(platform: Running, proof: Proof) -> None:
    (platform.settings.data_dir / "outside.txt").write_text(CANARY)
    hostile = proof.size(short=HOSTILE[::4], full=HOSTILE)
    sent, wrong = 0, {}
    before = _tree(platform.settings.data_dir)
    with platform.client("admin") as client:
        for method, path, name in _routes():
            for text in hostile:
                url = path.replace(f"{{{name}}}", text if text.isascii() and "%" in text else quote(text, safe=""))
                url = url.replace("{", "").replace("}", "")
                if url.endswith(_ENDS_SESSION):
                    continue
                answer = client.request(method, url)
                sent += 1
                leaked = any(mark in answer.text for mark in (CANARY, "root:x:0", "argon2", "Traceback", "SELECT "))
                if (answer.status_code >= 500 and answer.status_code != 503) or leaked or answer.status_code == 401:
                    wrong[method, path, text[:30]] = f"{answer.status_code} {answer.text[:100]}"
    proof.note(parameters=len(list(_routes())), strings=len(hostile), requests=sent, wrong=len(wrong))
    assert len(HOSTILE) >= 40
    assert wrong == {}
    assert _tree(platform.settings.data_dir) == before


def _tree(folder: Path) -> set[str]:
    passing = ("ussop.db", ".repaired", "audit-anchor", ".new")
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return {name for name in found if not any(mark in name for mark in passing)}


@pytest.fixture
def flipped(tmp_path: Path) -> Iterator[Path]:
    """A folder in which `a/x.txt` is now a file of its own and now, by a link, one outside; `x.txt` likewise."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root / "real", outside):
        folder.mkdir(parents=True)
        (folder / "x.txt").write_text(CANARY if folder == outside else "ours")
    stop = threading.Event()

    def flip(name: str, ours: Path, theirs: Path) -> None:
        link = root / name
        scratch = root / f".{name}"
        while not stop.is_set():
            for target in (ours, theirs):
                with suppress(FileExistsError):
                    scratch.symlink_to(target)
                scratch.replace(link)
            if ours.is_file():  # for a moment it is a plain file
                os.link(ours, scratch)
                scratch.replace(link)

    threads = [
        threading.Thread(target=flip, args=("a", root / "real", outside)),
        threading.Thread(target=flip, args=("x.txt", root / "real" / "x.txt", outside / "x.txt")),
    ]
    for thread in threads:
        thread.start()
    yield root
    stop.set()
    for thread in threads:
        thread.join(30)


@pytest.mark.prove("paths-and-injection", "reads below a folder whose links change all the time")
def test_nothing_outside_is_read_when_a_link_is_swapped_after_the_check(flipped: Path, proof: Proof) -> None:
    dice, reads = random.Random(proof.seed), {"ours": 0, "refused": 0}  # noqa: S311 - no secret
    source = FolderSource(flipped)
    leaked = 0
    for _ in range(proof.size(short=2000, full=10_000)):
        name = dice.choice(("a/x.txt", "x.txt", "real/x.txt"))
        try:
            content = source.read(name, 1000)
        except InvalidRequest:
            reads["refused"] += 1
        else:
            leaked += content != b"ours"
            reads["ours"] += content == b"ours"
    proof.note(reads=sum(reads.values()), refused=reads["refused"], leaked=leaked)
    assert leaked == 0
    assert reads["ours"] > 100
    assert reads["refused"] > 100


@pytest.mark.parametrize(
    "name", ["../outside/x.txt", "/etc/passwd", "", ".", "real/../../outside/x.txt", "pipe", "real"]
)
def test_file_is_not_opened_when_it_is_none_of_the_folder(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.txt").write_text(CANARY)
    os.mkfifo(root / "pipe")
    with pytest.raises(OSError):  # noqa: PT011 - which one is the system's choice
        open_beneath(root, name).close()
