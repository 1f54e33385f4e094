"""A real server in a thread of the test, on a free port."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from serving.server import server_config
from tests.serving.declared import Declared

_STOP_DEADLINE_S = 20.0


@contextmanager
def serve(app: FastAPI, port: int = 0) -> Iterator[str]:
    """The base URL of the running application. The socket listens before the thread starts: early callers wait.

    On a free port, unless another process was told of one before. Afterwards it fails the test if an answer had a
    status or a code that the API's description does not name.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        declared = Declared(app)
        server = uvicorn.Server(server_config(declared, "127.0.0.1", listener.getsockname()[1]))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="test-server")
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(_STOP_DEADLINE_S)
        assert not thread.is_alive(), "the server did not stop"
        assert not declared.surprises, "\n".join(sorted(declared.surprises))
