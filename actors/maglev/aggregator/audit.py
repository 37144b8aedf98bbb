# SPDX-License-Identifier: Apache-2.0
"""The audit file for others: read from its end, and told what other actors did for an operator.

What the aggregator itself does for one is audited where it is done, in operate.py and reload.py.
"""

from __future__ import annotations

from maglev.actor import Caller, Effect, Reply
from maglev.aggregator.events import Audit, AuditFileRead, ReadAuditFile
from maglev.aggregator.state import State
from maglev.messages import AuditEntry, AuditRead, Done, Refused

READS_MAX = 4
ENTRIES_MAX = 10_000


def asked(state: State, caller: Caller, entries_max: int) -> list[Effect]:
    """Somebody wants to read the file; that happens off the loop."""
    if state.audit_reads >= READS_MAX:
        text = f"the audit file is being read for {READS_MAX} others: try again"
        return [Reply(caller, Refused(code="unavailable", text=text))]
    state.audit_reads += 1
    return [ReadAuditFile(caller, max(0, min(entries_max, ENTRIES_MAX)))]


def was_read(state: State, event: AuditFileRead) -> list[Effect]:
    """The file was read, or could not be."""
    state.audit_reads -= 1
    if event.error:
        return [Reply(event.caller, Refused(code="internal", text=event.error))]
    return [Reply(event.caller, AuditRead(entries=event.entries))]


def told(caller: Caller, entry: AuditEntry) -> list[Effect]:
    """Another actor did something for an operator."""
    return [Audit(entry), Reply(caller, Done())]
