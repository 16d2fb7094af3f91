"""One folder of files that say what is watched, where it is, who handles it and by when."""
