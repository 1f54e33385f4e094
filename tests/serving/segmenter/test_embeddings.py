"""What is kept for the next click, and what is let go."""

import numpy as np

from models.segmenter import Embedding
from serving.segmenter.embeddings import EmbeddingCache

_BYTES = 4 * 1000


def embedding() -> Embedding:
    return Embedding(np.zeros((1, 10, 10, 10), np.float32), (8, 8))


def test_least_recently_used_goes_when_there_is_no_room() -> None:
    cache = EmbeddingCache(3 * _BYTES)
    for name in "abc":
        cache.keep(1, name, embedding())
    assert cache.find(1, "a") is not None  # used again: b is the oldest now
    cache.keep(1, "d", embedding())
    assert [name for name in "abcd" if cache.find(1, name) is None] == ["b"]
    assert cache.size_bytes == 3 * _BYTES


def test_bytes_stay_right_when_a_picture_is_kept_twice() -> None:
    cache = EmbeddingCache(3 * _BYTES)
    for _ in range(5):
        cache.keep(1, "a", embedding())
    assert cache.size_bytes == _BYTES


def test_embeddings_of_other_networks_go_when_new_ones_come() -> None:
    cache = EmbeddingCache(3 * _BYTES)
    cache.keep(1, "a", embedding())
    assert cache.find(2, "a") is None
    cache.keep(2, "b", embedding())
    assert cache.find(1, "a") is None
    assert cache.size_bytes == _BYTES


def test_nothing_is_kept_when_it_is_larger_than_all_room() -> None:
    cache = EmbeddingCache(_BYTES - 1)
    cache.keep(1, "a", embedding())
    assert cache.find(1, "a") is None
    assert cache.size_bytes == 0
