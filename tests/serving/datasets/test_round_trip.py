"""What goes in comes out: geometry, classes, good parts and bytes."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.client import ClientError, ServiceAccount, UssopClient
from serving.command.service_account import ensure_service_account
from serving.settings import Settings
from tests.serving.datasets.archives import (
    API,
    begin,
    coco_files,
    export,
    import_zip,
    labels_in,
    picture,
    unzip,
    wait_for,
    zip_of,
)

QUEUE = "/api/v1/active-learning"


def test_coco_comes_back_unchanged_when_exported(engineer: httpx.Client) -> None:
    files = coco_files()
    done = import_zip(engineer, zip_of(files), name="first")
    assert (done["state"], done["format"], done["errors"]) == ("finished", "coco", [])
    assert done["counts"] | {"done": 3, "total": 3, "added": 3, "good_parts": 1, "annotations": 3} == done["counts"]
    (dataset,) = engineer.get(API).json()["datasets"]
    assert (dataset["id"], dataset["name"]) == (done["dataset_id"], "first")
    assert dataset["class_names"] == ["scratch", "weld spatter"]  # by their numbers
    assert dataset["counts"]["per_class"] == {"scratch": 2, "weld spatter": 1}
    back = export(engineer, dataset["id"], "coco")
    source = files["annotations.json"]
    assert labels_in(back.pop("annotations.json")) == labels_in(str(source).encode())
    assert back == {name: data for name, data in files.items() if name.startswith("images/")}


def test_labels_count_as_labelled_when_imported(engineer: httpx.Client) -> None:
    import_zip(engineer, zip_of(coco_files()))
    stats = engineer.get(f"{QUEUE}/stats").json()
    assert (stats["labeled"], stats["pending"], stats["good_parts"]) == (3, 0, 1)
    assert stats["per_class"] == {"scratch": 2, "weld spatter": 1}


def test_nothing_doubles_when_the_same_is_imported_again(engineer: httpx.Client, settings: Settings) -> None:
    first = import_zip(engineer, zip_of(coco_files()))
    before = sorted(path for path in settings.media_dir.rglob("*.png"))
    again = import_zip(engineer, zip_of(coco_files()), name="again")
    assert (again["counts"]["added"], again["counts"]["present"], again["errors"]) == (0, 3, [])
    assert again["dataset_id"] == first["dataset_id"]
    assert len(engineer.get(API).json()["datasets"]) == 1
    assert sorted(path for path in settings.media_dir.rglob("*.png")) == before
    assert list(settings.imports_dir.iterdir()) == []


def test_yolo_export_is_the_same_data_set_when_imported(engineer: httpx.Client) -> None:
    first = import_zip(engineer, zip_of(coco_files()))
    response = engineer.get(f"{API}/{first['dataset_id']}/export?format=yolo")
    files = unzip(response.content)
    assert files["labels/part 3.txt"] == b""  # the good part
    assert len(files["labels/part 2.txt"].splitlines()) == 2
    assert import_zip(engineer, response.content)["dataset_id"] == first["dataset_id"]


def test_boxes_come_back_when_yolo_text_alone_is_imported(engineer: httpx.Client) -> None:
    yaml = "names: {0: scratch, 1: dent}\n"
    files: dict[str, bytes | str] = {
        "data.yaml": yaml,
        "images/a.png": picture(8),
        "labels/a.txt": "1 0.5 0.5 0.25 0.5\n",
        "images/b.png": picture(16),
        "labels/b.txt": "0 0.25 0.25 0.75 0.25 0.75 0.75\n",
        "images/good.png": picture(24),
        "labels/good.txt": "",
        "images/nobody.png": picture(32),
    }
    done = import_zip(engineer, zip_of(files))
    assert done["format"] == "yolo"
    assert [problem["file"] for problem in done["errors"]] == ["images/nobody.png"]
    found = labels_in(export(engineer, done["dataset_id"], "coco")["annotations.json"])
    assert found == {
        "a.png": [("dent", [36, 16, 24, 32], [])],
        "b.png": [("scratch", [24, 16, 48, 32], [[24, 16, 72, 16, 72, 48]])],
        "good.png": [],
    }


def test_label_studio_is_read_when_exported_from_there(engineer: httpx.Client) -> None:
    size = {"original_width": 96, "original_height": 64}
    box = {"x": 50, "y": 25, "width": 25, "height": 50, "rotation": 0, "rectanglelabels": ["dent"]}
    outline = {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["crack"]}
    tasks: list[dict[str, Any]] = [
        {
            "data": {"image": "/data/upload/3/0a1b2c3d-a.png"},
            "annotations": [
                {
                    "was_cancelled": False,
                    "result": [
                        {"type": "rectanglelabels", "value": box, **size},
                        {"type": "polygonlabels", "value": outline, **size},
                    ],
                }
            ],
        },
        {"data": {"image": "/data/local-files/?d=line%2Fgood.png"}, "annotations": [{"result": []}]},
        {"data": {"image": "open.png"}, "annotations": []},
        {"data": {"image": "brush.png"}, "annotations": [{"result": [{"type": "brushlabels", "value": {}, **size}]}]},
    ]
    names = ("a.png", "good.png", "open.png", "brush.png")
    pictures = {name: picture(8 * number) for number, name in enumerate(names)}
    done = import_zip(engineer, zip_of({"export.json": json.dumps(tasks), **pictures}), unlabelled="queue")
    assert (done["format"], done["counts"]["queued"]) == ("labelstudio", 1)
    assert [problem["file"] for problem in done["errors"]] == ["brush.png"]
    found = labels_in(export(engineer, done["dataset_id"], "coco")["annotations.json"])
    assert found == {
        "a.png": [("dent", [48, 16, 24, 32], []), ("crack", [0, 0, 48, 32], [[0, 0, 48, 0, 48, 32]])],
        "good.png": [],
    }
    assert engineer.get(f"{QUEUE}/queue").json()["total"] == 1


def test_good_files_are_kept_when_others_are_bad(engineer: httpx.Client) -> None:
    files = coco_files()
    document = json.loads(str(files["annotations.json"]))
    document["annotations"][0]["bbox"] = [0, 24, 200, 16]
    document["images"][2]["width"] = 97
    document["images"].append({"id": 4, "file_name": "lost.png", "width": 96, "height": 64})
    document["images"].append({"id": 5, "file_name": "broken.png", "width": 96, "height": 64})
    broken: dict[str, bytes | str] = {"annotations.json": json.dumps(document), "images/broken.png": picture(64)[:200]}
    done = import_zip(engineer, zip_of({**files, **broken}), unlabelled="good")
    problems = {problem["file"]: problem["problem"] for problem in done["errors"]}
    assert problems.keys() == {"lost.png", "images/part 1.png", "images/part 3.png", "images/broken.png"}
    assert "outside" in problems["images/part 1.png"]
    assert "97 x 64" in problems["images/part 3.png"]
    assert (done["state"], done["counts"]["added"], done["counts"]["good_parts"]) == ("finished", 1, 0)


def test_label_of_a_person_stays_when_an_import_says_otherwise(engineer: httpx.Client) -> None:
    import_zip(engineer, zip_of({"a.png": picture(8), "classes.txt": "scratch"}), unlabelled="queue")
    (item,) = engineer.get(f"{QUEUE}/queue").json()["items"]
    body = {"annotations": [{"class_name": "scratch", "bbox": [8, 24, 24, 40]}]}
    assert engineer.post(f"{QUEUE}/annotate/{item['id']}", json=body).status_code == 200
    done = import_zip(engineer, zip_of({"a.png": picture(8), "a.txt": "", "classes.txt": "scratch"}))
    assert done["counts"]["present"] == 1
    assert "labelled otherwise" in done["errors"][0]["problem"]
    assert engineer.get(f"{QUEUE}/stats").json()["per_class"] == {"scratch": 1}


def test_frozen_set_keeps_its_labels_when_they_are_corrected_later(engineer: httpx.Client) -> None:
    assert engineer.post(API, json={"name": "none"}).status_code == 422
    import_zip(engineer, zip_of({"a.png": picture(8), "classes.txt": "scratch"}), unlabelled="queue")
    (item,) = engineer.get(f"{QUEUE}/queue").json()["items"]
    body = {"annotations": [{"class_name": "scratch", "bbox": [8, 24, 24, 40]}]}
    engineer.post(f"{QUEUE}/annotate/{item['id']}", json=body)
    frozen = engineer.post(API, json={"name": "monday"}).json()
    assert frozen["counts"] == {
        "pictures": 1,
        "good_parts": 0,
        "annotations": 1,
        "per_class": frozen["counts"]["per_class"],
    }
    assert engineer.post(API, json={"name": "again"}).json()["id"] == frozen["id"]
    engineer.post(f"{QUEUE}/annotate/{item['id']}?replace=true", json={"annotations": []})
    assert engineer.post(API, json={"name": "tuesday"}).json()["digest"] != frozen["digest"]
    found = labels_in(export(engineer, frozen["id"], "coco")["annotations.json"])
    assert found == {"a.png": [("scratch", [8, 24, 16, 16], [])]}
    answer = engineer.post(f"{API}/{frozen['id']}/trained", json={"model_version": "7"})
    assert answer.json() == {"trained": 1}
    assert engineer.get(f"{QUEUE}/stats").json()["trained"] == 1


def test_pictures_count_as_trained_when_the_platform_itself_says_so(engineer: httpx.Client, settings: Settings) -> None:
    import_zip(engineer, zip_of(coco_files()))
    frozen = engineer.post(API, json={"name": "friday"}).json()
    account = ServiceAccount.read(ensure_service_account(settings))
    with UssopClient(str(engineer.base_url), account) as platform:
        assert platform.mark_trained(frozen["id"], "7") == frozen["counts"]["pictures"] > 0
        with pytest.raises(ClientError) as caught:
            platform.mark_trained("none", "7")
    assert caught.value.status == 404
    assert engineer.get(f"{QUEUE}/stats").json()["trained"] == frozen["counts"]["pictures"]


def test_imported_pictures_survive_when_the_repair_runs(engineer: httpx.Client, app: Any, settings: Settings) -> None:
    import_zip(engineer, zip_of(coco_files()))
    platform = app.state.platform
    platform.live.repair.run(platform.clock())
    assert len(list(settings.media_dir.glob("2*/*/*/*.png"))) == 3


def test_unknown_sets_and_formats_are_refused_when_asked_for(engineer: httpx.Client) -> None:
    assert engineer.get(f"{API}/nothing/export").status_code == 404
    assert engineer.get(f"{API}/nothing/export?format=voc").status_code == 422
    assert engineer.get(f"{API}/imports/nothing").status_code == 404
    assert begin(engineer, zip_of(coco_files()), format="voc").status_code == 422
    assert begin(engineer, zip_of(coco_files()), colour="red").status_code == 422


def test_real_pictures_come_back_unchanged_when_imported(engineer: httpx.Client, real_data_dir: Path) -> None:
    document = json.loads((real_data_dir / "annotations.json").read_text(encoding="utf-8"))
    document["images"] = document["images"][::20]
    ids = {image["id"] for image in document["images"]}
    document["annotations"] = [entry for entry in document["annotations"] if entry["image_id"] in ids]
    files: dict[str, bytes | str] = {"annotations.json": json.dumps(document)}
    for image in document["images"]:
        name = image["file_name"]
        files[f"images/{name}"] = (real_data_dir / "images" / name).read_bytes()
    done = wait_for(engineer, begin(engineer, zip_of(files)).json()["id"])
    assert (done["state"], done["errors"]) == ("finished", [])
    back = export(engineer, done["dataset_id"], "coco")
    assert labels_in(back.pop("annotations.json")) == labels_in(str(files.pop("annotations.json")).encode())
    assert back == files
