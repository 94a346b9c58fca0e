"""Events held against what user space knew: no parser of ours in between.

Takes a case's ``truth.json`` (who was started, with which name, uid, cgroup and limit, and who was killed by whom) and
the events that somebody made of its log, as JSON trees, and says where they disagree.  It knows what the kernel itself
blurs: old kernels name a thread, a process that shares memory or a child in place of the process that was started.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

SCOPES = {"sysrq": "global", "mempolicy": "memory_policy"}
"""What the laboratory calls a scope, where oomparse says it otherwise."""

RSS_SLACK_KB = 4096
"""A program's own pages, beside those that it was told to touch."""

DEATH_SECONDS = 3.0
"""A report is at most so much younger than the death that user space saw: consoles are slow."""


@dataclass(frozen=True)
class Process:
    """A process of the truth, under a pid by which a kernel may name it."""

    facts: Mapping[str, Any]
    names: tuple[bytes, ...]

    @property
    def cgroup(self) -> bytes | None:
        """The path of its memory cgroup."""
        for line in self.facts["proc_cgroup"].split("\n"):
            number, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if (number == "0" and not controllers) or "memory" in controllers.split(","):
                return str(path).encode("latin-1")
        return None


@dataclass(frozen=True)
class Truth:
    """One ``truth.json``, with the questions that a check asks of it."""

    facts: Mapping[str, Any]

    @cached_property
    def scope(self) -> str:
        """Whose memory was made to run out; ``none`` where nobody's was."""
        said = str(self.facts["expected"]["scope"])
        return SCOPES.get(said, said)

    @property
    def negative(self) -> bool:
        """True where there is nothing to find."""
        return self.scope == "none"

    @property
    def panics(self) -> bool:
        """True where the OOM killer was told to panic, or had nobody to kill."""
        return bool(self.facts["expected"]["panic"]) and not self.negative

    @property
    def before_5_0(self) -> bool:
        """Such kernels print no constraint, and may name threads."""
        return int(str(self.facts["kernel"]["release"]).split(".")[0]) < 5

    @cached_property
    def processes(self) -> dict[int, Process]:
        """Every process by each pid under which this kernel may name it."""
        found: dict[int, Process] = {}
        for facts in self.facts["processes"]:
            name = bytes.fromhex(facts["comm_hex"])
            threads = tuple(name[:8] + b"/t%d" % number for number in range(1, len(facts.get("tids", ()))))
            for number, child in enumerate(facts.get("children", ())):
                found[child["pid"]] = Process(facts, (name[:10] + b"-c%d" % number,))
            for sharer in facts.get("mm_sharers", ()):
                found[sharer["pid"]] = Process(facts, (name,))
            if self.before_5_0 and "pid_in_namespace" not in facts:
                found.update({tid: Process(facts, (name, *threads)) for tid in facts.get("tids", ())})
            found[facts["pid"]] = Process(facts, (name, *threads) if self.before_5_0 else (name,))
        return found

    @cached_property
    def killed(self) -> frozenset[int]:
        """Pids that must be named; where the kernel may name another in their place, none."""
        blurred = {
            facts["pid"] for facts in self.facts["processes"] if facts.get("mm_sharers") or facts.get("children")
        }
        return frozenset(self.facts["oom_killed_pids"]) - blurred

    def limit(self, path: bytes) -> tuple[bytes, int] | None:
        """Return the nearest cgroup at or above ``path`` whose limit was reached, and the limit in kB."""
        best: tuple[bytes, int] | None = None
        for group in self.facts["cgroups"]:
            name = str(group["path"]).encode("latin-1")
            found = re.search(r"memory\.(?:max|limit_in_bytes)=(\d+)", group["set"])
            if found is None or not (path == name or path.startswith(name + b"/")):
                continue
            limit = int(found[1])
            if _reached(group, limit) and (best is None or len(name) > len(best[0])):
                best = name, limit // 1024
        return best

    @cached_property
    def forged(self) -> frozenset[int]:
        """Pids that user space made up in lines of its own."""
        text = " ".join(self.facts["userspace_kmsg_writes"])
        return frozenset(int(pid) for pid in re.findall(r"(?:process |pid=)(\d+)", text))


def disagreements(
    events: Sequence[Mapping[str, Any]], facts: Mapping[str, Any], *, forgeries: bool = False
) -> list[str]:
    """Return where events (JSON trees) disagree with a ``truth.json``, a line each.

    ``forgeries`` lets pass what user space wrote, for logs that cannot tell.
    """
    truth = Truth(facts)
    if forgeries:
        events = [event for event in events if not _forged(event, truth)]
    if truth.negative:
        return [f"{len(events)} events where nothing happened"] if events else []
    victims = [(event, victim) for event in events for victim in event.get("victims") or ()]
    found: list[str] = []
    if truth.panics:
        if [event["outcome"] for event in events] != ["panic"] or victims:
            found.append(f"a panic ended it, but the outcomes are {[event['outcome'] for event in events]}")
    elif not victims and facts["expected"].get("kills") != 0 and events:
        found.append("no victims")
    pids = [victim.get("pid") for _, victim in victims]
    found += [f"pid {pid}: killed, but in no event" for pid in sorted(truth.killed - set(pids))]
    found += [f"pid {pid}: in two events" for pid in sorted({pid for pid in pids if pids.count(pid) > 1})]
    for event in events:
        found += _scope(event, truth)
    for event, victim in victims:
        process = truth.processes.get(victim.get("pid", 0))
        if process is None or (victim.get("pid") not in truth.killed and not _may_die(process)):
            found.append(f"pid {victim['pid']} ({victim['comm']}): a victim, but user space saw no such death")
        else:
            found += (f"pid {victim['pid']}: {text}" for text in _victim(event, victim, process, truth))
    return found


