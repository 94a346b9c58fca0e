"""What the mappers to other people's schemas share."""

from typing import Any

from oomparse.errors import printable
from oomparse.export.jsonl import to_builtins
from oomparse.model import OomEvent
from oomparse.render.text import sentence

PROCESS_SIZES = (
    "total_vm_kb",
    "anon_rss_kb",
    "file_rss_kb",
    "shmem_rss_kb",
    "pgtables_kb",
    "rss_kb",
    "swap_kb",
)


def brief_tree(event: OomEvent) -> dict[str, Any]:
    """Return the JSON tree without its sections."""
    return to_builtins(event, brief=True)


def full_id(event: OomEvent) -> str:
    """Return an identifier that each revision of an event has to itself, so that none replaces another."""
    return event.event_id if event.revision == 1 else f"{event.event_id}/{event.revision}"


def summary(event: OomEvent) -> str:
    """Return the event in one sentence."""
    return printable(sentence(event))


def without_none(value: Any) -> Any:
    """Leave out what is not known, and objects that hold nothing else."""
    if not isinstance(value, dict):
        return value
    kept = {key: without_none(item) for key, item in value.items()}
    return {key: item for key, item in kept.items() if item is not None and item != {}}
