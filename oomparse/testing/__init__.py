"""Real OOM reports for other people's tests: the corpus, a writer for every log format, a pytest plugin.

The corpus is what real kernels printed in an emulator, as each log carries it, with the truth that user space wrote
down at the time and the events that oomparse makes of it.  Nothing is read before it is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oomparse.testing.cases import Case, Corpus, corpus
    from oomparse.testing.catalogue import CaseRecord, LogFile

__all__ = ["Case", "CaseRecord", "Corpus", "LogFile", "corpus"]

_HOMES = {"Case": "cases", "Corpus": "cases", "corpus": "cases", "CaseRecord": "catalogue", "LogFile": "catalogue"}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
