"""The pure core: persistence, confidence, deadlines, routing, lifecycle, and the fold `step`."""
