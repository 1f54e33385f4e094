"""Long random histories against a model in memory: sessions, the review queue, the store of bundles."""

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle as Known,
)
from hypothesis.stateful import RuleBasedStateMachine, consumes, invariant, multiple, rule

from models.bundle import Bundle, load_bundle
from models.errors import ModelError
from registry.errors import RegistryError
from registry.local_store import LocalStore
from serving.audit.actor import Actor
from serving.auth.service import REUSE_GRACE, AuthService
from serving.auth.sessions import SessionChecker
from serving.auth.tokens import TokenIssuer
from serving.clock import utc_now
from serving.database import Database, open_database
from serving.errors import Forbidden, NotAuthenticated
from serving.settings import Settings
from serving.users import repository as users
from serving.users import service as accounts
from tests.contracts.running import Running
from tests.pictures import png_bytes, square_picture
from tests.prove.histories import run_histories
from tests.prove.plugin import Proof
from tests.serving.conftest import _CHEAP, PASSWORD

_ANYBODY: Final = Actor(kind="anonymous", id="", name="", address="127.0.0.1")


@dataclass
class Family:
    """A session, as it must be."""

    generation: int
    tokens: list[str]
    used_at: dict[str, datetime] = field(default_factory=dict)
    is_dead: bool = False


class SessionHistory(RuleBasedStateMachine):
    """Logins, refreshes in any order, logouts, changed passwords and closed accounts of one user."""

    tokens = Known("tokens")
    database: Database
    issuer: TokenIssuer
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.now = utc_now() - timedelta(hours=2)  # tokens are checked by the real clock
        self.auth = AuthService(self.database, self.issuer, 60, lambda: self.now)
        self.name = f"user-{uuid4().hex[:12]}"
        user = accounts.new_user(self.name, PASSWORD, ["viewer"])
        user.password_hash = _CHEAP.hash(PASSWORD)
        self.user_id = user.id
        self.database.write(partial(users.add, user=user)).result(timeout=60)
        self.families: list[Family] = []
        self.generation, self.is_active = 0, True

    def _change(self, **values: Any) -> None:
        def change(session: Any) -> None:
            user = users.find(session, self.user_id)
            assert user is not None
            for name, value in values.items():
                setattr(user, name, value)
            session.add(user)

        self.database.write(change).result(timeout=60)

    def _family_of(self, token: str) -> Family:
        return next(family for family in self.families if token in family.tokens)

    @rule(target=tokens)
    def log_in(self) -> Any:
        if not self.is_active:
            with pytest.raises(NotAuthenticated):
                self.auth.login(self.name, PASSWORD, _ANYBODY)
            return multiple()
        token = self.auth.login(self.name, PASSWORD, _ANYBODY).refresh_token
        self.families.append(Family(self.generation, [token]))
        return token

    @rule(target=tokens, token=tokens)
    def refresh(self, token: str) -> Any:
        family = self._family_of(token)
        used_at = family.used_at.get(token)
        successor = family.tokens[family.tokens.index(token) + 1 :][:1]
        fails = family.is_dead or not self.is_active or family.generation != self.generation
        if not fails and used_at is not None:
            fails = self.now - used_at > REUSE_GRACE or successor[0] in family.used_at
        if fails:
            family.is_dead = True
            with pytest.raises(NotAuthenticated):
                self.auth.refresh(token, _ANYBODY)
            return multiple()
        given = self.auth.refresh(token, _ANYBODY).refresh_token
        if used_at is not None:
            assert [given] == successor
            return multiple()
        family.used_at[token] = self.now
        family.tokens.append(given)
        return given

    @rule(token=tokens)
    def log_out(self, token: str) -> None:
        actor = Actor(kind="user", id=self.user_id, name=self.name, address="127.0.0.1")
        self.auth.logout("", token, actor)
        self._family_of(token).is_dead = True

    @rule(token=consumes(tokens))
    def stranger_logs_out(self, token: str) -> None:
        with pytest.raises(NotAuthenticated):
            self.auth.logout("", token, Actor(kind="user", id="somebody", name="x", address="127.0.0.1"))

    @rule(by=st.sampled_from([1, 9, 11, 60]))
    def time_passes(self, by: int) -> None:
        self.now += timedelta(seconds=by)

    @rule()
    def account_is_closed_or_opened(self) -> None:
        self.is_active = not self.is_active
        self._change(is_active=self.is_active)

    @rule()
    def sessions_are_ended(self) -> None:
        def end(session: Any) -> None:
            user = users.find(session, self.user_id)
            assert user is not None
            accounts.end_sessions(session, user, self.now)

        self.database.write(end).result(timeout=60)
        self.generation += 1
        for family in self.families:
            family.is_dead = True

    @rule()
    def password_is_guessed_at_the_change(self) -> None:
        actor = Actor(kind="user", id=self.user_id, name=self.name, address="127.0.0.1")
        if len(self.families) % 3 == 1:  # now and then: ten of them close the account
            self.auth._lockout.succeed(self.name)
            with pytest.raises(Forbidden):
                self.auth.change_password(self.user_id, "wrong", "another long password", actor)

    @invariant()
    def sessions_are_alive_when_they_should_be(self) -> None:
        type(self).steps += 1
        checker = SessionChecker(self.database)
        for family in self.families[-3:]:
            claims = self.issuer.verify_refresh(family.tokens[-1])
            should = self.is_active and not family.is_dead and family.generation == self.generation
            try:
                checker.check(claims)
                alive = True
            except NotAuthenticated:
                alive = False
            assert alive == should


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = open_database(settings)
    yield database
    database.close()


