"""What may be done with the audit log: read it, verify it."""

import json
from typing import Any

from serving.audit import repository
from serving.audit.chain import AuditChain
from serving.audit.repository import AuditFilter
from serving.audit.schemas import AuditEntryOut, AuditFinding, AuditPage, AuditVerification
from serving.audit.verify import verify
from serving.database import Database
from serving.settings import Settings
from serving.tables import AuditEntry


def find_page(database: Database, chosen: AuditFilter, *, before: int | None, limit: int) -> AuditPage:
    """The newest entries that match and are older than `before`."""
    with database.read() as session:
        # One more than asked for says whether there is a next page.
        rows = repository.list_page(session, chosen, before=before, limit=limit + 1)
    shown = rows[:limit]
    return AuditPage(entries=[to_out(row) for row in shown], next_before=shown[-1].seq if len(rows) > limit else None)


def verify_log(database: Database, settings: Settings) -> AuditVerification:
    """What is wrong with the log, if anything.

    Raises:
        ConfigurationError: There is no key.
    """
    with database.read() as session:
        found = verify(session, AuditChain.existing(settings))
    findings = [AuditFinding(seq=finding.seq, problem=finding.problem) for finding in found.findings]
    return AuditVerification(holds=found.holds, entries=found.entries, findings=findings)


def to_out(row: AuditEntry) -> AuditEntryOut:
    """The entry as it travels over the wire."""
    values = row.model_dump() | {"before": _content(row.before), "after": _content(row.after)}
    values["actor"] = {"kind": row.actor_kind, "id": row.actor_id, "name": row.actor_name}
    return AuditEntryOut.model_validate(values)


def _content(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text  # somebody has changed it; `verify` says so
