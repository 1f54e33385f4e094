"""The queue on PostgreSQL, where several processes may enter the same picture."""

from datetime import UTC, datetime
from functools import partial

import pytest

from serving.database import Database, create_engine
from serving.review import repository
from serving.review.labels import Label
from serving.schema import upgrade
from serving.tables import ReviewItem
from tests.serving.postgres import is_installed, postgres


def _item(item_id: str) -> ReviewItem:
    values: dict[str, object] = {
        "id": item_id,
        "image_sha256": "0" * 64,
        "source": "import",
        "name": "a.png",
        "image_path": "a.png",
    }
    values |= {"image_media_type": "image/png", "state": "pending", "reasons": [], "suggestions": []}
    sizes = {"image_bytes": 1, "width_px": 64, "height_px": 64, "priority": 0.5, "created_at": datetime.now(UTC)}
    return ReviewItem.model_validate({**values, **sizes})


@pytest.mark.skipif(not is_installed(), reason="PostgreSQL is not installed on this machine")
def test_second_item_stays_out_when_its_picture_waits_already() -> None:
    label = Label("scratch", (1.0, 2.0, 3.0, 4.0), (((1.0, 2.0), (3.0, 2.0), (3.0, 4.5)),))
    with postgres() as url:
        engine = create_engine(url)
        upgrade(engine)
        database = Database(engine, queue_size=8)
        added = [
            database.write(partial(repository.add_if_new, item=_item(name))).result(timeout=20)
            for name in ("first", "second")
        ]
        database.write(lambda session: repository.replace_labels(session, "first", [label])).result(timeout=20)
        with database.read() as session:
            waiting = [item.id for item in repository.next_pending(session, 10)]
            labels = dict(repository.labels_of(session, ["first"]))
        database.close()
    assert (added, waiting, labels) == ([True, False], ["first"], {"first": [label]})
