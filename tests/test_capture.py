"""The capture laboratory, as far as no kernel must be booted for it."""

import base64
import lzma
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from fixtures.capture import architectures, initramfs, packages
from fixtures.capture.adopt import CONTEXT_LINES, case_name, trim
from fixtures.capture.architectures import AMD64, ARCHITECTURES, ARM64, I386, Architecture
from fixtures.capture.commands import main
from fixtures.capture.initramfs import archive
from fixtures.capture.kernels import Kernel, architecture_of, features, fetch
from fixtures.capture.machine import command_line, qemu, received
from fixtures.capture.packages import LabError, Packages
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


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda one: one.name)
def test_every_scenario_has_a_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, architecture: Architecture
) -> None:
    monkeypatch.setattr("fixtures.capture.machine.require", lambda program, _: program)
    monkeypatch.setattr("fixtures.capture.machine._swap_image", lambda path, *_: path.touch())
    driver = (Path("nvme.ko"),)
    kernel = Kernel(
        release="6.1.0", image=Path("vmlinuz"), architecture=architecture, features=frozenset(), modules=driver
    )
    for scenario in SCENARIOS:
        command = qemu(kernel, scenario, Path("init.cpio"), tmp_path)
        said = command_line(kernel, scenario)
        assert f"scenario={scenario.name} cgroup={scenario.cgroup_version}" in said
        assert f"console={architecture.console}," in said
        assert ("modules=1" in said) == bool(scenario.devices)
        assert command[0] == architecture.emulator
        assert str(tmp_path / "sent.log") in " ".join(command)
    assert {scenario.name for scenario in chosen(("memcg-",))} < {scenario.name for scenario in SCENARIOS}


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("linux-image-6.1.0-56-cloud-amd64", AMD64),
        ("linux-image-6.12.107+deb13-amd64-unsigned", AMD64),
        ("linux-image-5.15.0-91-generic", AMD64),
        ("6.1.0-56-686-pae", I386),
        ("linux-image-686", I386),
        ("linux-image-7.3-cloud-arm64", ARM64),
        ("6.12.107+deb13-arm64-16k", ARM64),
        ("linux-image-6.1.0-56-armmp", None),
        ("linux-image-6.1.0-56-s390x", None),
        ("4.4.155", None),
    ],
)
def test_name_says_the_architecture(name: str, architecture: Architecture | None) -> None:
    assert architectures.of_name(name) is architecture


def test_file_says_the_architecture_by_its_package() -> None:
    assert architecture_of("down/linux-image-6.1.0-50-686-pae_6.1.176-1_i386.deb") is I386
    assert architecture_of("linux-image-6.1.0-56-s390x") is architectures.own()


def test_configuration_says_the_architecture() -> None:
    assert architectures.of_configuration("CONFIG_X86=y\nCONFIG_X86_64=y\n") is AMD64
    assert architectures.of_configuration("CONFIG_X86=y\n# CONFIG_X86_64 is not set\nCONFIG_X86_32=y\n") is I386
    assert architectures.of_configuration("CONFIG_ARM64=y\n") is ARM64
    assert architectures.of_configuration("CONFIG_ARM=y\n") is None


def unpacked(root: Path, release: str, options: str, *, boot: bool = True) -> Path:
    """Make what a kernel package leaves behind."""
    modules = root / "usr/lib/modules" / release
    modules.mkdir(parents=True)
    (root / "boot").mkdir()
    image, config = (
        ("boot/vmlinuz-" + release, "boot/config-" + release)
        if boot
        else (
            f"usr/lib/modules/{release}/vmlinuz",
            f"usr/lib/modules/{release}/config",
        )
    )
    (root / image).write_bytes(b"MZ")
    (root / config).write_text(options, encoding="utf-8")
    return modules


@pytest.mark.parametrize("boot", [True, False])
def test_kernel_is_found_where_old_and_new_packages_have_it(tmp_path: Path, boot: bool) -> None:
    unpacked(tmp_path, "7.2.13+deb14-cloud-arm64", "CONFIG_ARM64=y\nCONFIG_MEMCG=y\n", boot=boot)
    kernel = fetch(str(tmp_path), Packages(store=tmp_path / "store"))
    assert (kernel.release, kernel.architecture) == ("7.2.13+deb14-cloud-arm64", ARM64)
    assert kernel.features == {"v2", "group", "memsw"}
    assert kernel.page_bytes == 4096


def test_page_size_is_read_from_the_configuration(tmp_path: Path) -> None:
    unpacked(tmp_path, "6.12.107-arm64-16k", "CONFIG_ARM64=y\nCONFIG_ARM64_4K_PAGES=n\nCONFIG_ARM64_16K_PAGES=y\n")
    assert Kernel.unpacked(tmp_path).page_bytes == 16384


