"""DECIDE, and run: persist, merge, score and publish what the detectors saw."""

__version__ = "0.1.0"
