"""What an entry says: canonical, bounded, without secrets."""

import json

import pytest

from serving.audit.content import to_text


def test_text_is_the_same_when_the_order_differs() -> None:
    assert (
        to_text({"b": [1, 2.5], "a": "Tür"}) == to_text({"a": "Tür", "b": (1, 2.5)}) == r'{"a":"T\u00fcr","b":[1,2.5]}'
    )
    assert to_text({"roles": {"b", "a"}}) == '{"roles":["a","b"]}'
    assert to_text(None) is None


@pytest.mark.parametrize(
    "name", ["password", "new_password", "password_hash", "PASSWORD", "secret", "token", "refresh_token", "api_key"]
)
def test_secret_is_struck_out_when_its_name_says_so(name: str) -> None:
    assert to_text({"outer": [{name: "S3CRET"}]}) == f'{{"outer":[{{"{name}":"***"}}]}}'


def test_rest_is_left_when_it_only_sounds_like_a_secret() -> None:
    values = {"must_change_password": True, "password_changed_at": "2026-01-01", "model_key": "encoder", "token": None}
    assert json.loads(to_text(values) or "") == values


def test_password_is_struck_out_when_it_is_part_of_a_url() -> None:
    assert to_text("rtsp://cam:S3CRET@10.0.0.1/1") == '"rtsp://***@10.0.0.1/1"'


def test_digest_takes_its_place_when_it_is_too_large() -> None:
    text = to_text({"polygon": [[1, 2]] * 20_000})
    assert text is not None
    assert len(text) < 200
    assert json.loads(text)["left_out"] == "too large"


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_value_is_refused_when_json_cannot_say_it(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        to_text({"a": value})
