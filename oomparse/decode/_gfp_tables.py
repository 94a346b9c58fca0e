"""The gfp flags of every kernel from 2.6.18 to 7.3, as data (``include/linux/gfp.h``, from 6.0 on ``gfp_types.h``).

Each flag is a line of ``since:value`` steps: from that release on it has that value (hexadecimal), ``-`` ends it.
Each compound is the same with flag names in place of the value; ``-NAME`` takes a flag away again.  The order of the
names is that of ``include/trace/events/mmflags.h``, which decides what ``%pGg`` prints.

Left out on purpose: bits whose place depends on the configuration (from 6.10 on everything above ``ZEROTAGS``), and
what ``%pGg`` itself does not name (``NOLOCKDEP`` up to 6.14).  Both stay visible as a number.
"""

FIRST_RELEASE = "2.6.18"
LAST_RELEASE = "7.3"

FLAGS: dict[str, str] = {
    "DMA": "2.6.18:1",
    "HIGHMEM": "2.6.18:2",
    "DMA32": "2.6.18:4",
    "MOVABLE": "2.6.23:80000 2.6.24:100000 2.6.31:8",
    "WAIT": "2.6.18:10 4.4:-",
    "RECLAIMABLE": "2.6.24:80000 4.4:10",
    "HIGH": "2.6.18:20",
    "IO": "2.6.18:40",
    "FS": "2.6.18:80",
    "COLD": "2.6.18:100 4.15:-",
    "WRITE": "3.3:1000000 4.10:800000 4.18:100 5.2:1000",
    "ZERO": "2.6.18:8000 5.2:100",
    "NOWARN": "2.6.18:200 5.2:2000",
    "ATOMIC": "4.4:80000 5.2:200 6.3:-",
    "REPEAT": "2.6.18:400 4.13:-",
    "RETRY_MAYFAIL": "4.13:400 5.2:4000",
    "NOFAIL": "2.6.18:800 5.2:8000",
    "NORETRY": "2.6.18:1000 5.2:10000",
    "NO_GROW": "2.6.18:2000 2.6.22:-",
    "MEMALLOC": "3.6:2000 5.2:20000",
    "COMP": "2.6.18:4000 5.2:40000",
    "NOMEMALLOC": "2.6.18:10000 5.2:80000",
    "HARDWALL": "2.6.18:20000 5.2:100000",
    "THISNODE": "2.6.19:40000 5.2:200000",
    "NOTRACK": "2.6.31:200000 4.14:-",
    "NO_KSWAPD": "2.6.38:400000 4.4:-",
    "KMEMCG": "3.8:100000 3.16:-",
    "NOACCOUNT": "4.1:100000 4.5:-",
    "ACCOUNT": "4.5:100000 5.2:400000",
    "OTHER_NODE": "3.0:800000 4.10:-",
    "DIRECT_RECLAIM": "4.4:400000 4.18:200000 5.2:400",
    "KSWAPD_RECLAIM": "4.4:2000000 4.10:1000000 4.18:400000 5.2:800",
    "ZEROTAGS": "5.14:800000",
    "SKIP_ZERO": "5.18:1000000 6.10:-",
    "SKIP_KASAN_POISON": "5.14:1000000 5.18:4000000 6.4:-",
    "SKIP_KASAN_UNPOISON": "5.18:2000000 6.4:-",
    "SKIP_KASAN": "6.4:2000000 6.10:-",
}

