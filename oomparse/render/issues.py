"""What each issue on an event means, in words.

One sentence for each `IssueCode`, for a person who wants to know whether to trust the event.
"""

from oomparse.errors import Issue, IssueCode

SENTENCES = {
    IssueCode.TRUNCATED_HEAD: "the report's first line is missing",
    IssueCode.TRUNCATED_TAIL: "the report ends before it says what was killed",
    IssueCode.MISSING_KILL_LINE: 'no "Killed process" line: the victim is known from another line, or not at all',
    IssueCode.UNKNOWN_LINE: "a line that no known kernel prints",
    IssueCode.UNKNOWN_FIELD: "a field that this version does not know",
    IssueCode.DAMAGED_LINE: "a damaged line",
    IssueCode.INTERLEAVED: "two reports were printed at once and had to be told apart",
    IssueCode.MESSAGES_LOST: "messages were lost",
    IssueCode.YEAR_ASSUMED: "the year is assumed",
    IssueCode.ZONE_ASSUMED: "the time zone is assumed",
    IssueCode.TIME_AMBIGUOUS: "this local time happened twice, or never",
    IssueCode.SOURCE_TRUNCATED: "the archive or journal is cut short",
    IssueCode.LIMIT_REACHED: "a bound was reached, the rest was left out",
    IssueCode.NOT_FROM_KERNEL: "WRITTEN BY A USER PROCESS, not by the kernel",
    IssueCode.PROVENANCE_UNKNOWN: "this log cannot prove that the kernel wrote it",
    IssueCode.CONFLICT: "two lines contradict each other",
}


def in_words(issue: Issue) -> str:
    """Return the issue as a short sentence, with its detail and its line."""
    text = SENTENCES.get(issue.code, issue.code.replace("_", " "))
    if issue.detail:
        text += f": {issue.detail}"
    return text if issue.line is None else f"{text} (line {issue.line})"
