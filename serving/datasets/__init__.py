"""Data sets in and out: COCO, YOLO and Label Studio, without losing a corner, a class or a good part."""
