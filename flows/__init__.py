"""Long jobs: training, evaluation, conversion. The only room that may import torch, ultralytics and Prefect."""

import models as models  # before OpenVINO and ONNX Runtime, wherever in this room they are imported
