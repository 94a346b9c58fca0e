"""How seldom Python looks for objects that hold each other.

For the processes that are ours, the command and the workers, never for a program that imports the library.
"""

import gc

OBJECTS_BETWEEN_COLLECTIONS = 50_000


def collect_seldom() -> None:
    """Look seldom from now on: what is imported stays, and events hold no cycles, so that there is little to find."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
