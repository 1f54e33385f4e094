"""Prints the description of the API: `python -m serving.dashboard.description`. The dashboard has its types from it."""

import json
import sys

from pydantic import SecretStr

from serving.app import create_app
from serving.settings import Settings


def description() -> str:
    """The API's OpenAPI document as JSON; the same for the same code, whatever is set on this machine."""
    settings = Settings(_env_file=None, secret_key=SecretStr("x" * 32))  # nothing is opened, nothing is signed
    return json.dumps(create_app(settings).openapi(), indent=1, ensure_ascii=False, sort_keys=True)


if __name__ == "__main__":
    sys.stdout.write(description() + "\n")