def test_disk_driver_is_loaded_behind_what_it_needs(tmp_path: Path) -> None:
    options = "CONFIG_X86_32=y\nCONFIG_SWAP=y\nCONFIG_BLK_DEV_NVME=m\n"
    modules = unpacked(tmp_path, "6.1.0-50-686", options)
    for name, needs in (("nvme", "nvme-core"), ("nvme-core", "t10-pi,crc64"), ("t10_pi", ""), ("unused", "nvme")):
        info = b"ELF\0license=GPL\0depends=" + needs.encode() + b"\0name=x\0"
        (modules / f"{name}.ko.xz").write_bytes(lzma.compress(info))
    kernel = Kernel.unpacked(tmp_path)
    assert [path.name for path in kernel.modules] == ["t10_pi.ko.xz", "nvme-core.ko.xz", "nvme.ko.xz"]
    assert "swap" in kernel.features
    (modules / "nvme.ko.xz").unlink()
    assert "swap" not in Kernel.unpacked(tmp_path).features


def package(folder: Path, name: str, depends: str, files: dict[str, str]) -> Path:
    """Build a small .deb."""
    tree = folder / name
    (tree / "DEBIAN").mkdir(parents=True)
    control = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.org>\nDescription: x\n"
    (tree / "DEBIAN/control").write_text(control + (f"Depends: {depends}\n" if depends else ""), encoding="utf-8")
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, encoding="utf-8")
    archive = folder / f"{name}_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, archive], check=True, capture_output=True)
    return archive


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is missing")
def test_meta_package_and_parts_lie_beside_the_file(tmp_path: Path) -> None:
    modules = "usr/lib/modules/7.2.13-cloud-arm64"
    package(tmp_path, "linux-binary-7.2.13-cloud-arm64", "", {f"{modules}/vmlinuz": "MZ"})
    package(tmp_path, "linux-base-7.2.13-cloud-arm64", "", {f"{modules}/config": "CONFIG_ARM64=y\nCONFIG_MEMCG=y\n"})
    parts = "initramfs-tools | dracut, linux-base-7.2.13-cloud-arm64 (= 1), linux-binary-7.2.13-cloud-arm64 (= 1)"
    package(tmp_path, "linux-image-7.2.13-cloud-arm64", parts, {})
    meta = package(tmp_path, "linux-image-cloud-arm64", "linux-image-7.2.13-cloud-arm64 (= 1)", {})
    kernel = fetch(str(meta), Packages(store=tmp_path / "store"))
    assert (kernel.release, kernel.architecture) == ("7.2.13-cloud-arm64", ARM64)
    assert "v2" in kernel.features


@pytest.mark.skipif(None in map(shutil.which, ("readelf", "dmesg")), reason="readelf or dmesg is missing")
def test_libraries_of_a_program_of_another_architecture_are_read_off_it() -> None:
    program = shutil.which("dmesg")
    assert program
    needed = initramfs._needed(Path(program))
    assert any(name.startswith("libc.so") for name in needed)
    assert any(name.startswith("/lib") and "/ld-" in name for name in needed)


def test_other_releases_get_a_configuration_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    listed = (
        "http://debian.example/debian/ bookworm Debian Debian $(SIGNED_BY)\n"
        "http://security.example/ bookworm-security Debian Debian-Security $(SIGNED_BY)\n"
        "http://other.example/ stable Other Other /key\n"
    )

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, listed if "indextargets" in command else "", "")

    monkeypatch.setattr(packages, "require", lambda program, _: program)
    monkeypatch.setattr(subprocess, "run", run)
    apt = Packages(store=tmp_path, suites=("sid", "bullseye-security"))
    settings = apt._configuration(ARM64)
    assert 'APT::Architectures { "arm64"; };' in settings.read_text(encoding="utf-8")
    lines = (settings.parent / "sources.list").read_text(encoding="utf-8").splitlines()
    assert [line.split()[-3:-1] for line in lines] == [
        ["http://debian.example/debian/", "bookworm"],
        ["http://security.example/", "bookworm-security"],
        ["http://debian.example/debian/", "sid"],
        ["http://security.example/", "bullseye-security"],
    ]


def test_names_of_older_captures_are_those_of_today() -> None:
    assert case_name("s06_memcg_nested_v1") == "memcg-nested-v1"
    assert {case.record.scenario for case in corpus()} <= {scenario.name for scenario in SCENARIOS} | {"userland-two"}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("one", "linux-image-x", "memcg-v2"), "apt-get is missing; on Debian: apt-get install apt"),
        (("matrix", "linux-image-x", "--scenario", "papyrus"), "no scenario begins so"),
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


@pytest.mark.parametrize(
    ("package", "word"),
    [
        ("linux-image-9.9-amd64", "qemu-system-x86_64 is missing; on Debian: apt-get install qemu-system-x86"),
        ("linux-image-9.9-arm64-16k", "qemu-system-aarch64 is missing; on Debian: apt-get install qemu-system-arm"),
    ],
)
def test_emulator_is_asked_for_before_anything_is_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: str, word: str
) -> None:
    (tmp_path / "apt-get").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(main, ["one", package, "memcg-v2", "--work", str(tmp_path / "work")])
    assert result.exit_code == 2
    assert word in result.output
    assert not (tmp_path / "work").exists()


def test_package_without_a_kernel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="meta-package"):
        Kernel.unpacked(tmp_path)
