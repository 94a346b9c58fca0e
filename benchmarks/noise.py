"""Line shapes of an ordinary log, and a pool of lines drawn from them.

Turns a seed into message tails (``kernel: usb 1-4: …``, ``sshd[812]: …``) with varied numbers, names and
addresses.  The kernel's shapes make a kern.log; with the daemons' they make a syslog.  Some hold the letters of our
triggers without being one (``no room``, ``bloom``, ``oom_score_adj``), as real logs do.
"""

import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


Shapes = Sequence[tuple[int, str]]
"""A weight and a line with ``<field>`` marks, for each."""


def _shapes(name: str) -> Shapes:
    lines = Path(__file__).with_name(name).read_text().splitlines()
    return [(int(line[:2]), line[3:]) for line in lines]


KERNEL_SHAPES = _shapes("noise_kernel.txt")
DAEMON_SHAPES = _shapes("noise_daemons.txt")

_PROGRAMS = words("""
    nginx postgres java python3 node chrome mysqld redis-server containerd dockerd kubelet sshd rsyslogd snmpd
    qemu-system-x86 ruby php-fpm8.2 beam.smp mongod prometheus grafana fluentd telegraf consul vault etcd haproxy
    gitlab-runner rspamd clamd
""")
_WORDS = words("""
    admin alpha backup billing cargo delta export falcon garden harbor import jasper kernel logitech mirror notify
    oracle parcel quartz reports search tandem upload vector widget xenon yellow zephyr mushroom broom doomed classroom
""")
_PORTS = ("22", "23", "53", "80", "123", "161", "443", "445", "1433", "3306", "3389", "5060", "5432", "6379", "8080")
_FIELD = re.compile(r"<([a-z]+)(\d*)>")


def _hexadecimal(rng: random.Random, digits: int) -> str:
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


def _number(rng: random.Random, digits: int) -> str:
    return str(rng.randrange(10 ** (digits - 1) if digits > 1 else 0, 10**digits))


_FILLERS: dict[str, Callable[[random.Random, int], str]] = {
    "n": _number,
    "hex": _hexadecimal,
    "ip": lambda rng, _: ".".join(str(rng.randrange(1, 255)) for _ in range(4)),
    "mac": lambda rng, _: ":".join(_hexadecimal(rng, 2) for _ in range(6)),
    "eth": lambda rng, _: rng.choice(("eth0", "eth1", "eno1", "enp3s0f1", "ens192", "bond0")),
    "disk": lambda rng, _: rng.choice(("sda", "sdb", "sdc", "sdd", "vda", "nvme0n1p")),
    "port": lambda rng, _: rng.choice(_PORTS),
    "prog": lambda rng, _: rng.choice(_PROGRAMS),
    "word": lambda rng, _: rng.choice(_WORDS),
    "uuid": lambda rng, _: "-".join(_hexadecimal(rng, digits) for digits in (8, 4, 4, 4, 12)),
    "epoch": lambda rng, _: f"17{rng.randrange(10**8):08d}.{rng.randrange(1000):03d}",
    "iso": lambda rng, _: (
        f"2024-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}T02:20:54.{rng.randrange(10**9):09d}Z"
    ),
    "code": lambda rng, _: " ".join(_hexadecimal(rng, 2) for _ in range(43)),
}


def fill(shape: str, rng: random.Random) -> str:
    """Return ``shape`` with every ``<field>`` replaced by a random value."""

    def replace(match: re.Match[str]) -> str:
        filler = _FILLERS.get(match[1])
        return match[0] if filler is None else filler(rng, int(match[2] or 0))

    return _FIELD.sub(replace, shape)


def pool(shapes: Shapes, count: int, rng: random.Random) -> list[str]:
    """Draw ``count`` filled lines, the heavy shapes more often."""
    weights = [weight for weight, _ in shapes]
    texts = [text for _, text in shapes]
    return [fill(text, rng) for text in rng.choices(texts, weights, k=count)]
