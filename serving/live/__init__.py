"""The live part of serving: the deployed model, its worker threads, the camera, and the pictures' folder."""

from serving.live.inspector import LiveInspector

__all__ = ["LiveInspector"]