# A compound is made of flags and of the compounds above it.
COMPOUNDS: tuple[tuple[str, str], ...] = (
    ("__GFP_RECLAIM", "4.4:DIRECT_RECLAIM,KSWAPD_RECLAIM"),
    ("GFP_DMA", "2.6.18:DMA"),
    ("GFP_DMA32", "2.6.18:DMA32"),
    ("GFP_NOWAIT", "4.4:KSWAPD_RECLAIM 6.8:KSWAPD_RECLAIM,NOWARN"),
    ("GFP_ATOMIC", "2.6.18:HIGH 4.4:HIGH,ATOMIC,KSWAPD_RECLAIM 6.3:HIGH,KSWAPD_RECLAIM"),
    ("GFP_NOIO", "2.6.18:WAIT 4.4:__GFP_RECLAIM"),
    ("GFP_NOFS", "2.6.18:GFP_NOIO,IO"),
    ("GFP_KERNEL", "2.6.18:GFP_NOFS,FS"),
    ("GFP_KERNEL_ACCOUNT", "4.5:GFP_KERNEL,ACCOUNT"),
    ("GFP_TEMPORARY", "2.6.24:GFP_KERNEL,RECLAIMABLE 4.14:-"),
    ("GFP_USER", "2.6.18:GFP_KERNEL,HARDWALL"),
    ("GFP_HIGHUSER", "2.6.18:GFP_USER,HIGHMEM"),
    (
        "GFP_HIGHUSER_MOVABLE",
        "2.6.23:GFP_HIGHUSER,MOVABLE 5.14:GFP_HIGHUSER,MOVABLE,SKIP_KASAN_POISON 5.18:GFP_HIGHUSER,MOVABLE",
    ),
    (
        "GFP_TRANSHUGE_LIGHT",
        "4.8:GFP_HIGHUSER_MOVABLE,COMP,NOMEMALLOC,NOWARN,-__GFP_RECLAIM",
    ),
    (
        "GFP_TRANSHUGE",
        "2.6.38:GFP_HIGHUSER_MOVABLE,COMP,NOMEMALLOC,NORETRY,NOWARN,NO_KSWAPD"
        " 4.4:GFP_HIGHUSER_MOVABLE,COMP,NOMEMALLOC,NORETRY,NOWARN,-KSWAPD_RECLAIM"
        " 4.6:GFP_HIGHUSER_MOVABLE,COMP,NOMEMALLOC,NORETRY,NOWARN,-__GFP_RECLAIM"
        " 4.8:GFP_TRANSHUGE_LIGHT,DIRECT_RECLAIM",
    ),
)

# What %pGg tries first; the single flags follow.
COMPOUND_ORDER = (
    "GFP_TRANSHUGE",
    "GFP_TRANSHUGE_LIGHT",
    "GFP_HIGHUSER_MOVABLE",
    "GFP_HIGHUSER",
    "GFP_USER",
    "GFP_TEMPORARY",
    "GFP_KERNEL_ACCOUNT",
    "GFP_KERNEL",
    "GFP_NOFS",
    "GFP_ATOMIC",
    "GFP_NOIO",
    "GFP_NOWAIT",
    "GFP_DMA",
)

# The order of the rest, by the release that began with it.  Flags that no list of a kernel ever had come last: their
# kernels printed numbers only.
ORDERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "2.6.18",
        (
            *("HIGHMEM", "GFP_DMA32", "HIGH", "ATOMIC", "IO", "FS", "COLD", "NOWARN", "REPEAT", "RETRY_MAYFAIL"),
            *("NOFAIL", "NORETRY", "COMP", "ZERO", "NOMEMALLOC", "MEMALLOC", "HARDWALL", "THISNODE", "RECLAIMABLE"),
            *("MOVABLE", "ACCOUNT", "NOTRACK", "WRITE", "__GFP_RECLAIM", "DIRECT_RECLAIM", "KSWAPD_RECLAIM"),
            *("OTHER_NODE", "ZEROTAGS", "SKIP_ZERO", "SKIP_KASAN_POISON", "SKIP_KASAN_UNPOISON", "SKIP_KASAN"),
            *("WAIT", "NO_GROW", "NO_KSWAPD", "KMEMCG", "NOACCOUNT"),
        ),
    ),
    (
        "6.15",
        (
            *("GFP_DMA32", "__GFP_RECLAIM", "HIGHMEM", "MOVABLE", "RECLAIMABLE", "HIGH", "IO", "FS", "ZERO"),
            *("DIRECT_RECLAIM", "KSWAPD_RECLAIM", "WRITE", "NOWARN", "RETRY_MAYFAIL", "NOFAIL", "NORETRY"),
            *("MEMALLOC", "COMP", "NOMEMALLOC", "HARDWALL", "THISNODE", "ACCOUNT", "ZEROTAGS"),
        ),
    ),
)

# Releases whose headers nobody here has read, between two that differ: either neighbour may be right.
UNSEEN: dict[str, tuple[str, str]] = {"4.17": ("4.16", "4.18"), "5.1": ("5.0", "5.2")}

# Distributions whose own kernels took over a later layout at some build: any of these releases may be right.
BACKPORTS: dict[str, tuple[str, ...]] = {"el9": ("5.14", "5.19", "6.3", "6.8")}

# Flags that a fork added (value), or whose meaning in it is not known (``-``): distribution, base release, first build.
FORKS: tuple[tuple[str, str, int, dict[str, str]], ...] = (
    ("el5", "2.6.18", 194, {"NO_OOM": "40000"}),
    ("ovz", "2.6.18", 0, {"UBC": "40000", "SOFT_UBC": "80000"}),
    ("ovz", "2.6.32", 0, {"UBC": "100000", "SOFT_UBC": "800000"}),
    ("el7", "3.10", 0, {"KMEMCG": "-"}),
)
