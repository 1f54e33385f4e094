"""The review queue over HTTP: what enters it, in which order, and what labelling does."""

from typing import Any

import httpx
import pytest

from models.bundle import Bundle
from serving.audit.repository import AuditFilter, list_page
from serving.audit.service import to_out
from serving.database import Database
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer

API = "/api/v1/active-learning"
PALE = png_bytes(square_picture("pale_red"))
GOOD = png_bytes(square_picture(None))
BOX = {"class_name": "scratch", "bbox": [16, 24, 32, 40]}


@pytest.fixture
def operator(client: httpx.Client, operator_token: str) -> httpx.Client:
    client.headers.update(bearer(operator_token))
    return client


def inspect(client: httpx.Client, data: bytes) -> str:
    return str(client.post("/api/v1/inspect", files={"file": ("x.png", data)}).json()["id"])


def queued(client: httpx.Client, limit: int = 10) -> list[dict[str, Any]]:
    items = client.get(f"{API}/queue", params={"limit": limit}).json()["items"]
    assert isinstance(items, list)
    return items


def annotate(client: httpx.Client, item_id: object, *annotations: object, query: str = "") -> httpx.Response:
    return client.post(f"{API}/annotate/{item_id}{query}", json={"annotations": annotations, "reviewed_by": "jo"})


def test_uncertain_part_waits_with_suggestions_when_inspected(operator: httpx.Client) -> None:
    inspection_id = inspect(operator, PALE)
    inspect(operator, GOOD)
    (item,) = queued(operator)
    assert (item["inspection_id"], item["station_id"], item["state"]) == (inspection_id, "default", "pending")
    assert (item["width"], item["height"]) == (64, 64)
    (reason,) = item["reasons"]
    assert reason["strategy"] == "uncertainty"
    assert 0 < reason["score"] == item["priority"] <= 1
    assert item["suggestions"][0]["class_name"] == "scratch"
    assert len(item["suggestions"][0]["polygon"][0]) >= 3
    operator.headers.pop("authorization")
    assert operator.get(str(item["image_url"])).content == PALE


def test_same_picture_waits_once_when_it_is_inspected_twice(operator: httpx.Client) -> None:
    assert inspect(operator, PALE) != inspect(operator, PALE)
    assert len(queued(operator)) == 1


def test_counts_follow_when_pictures_are_labelled(operator: httpx.Client, bundle_classes: list[str]) -> None:
    for shift in range(3):
        inspect(operator, png_bytes(square_picture("pale_red", at_xy=(8 * shift, 24))))
    first, second, third = (item["id"] for item in queued(operator))
    labelled = annotate(operator, first, BOX, {**BOX, "polygon": [[16, 24], [32, 24], [32, 40]]})
    assert labelled.status_code == 200, labelled.text
    assert labelled.json() | {"reviewed_at": ""} == {
        "id": first,
        "state": "labeled",
        "annotations": 2,
        "new_classes": [],
        "reviewed_by": "jo",
        "reviewed_at": "",
    }
    assert annotate(operator, second).status_code == 200  # a good part
    assert operator.post(f"{API}/skip/{third}").json()["state"] == "skipped"
    counts = operator.get(f"{API}/stats").json()
    assert counts == {
        "pending": 0,
        "labeled": 2,
        "trained": 0,
        "skipped": 1,
        "total": 3,
        "good_parts": 1,
        "per_class": {"scratch": 2},
    }
    assert operator.get(f"{API}/queue").json() == {"items": [], "total": 0, "class_names": bundle_classes}


@pytest.fixture
def bundle_classes(tiny_bundle: Bundle) -> list[str]:
    return list(tiny_bundle.manifest.classes)


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        ({**BOX, "bbox": [16, 24, 65, 40]}, "outside"),
        ({**BOX, "bbox": [-1, 24, 32, 40]}, "outside"),
        ({**BOX, "bbox": [32, 24, 16, 40]}, "turned around"),
        ({**BOX, "bbox": [16, 24, 16, 40]}, "empty"),
        ({**BOX, "bbox": [16, 24, 40]}, "bbox"),
        ({**BOX, "polygon": [[16, 24], [99, 24], [32, 40]]}, "outside"),
        ({**BOX, "polygon": [[16, 24], [32, 24]]}, "polygon"),
        ({**BOX, "colour": "red"}, "colour"),
        ({**BOX, "class_name": "../scratch"}, "class name"),
        ({**BOX, "class_name": "scrtach"}, "no class"),
        ({"bbox": BOX["bbox"]}, "class_name"),
    ],
)
def test_annotation_is_refused_with_the_reason_when_it_cannot_be(
    operator: httpx.Client, annotation: dict[str, object], says: str
) -> None:
    inspect(operator, PALE)
    (item,) = queued(operator)
    response = annotate(operator, item["id"], annotation)
    assert response.status_code == 422
    assert says in response.json()["detail"]
    assert [waiting["id"] for waiting in queued(operator)] == [item["id"]]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_annotation_is_refused_when_a_coordinate_is_no_number(operator: httpx.Client, number: str) -> None:
    inspect(operator, PALE)
    (item,) = queued(operator)
    body = f'{{"annotations": [{{"class_name": "scratch", "bbox": [1, 2, {number}, 4]}}]}}'
    headers = {"Content-Type": "application/json"}
    assert operator.post(f"{API}/annotate/{item['id']}", content=body, headers=headers).status_code == 422


