"""SEE: a frame, or a window of readings, in; what is there now, out. Imports nothing of ours."""
