r"""What a cgroup path means: the pod, container, unit, session or job that owns it.

Turns ``oom_memcg`` and ``task_memcg`` as the kernel prints them (``mm/memcontrol.c:mem_cgroup_print_oom_context()``)
into an `Identity`.  The kernel knows nothing of such names: they are habits of systemd, of container runtimes and of
batch systems, each of them one `Rule`.  Where layers are nested, a manager of workloads comes before a container, a
container before a login, a login before a unit; of two of a kind the inner one counts.

It refuses what it does not know: such a path stays a path (``None``).  Unit names are kept as ``systemctl`` takes
them, with their escapes; names of machines are un-escaped.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from oomparse.model import Identity, ScopeLevel
from oomparse.pattern import pattern

MAX_PATH = 4096
"""Longer paths are not looked at; the kernel prints none (PATH_MAX)."""

_UUID = r"[0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}"
_ID = r"[0-9a-f]{64}"
_POD = rf"pod(?P<pod_uid>{_UUID}|[0-9a-f]{{32}})"
_QOS = r"(?P<qos>burstable|besteffort)"
_VM_THREADS = r"(?:/libvirt)?(?:/(?:emulator|vcpu\d+|iothread\d+))?"


@dataclass(frozen=True, slots=True)
class Rule:
    """One habit: the kind, what whole components of a path look like, and the runtime where that settles it.

    ``mark`` stands in every such path.  The groups of ``pattern`` are fields of `Identity`.
    """

    kind: str
    mark: str
    pattern: str
    runtime: str | None = None


WORKLOADS = (
    # Kubernetes: kubepods[/QOS]/podUID/ID, or slices and a scope.  kubelet-, kind's and others' --cgroup-root is a
    # prefix; a systemd path under containerd's cgroupfs driver becomes one component with colons.
    Rule(
        "kubernetes",
        "kubepods",
        rf"(?:[\w.]+-)*kubepods(?:-{_QOS})?(?:-{_POD})?(?:\.slice)?"
        rf"(?::(?P<runtime>cri-containerd|crio|docker):(?P<container_id>{_ID}))?",
    ),
    Rule("kubernetes", "kubepods/", rf"kubepods/{_QOS}"),
    Rule("kubernetes", "pod", rf"{_POD}(?:/(?P<container_id>{_ID}))?"),
    # Amazon ECS: ecs/[CLUSTER/]TASK[/CONTAINER]; a Fargate container is TASK-NUMBER.
    Rule(
        "ecs",
        "ecs",
        rf"ecs(?:/[^/]+)??/(?P<job>[0-9a-f]{{32}}|{_UUID})(?:/(?P<container_id>{_ID}|[0-9a-f]{{32}}-\d+))?",
    ),
    Rule("ecs", "ecstasks-", rf"ecstasks-(?P<job>[0-9a-f]{{32}}|{_UUID})\.slice"),
    # Nomad: ALLOCATION.TASK
    Rule("nomad", "nomad.slice", rf"nomad\.slice(?:/[^/]+\.slice)?(?:/(?P<job>{_UUID})\.(?P<step>[^/]+)\.scope)?"),
    Rule("nomad", "nomad", rf"nomad(?:/(?:share|reserve))?/(?P<job>{_UUID})(?:\.(?P<step>[^/]+?)(?:\.scope)?)?"),
    Rule("mesos", "mesos/", rf"mesos/(?P<job>{_UUID})", "mesos"),
    # YARN: container_[eEPOCH_]CLUSTER-START_APPLICATION_ATTEMPT_NUMBER, below whatever the hierarchy is called.
    Rule("yarn", "yarn", r"[\w-]*yarn[\w-]*/(?P<job>container_(?:e\d+_)?\d+_\d+_\d+_\d+)"),
    Rule("yarn", "/container_", r"(?P<job>container_(?:e\d+_)?\d{13}_\d{4,}_\d{2,}_\d{6,})"),
    # Slurm: slurm[_NODE]/uid_N/job_N/step_N/task_N; on cgroup v2 below slurmstepd.scope, without the uid.
    Rule(
        "slurm",
        "slurm",
        r"(?:slurm(?:_[^/]+)?|(?:[^/]+_)?slurmstepd\.scope)(?:/uid_(?P<user>\d+))?"
        r"(?:/job_(?P<job>[^/]+)(?:/step_(?P<step>[^/]+)(?:/user|/slurm)?(?:/task_[^/]+)?)?)?",
    ),
    # HTCondor: the execute directory and the slot, in one component; newer ones have the slot alone.
    Rule(
        "htcondor",
        "condor",
        r"(?:htcondor/|condor\.service/)*(?:condor_[^/]*?)?(?P<job>(?:dynamic_)?slot\d+(?:_\d+)?@[^/]+)",
    ),
    # Torque: torque/JOB.SERVER; OpenPBS: pbspro/JOB.SERVER, on cgroup v2 pbs_jobs.service/jobid/JOB.SERVER.
    Rule("torque", "torque/", r"torque/(?P<job>\d[^/]*)(?:/\d+)?"),
    Rule("pbs", "pbs", r"(?:pbspro|pbs_jobs\.service/jobid|pbs\.service/jobid)/(?P<job>\d[^/]*)"),
    # Grid Engine: UGE/JOB.TASK; LSF: lsf/CLUSTER/job.JOB.PID.TIME
    Rule("gridengine", "GE/", r"(?:UGE|SGE|OGE)/(?P<job>\d+(?:\.\d+)?)"),
    Rule("lsf", "lsf/", r"lsf/[^/]+/job\.(?P<job>\d+(?:\[\d+\])?)\.\d+\.\d+"),
)
CONTAINERS = (
    Rule("docker", "docker", rf"docker(?:/(?P<container_id>{_ID}))?", "docker"),
    # BuildKit inside of dockerd, and the parent that CI runners give their jobs' containers.
    Rule(
        "docker", "docker/build", rf"docker/(?:buildx|buildkit)(?:/(?P<container_id>{_ID}|[0-9a-z]{{25}}))?", "docker"
    ),
    Rule("docker", "actions_job", rf"actions_job(?:/(?P<container_id>{_ID}))?", "docker"),
    Rule("docker", "docker", rf"(?:[^/]+:)?docker[-:](?P<container_id>{_ID})(?:\.scope)?", "docker"),
    Rule("podman", "libpod_pod_", rf"(?:machine|user)-libpod_pod_(?P<pod_uid>{_ID})\.slice", "podman"),
    Rule("podman", "libpod_parent", rf"libpod_parent(?:/(?P<pod_uid>{_ID}))?", "podman"),
    Rule(
        "podman",
        "libpod-",
        rf"(?:(?P<unit>[^/]+\.service)/)?libpod-(?:conmon-|payload-)?(?P<container_id>{_ID})(?:\.scope)?(?:/container)?",
        "podman",
    ),
    Rule("kubernetes", "crio-", rf"crio-(?:conmon-)?(?P<container_id>{_ID})(?:\.scope)?(?:/container)?", "crio"),
    Rule(
        "containerd",
        "cri-containerd",
        rf"(?:[^/]+:)?cri-containerd[-:](?P<container_id>{_ID})(?:\.scope)?",
        "containerd",
    ),
    Rule("kata", "kata_", rf"kata_(?:overhead/)?(?P<container_id>{_ID})", "kata"),
    Rule("containerd", "-", rf"(?:nerdctl|containerd)-(?P<container_id>{_ID})(?:\.scope)?", "containerd"),
    Rule("containerd", "/", rf"(?:default|k8s\.io|buildkit|moby)/(?P<container_id>{_ID})", "containerd"),
    Rule("lxc", "lxc", r"lxc(?:\.payload|\.monitor)?/(?P<container_name>[^/]+)(?:/ns)?", "lxc"),
    Rule("lxc", "lxc.", r"lxc\.(?:payload|monitor)\.(?P<container_name>[^/]+)", "lxc"),
    Rule(
        "lxc",
        "lxc",
        r"(?:libvirt/lxc/|machine-lxc\\x2d\d+\\x2d)(?P<container_name>[^/]+?)(?:\.scope)?(?:/libvirt)?",
        "libvirt",
    ),
    Rule("libvirt", "machine-qemu", rf"machine-qemu\\x2d\d+\\x2d(?P<container_name>[^/]+)\.scope{_VM_THREADS}", "qemu"),
    Rule("libvirt", ".libvirt-qemu", rf"(?:qemu-\d+-)?(?P<container_name>[^/]+)\.libvirt-qemu{_VM_THREADS}", "qemu"),
    # Proxmox: the number of the machine.
    Rule("qemu", "qemu.slice/", r"qemu\.slice/(?P<container_name>\d+)\.scope", "qemu"),
    Rule("firecracker", "firecracker", r"firecracker(?:-v[\w.]+)?/(?P<container_name>[^/]+)", "firecracker"),
    # Cloud Foundry's Garden.
    Rule(
        "garden", "garden", r"garden(?:-[^/]+)?(?:/(?:good|bad))?/(?P<container_id>[0-9a-f]{8}-[0-9a-f-]{4,})", "garden"
    ),
    Rule("libvirt", "libvirt/qemu/", rf"libvirt/qemu/(?P<container_name>[^/]+){_VM_THREADS}", "qemu"),
    Rule("openvz", "/", rf"(?:machine\.slice|ve)/(?P<container_id>{_UUID}|\d+)", "openvz"),
    Rule(
        "nspawn",
        "machine-",
        r"machine-(?!qemu\\x2d|lxc\\x2d)(?P<container_name>[^/]+)\.scope(?:/payload)?",
        "systemd-nspawn",
    ),
    Rule(
        "nspawn",
        "systemd-nspawn@",
        r"systemd-nspawn@(?P<container_name>[^/]+)\.service(?:/(?:payload|supervisor))?",
        "systemd-nspawn",
    ),
)
PEOPLE = (
    # Android gives every application a user of its own.
    Rule("android", "uid_", r"(?:(?:apps|system)/uid_(?P<user>\d+)(?:/pid_\d+)?)"),
    Rule("android", "/pid_", r"(?:acct/)?uid_(?P<user>\d+)/pid_\d+"),
    Rule("user_service", "user@", r"user@(?P<user>[^/]+)\.service"),
    Rule("user_session", "user-", r"user-(?P<user>\d+)\.slice"),
    Rule("user_session", "session-", r"session-(?P<session>[^/]+)\.scope"),
    Rule("user_session", ".user", r"user/(?P<user>[^/]+)\.user(?:/(?P<session>[^/]+)\.session)?"),
)
UNITS = (
    Rule("systemd_unit", ".", r"(?P<unit>[^/]+\.(?:service|scope|socket|mount|swap))"),
    Rule("systemd_unit", ".slice", r"(?P<slice>[^/]+\.slice)"),
)
TIERS = (WORKLOADS, CONTAINERS, PEOPLE, UNITS)
_WORKLOAD, _CONTAINER, _PERSON, _UNIT = range(len(TIERS))

# Units that an application packager made: its name for the application.
_APPLICATIONS = (
    ("flatpak", pattern(r"app-flatpak-(?P<name>.+)-\d+\.scope|flatpak-(?P<old>.+)-\d+\.scope")),
    ("snap", pattern(r"snap\.(?P<name>[^.]+)\..+")),
)


@cache
def _compiled(path: str) -> re.Pattern[str]:
    return pattern(f"/(?:{path})(?=/|$)")


class _Part(NamedTuple):
    """A part of the path that a rule takes."""

    tier: int
    rule: Rule
    start: int
    end: int
    fields: dict[str, str]


@lru_cache(maxsize=1_024)
def identify(path: str) -> Identity | None:
    """Return what a cgroup path means, or ``None`` for a path that no known manager makes.

    >>> identify("/system.slice/nginx.service").unit
    'nginx.service'
    """
    if path == "/":
        return Identity(kind="root", path=path)
    parts = _parts(path)
    if not parts:
        return None
    tier = min(part.tier for part in parts)
    chosen = max((part for part in parts if part.tier == tier), key=lambda part: (part.end, -part.start))
    kind = chosen.rule.kind
    fields: dict[str, str] = {} if chosen.rule.runtime is None else {"runtime": chosen.rule.runtime}
    for part in parts:
        if part.tier == tier and part.rule.kind == kind:
            fields |= part.fields
    if tier == _WORKLOAD and "container_id" not in fields:
        fields |= _container_of(chosen, parts)
    for part in parts:
        if part.tier == _PERSON:
            fields = part.fields | fields
        elif part.tier == _UNIT and ("slice" in part.fields or tier >= _PERSON or _runs_inside(part, chosen, parts)):
            fields |= part.fields
    if kind == "kubernetes" and "pod_uid" in fields:
        fields.setdefault("qos", "guaranteed")
    if tier >= _PERSON and "unit" in fields:
        fields |= _application(fields["unit"])
    return Identity(kind=kind, path=path, **_spelled(fields))


def openvz(container: str) -> Identity:
    """Return what the number of an OpenVZ container means, which is that of its beancounters."""
    return Identity(kind="openvz", path=f"/{container}", container_id=container, runtime="openvz")


def level(path: str) -> ScopeLevel | None:
    """Return what kind of thing a path itself, not something above it, is; ``None`` where no rule takes its end."""
    if path == "/":
        return ScopeLevel.ROOT
    end = len(path.rstrip("/"))
    last = min(
        (part for part in _parts(path) if part.end == end), key=lambda part: (part.tier, part.start), default=None
    )
    if last is None:
        return None
    fields = last.fields
    if "container_id" in fields or "container_name" in fields:
        return ScopeLevel.CONTAINER
    if "pod_uid" in fields:
        return ScopeLevel.POD
    if "job" in fields:
        return _JOB_LEVELS[last.rule.kind]
    if "session" in fields or "unit" in fields:
        return ScopeLevel.UNIT
    return ScopeLevel.USER if "user" in fields else ScopeLevel.SLICE


_JOB_LEVELS = {
    "ecs": ScopeLevel.POD,
    "nomad": ScopeLevel.CONTAINER,
    "mesos": ScopeLevel.CONTAINER,
    "yarn": ScopeLevel.CONTAINER,
    "slurm": ScopeLevel.UNIT,
    "htcondor": ScopeLevel.UNIT,
    "torque": ScopeLevel.UNIT,
    "pbs": ScopeLevel.UNIT,
    "gridengine": ScopeLevel.UNIT,
    "lsf": ScopeLevel.UNIT,
}

_ESCAPES = pattern(r"(?:\\x[0-9a-f]{2})+")


def unescape(name: str) -> str:
    r"""Read systemd's ``\xNN`` escapes (``systemd-escape``); bytes that are not UTF-8 become surrogate escapes.

    >>> unescape(r"dev-disk-by\x2duuid")
    'dev-disk-by-uuid'
    """
    return _ESCAPES.sub(
        lambda match: bytes.fromhex(match[0].replace("\\x", "")).decode("utf-8", "surrogateescape"), name
    )


@lru_cache(maxsize=256)
def _parts(path: str) -> tuple[_Part, ...]:
    """Return every part of the path that some rule takes, from left to right."""
    if not path.startswith("/") or len(path) > MAX_PATH:
        return ()
    path = path.rstrip("/")
    found = [
        _Part(tier, rule, match.start(), match.end(), {k: v for k, v in match.groupdict().items() if v is not None})
        for tier, rule, mark in _rules_of(path.encode("utf-8", "surrogatepass").translate(None, _HEX_DIGITS))
        if mark in path
        for match in _compiled(rule.pattern).finditer(path)
    ]
    return tuple(sorted(found, key=lambda part: (part.start, part.end)))


_HEX_DIGITS = b"0123456789abcdef"


@lru_cache(maxsize=1_024)
def _rules_of(words: bytes) -> tuple[tuple[int, Rule, str], ...]:
    """Return the rules that may take a part of such paths: ids are hexadecimal, so that of most there are a few."""
    return tuple(
        (tier, rule, rule.mark)
        for tier, rules in enumerate(TIERS)
        for rule in rules
        if rule.mark.encode().translate(None, _HEX_DIGITS) in words
    )


def _container_of(workload: _Part, parts: Sequence[_Part]) -> dict[str, str]:
    """Return the outermost container that a pod or a job holds."""
    inner = next((part for part in parts if part.tier == _CONTAINER and part.start >= workload.start), None)
    if inner is None:
        return {}
    fields = {name: text for name, text in inner.fields.items() if name.startswith("container_")}
    return fields if inner.rule.runtime is None else fields | {"runtime": inner.rule.runtime}


def _runs_inside(unit: _Part, owner: _Part, parts: Sequence[_Part]) -> bool:
    """Return whether a unit belongs to the system inside of a container, and is not the container's own scope."""
    scopes = (part for part in parts if part.tier < _PERSON)
    return unit.start >= owner.end and not any(part.start <= unit.start and unit.end <= part.end for part in scopes)


def _application(unit: str) -> dict[str, str]:
    for runtime, known in _APPLICATIONS:
        if match := known.fullmatch(unescape(unit)):
            return {"runtime": runtime, "container_name": next(name for name in match.groups() if name is not None)}
    return {}


def _spelled(fields: dict[str, str]) -> dict[str, str]:
    """Bring each name into its one spelling."""
    if "pod_uid" in fields:
        fields["pod_uid"] = fields["pod_uid"].replace("_", "-")
    if "runtime" in fields:
        fields["runtime"] = fields["runtime"].removeprefix("cri-")
    for name in ("container_name", "user"):
        if name in fields:
            fields[name] = unescape(fields[name])
    for name in ("unit", "slice"):
        # systemd puts "_" before names that the kernel's own files could have (cg_escape()).
        if name in fields:
            fields[name] = fields[name].removeprefix("_")
    return fields
