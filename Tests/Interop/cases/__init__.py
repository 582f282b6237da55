"""The cases that the SDK v2 runs, by feature."""
