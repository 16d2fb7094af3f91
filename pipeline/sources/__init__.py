"""Where frames and readings come from."""
