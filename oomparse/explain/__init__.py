"""Why this one died and where the memory went, from the report alone.

Turns an `OomEvent` into an `Explanation`: the ranking of the tasks by the kernel's own formula, the ledger of the
memory that ran out, and what stands out in them.  Pure: it reads nothing but the event, and all of it is plain data
that msgspec writes as JSON.  `render_text` writes it for people.
"""

from dataclasses import dataclass, fields, replace

from oomparse.errors import IssueCode, printable
from oomparse.explain.badness import badness
from oomparse.explain.facts import kernel
from oomparse.explain.findings import Confidence, Finding, FindingCode
from oomparse.explain.ledger import Ledger, LedgerItem, TaskShare, ledger
from oomparse.explain.patterns import find
from oomparse.explain.ranking import Candidate, Ranking, Reason, ReasonCode
from oomparse.explain.story import headline, story
from oomparse.explain.text import render_text as _render_text
from oomparse.model import Evidence, Identity, OomEvent, Outcome, Scope, ScopeLevel

EXPLANATION_SCHEMA = "oomparse.explanation/1"

__all__ = [
    "EXPLANATION_SCHEMA",
    "Candidate",
    "Confidence",
    "Explanation",
    "Finding",
    "FindingCode",
    "Ledger",
    "LedgerItem",
    "Ranking",
    "Reason",
    "ReasonCode",
    "TaskShare",
    "badness",
    "explain",
    "findings",
    "ledger",
    "render_text",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What can be said of one event.

    ``headline`` is one sentence; ``story`` more facts, each a label and a text; ``notes`` say what the answers lack.
    Whose memory it was, and the lines that say so, are the event's own.
    """

    schema: str = EXPLANATION_SCHEMA
    event_id: str
    kernel_release: str | None = None
    scope: Scope
    scope_level: ScopeLevel | None = None
    scope_evidence: tuple[Evidence, ...] = ()
    identity: Identity | None = None
    headline: str
    story: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()
    ranking: Ranking
    ledger: Ledger
    notes: tuple[str, ...] = ()


def explain(event: OomEvent) -> Explanation:
    """Explain one event; never raises, and says in ``notes`` what could not be told."""
    ranking = badness(event)
    account = ledger(event)
    release = kernel(event)
    return Explanation(
        event_id=event.event_id,
        kernel_release=None if release is None else printable(release.text),
        scope=event.scope,
        scope_level=event.scope_level,
        scope_evidence=tuple(Evidence(says=one.says, text=printable(one.text)) for one in event.scope_evidence),
        identity=_printable(event.identity),
        headline=headline(event, account),
        story=story(event),
        findings=find(event, account, ranking),
        ranking=ranking,
        ledger=account,
        notes=tuple(_notes(event, ranking, account)),
    )


def _printable(identity: Identity | None) -> Identity | None:
    """Return an identity that is safe to show and to write as JSON."""
    if identity is None:
        return None
    texts = {field.name: getattr(identity, field.name) for field in fields(identity)}
    return replace(identity, **{name: printable(text) for name, text in texts.items() if text is not None})


def findings(event: OomEvent) -> tuple[Finding, ...]:
    """Return what stands out in one event, the surest first."""
    return find(event, ledger(event), badness(event))


def render_text(explanation: Explanation) -> str:
    """Return an explanation in plain words with the figures, aligned, for reading on a terminal."""
    return _render_text(explanation)


_INCOMPLETE = {IssueCode.TRUNCATED_HEAD, IssueCode.TRUNCATED_TAIL, IssueCode.MISSING_KILL_LINE, IssueCode.INTERLEAVED}


def _notes(event: OomEvent, ranking: Ranking, account: Ledger) -> list[str]:
    if event.outcome is Outcome.LOWMEMORYKILLER:
        return ["The lowmemorykiller prints neither a task dump nor memory counters."]
    notes: list[str] = []
    if ranking.why_not is not None:
        notes.append(f"No ranking: {ranking.why_not}.")
    if account.why_not is not None:
        notes.append(f"No complete ledger: {account.why_not}.")
    uses_pages = bool(ranking.candidates) or (account.subject == "machine" and bool(account.items))
    if uses_pages and account.page_size_source == "assumed":
        notes.append(f"The report does not tell the page size; {account.page_size_bytes} bytes are assumed.")
    if ranking.total_is_least and len({one.oom_score_adj for one in ranking.candidates if one.eligible}) > 1:
        notes.append(
            "The report does not print the machine's swap, which oom_score_adj is counted against too:"
            " with swap, it weighs more than here."
        )
    missing = sorted({issue.code.value for issue in event.issues if issue.code in _INCOMPLETE})
    if missing:
        notes.append(f"The report is not whole ({', '.join(missing)}).")
    return notes
