"""How programs say that they killed, or that the kernel did: one `Habit` each, with samples.

The data behind `oomparse.userspace`.  The samples are the habits' tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Killer(StrEnum):
    """Who killed, or who speaks of it."""

    SYSTEMD_OOMD = "systemd-oomd"
    EARLYOOM = "earlyoom"
    NOHANG = "nohang"
    OOMD = "oomd"
    """Facebook's, the ancestor of systemd-oomd; it writes to /dev/kmsg."""
    KUBELET = "kubelet"
    LMKD = "lmkd"
    JAVA = "java"
    SYSTEMD = "systemd"
    CONTAINERD = "containerd"
    NODE_PROBLEM_DETECTOR = "node-problem-detector"
    SLURM = "slurm"
    UNKNOWN = "unknown"
    """Somebody sent SIGKILL: the text does not say who."""


class Action(StrEnum):
    """What was done."""

    KILLED = "killed"
    """A signal was sent (see ``signal``)."""
    EVICTED = "evicted"
    """A pod was ended and will be scheduled elsewhere."""
    FAILED = "failed"
    """A process hit its own limit and failed by itself; nobody killed it."""
    REPORTED = "reported"
    """Tells of a kill that another record is about."""


@dataclass(frozen=True, slots=True)
class Habit:
    """How one program says one thing.

    ``trigger`` is a literal that every such text has.  The groups of ``pattern`` are fields of `UserspaceKill`; other
    groups are figures.  ``anywhere`` looks into the text, instead of at its beginning (after a ``program[pid]:``).
    ``samples`` are texts and what must come of them.
    """

    killer: Killer
    action: Action
    trigger: str
    pattern: str
    samples: tuple[tuple[str, Mapping[str, Any]], ...]
    reason: str | None = None
    echo: bool = False
    anywhere: bool = False


_PRESSURE = "memory pressure above the limit of its cgroup"
_UNIT = r"(?P<unit>[^\s:]+\.(?:service|scope|slice|socket|mount|swap))"
_POD = r"(?P<pod>[\w.-]+/[\w.-]+)"
_SESSION = "/user.slice/user-1000.slice/user@1000.service"

