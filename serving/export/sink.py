"""A file that cannot be wound back and hands on what was written to it."""

import io


class Sink(io.RawIOBase):
    """What writers of whole files write to, while it is being sent."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: object, /) -> int:
        """The number of bytes that were taken: all.

        Raises:
            TypeError: They are no bytes.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError("bytes are needed")
        piece = bytes(data)
        self._pieces.append(piece)
        self._size += len(piece)
        return len(piece)

    def take(self) -> bytes:
        """What was written since the last call."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data

    @property
    def size(self) -> int:
        """The number of bytes written so far."""
        return self._size
