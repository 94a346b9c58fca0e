r"""Un-escaping: back to the bytes that the kernel printed.

Every carrier hides unprintable bytes in its own way: ``/dev/kmsg`` writes every byte below 0x20, from 0x7f on, and the
backslash as ``\xNN`` (``kernel/printk/printk.c:msg_add_ext_text()``); dmesg writes unprintable bytes as ``\xNN`` and
leaves a backslash alone, so ``\x2d`` there is four characters of a cgroup's name; rsyslog writes ``#NNN``, octal.
All functions take and return text with surrogate escapes.
"""

import re

from oomparse.pattern import pattern

HASH, BACKSLASH, ESCAPE = b"#\\\x1b"
"""What bytes hold that any of these functions changes: integers, for which ``in`` is quick."""

_ANY_HEX = pattern(r"(?:\\x[0-9a-fA-F]{2})+")
_HIDDEN_HEX = pattern(r"(?:\\x(?:[01][0-9a-fA-F]|7[fF]|[89a-fA-F][0-9a-fA-F]))+")
_ESCAPED_BACKSLASH = pattern(r"\\x5c(?=x[0-9a-f]{2})")
_OCTAL = pattern(r"#0[0-3][0-7]|(?:#[23][0-7]{2}){2,}")
_COLOUR = pattern(r"\x1b\[[0-9;]*[mK]")
_NO_BYTE = pattern("[\ud800-\udc7f\udd00-\udfff]")
_COLOUR_BYTES = pattern(rb"\x1b\[[0-9;]*[mK]")
_COLOURED = pattern(r"\x1b\[[0-9;]*m.*\x1b\[0?m", re.DOTALL)


def _bytes_of(match: re.Match[str]) -> str:
    return bytes.fromhex(match.group().replace("\\x", "")).decode("utf-8", "surrogateescape")


def unescape_kmsg(text: str) -> str:
    r"""Undo the escapes of ``/dev/kmsg``: every ``\xNN``.

    >>> unescape_kmsg(r"user\x5cx2d1000 caf\xc3\xa9\x0a")
    'user\\x2d1000 café\n'
    """
    return _ANY_HEX.sub(_bytes_of, text) if "\\x" in text else text


def unescape_dmesg(text: str) -> str:
    r"""Undo the escapes of dmesg: ``\xNN`` only for bytes that dmesg escapes.

    >>> unescape_dmesg(r"user\x2d1000 caf\xc3\xa9")
    'user\\x2d1000 café'
    """
    return _HIDDEN_HEX.sub(_bytes_of, text) if "\\x" in text else text


def unescape_syslog(text: str) -> str:
    r"""Undo what syslog daemons write: rsyslog's octal, and ``/dev/kmsg`` escapes passed on as they were (imkmsg).

    A lone ``#NNN`` from 0x7f on stays: kernels name their builds ``#236-Ubuntu``.

    >>> unescape_syslog("one#012two caf#303#251 #236-Ubuntu")
    'one\ntwo café #236-Ubuntu'
    """
    if "#" in text:
        text = _OCTAL.sub(_octal_bytes_of, text)
    if "\\x" in text:
        text = _ESCAPED_BACKSLASH.sub(r"\\", _HIDDEN_HEX.sub(_bytes_of, text))
    return text


def _octal_bytes_of(match: re.Match[str]) -> str:
    return bytes(int(part, 8) for part in match.group().split("#")[1:]).decode("utf-8", "surrogateescape")


def strip_colour(data: bytes) -> bytes:
    """Remove every colour code of a coloured line."""
    return _COLOUR_BYTES.sub(b"", data)


def plain(text: str) -> str:
    r"""Remove the colours that journalctl or grep put around (parts of) a text; a name with colours in it stays.

    >>> plain("\x1b[0;1;31mKilled process 1\x1b[0m"), plain("\x1b[31mred invoked oom-killer")
    ('Killed process 1', '\x1b[31mred invoked oom-killer')
    """
    if "\x1b[m\x1b[K" in text or _COLOURED.fullmatch(text):
        return _COLOUR.sub("", text)
    return text


def well_formed(text: str) -> str:
    """Replace surrogates that stand for no byte (JSON can spell them), so that the text can be encoded again."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return _NO_BYTE.sub("\N{REPLACEMENT CHARACTER}", text)
    return text
