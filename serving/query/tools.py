"""The tools that may be called, and the one place where they are. What is not in the table does not exist."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from serving.auth.principal import Principal
from serving.query import arguments
from serving.query.analytics import Analytics
from serving.query.arguments import Arguments
from serving.query.findings import Finding
from serving.query.looks import Looks
from serving.query.refusal import NotInData
from serving.query.sources import Sources


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: what it may be asked, and what answers."""

    asks: type[Arguments]
    look: Callable[[Any], Finding]

    @property
    def description(self) -> str:
        """What it is for, from its arguments."""
        return (self.asks.__doc__ or "").strip()


class Toolbox:
    """The tools of one caller. `call` blocks and changes nothing."""

    def __init__(self, sources: Sources, user: Principal) -> None:
        """Takes where to look and for whom."""
        self.analytics = Analytics(sources, user)
        looks = Looks(sources, user, self.analytics)
        self.tools: Mapping[str, Tool] = {
            "count_inspections": Tool(arguments.CountInspections, self.analytics.count_inspections),
            "count_defects": Tool(arguments.CountDefects, self.analytics.count_defects),
            "break_down": Tool(arguments.BreakDown, self.analytics.break_down),
            "compare": Tool(arguments.Compare, self.analytics.compare),
            "trend": Tool(arguments.Trend, self.analytics.trend),
            "list_inspections": Tool(arguments.ListInspections, looks.list_inspections),
            "look_at_picture": Tool(arguments.LookAtPicture, looks.look_at_picture),
            "list_alerts": Tool(arguments.ListAlerts, looks.list_alerts),
            "list_model_versions": Tool(arguments.ListModelVersions, looks.list_model_versions),
            "list_stations": Tool(arguments.ListStations, self.analytics.list_stations),
        }

    def call(self, name: str, wanted: Mapping[str, Any]) -> Finding:
        """What a tool finds.

        Raises:
            NotInData: No such tool, arguments that are not allowed, or nothing of the kind is there for this caller.
            StorageUnavailable: The database does not answer.
        """
        tool = self.tools.get(name)
        if tool is None:
            raise NotInData(f"there is no such tool. Tools: {', '.join(self.tools)}")
        try:
            asked = tool.asks.model_validate(dict(wanted))
        except ValidationError as error:
            problems = error.errors(include_input=False, include_url=False)[:5]
            told = "; ".join(f"{'.'.join(str(step)[:40] for step in p['loc'])}: {p['msg'][:300]}" for p in problems)
            raise NotInData(f"arguments not allowed: {told}") from error
        return tool.look(asked)
