"""The process that keeps the others alive: supervisord, which starts them at once.

By itself it looks for events first, and waits a second for them.
"""

from supervisor import supervisord


class PromptSupervisor(supervisord.Supervisor):  # type: ignore[misc]  # the library has no types
    """Supervisord that starts its programs before it waits for anything."""

    def runforever(self) -> None:
        """Start what is to be started, then look after it until the end."""
        for group in sorted(self.process_groups.values()):
            group.transition()
        super().runforever()


def main() -> None:
    """As `supervisord`, which makes its supervisor by this name, also after a SIGHUP."""
    supervisord.Supervisor = PromptSupervisor
    supervisord.main()


if __name__ == "__main__":
    main()
