"""A frozen dataset stays as it was frozen."""

from trial.triggers import event_tables, guard_clock, guard_tables

APPEND_ONLY = ("analysis_freeze",)
KEPT_TABLES = (*APPEND_ONLY, *event_tables(APPEND_ONLY))
INSTALL = guard_tables(APPEND_ONLY, ()) + guard_clock("recorded_at", APPEND_ONLY)