HABITS = (
    Habit(
        Killer.SYSTEMD_OOMD,
        Action.KILLED,
        " due to memory pressure for ",
        r"Killed (?P<cgroup>/.+?) due to memory pressure for (?P<reason>\S+)"
        r"(?: being (?P<pressure_percent>[\d.]+)% > (?P<pressure_limit_percent>[\d.]+)%"
        r"(?: for > (?P<pressure_seconds>\d+)(?:\.\d+)?s(?= |$))?)?",
        (
            (
                f"Killed {_SESSION}/app.slice/web.scope due to memory pressure for {_SESSION} being 68.20% > 50.00% "
                "for > 20s with reclaim activity",
                {
                    "cgroup": f"{_SESSION}/app.slice/web.scope",
                    "unit": "web.scope",
                    "figures": {"pressure_percent": 68.2, "pressure_limit_percent": 50.0, "pressure_seconds": 20},
                    "reason": f"memory pressure in {_SESSION}",
                },
            ),
        ),
        reason="memory pressure in {}",
    ),
    Habit(
        Killer.SYSTEMD_OOMD,
        Action.KILLED,
        " due to memory used ",
        r"Killed (?P<cgroup>/.+?) due to memory used \((?P<memory_used_bytes>\d+)\) / total"
        r" \((?P<memory_total_bytes>\d+)\)"
        r" and swap used \((?P<swap_used_bytes>\d+)\) / total \((?P<swap_total_bytes>\d+)\)"
        r" being more than (?P<limit_percent>[\d.]+)%",
        (
            (
                "Killed /system.slice/batch.service due to memory used (16000000000) / total (16700000000) and swap "
                "used (8000000000) / total (8500000000) being more than 90.00%",
                {
                    "cgroup": "/system.slice/batch.service",
                    "unit": "batch.service",
                    "figures": {
                        "memory_used_bytes": 16000000000,
                        "memory_total_bytes": 16700000000,
                        "swap_used_bytes": 8000000000,
                        "swap_total_bytes": 8500000000,
                        "limit_percent": 90.0,
                    },
                },
            ),
        ),
        reason="memory and swap almost full",
    ),
    # A pager or a grep may have cut the line behind the name.
    Habit(
        Killer.SYSTEMD_OOMD,
        Action.KILLED,
        " due to ",
        r"Killed (?P<cgroup>/\S+) due to (?:memory|swap)\b",
        (("Killed /system.slice/batch.service due to memory p>", {"cgroup": "/system.slice/batch.service"}),),
    ),
    Habit(
        Killer.SYSTEMD_OOMD,
        Action.REPORTED,
        "systemd-oomd killed ",
        rf"{_UNIT}: systemd-oomd killed (?:some|(?P<processes>\d+)) process(?:\(es\)|es) in this unit",
        (
            (
                "user@1000.service: systemd-oomd killed 5 process(es) in this unit.",
                {"unit": "user@1000.service", "figures": {"processes": 5}},
            ),
        ),
    ),
    Habit(
        Killer.EARLYOOM,
        Action.KILLED,
        "sending SIG",
        r'sending (?P<signal>SIG[A-Z]+) to process (?P<pid>\d+)(?: uid (?P<uid>\d+))? "(?P<comm>.{0,64}?)"'
        r": (?:oom_score|badness) (?P<oom_score>\d+)(?:, oom_score_adj (?P<oom_score_adj>-?\d+))?"
        r", VmRSS (?P<rss_mib>\d+) MiB(?:, cmdline \"(?P<command>.*)\")?",
        (
            (
                'sending SIGTERM to process 7378 uid 1000 "tail": oom_score 156, VmRSS 496 MiB, cmdline "tail -f x"',
                {
                    "signal": "SIGTERM",
                    "pid": 7378,
                    "uid": 1000,
                    "comm": "tail",
                    "command": "tail -f x",
                    "figures": {"oom_score": 156, "rss_mib": 496},
                },
            ),
            (
                'sending SIGTERM to process 7378 uid 1000 "tail": oom_score 156, oom_score_adj 300, VmRSS 496 MiB',
                {
                    "signal": "SIGTERM",
                    "pid": 7378,
                    "uid": 1000,
                    "comm": "tail",
                    "figures": {"oom_score": 156, "oom_score_adj": 300, "rss_mib": 496},
                },
            ),
            (
                'earlyoom[512]: sending SIGKILL to process 99 "my "hog"": badness 900, VmRSS 12 MiB',
                {"signal": "SIGKILL", "pid": 99, "comm": 'my "hog"', "figures": {"oom_score": 900, "rss_mib": 12}},
            ),
        ),
        reason="available memory and swap below earlyoom's limits",
    ),
    Habit(
        Killer.NOHANG,
        Action.KILLED,
        "] Sending SIG",
        r"\s*(?:- )?\[ OK \] Sending (?P<signal>SIG[A-Z]+) to (?P<comm>.+?)(?:: (?P<times>\d+))?$",
        (
            ("[ OK ] Sending SIGTERM to stress", {"signal": "SIGTERM", "comm": "stress"}),
            ("  [ OK ] Sending SIGKILL to stress: 2", {"signal": "SIGKILL", "comm": "stress", "figures": {"times": 2}}),
        ),
        reason="available memory and swap below nohang's limits",
    ),
    Habit(
        Killer.NOHANG,
        Action.KILLED,
        " to the victim",
        r"(?:Implementing a corrective action:\s+)?\s*Sending (?P<signal>SIG[A-Z]+) to the victim",
        (("  Sending SIGKILL to the victim", {"signal": "SIGKILL"}),),
        reason="available memory and swap below nohang's limits",
    ),
    Habit(
        Killer.OOMD,
        Action.KILLED,
        "oomd kill: ",
        r"oomd kill: (?P<pressure_10s_percent>[\d.]+) (?P<pressure_60s_percent>[\d.]+)"
        r" (?P<pressure_300s_percent>[\d.]+) (?P<cgroup>\S+)\s+(?P<memory_bytes>\d+)"
        r"(?: ruleset:\[(?P<reason>[^\]]*)\])?",
        (
            (
                "oomd kill: 81.28 80.05 42.78 system.slice/batch.service 524288000 ruleset:[protection] "
                "detectorgroup:[high pressure] killer:kill_by_memory_size_or_growth v2",
                {
                    "cgroup": "/system.slice/batch.service",
                    "unit": "batch.service",
                    "reason": "rule set protection",
                    "figures": {
                        "pressure_10s_percent": 81.28,
                        "pressure_60s_percent": 80.05,
                        "pressure_300s_percent": 42.78,
                        "memory_bytes": 524288000,
                    },
                },
            ),
        ),
        reason="rule set {}",
    ),
    Habit(
        Killer.KUBELET,
        Action.EVICTED,
        "viction manager: pod",
        rf'(?:[IWEF]\d{{4}} \S+\s+\d+ \S+\] )?"?[Ee]viction manager: pod(?: is evicted successfully" pod="{_POD}"'
        r"| (?P<pod_name>[a-z0-9.-]+)_(?P<pod_namespace>[a-z0-9-]+)\([^)]*\) is evicted successfully)",
        (
            (
                'I1012 19:34:45.445172    2480 eviction_manager.go:595] "Eviction manager: pod is evicted '
                'successfully" pod="default/web-0"',
                {"pod": "default/web-0"},
            ),
            (
                "I1012 19:34:45.445172    2480 eviction_manager.go:576] eviction manager: pod "
                "web-0_default(3fd4c1a2-9b7e-4c55-8a66-0f1e2d3c4b5a) is evicted successfully",
                {"pod": "default/web-0"},
            ),
            (
                '"Eviction manager: pod is evicted successfully" pod="kube-system/coredns-1"',
                {"pod": "kube-system/coredns-1"},
            ),
        ),
        reason="the node ran low on a resource",
    ),
    Habit(
        Killer.KUBELET,
        Action.EVICTED,
        "low on resource: memory",
        r"(?:.{0,200}?\s)?The node was low on resource: memory\.",
        (("The node was low on resource: memory. Container web was using 1Gi, request is 0", {}),),
        reason="the node ran low on memory",
    ),
    Habit(
        Killer.KUBELET,
        Action.REPORTED,
        "System OOM encountered",
        r"(?:.{0,200}?\W)?System OOM encountered(?:, victim process: (?P<comm>.{1,64}?)(?:, pid: (?P<pid>\d+)|$))?",
        (
            (
                "System OOM encountered, victim process: stress-ng-vm, pid: 3103923",
                {"comm": "stress-ng-vm", "pid": 3103923},
            ),
            ("System OOM encountered", {}),
        ),
        echo=True,
    ),
    Habit(
        Killer.LMKD,
        Action.KILLED,
        "Kill '",
        r"Kill '(?P<comm>.{1,256}?)' \((?P<pid>\d+)\), uid (?P<uid>\d+), "
        r"(?:oom_score_adj|oom_adj) (?P<oom_score_adj>-?\d+) to free (?P<rss_kb>\d+)kB(?: rss)?"
        r"(?:, (?P<swap_kb>\d+)kB swap)?(?:; reason: (?P<reason>.+))?",
        (
            (
                "lowmemorykiller: Kill 'com.example.app' (3847), uid 10045, oom_score_adj 900 to free 51200kB rss, "
                "1024kB swap; reason: low watermark is breached",
                {
                    "comm": "com.example.app",
                    "pid": 3847,
                    "uid": 10045,
                    "reason": "low watermark is breached",
                    "figures": {"oom_score_adj": 900, "rss_kb": 51200, "swap_kb": 1024},
                },
            ),
        ),
    ),
    Habit(
        Killer.SYSTEMD,
        Action.REPORTED,
        "OOM killer",
        rf"{_UNIT}: (?:A process of this unit has been killed by the OOM killer"
        r"|The kernel OOM killer killed some processes in this unit)",
        (
            (
                "docker.service: A process of this unit has been killed by the OOM killer.",
                {"unit": "docker.service"},
            ),
        ),
        echo=True,
    ),
    Habit(
        Killer.SYSTEMD,
        Action.REPORTED,
        "'oom-kill'",
        rf"{_UNIT}: Failed with result 'oom-kill'",
        (("web.service: Failed with result 'oom-kill'.", {"unit": "web.service"}),),
        echo=True,
    ),
    Habit(
        Killer.CONTAINERD,
        Action.REPORTED,
        "TaskOOM",
        r"TaskOOM event .{0,40}?container_id:\\?\"(?P<container_id>[0-9a-f]{12,64})",
        (
            (
                'time="2024-01-01T00:00:00Z" level=info msg="TaskOOM event container_id:\\"0123456789abcdef\\""',
                {"container_id": "0123456789abcdef"},
            ),
        ),
        echo=True,
        anywhere=True,
    ),
    Habit(
        Killer.NODE_PROBLEM_DETECTOR,
        Action.REPORTED,
        "OOMKilling",
        r"\bOOMKilling\b.{0,80}?Killed process (?P<pid>\d+)(?: \((?P<comm>.{1,64}?)\))?",
        (
            (
                "New status generated: Reason:OOMKilling Message:Memory cgroup out of memory: Killed process 1012 "
                "(heapster) total-vm:327128kB",
                {"pid": 1012, "comm": "heapster"},
            ),
        ),
        echo=True,
        anywhere=True,
    ),
    Habit(
        Killer.SLURM,
        Action.REPORTED,
        "oom-kill event",
        r"(?:slurmstepd: error: |error: )?Detected (?P<kills>\d+) oom[-_]kill event(?:\(s\)|s)? in"
        r" (?:StepId=|step )(?P<reason>\d+(?:[.+]\w+)*)",
        (
            (
                "slurmstepd: error: Detected 2 oom-kill event(s) in StepId=4711.batch. Some of your processes may have "
                "been killed by the cgroup out-of-memory handler.",
                {"reason": "Slurm step 4711.batch", "figures": {"kills": 2}},
            ),
            (
                "slurmstepd: error: Detected 1 oom-kill event(s) in step 4711.0 cgroup.",
                {"reason": "Slurm step 4711.0", "figures": {"kills": 1}},
            ),
        ),
        reason="Slurm step {}",
        echo=True,
    ),
    Habit(
        Killer.JAVA,
        Action.FAILED,
        "java.lang.OutOfMemoryError",
        r"\bjava\.lang\.OutOfMemoryError(?:: (?P<reason>[^\n]{1,200}))?",
        (
            (
                'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space',
                {"reason": "Java heap space"},
            ),
        ),
        anywhere=True,
    ),
    Habit(
        Killer.JAVA,
        Action.FAILED,
        "insufficient memory for the Java",
        r"There is insufficient memory for the Java Runtime Environment to continue",
        (("# There is insufficient memory for the Java Runtime Environment to continue.", {}),),
        reason="the operating system refused memory",
        anywhere=True,
    ),
    # A shell, make or a compiler driver tells of a child that died of SIGKILL.
    Habit(
        Killer.UNKNOWN,
        Action.REPORTED,
        "illed",
        r"(?:\S+: line \d+: +(?P<pid>\d+) |\[\d+\][+-]? +)?Killed(?: {2,}(?P<command>\S.*))?$"
        r"|(?:zsh: |\[\d+\] +[+-] +(?:\d+ )?)killed +(?P<job>\S.*)$"
        r"|make(?:\[\d+\])?: \*\*\* \[.{1,200}\] Killed$"
        r"|.{0,200}: (?:fatal error: Killed signal terminated program|internal compiler error: Killed \(program)"
        r" (?P<comm>[\w.+-]+)\)?$"
        r"|collect2: fatal error: (?P<tool>\S+) terminated with signal 9 \[Killed\]",
        (
            ("Killed", {}),
            ("./run.sh: line 3:  1234 Killed                  ./hog 100", {"pid": 1234, "command": "./hog 100"}),
            ("make: *** [Makefile:3: all] Killed", {}),
            ("c++: fatal error: Killed signal terminated program cc1plus", {"comm": "cc1plus"}),
            ("collect2: fatal error: ld terminated with signal 9 [Killed]", {"comm": "ld"}),
            ("zsh: killed     ./hog 100", {"command": "./hog 100"}),
            ("[1]  + 12345 killed     ./hog", {"command": "./hog"}),
        ),
        reason="SIGKILL; look for a kernel report of the same time",
    ),
)
