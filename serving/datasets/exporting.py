"""A data set as a zip file, made while it is sent: no temporary file, no more than one picture in memory."""

import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from serving.database import Database
from serving.datasets import repository
from serving.datasets.coco import write_coco
from serving.datasets.yolo import write_data_yaml, write_label_file
from serving.errors import NotFound, StorageUnavailable
from serving.media.store import MediaStore
from serving.review.labels import Label, label_from_json

ExportFormat = Literal["coco", "yolo"]
# Equal data sets give equal archives, to the byte.
_DATE = (2020, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ExportPicture:
    """One picture to send."""

    name: str
    file: Path
    shape_hw: tuple[int, int]
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """Everything to send, found before the first byte leaves."""

    name: str
    class_names: Sequence[str]
    pictures: Sequence[ExportPicture]


def prepare(database: Database, media: MediaStore, dataset_id: str) -> Export:
    """The data set with its files.

    Raises:
        NotFound: There is no such data set.
        StorageUnavailable: A picture is missing on disk: half a data set is none.
    """
    pictures: list[ExportPicture] = []
    with database.read() as session:
        dataset = repository.find(session, dataset_id)
        if dataset is None:
            raise NotFound("there is no such data set")
        for row, item in repository.pictures_of(session, dataset_id):
            file = media.find(item.image_path)
            if file is None:
                raise StorageUnavailable(f"the picture {row.name} is missing on disk", retry_after_s=None)
            labels = tuple(label_from_json(label) for label in row.labels)
            pictures.append(ExportPicture(row.name, file, (item.height_px, item.width_px), labels))
        return Export(dataset.name, list(dataset.class_names), pictures)


def stream(export: Export, export_format: ExportFormat) -> Iterator[bytes]:
    """The archive, piece by piece.

    Both formats hold `images/` and `annotations.json` (COCO), from which everything can be read back exactly; YOLO
    adds `labels/` and `data.yaml`, whose lines know neither boxes beside outlines nor several rings.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", allowZip64=True) as archive:
        entries = ((picture.name, picture.shape_hw, picture.labels) for picture in export.pictures)
        document = json.dumps(write_coco(export.class_names, entries), ensure_ascii=False)
        _add(archive, "annotations.json", document.encode(), zipfile.ZIP_DEFLATED)
        if export_format == "yolo":
            _add(archive, "data.yaml", write_data_yaml(export.class_names).encode(), zipfile.ZIP_DEFLATED)
        yield sink.take()
        numbers = {name: number for number, name in enumerate(export.class_names)}
        for picture in export.pictures:
            _add(archive, f"images/{picture.name}", picture.file.read_bytes(), zipfile.ZIP_STORED)
            if export_format == "yolo":
                text = write_label_file(picture.labels, picture.shape_hw, numbers)
                label_file = PurePosixPath(picture.name).with_suffix(".txt")
                _add(archive, f"labels/{label_file}", text.encode(), zipfile.ZIP_DEFLATED)
            yield sink.take()
    yield sink.take()


def _add(archive: zipfile.ZipFile, name: str, data: bytes, compression: int) -> None:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data, compression)


class _Sink(io.RawIOBase):
    """A file that cannot be wound back and hands on what was written."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError("bytes are needed")
        piece = bytes(data)
        self._pieces.append(piece)
        return len(piece)

    def take(self) -> bytes:
        """What was written since the last call."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data
