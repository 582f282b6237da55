"""The cases that oss2 runs."""
