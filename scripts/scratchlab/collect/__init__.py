"""Collect: look at an image, a container and its host, and judge nothing."""