def test_labels_stay_when_somebody_labels_without_asking_to_replace(operator: httpx.Client) -> None:
    inspect(operator, PALE)
    (item,) = queued(operator)
    assert annotate(operator, item["id"], BOX).status_code == 200
    assert annotate(operator, item["id"]).status_code == 409
    assert operator.get(f"{API}/stats").json()["per_class"] == {"scratch": 1}
    assert annotate(operator, item["id"], query="?replace=true").status_code == 200
    assert operator.get(f"{API}/stats").json()["per_class"] == {}
    assert annotate(operator, "nothing").status_code == 404


def test_new_class_needs_an_engineer_when_nobody_used_it_before(operator: httpx.Client, engineer_token: str) -> None:
    inspect(operator, PALE)
    (item,) = queued(operator)
    new = {**BOX, "class_name": "Kratzer über Kante"}
    assert annotate(operator, item["id"], new, query="?allow_new_classes=true").status_code == 403
    operator.headers.update(bearer(engineer_token))
    answer = annotate(operator, item["id"], new, query="?allow_new_classes=true").json()
    assert answer["new_classes"] == ["Kratzer über Kante"]
    assert operator.get(f"{API}/queue").json()["class_names"][-1] == "Kratzer über Kante"


def test_viewer_may_look_but_not_label_when_asked(client: httpx.Client, viewer_token: str) -> None:
    assert client.get(f"{API}/queue").status_code == 401
    client.headers.update(bearer(viewer_token))
    assert client.get(f"{API}/queue").status_code == 200
    assert annotate(client, "x").status_code == 403


def test_curated_inspections_enter_once_when_sent_twice(operator: httpx.Client, engineer_token: str) -> None:
    uncertain, good = inspect(operator, PALE), inspect(operator, GOOD)
    body = {"items": [{"inspection_id": one, "reasons": [{"strategy": "audit", "score": 1}]} for one in (good, "x")]}
    assert operator.post(f"{API}/items", json=body).status_code == 403
    engineer = bearer(engineer_token)
    assert operator.post(f"{API}/items", json=body, headers=engineer).json() == {
        "added": 1,
        "updated": 0,
        "labeled": 0,
        "unknown": ["x"],
    }
    assert operator.post(f"{API}/items", json=body, headers=engineer).json()["updated"] == 1
    assert [item["inspection_id"] for item in queued(operator)] == [good, uncertain]  # by score


def test_labelled_inspection_stays_when_it_is_to_be_deleted(operator: httpx.Client, engineer_token: str) -> None:
    inspection_id = inspect(operator, PALE)
    other = inspect(operator, png_bytes(square_picture("pale_red", at_xy=(0, 0))))
    items = {item["inspection_id"]: item["id"] for item in queued(operator)}
    annotate(operator, items[inspection_id], BOX)
    engineer = bearer(engineer_token)
    assert operator.delete(f"/api/v1/inspect/{inspection_id}", headers=engineer).status_code == 409
    assert operator.delete(f"/api/v1/inspect/{other}", headers=engineer).status_code == 200
    assert queued(operator) == []  # one that only waited goes with its inspection


def test_labelling_is_audited_when_it_happens(operator: httpx.Client, database: Database) -> None:
    inspect(operator, PALE)
    (item,) = queued(operator)
    annotate(operator, item["id"], BOX)
    with database.read() as session:
        (entry,) = list_page(session, AuditFilter(action="review.annotated"), before=None, limit=5)
    told = to_out(entry)
    assert (told.subject, told.before["state"]) == (f"review-item/{item['id']}", "pending")
    assert (told.actor.name, told.after["reviewed_by"]) == ("operator", "jo")
    assert told.after["labels"][0]["box_xyxy"] == [16, 24, 32, 40]
