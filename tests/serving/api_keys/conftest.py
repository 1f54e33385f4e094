"""A picture that the tiny model takes."""

import pytest

from tests.pictures import png_bytes, square_picture


@pytest.fixture
def png() -> bytes:
    """A picture with a red square."""
    return png_bytes(square_picture("red"))
