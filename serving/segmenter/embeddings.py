"""Embeddings of the pictures that people work on, so that a second click costs the decoder alone."""

import threading
from collections import OrderedDict

from models.segmenter import Embedding


class EmbeddingCache:
    """The embeddings used last, as many as fit. Safe to call from several threads."""

    def __init__(self, most_bytes: int) -> None:
        """Takes the bytes that all of them together may have."""
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[int, str], Embedding] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """Bytes of all that is kept."""
        return self._bytes

    def find(self, generation: int, sha256: str) -> Embedding | None:
        """The embedding of a picture by one generation of networks, None where it is not kept."""
        with self._lock:
            found = self._kept.get((generation, sha256))
            if found is not None:
                self._kept.move_to_end((generation, sha256))
            return found

    def keep(self, generation: int, sha256: str, embedding: Embedding) -> None:
        """Keeps an embedding and lets go of those that were not used for longest, and of other generations'."""
        with self._lock:
            for key in [key for key in self._kept if key[0] != generation or key[1] == sha256]:
                self._bytes -= self._kept.pop(key).size_bytes
            if embedding.size_bytes > self._most_bytes:
                return
            self._kept[generation, sha256] = embedding
            self._bytes += embedding.size_bytes
            while self._bytes > self._most_bytes:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= oldest.size_bytes
