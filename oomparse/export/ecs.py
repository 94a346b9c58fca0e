"""Events as documents of the Elastic Common Schema (`linux.oom_kill`).

Facts that ECS has a field for stand there; the kernel's own (scope, cgroups, limits, sizes) stand under ``linux.oom``
with the names of the model.  A fact that the report does not have has no key.  The mapping has a version of its own,
since the fields of ECS move: ``linux.oom.mapping``.
"""

from typing import Any

from oomparse.export.facts import PROCESS_SIZES, brief_tree, full_id, summary, without_none
from oomparse.model import OomEvent, Outcome

ECS_VERSION = "9.0.0"
MAPPING_VERSION = 1

_OUTCOMES = {Outcome.KILLED: "success", Outcome.LOWMEMORYKILLER: "success", Outcome.TRUNCATED: "unknown"}


def to_ecs(event: OomEvent) -> dict[str, Any]:
    """Return the event as an ECS document; ``@timestamp`` is absent where the wall-clock time is not known."""
    tree = brief_tree(event)
    source, victim, identity = tree["source"], tree["victim"] or {}, tree["identity"] or {}
    document = {
        "@timestamp": tree["time"]["wall"],
        "ecs": {"version": ECS_VERSION},
        "message": summary(event),
        "event": {
            "kind": "event",
            "category": ["process"],
            "type": ["end"],
            "action": "oom-kill",
            "module": "linux",
            "dataset": "linux.oom",
            "id": full_id(event),
            "outcome": _OUTCOMES.get(event.outcome, "failure"),
        },
        "log": {"level": "error", "file": {"path": source["path"]}},
        "host": {
            "hostname": source["host"],
            "name": source["host"],
            "boot": {"id": source["boot_id"]},
            "os": {"kernel": source["kernel_release"]},
        },
        "process": {"pid": victim.get("pid"), "name": victim.get("comm")},
        "user": {"id": None if victim.get("uid") is None else str(victim["uid"])},
        "container": {
            "id": identity.get("container_id"),
            "name": identity.get("container_name"),
            "runtime": identity.get("runtime"),
        },
        "linux": {"oom": _own_fields(tree)},
    }
    if identity.get("pod_uid") and identity["kind"] == "kubernetes":
        document["orchestrator"] = {"type": "kubernetes", "resource": {"type": "pod", "id": identity["pod_uid"]}}
    kept: dict[str, Any] = without_none(document)
    return kept


def _own_fields(tree: dict[str, Any]) -> dict[str, Any]:
    memcg, victim, invoker = tree["memcg"] or {}, tree["victim"] or {}, tree["invoker"] or {}
    return {
        "mapping": MAPPING_VERSION,
        "schema": tree["schema"],
        "outcome": tree["outcome"],
        "complete": tree["complete"],
        "scope": tree["scope"],
        "scope_level": tree["scope_level"],
        "traits": tree["traits"] or None,
        "constraint": tree["constraint"],
        "oom_memcg": memcg.get("oom_memcg"),
        "task_memcg": memcg.get("task_memcg"),
        "usage_kb": memcg.get("usage_kb"),
        "limit_kb": memcg.get("limit_kb"),
        "failcnt": memcg.get("failcnt"),
        "gfp_mask": None if tree["gfp_mask"] is None else hex(tree["gfp_mask"]["value"]),
        "order": tree["order"],
        "invoker": {"name": invoker.get("comm"), "pid": invoker.get("pid")},
        "victim": {name: victim.get(name) for name in PROCESS_SIZES} | {"oom_score_adj": victim.get("oom_score_adj")},
        "victims": len(tree["victims"]),
        "unit": (tree["identity"] or {}).get("unit"),
        "qos": (tree["identity"] or {}).get("qos"),
        "monotonic_seconds": tree["time"]["monotonic_seconds"],
        "issues": sorted({issue["code"] for issue in tree["issues"]}) or None,
    }
