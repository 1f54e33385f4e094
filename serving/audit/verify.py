"""Whether the audit log is as it was written: no entry changed, removed, inserted, moved or cut off."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from serving.audit import repository
from serving.audit.anchor import BEGINNING, Link
from serving.audit.chain import AuditChain
from serving.errors import ConfigurationError
from serving.tables import AuditEntry

_PAGE: Final = 500
_MOST_FINDINGS: Final = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written.

    Attributes:
        seq: The entry that it is about.
        problem: What is wrong, for people.
        only_anchor: Whether the entries hold and merely the anchor does not fit them.
    """

    seq: int
    problem: str
    only_anchor: bool = False


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of a look at the whole log.

    Attributes:
        entries: Number of entries.
        last: The newest one.
        findings: What is wrong, the first first; empty for a log that holds.
    """

    entries: int
    last: Link
    findings: Sequence[Finding]

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def verify(session: Session, chain: AuditChain) -> Verification:
    """What is wrong with the log, if anything. Reads every entry: some 20,000 in a second."""
    findings: list[Finding] = []
    try:
        # Before the entries: what is added meanwhile makes the log longer than the anchor says, which is all right.
        anchored, anchor_problem = chain.anchor.read(), None
    except ConfigurationError as error:
        anchored, anchor_problem = None, str(error)
    previous, entries, noted = BEGINNING, 0, BEGINNING if anchored == BEGINNING else None
    for seq, entry in _entries(session):
        problem = _problem_of(chain, entry, seq, previous)
        if problem is not None and len(findings) < _MOST_FINDINGS:
            findings.append(problem)
        previous = Link(seq, "" if entry is None else str(entry.mac))
        noted = previous if anchored is not None and seq == anchored.seq else noted
        entries += 1
    if anchor_problem is not None:
        findings.append(Finding(previous.seq, anchor_problem, only_anchor=True))
    elif anchor_finding := _judge_anchor(chain, anchored, noted, previous):
        findings.append(anchor_finding)
    return Verification(entries, previous, findings)


def _entries(session: Session) -> Iterator[tuple[int, AuditEntry | None]]:
    """Number and entry in order; None for one whose values cannot even be read."""
    # From the very first row: below number 1 there is nothing of ours, but somebody might have put something there.
    seq: int | None = None
    page_size, ended = _PAGE, False
    while not ended:
        try:
            page = repository.list_after(session, seq, page_size)
        except (ValueError, TypeError, OverflowError):
            if page_size > 1:
                page_size = 1  # one by one, to find out which it is
                continue
            seq = repository.next_seq(session, seq)
            ended = seq is None
            if seq is not None:
                yield seq, None
            continue
        for entry in page:
            yield entry.seq, entry
        session.expunge_all()  # a long log does not fit into memory
        ended, page_size = not page, _PAGE
        seq = page[-1].seq if page else seq


def _problem_of(chain: AuditChain, entry: AuditEntry | None, seq: int, previous: Link) -> Finding | None:
    if seq != previous.seq + 1:
        first, last = previous.seq + 1, seq - 1
        if first > last:
            return Finding(seq, f"entry {seq} has a number that none of ours can have")
        which = f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"
        return Finding(first, f"{which}: removed, or moved elsewhere")
    if entry is None:
        return Finding(seq, f"entry {seq} was changed: its values cannot be read")
    if not chain.holds(entry, previous.mac):
        return Finding(seq, f"entry {seq} was changed, inserted or moved, or was written under another key")
    return None


def _judge_anchor(chain: AuditChain, anchored: Link | None, noted: Link | None, last: Link) -> Finding | None:
    """What does not fit between the anchor and the entry of its number (`noted`)."""
    if anchored is None:
        if last.seq == 0:
            return None
        return Finding(
            last.seq, f"the anchor {chain.anchor.path} is missing: later entries may be, too", only_anchor=True
        )
    if noted == anchored:
        return None
    if anchored.seq > last.seq:
        first = last.seq + 1
        which = f"entry {first} was" if first == anchored.seq else f"entries {first} to {anchored.seq} were"
        return Finding(first, f"{which} cut off at the end of the log", only_anchor=True)
    problem = f"entry {anchored.seq} is not the one that was noted in {chain.anchor.path}"
    return Finding(anchored.seq, problem, only_anchor=True)
