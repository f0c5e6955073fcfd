"""A frozen dataset stays as it was frozen."""

from trial.guards import event_tables, guard_tables

APPEND_ONLY = ("analysis_freeze",)
KEPT_TABLES = (*APPEND_ONLY, *event_tables(APPEND_ONLY))
INSTALL = guard_tables(APPEND_ONLY, ())
