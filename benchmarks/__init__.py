"""Measurements of oomparse: `python -m benchmarks.run` writes RESULTS.md."""
