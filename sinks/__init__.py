"""DELIVER: bytes in, acknowledgement out. Imports nothing of ours."""
