"""The language service as a real HTTP server on this machine, which says what the test wants it to say."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-ant-CANARY-0123456789"


@dataclass(frozen=True)
class Reply:
    """One answer, as bytes."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Script = Callable[[dict[str, Any]], Reply]


def says(*blocks: dict[str, Any], stop_reason: str = "end_turn", tokens: int = 100) -> Reply:
    """A message with these blocks."""
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "fake",
        "content": list(blocks),
        "stop_reason": stop_reason,
        "usage": {"input_tokens": tokens, "output_tokens": 10},
    }
    return Reply(json.dumps(message).encode())


def text(content: str) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": content}


def call(name: str, number: int = 0, **wanted: Any) -> dict[str, Any]:
    """The wish that a tool be called."""
    return {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": wanted}


def gives(*figures: str, result: int = 1, remark: str | None = None) -> dict[str, Any]:
    """The answer: figures of one result."""
    facts = [{"result": result, "figures": list(figures)}] if figures else []
    return call("give_answer", 99, facts=facts, **({} if remark is None else {"picture_remark": remark}))


def in_turn(*replies: Reply) -> Script:
    """Answers one after the other, the last one for ever."""
    left = list(replies)

    def reply(_request: dict[str, Any]) -> Reply:
        return left.pop(0) if len(left) > 1 else left[0]

    return reply


def results_in(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The results of tools in the last message of a request."""
    content = request["messages"][-1]["content"]
    return [block for block in content if block["type"] == "tool_result"] if isinstance(content, list) else []


class FakeService:
    """What it says, and what it was asked."""

    def __init__(self) -> None:
        self.script: Script = in_turn(says(text("That is not in the data.")))
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []

    def will(self, *replies: Reply) -> None:
        """Sets what it says, and forgets what it was asked."""
        self.script = in_turn(*replies)
        self.forget()

    def forget(self) -> None:
        """Forgets what it was asked."""
        self.requests, self.headers, self.paths = [], [], []


@contextmanager
def fake_service() -> Iterator[tuple[FakeService, str]]:
    """The running service and its URL."""
    fake = FakeService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            request = json.loads(body)
            fake.requests.append(request)
            fake.headers.append(dict(self.headers))
            fake.paths.append(self.path)
            reply = fake.script(request)
            self.send_response(reply.status)
            headers = {"Content-Type": "application/json", "Content-Length": str(len(reply.body)), **reply.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def do_GET(self) -> None:
            fake.paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_args: Any) -> None:
            return

        def handle(self) -> None:
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                return  # who asked has given up

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="fake-service")
    thread.start()
    try:
        yield fake, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)


def names_of(tools: Sequence[dict[str, Any]]) -> set[str]:
    """The names of described tools."""
    return {str(tool["name"]) for tool in tools}
