r"""Paths as each manager lays them out, and what they mean."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oomparse.decode.cgroup import MAX_PATH, identify, level, unescape
from oomparse.model import ScopeLevel

ID = "8d3c1f0a5e6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f"
OTHER = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
POD = "3fd4c1a2-9b7e-4c55-8a66-0f1e2d3c4b5a"
POD_ = POD.replace("-", "_")
HASH = "b3ff27af8b1c1f1ef2d1f5a55b7d9a0c"
TASK = "1234567890abcdef1234567890abcdef"

BURSTABLE = f"kubepods-burstable-pod{POD_}.slice"
PODS = f"/kubepods.slice/kubepods-burstable.slice/{BURSTABLE}"
USER = "/user.slice/user-1000.slice/user@1000.service"

C, P, S, U = ScopeLevel.CONTAINER, ScopeLevel.POD, ScopeLevel.SLICE, ScopeLevel.UNIT


def pod(qos: str = "burstable", uid: str = POD, **fields: str) -> dict[str, str]:
    return {"kind": "kubernetes", "pod_uid": uid, "qos": qos, **fields}


PATHS: list[tuple[str, ScopeLevel | None, dict[str, str]]] = [
    ("/", ScopeLevel.ROOT, {"kind": "root"}),
    # Kubernetes, cgroupfs driver
    ("/kubepods", S, {"kind": "kubernetes"}),
    ("/kubepods/besteffort", S, {"kind": "kubernetes", "qos": "besteffort"}),
    (f"/kubepods/burstable/pod{POD}", P, pod()),
    (f"/kubepods/burstable/pod{POD}/{ID}", C, pod(container_id=ID)),
    (f"/kubepods/besteffort/pod{POD}/{ID}", C, pod("besteffort", container_id=ID)),
    (f"/kubepods/pod{POD}/{ID}", C, pod("guaranteed", container_id=ID)),
    (f"/kubepods/burstable/pod{HASH}/{ID}", C, pod(uid=HASH, container_id=ID)),
    (f"/kubepods/burstable/pod{POD}/crio-{ID}", C, pod(container_id=ID, runtime="crio")),
    (f"/docker/{OTHER}/kubelet/kubepods/burstable/pod{POD}/{ID}", C, pod(container_id=ID)),
    (f"/lxc/node1/kubepods/burstable/pod{POD}/{ID}", C, pod(container_id=ID)),
    (f"/kubepods/burstable/pod{POD}/{ID}/docker/{OTHER}", C, pod(container_id=ID)),
    (
        f"/kubepods/burstable/pod{POD}/{ID}/system.slice/web.service",
        U,
        pod(container_id=ID, unit="web.service", slice="system.slice"),
    ),
    # Kubernetes, systemd driver
    ("/kubepods.slice", S, {"kind": "kubernetes", "slice": "kubepods.slice"}),
    (
        "/kubepods.slice/kubepods-besteffort.slice",
        S,
        {"kind": "kubernetes", "qos": "besteffort", "slice": "kubepods-besteffort.slice"},
    ),
    (PODS, P, pod(slice=BURSTABLE)),
    (f"{PODS}/cri-containerd-{ID}.scope", C, pod(container_id=ID, runtime="containerd", slice=BURSTABLE)),
    (f"{PODS}/crio-{ID}.scope", C, pod(container_id=ID, runtime="crio", slice=BURSTABLE)),
    (f"{PODS}/crio-{ID}.scope/container", C, pod(container_id=ID, runtime="crio", slice=BURSTABLE)),
    (f"{PODS}/crio-conmon-{ID}.scope", C, pod(container_id=ID, runtime="crio", slice=BURSTABLE)),
    (f"{PODS}/docker-{ID}.scope", C, pod(container_id=ID, runtime="docker", slice=BURSTABLE)),
    (f"{PODS}/libpod-{ID}.scope", C, pod(container_id=ID, runtime="podman", slice=BURSTABLE)),
    (
        f"/kubepods.slice/kubepods-pod{POD_}.slice/cri-containerd-{ID}.scope",
        C,
        pod("guaranteed", container_id=ID, runtime="containerd", slice=f"kubepods-pod{POD_}.slice"),
    ),
    (
        f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{HASH}.slice/cri-containerd-{ID}.scope",
        C,
        pod(uid=HASH, container_id=ID, runtime="containerd", slice=f"kubepods-burstable-pod{HASH}.slice"),
    ),
    (
        f"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod{POD_}.slice"
        f"/cri-containerd-{ID}.scope",
        C,
        pod(
            "besteffort",
            container_id=ID,
            runtime="containerd",
            slice=f"kubelet-kubepods-besteffort-pod{POD_}.slice",
        ),
    ),
    (
        f"/docker/{OTHER}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{POD_}.slice/cri-containerd-{ID}.scope",
        C,
        pod("guaranteed", container_id=ID, runtime="containerd", slice=f"kubelet-kubepods-pod{POD_}.slice"),
    ),
    (
        f"/system.slice/docker-{OTHER}.scope/kubepods/burstable/pod{POD}/{ID}",
        C,
        pod(container_id=ID, slice="system.slice"),
    ),
    (
        f"/lxc.payload.node-lxc{PODS}/cri-containerd-{ID}.scope",
        C,
        pod(container_id=ID, runtime="containerd", slice=BURSTABLE),
    ),
    (
        f"{PODS}/cri-containerd-{ID}.scope/docker/{OTHER}",
        C,
        pod(container_id=ID, runtime="containerd", slice=BURSTABLE),
    ),
    (
        f"/system.slice/containerd.service/{BURSTABLE}:cri-containerd:{ID}",
        C,
        pod(container_id=ID, runtime="containerd", slice="system.slice"),
    ),
    # Docker
    (f"/docker/{ID}", C, {"kind": "docker", "runtime": "docker", "container_id": ID}),
    ("/docker", S, {"kind": "docker", "runtime": "docker"}),
    (
        f"/system.slice/docker-{ID}.scope",
        C,
        {"kind": "docker", "runtime": "docker", "container_id": ID, "slice": "system.slice"},
    ),
    (f"/docker/{OTHER}/docker/{ID}", C, {"kind": "docker", "runtime": "docker", "container_id": ID}),
    (
        f"/docker/{ID}/system.slice/nginx.service",
        U,
        {"kind": "docker", "runtime": "docker", "container_id": ID, "unit": "nginx.service", "slice": "system.slice"},
    ),
    (
        f"{USER}/user.slice/docker-{ID}.scope",
        C,
        {"kind": "docker", "runtime": "docker", "container_id": ID, "user": "1000", "slice": "user.slice"},
    ),
    (
        f"{USER}/app.slice/docker.service",
        U,
        {"kind": "user_service", "unit": "docker.service", "user": "1000", "slice": "app.slice"},
    ),
    (f"/docker/{ID}/init", None, {"kind": "docker", "runtime": "docker", "container_id": ID}),
    # Podman
    (
        f"/machine.slice/libpod-{ID}.scope",
        C,
        {"kind": "podman", "runtime": "podman", "container_id": ID, "slice": "machine.slice"},
    ),
    (
        f"/machine.slice/libpod-{ID}.scope/container",
        C,
        {"kind": "podman", "runtime": "podman", "container_id": ID, "slice": "machine.slice"},
    ),
    (
        f"/machine.slice/libpod-conmon-{ID}.scope",
        C,
        {"kind": "podman", "runtime": "podman", "container_id": ID, "slice": "machine.slice"},
    ),
    (f"/libpod_parent/libpod-{ID}", C, {"kind": "podman", "runtime": "podman", "container_id": ID}),
    (
        f"/libpod_parent/{OTHER}/libpod-{ID}",
        C,
        {"kind": "podman", "runtime": "podman", "container_id": ID, "pod_uid": OTHER},
    ),
    (
        f"/machine.slice/machine-libpod_pod_{OTHER}.slice",
        P,
        {"kind": "podman", "runtime": "podman", "pod_uid": OTHER, "slice": f"machine-libpod_pod_{OTHER}.slice"},
    ),
    (
        f"/machine.slice/machine-libpod_pod_{OTHER}.slice/libpod-{ID}.scope/container",
        C,
        {
            "kind": "podman",
            "runtime": "podman",
            "container_id": ID,
            "pod_uid": OTHER,
            "slice": f"machine-libpod_pod_{OTHER}.slice",
        },
    ),
    (
        f"{USER}/user.slice/libpod-{ID}.scope/container",
        C,
        {"kind": "podman", "runtime": "podman", "container_id": ID, "user": "1000", "slice": "user.slice"},
    ),
    (
        f"{USER}/user.slice/user-libpod_pod_{OTHER}.slice/libpod-{ID}.scope",
        C,
        {
            "kind": "podman",
            "runtime": "podman",
            "container_id": ID,
            "pod_uid": OTHER,
            "user": "1000",
            "slice": f"user-libpod_pod_{OTHER}.slice",
        },
    ),
    (
        f"/system.slice/web.service/libpod-payload-{ID}",
        C,
        {"kind": "podman", "runtime": "podman", "container_id": ID, "unit": "web.service", "slice": "system.slice"},
    ),
    # containerd
    (f"/default/{ID}", C, {"kind": "containerd", "runtime": "containerd", "container_id": ID}),
    (f"/k8s.io/{ID}", C, {"kind": "containerd", "runtime": "containerd", "container_id": ID}),
    (
        f"/system.slice/nerdctl-{ID}.scope",
        C,
        {"kind": "containerd", "runtime": "containerd", "container_id": ID, "slice": "system.slice"},
    ),
    (
        f"/system.slice/cri-containerd-{ID}.scope",
        C,
        {"kind": "containerd", "runtime": "containerd", "container_id": ID, "slice": "system.slice"},
    ),
    # LXC, LXD, Incus, Proxmox
    ("/lxc/web", C, {"kind": "lxc", "runtime": "lxc", "container_name": "web"}),
    ("/lxc.payload/web", C, {"kind": "lxc", "runtime": "lxc", "container_name": "web"}),
    ("/lxc.payload.web-01", C, {"kind": "lxc", "runtime": "lxc", "container_name": "web-01"}),
    ("/lxc.monitor.web-01", C, {"kind": "lxc", "runtime": "lxc", "container_name": "web-01"}),
    ("/lxc/outer/lxc/inner", C, {"kind": "lxc", "runtime": "lxc", "container_name": "inner"}),
    (
        "/lxc/101/ns/system.slice/mysql.service",
        U,
        {"kind": "lxc", "runtime": "lxc", "container_name": "101", "unit": "mysql.service", "slice": "system.slice"},
    ),
    (
        f"/lxc.payload.ci/system.slice/docker-{ID}.scope",
        C,
        {"kind": "docker", "runtime": "docker", "container_id": ID, "slice": "system.slice"},
    ),
    # systemd-nspawn and libvirt
    (
        r"/machine.slice/machine-my\x2dweb.scope",
        C,
        {"kind": "nspawn", "runtime": "systemd-nspawn", "container_name": "my-web", "slice": "machine.slice"},
    ),
    (
        "/machine.slice/machine-web.scope/payload/system.slice/postgresql@15-main.service",
        U,
        {
            "kind": "nspawn",
            "runtime": "systemd-nspawn",
            "container_name": "web",
            "unit": "postgresql@15-main.service",
            "slice": "system.slice",
        },
    ),
    (
        "/machine.slice/systemd-nspawn@web.service/payload",
        C,
        {"kind": "nspawn", "runtime": "systemd-nspawn", "container_name": "web", "slice": "machine.slice"},
    ),
    (
        r"/machine.slice/machine-qemu\x2d3\x2ddb\x2dprimary.scope",
        C,
        {"kind": "libvirt", "runtime": "qemu", "container_name": "db-primary", "slice": "machine.slice"},
    ),
    (
        r"/machine.slice/machine-qemu\x2d3\x2ddb.scope/libvirt/emulator",
        C,
        {"kind": "libvirt", "runtime": "qemu", "container_name": "db", "slice": "machine.slice"},
    ),
    ("/machine/qemu-2-db.libvirt-qemu", C, {"kind": "libvirt", "runtime": "qemu", "container_name": "db"}),
    ("/machine/db.libvirt-qemu/vcpu0", C, {"kind": "libvirt", "runtime": "qemu", "container_name": "db"}),
    ("/libvirt/qemu/db", C, {"kind": "libvirt", "runtime": "qemu", "container_name": "db"}),
    ("/libvirt/lxc/web", C, {"kind": "lxc", "runtime": "libvirt", "container_name": "web"}),
    (
        r"/machine.slice/machine-lxc\x2d1234\x2dweb.scope",
        C,
        {"kind": "lxc", "runtime": "libvirt", "container_name": "web", "slice": "machine.slice"},
    ),
    # systemd units
    ("/init.scope", U, {"kind": "systemd_unit", "unit": "init.scope"}),
    ("/system.slice", S, {"kind": "systemd_unit", "slice": "system.slice"}),
    ("/system.slice/nginx.service", U, {"kind": "systemd_unit", "unit": "nginx.service", "slice": "system.slice"}),
    (
        r"/system.slice/dev-disk-by\x2duuid-1f3c\x2d5e2a.swap",
        U,
        {"kind": "systemd_unit", "unit": r"dev-disk-by\x2duuid-1f3c\x2d5e2a.swap", "slice": "system.slice"},
    ),
    (
        r"/system.slice/system-postgresql.slice/postgresql@15\x2dmain.service",
        U,
        {"kind": "systemd_unit", "unit": r"postgresql@15\x2dmain.service", "slice": "system-postgresql.slice"},
    ),
    (
        r"/system.slice/system-getty.slice/getty@tty1.service",
        U,
        {"kind": "systemd_unit", "unit": "getty@tty1.service", "slice": "system-getty.slice"},
    ),
    (
        "/system.slice/snap.microk8s.daemon-kubelite.service",
        U,
        {
            "kind": "systemd_unit",
            "unit": "snap.microk8s.daemon-kubelite.service",
            "slice": "system.slice",
            "runtime": "snap",
            "container_name": "microk8s",
        },
    ),
    ("/system.slice/docker.service", U, {"kind": "systemd_unit", "unit": "docker.service", "slice": "system.slice"}),
    ("/system.slice/_cgroup.service", U, {"kind": "systemd_unit", "unit": "cgroup.service", "slice": "system.slice"}),
    ("/batch.slice/batch-night.slice", S, {"kind": "systemd_unit", "slice": "batch-night.slice"}),
    ("/parent.slice/app-a.service", U, {"kind": "systemd_unit", "unit": "app-a.service", "slice": "parent.slice"}),
    (
        "/system.slice/buildkit.service/worker",
        None,
        {"kind": "systemd_unit", "unit": "buildkit.service", "slice": "system.slice"},
    ),
    # Users
    ("/user.slice", S, {"kind": "systemd_unit", "slice": "user.slice"}),
    (
        "/user.slice/user-1000.slice",
        ScopeLevel.USER,
        {"kind": "user_session", "user": "1000", "slice": "user-1000.slice"},
    ),
    (
        "/user.slice/user-1000.slice/session-3.scope",
        U,
        {
            "kind": "user_session",
            "user": "1000",
            "session": "3",
            "unit": "session-3.scope",
            "slice": "user-1000.slice",
        },
    ),
    (
        "/user.slice/user-121.slice/session-c1.scope",
        U,
        {
            "kind": "user_session",
            "user": "121",
            "session": "c1",
            "unit": "session-c1.scope",
            "slice": "user-121.slice",
        },
    ),
    ("/user/1000.user/4.session", U, {"kind": "user_session", "user": "1000", "session": "4"}),
    (
        USER,
        ScopeLevel.USER,
        {"kind": "user_service", "user": "1000", "unit": "user@1000.service", "slice": "user-1000.slice"},
    ),
    (
        f"{USER}/init.scope",
        U,
        {"kind": "user_service", "user": "1000", "unit": "init.scope", "slice": "user-1000.slice"},
    ),
    (
        f"{USER}/app.slice/app-batch.scope",
        U,
        {"kind": "user_service", "user": "1000", "unit": "app-batch.scope", "slice": "app.slice"},
    ),
    (
        rf"{USER}/app.slice/app-gnome-org.gnome.Terminal\x2dserver-4711.scope",
        U,
        {
            "kind": "user_service",
            "user": "1000",
            "unit": r"app-gnome-org.gnome.Terminal\x2dserver-4711.scope",
            "slice": "app.slice",
        },
    ),
    (
        f"{USER}/app.slice/app-flatpak-org.mozilla.firefox-3456.scope",
        U,
        {
            "kind": "user_service",
            "user": "1000",
            "unit": "app-flatpak-org.mozilla.firefox-3456.scope",
            "slice": "app.slice",
            "runtime": "flatpak",
            "container_name": "org.mozilla.firefox",
        },
    ),
    (
        f"{USER}/app.slice/snap.chromium.chromium.82bbbfd7-c79b-4b57-b425-e543631ca054.scope",
        U,
        {
            "kind": "user_service",
            "user": "1000",
            "unit": "snap.chromium.chromium.82bbbfd7-c79b-4b57-b425-e543631ca054.scope",
            "slice": "app.slice",
            "runtime": "snap",
            "container_name": "chromium",
        },
    ),
    (
        "/user.slice/user-109.slice/user@109.service/session.slice/wireplumber.service",
        U,
        {"kind": "user_service", "user": "109", "unit": "wireplumber.service", "slice": "session.slice"},
    ),
    # Batch systems
    ("/slurm/uid_1000", ScopeLevel.USER, {"kind": "slurm", "user": "1000"}),
    ("/slurm/uid_1000/job_42", U, {"kind": "slurm", "user": "1000", "job": "42"}),
    ("/slurm/uid_1000/job_42/step_0/task_0", U, {"kind": "slurm", "user": "1000", "job": "42", "step": "0"}),
    ("/slurm_node7/uid_1000/job_42/step_batch", U, {"kind": "slurm", "user": "1000", "job": "42", "step": "batch"}),
    (
        "/system.slice/slurmstepd.scope/job_42/step_3/user/task_1",
        U,
        {"kind": "slurm", "job": "42", "step": "3", "slice": "system.slice"},
    ),
    (
        "/system.slice/node7_slurmstepd.scope/job_42/step_extern/user/task_special",
        U,
        {"kind": "slurm", "job": "42", "step": "extern", "slice": "system.slice"},
    ),
    (
        "/hadoop-yarn/container_1437403799722_0001_01_000002",
        C,
        {"kind": "yarn", "job": "container_1437403799722_0001_01_000002"},
    ),
    (
        "/yarn/container_e17_1410901177871_0001_01_000005",
        C,
        {"kind": "yarn", "job": "container_e17_1410901177871_0001_01_000005"},
    ),
    (
        "/htcondor/condor_var_lib_condor_execute_slot1_1@node7.example.org",
        U,
        {"kind": "htcondor", "job": "slot1_1@node7.example.org"},
    ),
    (
        "/system.slice/condor.service/condor_scratch_execute_slot2@node7",
        U,
        {"kind": "htcondor", "job": "slot2@node7", "slice": "system.slice"},
    ),
    (
        f"/nomad.slice/{POD}.redis.scope",
        C,
        {"kind": "nomad", "job": POD, "step": "redis", "slice": "nomad.slice"},
    ),
    (
        f"/nomad.slice/share.slice/{POD}.web.app.scope",
        C,
        {"kind": "nomad", "job": POD, "step": "web.app", "slice": "share.slice"},
    ),
    (f"/nomad/{POD}", C, {"kind": "nomad", "job": POD}),
    (f"/nomad/share/{POD}.redis", C, {"kind": "nomad", "job": POD, "step": "redis"}),
    (
        f"/nomad.slice/docker-{ID}.scope",
        C,
        {"kind": "nomad", "container_id": ID, "runtime": "docker", "slice": "nomad.slice"},
    ),
    (f"/ecs/{TASK}", P, {"kind": "ecs", "job": TASK}),
    (f"/ecs/{TASK}/{ID}", C, {"kind": "ecs", "job": TASK, "container_id": ID}),
    (f"/ecs/prod/{TASK}/{ID}", C, {"kind": "ecs", "job": TASK, "container_id": ID}),
    (f"/ecs/{TASK}/{TASK}-3681984407", C, {"kind": "ecs", "job": TASK, "container_id": f"{TASK}-3681984407"}),
    (
        f"/ecstasks.slice/ecstasks-{TASK}.slice/docker-{ID}.scope",
        C,
        {
            "kind": "ecs",
            "job": TASK,
            "container_id": ID,
            "runtime": "docker",
            "slice": f"ecstasks-{TASK}.slice",
        },
    ),
    (f"/mesos/{POD}", C, {"kind": "mesos", "job": POD, "runtime": "mesos"}),
    (
        "/slider/container_e17_1410901177871_0001_01_000005",
        C,
        {"kind": "yarn", "job": "container_e17_1410901177871_0001_01_000005"},
    ),
    (
        "/system.slice/condor.service/htcondor/slot1_3@node7.example.org",
        U,
        {"kind": "htcondor", "job": "slot1_3@node7.example.org", "slice": "system.slice"},
    ),
    ("/torque/4711.head.example.org", U, {"kind": "torque", "job": "4711.head.example.org"}),
    ("/torque/4711.head/0", U, {"kind": "torque", "job": "4711.head"}),
    ("/pbspro/4711.head", U, {"kind": "pbs", "job": "4711.head"}),
    ("/pbs_jobs.service/jobid/4711[3].head", U, {"kind": "pbs", "job": "4711[3].head"}),
    ("/UGE/4711.12", U, {"kind": "gridengine", "job": "4711.12"}),
    ("/lsf/prod/job.4711.12345.1600000000", U, {"kind": "lsf", "job": "4711"}),
    # Parents that a build or a CI runner gives
    (f"/docker/buildx/{ID}", C, {"kind": "docker", "runtime": "docker", "container_id": ID}),
    (f"/actions_job/{ID}", C, {"kind": "docker", "runtime": "docker", "container_id": ID}),
    # Machines in a sandbox
    (f"/kata_overhead/{ID}", C, {"kind": "kata", "runtime": "kata", "container_id": ID}),
    (f"/kubepods/burstable/pod{POD}/kata_{ID}", C, pod(container_id=ID, runtime="kata")),
    (
        "/qemu.slice/101.scope",
        C,
        {"kind": "qemu", "runtime": "qemu", "container_name": "101", "slice": "qemu.slice"},
    ),
    (f"/firecracker/{POD}", C, {"kind": "firecracker", "runtime": "firecracker", "container_name": POD}),
    (
        "/system.slice/garden.service/garden/good/0c1d2e3f-1234-4abc-4d5e-0123",
        C,
        {
            "kind": "garden",
            "runtime": "garden",
            "container_id": "0c1d2e3f-1234-4abc-4d5e-0123",
            "slice": "system.slice",
        },
    ),
    (
        "/machine.slice/systemd-nspawn@web.service/supervisor",
        C,
        {"kind": "nspawn", "runtime": "systemd-nspawn", "container_name": "web", "slice": "machine.slice"},
    ),
    # Android
    ("/uid_10123/pid_4567", ScopeLevel.USER, {"kind": "android", "user": "10123"}),
    ("/apps/uid_10123", ScopeLevel.USER, {"kind": "android", "user": "10123"}),
    # OpenVZ
    (
        f"/machine.slice/{POD}",
        C,
        {"kind": "openvz", "runtime": "openvz", "container_id": POD, "slice": "machine.slice"},
    ),
    (
        "/machine.slice/101",
        C,
        {"kind": "openvz", "runtime": "openvz", "container_id": "101", "slice": "machine.slice"},
    ),
]


@pytest.mark.parametrize(("path", "expected_level", "expected"), PATHS, ids=[path for path, *_ in PATHS])
def test_path(path: str, expected_level: ScopeLevel | None, expected: dict[str, str]) -> None:
    identity = identify(path)
    assert identity is not None
    assert {name: value for name, value in asdict(identity).items() if value is not None} == {"path": path, **expected}
    assert level(path) == expected_level


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/lab/box",
        "/foo",
        "/101",
        "/ltp/test-305071",
        "/uid_1000",
        "/torque",
        "/UGE/queue",
        "/container_of_mine",
        "/slot1@node",
        "/with space",
        "/x,task=spoof,pid=1,uid=0",
        f"/mine/{ID}",
        "relative/docker/" + ID,
        "(null)",
        "(error)",
        "/bad\udcffbyte",
        "/kubepods-like",
        f"/docker-{ID[:-1]}",
        "/a" * MAX_PATH,
    ],
)
def test_unknown_path_stays_a_path(path: str) -> None:
    assert identify(path) is None
    assert level(path) is None


@pytest.mark.parametrize("path", [path for path, *_ in PATHS if path != "/"])
def test_trailing_slash_changes_nothing_but_the_path(path: str) -> None:
    with_slash, without = identify(f"{path}/"), identify(path)
    assert with_slash is not None
    assert without is not None
    assert asdict(with_slash) | {"path": path} == asdict(without)
    assert level(f"{path}/") == level(path)


@pytest.mark.parametrize(
    ("name", "plain"),
    [(r"my\x2dweb", "my-web"), (r"caf\xc3\xa9", "café"), (r"a\xffb", "a\udcffb"), (r"\x2", r"\x2"), ("web", "web")],
)
def test_unescape(name: str, plain: str) -> None:
    assert unescape(name) == plain


_COMPONENTS = st.sampled_from(
    [
        "docker",
        ID,
        "kubepods",
        f"pod{POD}",
        "user.slice",
        "user-1.slice",
        "user@1.service",
        "lxc",
        "x",
        "nomad",
        "",
        "a.b",
    ]
)


@given(st.lists(_COMPONENTS | st.text(max_size=8), max_size=8))
def test_any_path_has_an_answer(components: list[str]) -> None:
    path = "/" + "/".join(components)
    identity = identify(path)
    assert identity is None or identity.path == path
    assert level(path) is None or identity is not None
