"""What each caller reaches, route by route: people of each role, API keys of each role and for one station, nobody."""

from typing import Final

import pytest

from serving.auth.principal import ROLES
from tests.contracts.running import KEY_STATION, Running
from tests.serving.auth.test_roles import _EVERYBODY, _LOWEST_ROLE, _THE_PLATFORM
from tests.serving.declared import document

Route = tuple[str, str]
_V1: Final = "/api/v1"
LOWEST: Final = {**_LOWEST_ROLE, ("GET", "/static/images/{path}"): "viewer"}

# Closed to every API key, whatever its role is.
PEOPLE_ONLY: Final[frozenset[Route]] = frozenset(
    {
        ("POST", f"{_V1}/auth/logout"),
        ("GET", f"{_V1}/users"),
        ("POST", f"{_V1}/users"),
        ("PUT", f"{_V1}/users/me"),
        ("PUT", f"{_V1}/users/me/password"),
        ("PUT", f"{_V1}/users/{{user_id}}"),
        ("DELETE", f"{_V1}/users/{{user_id}}"),
        ("GET", f"{_V1}/api-keys"),
        ("POST", f"{_V1}/api-keys"),
        ("DELETE", f"{_V1}/api-keys/{{key_id}}"),
    }
)
# Open to a key for single stations, because the route looks at the station; every other is closed to such keys.
OF_STATIONS: Final[frozenset[Route]] = frozenset(
    {
        ("GET", f"{_V1}/auth/me"),
        ("GET", f"{_V1}/events"),
        ("GET", f"{_V1}/export/csv"),
        ("GET", f"{_V1}/export/report"),
        ("GET", f"{_V1}/export/report/{{inspection_id}}"),
        ("GET", f"{_V1}/inspect/{{inspection_id}}"),
        ("GET", f"{_V1}/inspections"),
        ("GET", f"{_V1}/stations"),
        ("GET", f"{_V1}/stations/{{station_id}}"),
        ("GET", f"{_V1}/statistics"),
        ("GET", f"{_V1}/statistics/parts"),
        ("GET", f"{_V1}/trends"),
        ("POST", f"{_V1}/inspect"),
        ("POST", f"{_V1}/inspect/camera"),
        ("POST", f"{_V1}/query"),
    }
)
# Open to the platform's own account, which is an operator, beside a higher role.
PLATFORM_TOO: Final[frozenset[Route]] = frozenset(
    {
        ("POST", f"{_V1}/active-learning/items"),
        ("POST", f"{_V1}/active-learning/audit/draws"),
        ("POST", f"{_V1}/datasets/{{dataset_id}}/trained"),
        ("POST", f"{_V1}/storage/retention/passes"),
        ("POST", f"{_V1}/storage/retention/passes/{{pass_id}}/chunks"),
        ("PUT", f"{_V1}/batch/jobs/{{job_id}}/report"),
        ("PUT", f"{_V1}/opcua/heartbeat"),
        ("GET", f"{_V1}/opcua/snapshot"),
    }
)
CALLERS: Final = ("anonymous", *ROLES, *(f"{role} key" for role in ROLES), "station key", "platform")


def _is_open(route: Route, caller: str) -> bool:
    """Whether the caller gets through, by the tables above."""
    lowest = LOWEST[route]
    if lowest == _EVERYBODY:
        return True
    if caller == "platform" and route in PLATFORM_TOO:
        return True
    if caller == "anonymous" or lowest == _THE_PLATFORM:
        return False
    if caller.endswith(" key") and route in PEOPLE_ONLY:
        return False
    if caller == "station key" and route not in OF_STATIONS:
        return False
    role = {"station key": "operator", "platform": "operator"}.get(caller, caller.removesuffix(" key"))
    return ROLES.index(role) >= ROLES.index(lowest)


def test_every_route_has_its_row_when_listed() -> None:
    routes = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    unlisted = sorted(routes - set(LOWEST))
    assert unlisted == [], (
        "say who may call these: the lowest role in _LOWEST_ROLE of tests/serving/auth/test_roles.py, and what holds "
        "for keys and the platform's own account in the tables of this file"
    )
    gone = sorted((set(LOWEST) | PEOPLE_ONLY | OF_STATIONS | PLATFORM_TOO) - routes)
    assert gone == [], "these routes are no more"


@pytest.mark.prove("identity", "every route of the API as each caller: who gets through")
@pytest.mark.parametrize("caller", CALLERS)
def test_route_answers_as_the_tables_say_when_called(platform: Running, caller: str) -> None:
    refusal = 401 if caller == "anonymous" else 403
    station = {"station_id": KEY_STATION} if caller == "station key" else None
    wrong = {}
    with platform.client(caller) as client:
        for (method, path), lowest in sorted(LOWEST.items()):
            # Login and refresh ask for a password or token of their own: 401 says nothing of the caller.
            if lowest == _EVERYBODY and "/auth/" in path:
                continue
            headers = platform.leaving.get(caller) if path.endswith("/logout") else None
            url = path.replace("{", "").replace("}", "")
            answer = client.request(method, url, headers=headers, params=station)
            expected = _is_open((method, path), caller)
            if (answer.status_code != refusal) != expected or answer.status_code in {401, 403} - {refusal}:
                wrong[method, path] = f"{answer.status_code} {answer.text[:200]}"
    assert wrong == {}


def test_station_key_stays_at_its_station_when_it_names_another(platform: Running) -> None:
    with platform.client("station key") as client:
        for path in ("inspections", "statistics", "statistics/parts", "trends", "events", "export/csv"):
            assert client.get(f"{_V1}/{path}?station_id=line-1").status_code == 200
            assert client.get(f"{_V1}/{path}?station_id=line-2").status_code == 403
        assert client.post(f"{_V1}/inspect/camera?station_id=line-2").status_code == 403
        assert client.get(f"{_V1}/stations/line-2").status_code == 404


def test_description_names_the_lowest_role_when_read() -> None:
    for (method, path), lowest in LOWEST.items():
        words = document()["paths"][path][method.lower()]["description"].splitlines()[-1]
        if lowest in ROLES and not path.startswith("/static/"):
            assert words.startswith(f"Role: {lowest}."), (method, path, words)
            assert words.endswith("API keys may not.") == ((method, path) in PEOPLE_ONLY), (method, path, words)
