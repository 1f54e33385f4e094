"""Entry point of the API process: `python -m serving.main`, or `ussop api`.

Nothing is imported here before the collector of garbage is at rest: of the 200,000 objects that importing makes and
keeps none is garbage, and looking for it again and again takes a tenth of the time.
"""

import gc
import importlib
import sys


def run() -> None:
    """Import the API with the collector at rest, then serve; see `serving.api_process.run`."""
    gc.disable()
    try:
        api_process = importlib.import_module("serving.api_process")
    finally:
        gc.enable()
    gc.freeze()
    api_process.run()


def _exit_code() -> str | int | None:
    try:
        run()
    except Exception as error:
        from serving.errors import ServingError  # noqa: PLC0415 - see above

        if not isinstance(error, ServingError):
            raise
        return f"ussop: {' '.join(str(error).split())}"
    return None


if __name__ == "__main__":
    sys.exit(_exit_code())
