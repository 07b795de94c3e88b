"""The logs of the functions."""

import time
from dataclasses import dataclass, field
from typing import Any

from localcloud.aws import PREFIX, Aws

# A call that began before a reading may log after it, so each reading looks back this far.
_OVERLAP_SECONDS = 60
_PLATFORM_LINES = ("START RequestId", "END RequestId", "REPORT RequestId")


@dataclass
class Reader:
    """Reads the logs of all functions, each line once."""

    aws: Aws
    since: float
    # MiniStack writes each call to its own log stream, all at once when the call ends.
    _seen: set[str] = field(default_factory=set)

    def new_lines(self) -> list[str]:
        """The lines since the last reading, in order of time, each with its function's name."""
        start = time.time()
        events = [(event, group) for group in self._groups() for event in self._events(group)]
        fresh = [(event, group) for event, group in events if event["logStreamName"] not in self._seen]
        self._seen = {event["logStreamName"] for event, _ in events}
        self.since = start - _OVERLAP_SECONDS
        return [
            f"{group.rpartition('/')[2].removeprefix(PREFIX + '-'):20} {event['message']}"
            for event, group in sorted(fresh, key=lambda pair: pair[0]["timestamp"])
            if not event["message"].startswith(_PLATFORM_LINES)
        ]

    def _groups(self) -> list[str]:
        groups = self.aws.logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{PREFIX}-")["logGroups"]
        return [group["logGroupName"] for group in groups]

    def _events(self, group: str) -> list[dict[str, Any]]:
        found = self.aws.logs.filter_log_events(logGroupName=group, startTime=int(self.since * 1000))
        events: list[dict[str, Any]] = found["events"]
        return events