@pytest.mark.prove("fuzz", "random histories of sessions against a model: log in, refresh, log out, revoke, close")
def test_sessions_live_and_die_as_the_model_says_when_anything_happens(
    settings: Settings, database: Database, proof: Proof
) -> None:
    machine = SessionHistory
    machine.database, machine.issuer, machine.steps = database, TokenIssuer(settings), 0
    runs, steps = proof.size(short=(3, 15), full=(60, 50))
    run_histories(machine, proof, runs=runs, steps=steps)
    proof.note(histories=runs, steps=machine.steps, divergences=0)


class StoreHistory(RuleBasedStateMachine):
    """Bundles come, are pointed at, rolled back and damaged; what is deployed is always whole, or said not to be."""

    folder: Path
    sources: list[Path]
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.root = self.folder / uuid4().hex
        self.store = LocalStore(self.root)
        self.installed: dict[str, int] = {}
        self.damaged: set[str] = set()
        self.aliases: dict[str, str] = {}

    @rule(number=st.integers(0, 2))
    def install(self, number: int) -> None:
        bundle = self.store.install(self.sources[number])
        self.installed[bundle.digest] = number
        self.damaged.discard(bundle.digest)

    @rule(number=st.integers(0, 2), alias=st.sampled_from(["deployed", "previous", "candidate"]))
    def point(self, number: int, alias: str) -> None:
        digest = next((digest for digest, of in self.installed.items() if of == number), "f" * 64)
        if digest in self.installed:
            self.store.point(alias, digest, str(number))
            self.aliases[alias] = digest
            return
        with pytest.raises(RegistryError):
            self.store.point(alias, digest)

    @rule(alias=st.text(max_size=8), digest=st.sampled_from(["", "..", "../..", "A" * 64, "f" * 63, "f" * 65, "\0"]))
    def point_at_nonsense(self, alias: str, digest: str) -> None:
        del alias
        with pytest.raises(RegistryError):
            self.store.point("deployed", digest)
        assert self.store.find(digest) is None

    @rule()
    def roll_back(self) -> None:
        if {"deployed", "previous"} <= set(self.aliases):
            before = dict(self.aliases)
            self.store.point("deployed", before["previous"])
            self.store.point("previous", before["deployed"])
            self.aliases |= {"deployed": before["previous"], "previous": before["deployed"]}

    @rule(number=st.integers(0, 2), at=st.integers(0, 10**6))
    def damage(self, number: int, at: int) -> None:
        digest = next((digest for digest, of in self.installed.items() if of == number), None)
        if digest is None:
            return
        file = self.root / digest / "model.onnx"
        data = bytearray(file.read_bytes())
        data[at % len(data)] ^= 1
        file.write_bytes(data)
        self.damaged = self.damaged ^ {digest} if _is_whole(self.root / digest) else self.damaged | {digest}
        if _is_whole(self.root / digest):
            self.damaged.discard(digest)

    @invariant()
    def store_says_what_is_there(self) -> None:
        type(self).steps += 1
        for digest in self.installed:
            assert (self.store.find(digest) is None) == (digest in self.damaged)
        for alias, digest in self.aliases.items():
            pointer = self.store.pointer(alias)
            assert pointer is not None
            assert pointer.digest == digest
        if self.root.exists():
            assert [entry.name for entry in self.root.iterdir() if entry.name.startswith(".incoming")] == []


