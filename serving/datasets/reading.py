"""Which format an import has, and its contents."""

import json
from typing import Any, Final, Literal

from serving.datasets.coco import is_coco, read_coco
from serving.datasets.labelstudio import is_label_studio, read_label_studio
from serving.datasets.pictures import Contents, PictureFinder
from serving.datasets.sources import MOST_LABEL_BYTES, Source
from serving.datasets.yolo import find_class_names, read_yolo
from serving.errors import InvalidRequest

Format = Literal["coco", "yolo", "labelstudio"]
_MOST_JSON_FILES: Final = 20


def read_contents(source: Source, wanted: Format | None) -> tuple[Format, Contents]:
    """The format, as wanted or as found, and everything that is in the source.

    Raises:
        InvalidRequest: It is none of the formats, or not the wanted one.
    """
    finder = PictureFinder(source.names)
    if not finder.pictures:
        raise InvalidRequest("there are no pictures in it")
    documents = {} if wanted == "yolo" else _json_documents(source)
    coco = {path: document for path, document in documents.items() if is_coco(document)}
    if coco and wanted in {"coco", None}:
        return "coco", read_coco(coco, finder)
    studio = {path: document for path, document in documents.items() if is_label_studio(document)}
    if studio and wanted in {"labelstudio", None}:
        return "labelstudio", read_label_studio(studio, finder)
    if wanted in {"yolo", None}:
        class_names = find_class_names(source)
        if class_names is not None:
            return "yolo", read_yolo(source, class_names, finder)
    raise InvalidRequest(f"there are no labels in the format {wanted or 'coco, labelstudio or yolo'} in it")


def _json_documents(source: Source) -> dict[str, Any]:
    names = [name for name in source.names if name.lower().endswith(".json")]
    if len(names) > _MOST_JSON_FILES:
        raise InvalidRequest(f"there are more than {_MOST_JSON_FILES} JSON files in it")
    documents: dict[str, Any] = {}
    for name in names:
        try:
            documents[name] = json.loads(source.read(name, MOST_LABEL_BYTES))
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(f"{name} is not JSON") from error
        except InvalidRequest as error:
            raise InvalidRequest(f"{name} {error}") from error
    return documents
