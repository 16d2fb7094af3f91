"""The pure core: the fold `step`, and what it decides by."""
