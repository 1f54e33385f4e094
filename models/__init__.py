"""What a model is and how it runs: pictures in, verdicts out. Pure; no database, network, environment or clock.

The one exception stands here, before the libraries are imported: neither may report to its maker. OpenVINO 2026.4 sends
an event to www.google-analytics.com with every import and every conversion, from a forked child that hangs now and then
and keeps its parent from ending; where its package for that is missing, it does without, and so does NNCF. ONNX Runtime
1.32 keeps a database of events in the home folder, for mobile.events.data.microsoft.com. Both seen with strace and
Python's audit hooks; tests/house/test_no_reports.py looks again.
"""

import os
import sys

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None makes its import fail
