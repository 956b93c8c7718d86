"""Layers: each is read into names and inodes of its own, then stacked in the image's order."""
