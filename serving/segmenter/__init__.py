"""The promptable segmenter: a box or clicks on a picture of the review queue become polygons."""
