"""Long jobs: training, evaluation, conversion. The only room that may import torch, ultralytics and Prefect."""
