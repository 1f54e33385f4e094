"""The errors of this room. They know nothing of HTTP; `code` is stable and may be shown to people and machines."""

from typing import ClassVar


class ModelError(Exception):
    """Base of every error raised in `models`."""

    code: ClassVar[str] = "model_error"


class UnsupportedImageError(ModelError):
    """The bytes are not of a picture format that we decode."""

    code = "unsupported_image"


class BrokenImageError(ModelError):
    """The bytes claim a known format but do not decode to one whole picture."""

    code = "broken_image"


class ImageTooLargeError(ModelError):
    """The header announces more pixels than we are willing to decode."""

    code = "image_too_large"


class BundleError(ModelError):
    """A bundle is incomplete, altered, or does not do what its manifest says."""

    code = "bundle_invalid"


class InferenceError(ModelError):
    """The network did not give a usable answer (exception, NaN, wrong shape). Never a *pass*."""

    code = "inference_failed"


class NetworkLayoutError(ModelError):
    """A network runs, but its inputs and outputs are not those that the feature knows."""

    code = "network_layout"
