"""Scenes with made cables, and the network that was trained on them."""
