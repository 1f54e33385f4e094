"""Bits and bytes that were changed on the way: in a bundle's manifest, and in pictures."""

import random
import shutil
from pathlib import Path

import pytest

from models.bundle import Bundle, load_bundle
from models.errors import ModelError
from models.intake import read_image
from tests.pictures import encode, square_picture
from tests.prove.plugin import Proof


@pytest.mark.prove("fuzz", "bit flips in a bundle's manifest: refused, or the same manifest")
def test_manifest_is_refused_or_the_same_when_a_bit_is_flipped(
    tiny_bundle: Bundle, tmp_path: Path, proof: Proof
) -> None:
    folder = tmp_path / "flipped"
    shutil.copytree(tiny_bundle.root, folder)
    file = folder / "manifest.json"
    sound, dice = file.read_bytes(), random.Random(proof.seed)  # noqa: S311 - no secret
    refused = passed = 0
    for _ in range(proof.size(short=300, full=20_000)):
        data = bytearray(sound)
        for _ in range(dice.choice((1, 1, 1, 4))):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        file.write_bytes(data)
        try:
            bundle = load_bundle(folder)
        except ModelError:
            refused += 1
        else:
            # A word or a number of what it says of itself may change; its name, made from the content, does then too.
            passed += 1
            assert bundle.digest != tiny_bundle.digest or bytes(data) == sound
    proof.note(flips=refused + passed, refused=refused, of_another_digest=passed, crashes=0)
    assert refused > passed


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "BMP", "TIFF", "WEBP"])
@pytest.mark.prove("fuzz", "bytes changed, doubled, left out and cut in pictures: an error of ours or pixels")
def test_intake_gives_an_error_of_ours_or_pixels_when_bytes_are_changed(file_format: str, proof: Proof) -> None:
    sound, dice = encode(square_picture("red"), file_format), random.Random(proof.seed)  # noqa: S311 - no secret
    refused = decoded = 0
    for _ in range(proof.size(short=150, full=10_000)):
        data = bytearray(sound)
        for _ in range(dice.randint(1, 6)):
            at, length = dice.randrange(len(data)), dice.randrange(1, 40)
            piece = data[at : at + length]
            data[at : at + length] = dice.choice((dice.randbytes(len(piece)), piece * 2, b"", bytes(len(piece))))
            data = data or bytearray(b"x")
        try:
            pixels = read_image(bytes(data)).pixels_rgb
        except ModelError:
            refused += 1
        else:
            decoded += 1
            assert (pixels.dtype.name, pixels.ndim) == ("uint8", 3)
    proof.note(pictures=refused + decoded, refused=refused, decoded=decoded, crashes=0)
    assert refused > 0
