"""Names, numbers and kernels as hypothesis draws them: what events and reports are made of."""

from hypothesis import strategies as st

from oomparse.testing.printk.eras import RELEASES

COMM_BYTES = 15
MAX_PID = 4_194_304

HOSTILE_COMMS = (
    "",
    " ",
    "a b",
    ")",
    "a) (b",
    "nl\nhog",
    "\n",
    ") total-vm:1kB",
    "x, UID:0 y",
    "),pid=1,uid=0",
    ",task=a,pid=1",
    "oom-kill:",
    "Killed process ",
    "invoked oom-kil",
    "Out of memory: ",
    " cpuset=/",
    "Not tainted",
    "[    1]     0",
    "%s%n",
    "\x1b[31mred",
    "\udcff\udcfe",
    "\u65e5\u672c\u8a9e",
    "'\"\\x0a\t",
)
"""Names that a process may give itself (``prctl(PR_SET_NAME)``) and that look like something else."""

counts = st.integers(0, 2**40)
pids = st.integers(1, MAX_PID)
uids = st.integers(0, 2**31 - 1)
adjs = st.integers(-1000, 1000)


def kernel_releases() -> st.SearchStrategy[str]:
    """Draw the release of a kernel (``7.3``, ``4.18.0-240.el8.x86_64``): one of every generation of the report."""
    return st.sampled_from(RELEASES)


def hostile_comms() -> st.SearchStrategy[str]:
    """Draw a process's name: up to 15 bytes of anything but NUL, those that are not UTF-8 as surrogate escapes."""
    raw = st.binary(max_size=COMM_BYTES).filter(lambda name: 0 not in name)
    return st.sampled_from(HOSTILE_COMMS) | raw.map(lambda name: name.decode("utf-8", "surrogateescape"))


def comms(*, hostile: bool = True) -> st.SearchStrategy[str]:
    """Draw a process's name; without ``hostile`` only such as people give to programs."""
    plain = st.from_regex(r"[a-z][a-z0-9_./:-]{0,14}", fullmatch=True)
    return plain | hostile_comms() if hostile else plain


def cgroup_paths(*, hostile: bool = True) -> st.SearchStrategy[str]:
    """Draw the path of a cgroup; ``hostile`` ones hold whatever mkdir(2) takes there, but for a blank at the end."""
    plain = st.from_regex(r"[a-z][a-z0-9_.@-]{0,20}", fullmatch=True)
    odd = st.text(st.characters(codec="utf-8", exclude_characters="/\0\n"), min_size=1, max_size=12)
    names = (plain | odd.filter(lambda name: name not in (".", "..") and name == name.rstrip())) if hostile else plain
    return st.lists(names, max_size=3).map(lambda parts: "/" + "/".join(parts))