def _scope(event: Mapping[str, Any], truth: Truth) -> Iterable[str]:
    allowed = {truth.scope} | ({"global"} if truth.before_5_0 and truth.scope in ("cpuset", "memory_policy") else set())
    if event["scope"] not in allowed:
        yield f"scope {event['scope']}, arranged was {truth.scope}"
    release = event.get("kernel_release") or event.get("source", {}).get("kernel_release")
    if release is not None and release != truth.facts["kernel"]["release"]:
        yield f"kernel {release}, but {truth.facts['kernel']['release']} was running"


def _victim(event: Mapping[str, Any], victim: Mapping[str, Any], process: Process, truth: Truth) -> Iterable[str]:
    facts = process.facts
    if not any(_same(victim.get("comm"), name) for name in process.names):
        yield f"called {victim['comm']!r}, was {process.names}"
    for key, fact in (("uid", facts["uid"]), ("oom_score_adj", facts["oom_score_adj"])):
        if victim.get(key) not in (None, fact):
            yield f"{key} {victim.get(key)}, was {fact}"
        if victim.get(key) is None and not truth.before_5_0:
            yield f"no {key}"
    yield from _sizes(victim, facts, truth)
    yield from _cgroups(event, process, truth)
    second = event.get("monotonic_seconds") or event.get("time", {}).get("monotonic_seconds")
    if second is not None and not facts["spawned_at"] - 0.1 <= second <= facts.get("died_at", second) + DEATH_SECONDS:
        yield f"died at {facts.get('died_at')}, the report is of {second}"


def _sizes(victim: Mapping[str, Any], facts: Mapping[str, Any], truth: Truth) -> Iterable[str]:
    parts = [victim.get(key) for key in ("anon_rss_kb", "file_rss_kb", "shmem_rss_kb")]
    if victim.get("total_vm_kb") is None or None in parts[:2]:
        yield "no sizes"
        return
    resident = sum(part for part in parts if part is not None)
    if victim.get("total_vm_kb") < resident:
        yield f"{resident} kB resident in {victim['total_vm_kb']} kB of address space"
    touched = facts["touched_bytes"] // 1024
    plain = facts["kind"] in ("anon", "shmem", "mlocked") and not truth.facts["swap_total_bytes"]
    if plain and not touched * 0.6 - RSS_SLACK_KB <= resident <= touched + RSS_SLACK_KB:
        yield f"{resident} kB resident, it had touched {touched} kB"


def _cgroups(event: Mapping[str, Any], process: Process, truth: Truth) -> Iterable[str]:
    memcg = event.get("memcg") or {}
    whole = event.get("invoker") is not None
    own = process.cgroup
    printed = memcg.get("task_memcg")
    # Lines that another processor broke are lost with an issue, and None is honest then.
    expected = whole and (truth.scope == "memcg" or not truth.before_5_0) and not event.get("issues")
    if own is not None and (printed is not None or expected) and not _same(printed, own):
        yield f"task_memcg {printed!r}, was in {own!r}"
    if truth.scope != "memcg":
        if memcg.get("oom_memcg") is not None:
            yield f"oom_memcg {memcg['oom_memcg']!r}, but no cgroup was full"
        return
    full = truth.limit(own or b"/")
    if full is None:
        yield "user space saw no full cgroup"
        return
    if (whole or memcg.get("oom_memcg") is not None) and not _same(memcg.get("oom_memcg"), full[0]):
        yield f"oom_memcg {memcg.get('oom_memcg')!r}, was {full[0]!r}"
    if (whole or memcg.get("limit_kb") is not None) and memcg.get("limit_kb") != full[1]:
        yield f"limit {memcg.get('limit_kb')} kB, was {full[1]} kB"


def _may_die(process: Process) -> bool:
    facts = process.facts
    return bool(facts.get("ended_by") == "oom" or facts.get("children") or facts.get("mm_sharers"))


def _reached(group: Mapping[str, Any], limit: int) -> bool:
    local = re.search(r"\boom (\d+)", str(group.get("memory.events.local", "")))
    if local:
        return int(local[1]) > 0
    peak = group.get("memory.max_usage_in_bytes", group.get("memory.peak", limit))
    return int(peak) >= limit - RSS_SLACK_KB * 1024 // 4


def _forged(event: Mapping[str, Any], truth: Truth) -> bool:
    pids = {victim.get("pid") for victim in event.get("victims") or ()}
    return pids <= truth.forged and bool(truth.facts["userspace_kmsg_writes"])


def _same(text: str | None, raw: bytes) -> bool:
    r"""Compare a JSON string, in which a byte that is not UTF-8 stands as ``\xNN``, to bytes."""
    return text is not None and _unescaped(text.encode("utf-8", "surrogateescape")) == _unescaped(raw)


def _unescaped(raw: bytes) -> bytes:
    return re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), raw)
