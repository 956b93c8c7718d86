"""Layers: each one read into names and inodes on its own, then stacked as the image says."""
