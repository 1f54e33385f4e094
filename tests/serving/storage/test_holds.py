"""Holds: who puts them, what they forbid, and that they are written down."""

import httpx
import pytest

from tests.serving.storage.stock import Stock


def test_neither_picture_nor_record_goes_when_on_hold(admin: httpx.Client, shelf: Stock) -> None:
    (held,) = shelf.add("pass", 40)
    path = f"/api/v1/inspect/{held}"
    record = admin.put(f"{path}/hold", json={"reason": "  complaint 4711 "}).json()
    assert (record["hold_reason"], record["held_by"]) == ("complaint 4711", "admin")
    assert record["held_at"] is not None
    refusal = admin.delete(path)
    assert (refusal.status_code, refusal.json()["detail"]) == (
        409,
        "the inspection is on hold by admin: complaint 4711",
    )
    again = admin.put(f"{path}/hold", json={"reason": "law suit"}).json()
    assert (again["hold_reason"], again["held_at"]) == ("law suit", record["held_at"])
    assert admin.get(path).json()["hold_reason"] == "law suit"
    assert admin.get("/api/v1/inspections").json()["inspections"][0]["hold_reason"] == "law suit"
    lifted = admin.delete(f"{path}/hold").json()
    assert (lifted["hold_reason"], lifted["held_by"], lifted["held_at"]) == (None, None, None)
    assert admin.delete(f"{path}/hold").status_code == 404
    entries = admin.get("/api/v1/audit").json()["entries"]
    assert [entry["action"] for entry in entries[:3]] == ["inspection.released", "inspection.held", "inspection.held"]
    assert entries[1]["before"]["reason"] == "complaint 4711"
    assert admin.delete(path).status_code == 200


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "   "}, {"reason": "x" * 501}, {"reason": 1}])
def test_hold_is_refused_when_it_has_no_proper_reason(
    admin: httpx.Client, shelf: Stock, body: dict[str, object]
) -> None:
    (inspection_id,) = shelf.add("pass", 1)
    answer = admin.put(f"/api/v1/inspect/{inspection_id}/hold", json=body)
    assert answer.status_code == 422
    assert shelf.inspection(inspection_id).held_at is None


def test_hold_is_refused_when_there_is_no_inspection(admin: httpx.Client) -> None:
    assert admin.put("/api/v1/inspect/none/hold", json={"reason": "x"}).status_code == 404
    assert admin.delete("/api/v1/inspect/none/hold").status_code == 404
