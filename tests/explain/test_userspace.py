"""Every habit against its own samples, and what none of them may take."""

from datetime import UTC, datetime

import pytest

from oomparse.message import Message
from oomparse.userspace import MAX_TEXT, TRIGGERS, recognise, sentence
from oomparse.userspace_habits import HABITS, Action, Habit, Killer

SAMPLES = [(habit, text, expected) for habit in HABITS for text, expected in habit.samples]


@pytest.mark.parametrize(("habit", "text", "expected"), SAMPLES, ids=[text[-40:] for _, text, _ in SAMPLES])
def test_sample(habit: Habit, text: str, expected: dict[str, object]) -> None:
    kill = recognise(Message(text=text))
    assert kill is not None
    assert (kill.killer, kill.action, kill.echo) == (habit.killer, habit.action, habit.echo)
    assert {name: getattr(kill, name) for name in expected} == expected
    assert kill.figures == expected.get("figures", {})
    assert any(trigger in text for trigger in TRIGGERS)
    assert str(kill.killer) in sentence(kill) or kill.killer is Killer.UNKNOWN


@pytest.mark.parametrize(("habit", "text", "expected"), SAMPLES, ids=[text[-40:] for _, text, _ in SAMPLES])
def test_the_kernel_is_never_user_space(habit: Habit, text: str, expected: dict[str, object]) -> None:
    assert recognise(Message(text=text, from_kernel=True)) is None


def test_every_killer_has_a_habit() -> None:
    assert {habit.killer for habit in HABITS} == set(Killer)
    assert {habit.action for habit in HABITS} == set(Action)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hog invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0",
        "Out of memory: Killed process 7 (hog) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB, UID:0",
        "Memory cgroup out of memory: Killed process 7 (Killed) total-vm:9kB, anon-rss:8kB, file-rss:0kB",
        "oom_reaper: reaped process 7 (hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
        "lowmemorykiller: Killing 'hog' (7), adj 906,",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 146.00 MiB.",
        "max-resource-pod   0/1     OOMKilled   1 (9s ago)   14s",
        "systemd-oomd.service: Deactivated successfully.",
        "earlyoom v1.8.2",
        "mem avail:  1500 of  7829 MiB (19.16%), swap free: 2047 of 2047 MiB (100.00%)",
        "Killed process 1234",
        "The user Killed a session",
    ],
)
def test_not_ours(text: str) -> None:
    assert recognise(Message(text=text)) is None


def test_where_and_when_come_from_the_message() -> None:
    wall = datetime(2024, 2, 15, 17, 10, 20, tzinfo=UTC)
    kill = recognise(
        Message(
            text="Killed /system.slice/web.service due to memory pressure for /system.slice being 60.00% > 50.00% "
            "for > 30s with reclaim activity",
            wall=wall,
            printed="Feb 15 17:10:20",
            monotonic_us=1_500_000,
            host="web1",
            path="/var/log/syslog",
            line_start=7,
            from_kernel=False,
        )
    )
    assert kill is not None
    assert (kill.time.wall, kill.time.monotonic_seconds, kill.time.printed) == (wall, 1.5, "Feb 15 17:10:20")
    assert (kill.source.host, kill.source.path, kill.source.line_start) == ("web1", "/var/log/syslog", 7)
    assert kill.source.from_kernel is False
    assert kill.identity is not None
    assert kill.identity.unit == "web.service"
    assert sentence(kill) == (
        "This was not the kernel's OOM killer but systemd-oomd: it killed cgroup /system.slice/web.service"
        " (memory pressure in /system.slice)."
    )


def test_a_long_text_is_cut() -> None:
    kill = recognise(Message(text="java.lang.OutOfMemoryError: " + "x" * 100_000))
    assert kill is not None
    assert len(kill.text) == MAX_TEXT
