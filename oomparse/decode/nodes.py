"""Lists of memory nodes as the kernel prints them (``%*pbl``)."""

MAX_NODES = 1 << 10
"""More than any kernel is configured for (CONFIG_NODES_SHIFT is 10 at most)."""


def nodes_of(mask: str | None) -> frozenset[int] | None:
    """Return the nodes in a list such as ``0-1,3``; ``None`` where nothing (or ``(null)``) is printed.

    >>> sorted(nodes_of("0-1,3"))
    [0, 1, 3]
    """
    if mask is None:
        return None
    nodes: set[int] = set()
    for part in mask.split(","):
        first, _, last = part.partition("-")
        if not first.isdecimal() or not (last or first).isdecimal() or int(last or first) - int(first) > MAX_NODES:
            return None
        nodes.update(range(int(first), int(last or first) + 1))
    return frozenset(nodes)
