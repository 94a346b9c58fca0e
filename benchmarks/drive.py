"""The work that a caller of the library does, as commands that can be measured.

    python -m benchmarks.drive victims storm.log 1     who died and whose memory ran out, for every report
    python -m benchmarks.drive everything storm.log 2  every section of every report, as JSON Lines

The last argument says how many processes shall read.  Both print how many reports they saw.
"""

import sys


def victims(path: str, jobs: int) -> int:
    """Read the victims and the scope of every event, and no more."""
    from oomparse import parse_paths

    seen = 0
    for event in parse_paths([path], jobs=jobs):
        if event.scope and event.victims:
            seen += 1
    return seen


def everything(path: str, jobs: int) -> int:
    """Write every event whole."""
    from oomparse import parse_paths
    from oomparse.export.jsonl import encode, pack

    seen = 0
    with open("/dev/null", "wb") as out:  # noqa: PTH123  # as little as a caller needs
        for event in parse_paths([path], jobs=jobs, pack=pack):
            out.write(encode(event))
            seen += 1
    return seen


if __name__ == "__main__":
    print({"victims": victims, "everything": everything}[sys.argv[1]](sys.argv[2], int(sys.argv[3])))
