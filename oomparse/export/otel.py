"""Events as OpenTelemetry log records, in the JSON form of OTLP.

Each is one ``resourceLogs`` object, as the collector's OTLP JSON file receiver and the OTLP/HTTP endpoint take it.
Attributes follow the semantic conventions where there is one (several of them not yet stable), else they begin with
``linux.``; ``linux.oom.mapping`` is the version of this mapping.  No software development kit is needed or used.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from oomparse.export.facts import PROCESS_SIZES, brief_tree, full_id, summary
from oomparse.model import OomEvent

EVENT_NAME = "linux.oom_kill"
SCOPE_NAME = "oomparse"
MAPPING_VERSION = 1
SEVERITY_ERROR = 17

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_otel(event: OomEvent) -> dict[str, Any]:
    """Return the event as an OTLP object with one log record; it has no time where the wall clock is not known."""
    tree = brief_tree(event)
    record: dict[str, Any] = {
        "eventName": EVENT_NAME,
        "severityNumber": SEVERITY_ERROR,
        "severityText": "ERROR",
        "body": _value(summary(event)),
        "attributes": _attributes(_record_facts(event, tree)),
    }
    if event.time.wall is not None:
        record["timeUnixNano"] = str((event.time.wall - _EPOCH) // timedelta(microseconds=1) * 1000)
    return {
        "resourceLogs": [
            {
                "resource": {"attributes": _attributes(_resource_facts(tree))},
                "scopeLogs": [{"scope": {"name": SCOPE_NAME}, "logRecords": [record]}],
            }
        ]
    }


def _resource_facts(tree: dict[str, Any]) -> dict[str, Any]:
    source, identity = tree["source"], tree["identity"] or {}
    kubernetes = identity.get("kind") == "kubernetes"
    return {
        "host.name": source["host"],
        "os.type": "linux",
        "os.version": source["kernel_release"],
        "linux.boot.id": source["boot_id"],
        "container.id": identity.get("container_id"),
        "container.name": identity.get("container_name"),
        "container.runtime": identity.get("runtime"),
        "k8s.pod.uid": identity.get("pod_uid") if kubernetes else None,
        "k8s.container.status.reason": "OOMKilled" if kubernetes and identity.get("container_id") else None,
        "linux.systemd.unit": identity.get("unit"),
    }


def _record_facts(event: OomEvent, tree: dict[str, Any]) -> dict[str, Any]:
    memcg, victim, invoker = tree["memcg"] or {}, tree["victim"] or {}, tree["invoker"] or {}
    uid = victim.get("uid")
    return {
        "log.record.uid": full_id(event),
        "log.file.path": tree["source"]["path"],
        "process.pid": victim.get("pid"),
        "linux.process.comm": victim.get("comm"),
        "process.user.id": uid,
        "process.linux.cgroup": memcg.get("task_memcg"),
        **{f"linux.oom.victim.{name}": victim.get(name) for name in PROCESS_SIZES},
        "linux.oom.victim.oom_score_adj": victim.get("oom_score_adj"),
        "linux.oom.victims": [item["pid"] for item in tree["victims"] if item["pid"] is not None] or None,
        "linux.oom.mapping": MAPPING_VERSION,
        "linux.oom.outcome": tree["outcome"],
        "linux.oom.complete": tree["complete"],
        "linux.oom.scope": tree["scope"],
        "linux.oom.scope_level": tree["scope_level"],
        "linux.oom.constraint": tree["constraint"],
        "linux.oom.oom_memcg": memcg.get("oom_memcg"),
        "linux.oom.usage_kb": memcg.get("usage_kb"),
        "linux.oom.limit_kb": memcg.get("limit_kb"),
        "linux.oom.gfp_mask": None if tree["gfp_mask"] is None else hex(tree["gfp_mask"]["value"]),
        "linux.oom.order": tree["order"],
        "linux.oom.invoker.comm": invoker.get("comm"),
        "linux.oom.invoker.pid": invoker.get("pid"),
        "linux.oom.monotonic_seconds": tree["time"]["monotonic_seconds"],
        "linux.oom.issues": sorted({issue["code"] for issue in tree["issues"]}) or None,
    }


def _attributes(facts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in facts.items() if value is not None]


def _value(value: Any) -> dict[str, Any]:
    """Return an AnyValue; OTLP writes 64-bit integers as strings."""
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [_value(item) for item in value]}}
        case _:
            return {"stringValue": str(value)}
