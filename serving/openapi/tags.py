"""What the groups of the API's description are about, in the order in which they are shown."""

from typing import Final

TAGS: Final = {
    "auth": "Sessions: log in, renew, log out. A session's access token is the Bearer token of every other request.",
    "inspections": "A picture in, a verdict out; the record of every verdict, and holds that keep one from deletion.",
    "images": "The original pictures, by signed links that expire or with a token.",
    "stations": "Where parts are inspected, and by which rules.",
    "statistics": "Figures and time series of what was inspected.",
    "export": "Inspections as files: CSV, XLSX, Parquet, and PDF reports.",
    "alerts": "What somebody on the floor must know.",
    "events": "What happens, as it happens: by WebSocket (`/ws/dashboard`) or by asking.",
    "batch": "Folders of pictures, inspected as a job.",
    "active learning": "The review queue: which pictures people should look at, and what they say of them.",
    "data sets": "Labelled pictures in, frozen data sets out.",
    "training": "Fine-tuning on what was labelled.",
    "models": "Versions of the model: the gate, putting one to use, going back.",
    "openvino": "Networks on OpenVINO beside the deployed model.",
    "opcua": "The OPC UA server: its state, and what its process and the API tell each other.",
    "query": "Questions in plain language, answered from what was counted.",
    "configuration": "What is set, and what may be changed while the platform runs.",
    "storage": "What the disk holds, and how long pictures are kept.",
    "users": "People and their roles.",
    "API keys": "Machines and what they may do.",
    "audit": "Who did what, in a chain that shows whether it was changed.",
    "system": "Is it well, and how much does it do?",
}
