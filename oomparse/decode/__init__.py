"""What numbers and names in a report mean: gfp masks, cgroup paths, kernel releases, sizes.

Pure functions over text and integers.  They refuse to guess: what is unknown, or differs between the kernels that
could have printed it, is ``None``.
"""