def _is_whole(folder: Path) -> bool:
    try:
        load_bundle(folder)
    except ModelError:
        return False
    return True


def _variants(bundle: Bundle, folder: Path) -> list[Path]:
    """Three sound bundles of different content."""
    made = []
    for number in range(3):
        target = folder / f"variant-{number}"
        shutil.copytree(bundle.root, target)
        manifest = json.loads((target / "manifest.json").read_text())
        manifest["provenance"]["git_commit"] = f"{number:040x}"
        (target / "manifest.json").write_text(json.dumps(manifest))
        load_bundle(target)
        made.append(target)
    return made


@pytest.mark.prove(
    "fuzz", "random histories of the store of bundles against a model: install, point, roll back, damage"
)
def test_store_holds_what_the_model_says_when_anything_happens(
    tiny_bundle: Bundle, tmp_path: Path, proof: Proof
) -> None:
    machine = StoreHistory
    machine.folder, machine.sources, machine.steps = tmp_path / "stores", _variants(tiny_bundle, tmp_path), 0
    runs, steps = proof.size(short=(2, 12), full=(40, 50))
    run_histories(machine, proof, runs=runs, steps=steps)
    proof.note(histories=runs, steps=machine.steps, divergences=0)


@pytest.mark.prove("fuzz", "a random history of the review queue against a model: queue, label, replace, skip, delete")
def test_review_queue_holds_what_the_model_says_when_anything_happens(platform: Running, proof: Proof) -> None:
    dice = random.Random(proof.seed)  # noqa: S311 - no secret
    api, state = "/api/v1/active-learning", dict[str, str]()
    with platform.client("engineer") as client:
        before = client.get(f"{api}/stats").json()
        shown = dict[str, str]()
        for _ in range(proof.size(short=40, full=1500)):
            act = dice.choice(("inspect", "label", "label", "replace", "skip", "delete", "nonsense"))
            item = dice.choice([*state, "nobody"])
            _act(client, act, item, state, shown, dice)
            stats = client.get(f"{api}/stats").json()
            for name in ("pending", "labeled", "skipped"):
                assert stats[name] - before[name] == list(state.values()).count(name), act
    proof.note(steps=proof.size(short=40, full=1500), items=len(state), divergences=0)


def _act(
    client: httpx.Client, act: str, item: str, state: dict[str, str], shown: dict[str, str], dice: random.Random
) -> None:
    """One step of the history, and what must come of it."""
    api, now = "/api/v1/active-learning", state.get(item)
    box = {"class_name": "scratch", "bbox": [1, 1, 20, 20]}
    labels = {"annotations": [box] * dice.randint(0, 2)}
    if act == "inspect":
        picture = square_picture("pale_red", at_xy=(dice.randrange(40), dice.randrange(40)))
        picture[63, 63] = dice.randbytes(3)[0]
        picture[0, 0] = [dice.randrange(100, 110) for _ in range(3)]
        made = client.post("/api/v1/inspect", files={"file": ("x", png_bytes(picture))}).json()
        queue = client.get(f"{api}/queue?limit=100").json()["items"]
        for each in queue:
            if each.get("inspection_id") == made["id"]:
                state[each["id"]], shown[each["id"]] = "pending", made["id"]
    elif act in {"label", "replace"}:
        answer = client.post(f"{api}/annotate/{item}{'?replace=true' * (act == 'replace')}", json=labels)
        allowed = now is not None and (act == "replace" or now == "pending")
        assert answer.status_code in ({200} if allowed else {404} if now is None else {409, 200}), (
            act,
            now,
            answer.text,
        )
        if answer.status_code == 200:
            state[item] = "labeled"
    elif act == "skip":
        answer = client.post(f"{api}/skip/{item}")
        assert answer.status_code in ({404} if now is None else {200, 409}), answer.text
        if answer.status_code == 200:
            state[item] = answer.json()["state"]
    elif act == "delete":
        answer = client.delete(f"/api/v1/inspect/{shown.get(item, 'nobody')}")
        assert answer.status_code in ({404} if now is None else {200, 409}), answer.text
        if answer.status_code == 200:
            state.pop(item)
            shown.pop(item)
    else:
        wrong = {"annotations": [{"class_name": "scratch", "bbox": [5, 5, 1, 1]}]}
        assert client.post(f"{api}/annotate/{item}?replace=true", json=wrong).status_code in {404, 422}
