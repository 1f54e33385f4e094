"""The chain: each entry's MAC covers the one before, under a key that the database does not hold.

Whoever can write the database but not read the key cannot change, remove, insert or reorder an entry unseen. Cutting
off the newest ones leaves a chain that holds; that is what the anchor is for.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC
from typing import Final, Self

from serving.audit.anchor import BEGINNING, Anchor
from serving.audit.content import canonical
from serving.errors import ConfigurationError
from serving.secrets_file import MIN_KEY_BYTES, new_key, read_or_create
from serving.settings import Settings
from serving.tables import AuditEntry

SESSION_KEY: Final = "audit"
"""Where a session of `Database.write` carries the chain."""
AFTER_COMMIT: Final = "after_commit"
"""Where a session carries what is to be done once its changes are on disk."""
_COVERED: Final = (
    "seq",
    "actor_kind",
    "actor_id",
    "actor_name",
    "address",
    "request_id",
    "action",
    "subject",
    "before",
    "after",
)


@dataclass(frozen=True, slots=True)
class AuditChain:
    """Makes the MACs of entries and keeps the anchor.

    Attributes:
        key: At least 32 bytes.
        anchor: The newest entry, noted outside the database.
    """

    key: bytes
    anchor: Anchor

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The chain of this installation; a key is made where there is none.

        Raises:
            ConfigurationError: The key is shorter than 32 bytes or its file cannot be used.
        """
        if settings.audit_key is not None:
            text, origin = settings.audit_key.get_secret_value(), "AUDIT_KEY"
        else:
            _make_anchor(settings)
            text, origin = read_or_create(settings.audit_key_file, new_key()), settings.audit_key_file.name
        if len(text.encode()) < MIN_KEY_BYTES:
            raise ConfigurationError(f"{origin} is shorter than {MIN_KEY_BYTES} bytes")
        return cls(text.encode(), Anchor(settings.audit_anchor_file))

    @classmethod
    def existing(cls, settings: Settings) -> Self:
        """The chain of this installation, whose key must be there already: a new one would fit no entry.

        Raises:
            ConfigurationError: There is no key, or it cannot be used.
        """
        if settings.audit_key is None and not settings.audit_key_file.exists():
            raise ConfigurationError(f"there is no key of the audit log: {settings.audit_key_file}")
        return cls.open(settings)

    def mac_of(self, entry: AuditEntry, previous_mac: str) -> str:
        """HMAC-SHA-256, in hex, over the entry and the MAC of the one before."""
        covered = {name: getattr(entry, name) for name in _COVERED}
        covered |= {"at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"), "previous": previous_mac}
        return hmac.new(self.key, canonical(covered).encode(), hashlib.sha256).hexdigest()

    def holds(self, entry: AuditEntry, previous_mac: str) -> bool:
        """Whether the entry is as it was written, after that one."""
        return hmac.compare_digest(self.mac_of(entry, previous_mac).encode(), str(entry.mac).encode())


def _make_anchor(settings: Settings) -> None:
    """Note the beginning of the log before there is a key: from then on an anchor that is missing was removed.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    if settings.audit_key_file.exists() or settings.audit_anchor_file.exists():
        return
    try:
        Anchor(settings.audit_anchor_file).replace(BEGINNING)
    except OSError as error:
        raise ConfigurationError(f"cannot create {settings.audit_anchor_file}: {error.strerror}") from error
