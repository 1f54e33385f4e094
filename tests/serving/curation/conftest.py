"""Parts on the line of the test."""

from collections.abc import Callable

import httpx
import numpy as np
import pytest

from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer

Inspect = Callable[..., str]


def good_picture(number: int) -> bytes:
    """A good part, no two of them alike to the byte."""
    pixels = square_picture(None)
    pixels[number // 64, number % 64] += np.uint8(1)
    return png_bytes(pixels)


@pytest.fixture
def inspect(client: httpx.Client, operator_token: str) -> Inspect:
    """Inspects a picture and gives the inspection's id."""

    def send(data: bytes, station_id: str = "default") -> str:
        form = {"station_id": station_id}
        answer = client.post(
            "/api/v1/inspect", files={"file": ("x.png", data)}, data=form, headers=bearer(operator_token)
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    return send
