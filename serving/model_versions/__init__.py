"""The versions of the model: what there is, which one is in use, and changing that without missing a part."""
