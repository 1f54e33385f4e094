"""The API and the only owner of the database: live inspection, users, stations, events."""

import models as models  # before OpenVINO and ONNX Runtime, wherever in this room they are imported
