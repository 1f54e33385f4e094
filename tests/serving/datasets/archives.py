"""Archives and waiting for imports, for the tests of this folder."""

import io
import json
import time
import zipfile
from collections.abc import Mapping
from typing import Any

import httpx

from tests.pictures import png_bytes, square_picture

API = "/api/v1/datasets"
_DEADLINE_S = 60.0


def zip_of(files: Mapping[str, bytes | str]) -> bytes:
    """A zip archive of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def unzip(data: bytes) -> dict[str, bytes]:
    """The files of an archive by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def picture(at_x: int) -> bytes:
    """A picture of its own for each position, 96 wide and 64 high."""
    return png_bytes(square_picture("red", shape_hw=(64, 96), at_xy=(at_x, 24)))


def coco_files(changes: Mapping[str, Any] | None = None) -> dict[str, bytes | str]:
    """A COCO data set: a box, an outline in two rings, two defects in one picture, and a good part."""
    boxes: list[tuple[int, int, list[float], list[list[float]]]] = [
        (1, 2, [0, 24, 16, 16], []),
        (2, 5, [8, 24.25, 16.5, 16], [[8, 24.25, 24.5, 24.25, 24.5, 40.25], [10, 30, 12, 30, 12, 32.5]]),
        (2, 2, [50, 1, 46, 63], []),
    ]
    document = {
        "images": [{"id": n, "file_name": f"part {n}.png", "width": 96, "height": 64} for n in (1, 2, 3)],
        "annotations": [
            {"id": n, "image_id": image, "category_id": category, "bbox": box, "segmentation": rings, "iscrowd": 0}
            for n, (image, category, box, rings) in enumerate(boxes)
        ],
        "categories": [{"id": 5, "name": "weld spatter"}, {"id": 2, "name": "scratch"}],
        **(changes or {}),
    }
    pictures = {f"images/part {n}.png": picture(8 * n) for n in (1, 2, 3)}
    return {"annotations.json": json.dumps(document), **pictures}


def begin(client: httpx.Client, data: bytes, **fields: str) -> httpx.Response:
    """The answer to an upload."""
    return client.post(f"{API}/import", files={"file": ("set.zip", data)}, data=fields)


def import_zip(client: httpx.Client, data: bytes, **fields: str) -> dict[str, Any]:
    """The import, when it has ended."""
    response = begin(client, data, **fields)
    assert response.status_code == 202, response.text
    return wait_for(client, response.json()["id"])


def wait_for(client: httpx.Client, import_id: str) -> dict[str, Any]:
    """The import, when it has ended."""
    deadline_s = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline_s:
        state: dict[str, Any] = client.get(f"{API}/imports/{import_id}").json()
        if state["state"] != "running":
            return state
        time.sleep(0.02)
    raise AssertionError("the import did not end")


def export(client: httpx.Client, dataset_id: str, export_format: str) -> dict[str, bytes]:
    """The files of an export."""
    response = client.get(f"{API}/{dataset_id}/export", params={"format": export_format})
    assert response.status_code == 200, response.text
    return unzip(response.content)


def labels_in(coco: bytes) -> dict[str, list[tuple[str, list[float], list[list[float]]]]]:
    """Class, box and rings of every picture of a COCO document, by file name."""
    document = json.loads(coco)
    names = {category["id"]: category["name"] for category in document["categories"]}
    files = {image["id"]: image["file_name"] for image in document["images"]}
    found: dict[str, list[tuple[str, list[float], list[list[float]]]]] = {name: [] for name in files.values()}
    for entry in document["annotations"]:
        found[files[entry["image_id"]]].append((names[entry["category_id"]], entry["bbox"], entry["segmentation"]))
    return found
