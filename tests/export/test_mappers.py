"""Other people's schemas: every fact in its place, nothing for what is not known, valid for any event."""

import dataclasses
import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from oomparse.errors import Issue, IssueCode
from oomparse.export.ecs import to_ecs
from oomparse.export.otel import to_otel
from oomparse.export.prom import Metrics, to_prometheus
from oomparse.model import (
    EventTime,
    GfpMask,
    Identity,
    Invoker,
    Memcg,
    OomEvent,
    Outcome,
    Scope,
    ScopeLevel,
    Source,
    Victim,
)

EVENT = OomEvent(
    event_id="id-1",
    outcome=Outcome.KILLED,
    scope=Scope.MEMCG,
    scope_level=ScopeLevel.POD,
    constraint="CONSTRAINT_MEMCG",
    complete=True,
    time=EventTime(wall=datetime(2026, 11, 21, 2, 20, 54, 250, tzinfo=UTC), monotonic_seconds=81.5),
    source=Source(path="/var/log/kern.log", host="web3", boot_id="b", kernel_release="6.1.0"),
    invoker=Invoker(comm="java", pid=86),
    gfp_mask=GfpMask(value=0xCC0),
    order=0,
    memcg=Memcg(oom_memcg="/p", task_memcg="/p/c", usage_kb=4, limit_kb=4, failcnt=2),
    victims=(Victim(pid=90, comm="C2 \udcff\x1b", uid=1000, anon_rss_kb=3, oom_score_adj=968), Victim(pid=91)),
    identity=Identity(
        kind="kubernetes", path="/p/c", pod_uid="u", container_id="c", runtime="containerd", qos="burstable"
    ),
    issues=(Issue(code=IssueCode.MESSAGES_LOST), Issue(code=IssueCode.MESSAGES_LOST)),
)
BARE = OomEvent(event_id="id-2", outcome=Outcome.TRUNCATED)


def attributes(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["key"]: next(iter(item["value"].values())) for item in items}


def test_ecs_has_each_fact_where_ecs_looks_for_it() -> None:
    document = to_ecs(EVENT)
    assert document["@timestamp"] == "2026-11-21T02:20:54.000250Z"
    assert document["event"] == {
        "kind": "event",
        "category": ["process"],
        "type": ["end"],
        "action": "oom-kill",
        "module": "linux",
        "dataset": "linux.oom",
        "id": "id-1",
        "outcome": "success",
    }
    assert document["process"] == {"pid": 90, "name": "C2 \\xff\x1b"}
    assert document["user"] == {"id": "1000"}
    assert document["host"] == {"hostname": "web3", "name": "web3", "boot": {"id": "b"}, "os": {"kernel": "6.1.0"}}
    assert document["log"]["file"]["path"] == "/var/log/kern.log"
    assert document["container"] == {"id": "c", "runtime": "containerd"}
    assert document["orchestrator"] == {"type": "kubernetes", "resource": {"type": "pod", "id": "u"}}
    own = document["linux"]["oom"]
    assert (own["scope"], own["task_memcg"], own["limit_kb"]) == ("memcg", "/p/c", 4)
    assert own["victim"] == {"anon_rss_kb": 3, "oom_score_adj": 968}
    assert own["issues"] == ["messages_lost"]
    assert document["message"] == r'killed "C2 \xff\x1b" (pid 90) and 1 more: the pod is at its memory limit of 4 kB'


def test_ecs_says_nothing_of_what_is_not_known() -> None:
    document = to_ecs(BARE)
    assert set(document) == {"ecs", "message", "event", "log", "linux"}
    assert document["event"]["outcome"] == "unknown"
    assert "null" not in json.dumps(document)


def test_a_later_revision_has_an_id_of_its_own() -> None:
    later = dataclasses.replace(EVENT, revision=2)
    assert to_ecs(later)["event"]["id"] == "id-1/2"


def test_otel_is_one_log_record() -> None:
    (resource_logs,) = to_otel(EVENT)["resourceLogs"]
    assert attributes(resource_logs["resource"]["attributes"]) == {
        "host.name": "web3",
        "os.type": "linux",
        "os.version": "6.1.0",
        "linux.boot.id": "b",
        "container.id": "c",
        "container.runtime": "containerd",
        "k8s.pod.uid": "u",
        "k8s.container.status.reason": "OOMKilled",
    }
    (record,) = resource_logs["scopeLogs"][0]["logRecords"]
    assert record["eventName"] == "linux.oom_kill"
    assert record["timeUnixNano"] == "1795227654000250000"
    facts = attributes(record["attributes"])
    assert (facts["process.pid"], facts["linux.process.comm"]) == ("90", "C2 \\xff\x1b")
    assert facts["process.linux.cgroup"] == "/p/c"
    assert facts["linux.oom.victims"] == {"values": [{"intValue": "90"}, {"intValue": "91"}]}
    assert facts["linux.oom.complete"] is True


def test_otel_has_no_time_where_none_is_known() -> None:
    record = to_otel(BARE)["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    assert "timeUnixNano" not in record


@settings(max_examples=25)
@given(st.from_type(OomEvent))
def test_any_event_can_be_mapped(event: OomEvent) -> None:
    msgspec.json.encode(to_ecs(event))
    msgspec.json.encode(to_otel(event))


def test_prometheus_counts_kills_and_events_by_scope() -> None:
    text = to_prometheus([EVENT, EVENT, BARE])
    assert 'oomparse_oom_kills_total{scope="memcg",constraint="CONSTRAINT_MEMCG"} 4\n' in text
    assert 'oomparse_oom_events_total{scope="memcg",outcome="killed"} 2\n' in text
    assert 'oomparse_oom_events_total{scope="unknown",outcome="truncated"} 1\n' in text
    assert "oomparse_incomplete_reports_total 1\n" in text
    assert "oomparse_unknown_lines_total 0\n" in text


def test_prometheus_text_keeps_to_the_exposition_format() -> None:
    metrics = Metrics()
    metrics.add(dataclasses.replace(EVENT, constraint='a"b\\c\nd'))
    sample = re.compile(r'[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\[\\"n])*"(,[a-z]+="(?:[^"\\\n]|\\[\\"n])*")*\})? \d+')
    lines = metrics.text().splitlines()
    assert all(line.startswith(("# HELP ", "# TYPE ")) or sample.fullmatch(line) for line in lines)
    assert r'constraint="a\"b\\c\nd"' in metrics.text()
