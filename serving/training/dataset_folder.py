"""A frozen data set as a COCO folder, which is what the training flow reads."""

import json
import shutil
import tempfile
from pathlib import Path

from serving.datasets.coco import write_coco
from serving.datasets.exporting import Export


def write_dataset_folder(export: Export, folder: Path) -> Path:
    """The folder with `images/` and `annotations.json`; one that is there already has the same contents.

    Raises:
        OSError: A picture cannot be read, or the disk is full; nothing half is left.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".incoming-"))
    try:
        (scratch / "images").mkdir()
        for picture in export.pictures:
            shutil.copyfile(picture.file, scratch / "images" / picture.name)
        entries = ((picture.name, picture.shape_hw, picture.labels) for picture in export.pictures)
        document = json.dumps(write_coco(export.class_names, entries), ensure_ascii=False)
        (scratch / "annotations.json").write_text(document, encoding="utf-8")
        scratch.replace(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder
