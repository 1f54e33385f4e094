"""`ussop audit`: looks after the audit log."""

from typing import Final

import typer

from serving.audit.actor import command_line
from serving.audit.chain import AuditChain
from serving.audit.record import record
from serving.audit.verify import Verification, verify
from serving.database import Database, open_database
from serving.errors import Conflict
from serving.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Look after the audit log.")
_SHOWN_DIGITS: Final = 16


@app.command("verify", help="Say whether the audit log is as it was written; exit code 1 if it is not.")
def verify_log() -> None:
    """Read every entry and name those that do not hold."""
    settings = load_settings()
    chain = AuditChain.existing(settings)
    database = open_database(settings, queue_size=1)
    try:
        found = _verified(database, chain)
    finally:
        database.close()
    for finding in found.findings:
        typer.echo(finding.problem, err=True)
    if not found.holds:
        raise Conflict(f"the audit log does not hold from entry {min(f.seq for f in found.findings)} on")
    typer.echo(f"The audit log holds: {found.entries} entries, the newest {found.last.mac[:_SHOWN_DIGITS] or 'none'}.")


@app.command("accept", help="Take the log's end as it is for the right one, say after a backup was restored.")
def accept() -> None:
    """Set the anchor anew, and say so in the log itself. Entries that do not hold are never accepted."""
    settings = load_settings()
    chain = AuditChain.existing(settings)
    database = open_database(settings, queue_size=1)
    try:
        found = _verified(database, chain)
        if not all(finding.only_anchor for finding in found.findings):
            raise Conflict("entries of the audit log do not hold; `ussop audit verify` names them")
        before = {"problems": [finding.problem for finding in found.findings]}
        after = {"entries": found.entries}
        database.write(
            lambda session: record(session, command_line(), "audit.accepted", "audit", before=before, after=after)
        ).result()
        chain.anchor.replace(_verified(database, chain).last)
    finally:
        database.close()
    typer.echo(f"{found.entries} entries accepted.")


def _verified(database: Database, chain: AuditChain) -> Verification:
    with database.read() as session:
        return verify(session, chain)
