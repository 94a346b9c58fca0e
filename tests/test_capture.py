"""The capture laboratory, as far as no kernel must be booted for it."""

import base64
from pathlib import Path

import pytest
from click.testing import CliRunner

from fixtures.capture.__main__ import main
from fixtures.capture.adopt import CONTEXT_LINES, case_name, trim
from fixtures.capture.initramfs import archive
from fixtures.capture.kernels import Kernel, LabError, features
from fixtures.capture.machine import command_line, qemu, received
from fixtures.capture.scenarios import SCENARIOS, chosen
from oomparse.testing import corpus


def test_boot_messages_are_left_out_but_for_the_kernel() -> None:
    boot = [b"[    0.%06d] usb %d\n" % (number, number) for number in range(90)]
    boot[3] = b"[    0.000003] Linux version 6.1.0\n"
    report = [b"[    1.000000] hog invoked oom-killer: gfp_mask=0x1\n", b"[    1.000001] Killed process 7 (hog)\n"]
    data, trimmed = trim(b"".join(boot + report))
    assert trimmed
    assert data.splitlines(keepends=True) == [boot[3], *boot[-CONTEXT_LINES:], *report]
    assert trim(b"".join(report)) == (b"".join(report), False)
    assert trim(b"".join(boot)) == (b"".join(boot), False)


def test_a_record_is_not_cut_in_two() -> None:
    boot = [b"[    0.%06d] usb\n" % number for number in range(40)] + [b"            more\n"] * (CONTEXT_LINES + 2)
    data, _ = trim(b"".join([*boot, b"[    1.000000] hog invoked oom-killer: gfp_mask=0x1\n"]))
    assert data.startswith(b"[    0.000039] usb\n            more\n")


def test_received_files_are_whole_or_left_out() -> None:
    def sent(name: bytes, size: int, content: bytes) -> bytes:
        return b"@@FILE %s %d\n%s\n@@END\n" % (name, size, base64.encodebytes(content).strip())

    stream = b"noise\n" + sent(b"a", 300, b"x" * 300) + sent(b"cut", 9, b"x") + b"@@FILE open 5\nAAAA"
    assert received(stream) == {"a": b"x" * 300}


def test_archive_is_newc_without_root() -> None:
    data = archive({"/init": b"program", "/usr/lib/x.so": b"12345"})
    names, place = [], 0
    while place < len(data):
        assert data[place : place + 6] == b"070701"
        fields = [int(data[place + 6 + 8 * number : place + 14 + 8 * number], 16) for number in range(13)]
        name_end = place + 110 + fields[11]
        names.append(data[place + 110 : name_end - 1].decode())
        place = name_end + -name_end % 4
        place += fields[6] + -fields[6] % 4
    assert {"init", "usr", "usr/lib", "usr/lib/x.so", "dev/console"} <= set(names)
    assert names[-1] == "TRAILER!!!"
    assert names.index("usr/lib") < names.index("usr/lib/x.so")


@pytest.mark.parametrize(
    ("release", "config", "found"),
    [
        (
            "6.1.0-56-cloud-amd64",
            "CONFIG_MEMCG=y\nCONFIG_NUMA=y\nCONFIG_CPUSETS=y\n",
            {"v1", "v2", "group", "numa", "memsw"},
        ),
        ("6.12.1-amd64", "CONFIG_MEMCG=y\n# CONFIG_MEMCG_V1 is not set\n", {"v2", "group", "memsw"}),
        ("4.4.0-1", "CONFIG_MEMCG=y\nCONFIG_MEMCG_SWAP=y\n", {"v1", "memsw"}),
        ("6.1.0", "CONFIG_MEMCG=m\n", set()),
    ],
)
def test_features_are_read_from_the_configuration(release: str, config: str, found: set[str]) -> None:
    assert features(release, config) == found


def test_every_scenario_has_a_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("fixtures.capture.machine.require", lambda program, _: program)
    monkeypatch.setattr("fixtures.capture.machine._swap_image", lambda path, _: path.touch())
    kernel = Kernel(release="6.1.0", image=Path("vmlinuz"), features=frozenset())
    for scenario in SCENARIOS:
        command = qemu(kernel, scenario, Path("init.cpio"), tmp_path)
        assert f"scenario={scenario.name} cgroup={scenario.cgroup_version}" in command_line(scenario)
        assert command[0] == "qemu-system-x86_64"
    assert {scenario.name for scenario in chosen(("memcg-",))} < {scenario.name for scenario in SCENARIOS}


def test_names_of_older_captures_are_those_of_today() -> None:
    assert case_name("s06_memcg_nested_v1") == "memcg-nested-v1"
    assert {case.record.scenario for case in corpus()} <= {scenario.name for scenario in SCENARIOS} | {"userland-two"}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("one", "linux-image-x", "memcg-v2"), "apt-get is missing; on Debian: apt-get install apt"),
        (("one", "linux-image-x", "papyrus"), "no scenario is called 'papyrus'"),
    ],
)
def test_what_is_missing_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...], word: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(main, [*arguments, "--work", str(tmp_path)])
    assert result.exit_code == 2
    assert word in result.output


def test_package_without_a_kernel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="meta-package"):
        Kernel.unpacked(tmp_path)
