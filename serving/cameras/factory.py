"""The camera that the settings ask for."""

from functools import partial

from serving.cameras.camera import Camera
from serving.cameras.folder import FolderCamera
from serving.cameras.simulated import SimulatedCamera
from serving.cameras.video import VideoCamera, open_rtsp, open_usb
from serving.errors import ConfigurationError
from serving.settings import Settings


def open_camera(settings: Settings) -> Camera:
    """The configured camera. A device that is away is no error here: `capture` says so, and it may come back.

    Raises:
        ConfigurationError: The kind of camera needs a source and has none.
    """
    source = settings.camera_source
    if settings.camera_type == "simulated":
        return SimulatedCamera(settings.camera_seed)
    if settings.camera_type == "usb":
        return VideoCamera(partial(open_usb, source or "0"))
    if not source:
        raise ConfigurationError(f"CAMERA_TYPE={settings.camera_type} needs CAMERA_SOURCE")
    if settings.camera_type == "folder":
        return FolderCamera(source, settings.max_upload_bytes)
    return VideoCamera(partial(open_rtsp, source))
