"""What the apps' guards are made of: trigger functions, and the SQL that puts them on lists of tables.

pgtrigger's own protection can be switched off by one `set_config`; these triggers can't, short of the owner
role.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from trial.chain import BY_HAND, LINKS, chain
from trial.states import FINAL

FINAL_STATES = ", ".join(f"'{state}'" for state in FINAL)  # in SQL

# Tables without an audit table; the test of the guards says why of each.
UNTRACKED = (
    *("trial_uploadedlist", "trial_stratum", "trial_personkey"),
    *("screening_receipt", "screening_refusedcaller", LINKS),
)
# Of these, the ones whose own rows are chained as an audit table's are.
CHAINED = ("trial_uploadedlist", "screening_receipt")

# The context is asked after a statement, because a statement can change these settings while it runs.
FUNCTIONS = """
CREATE OR REPLACE FUNCTION require_audit_context() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE context jsonb := NULLIF(current_setting('pghistory.context_metadata', true), '')::jsonb;
BEGIN
    IF COALESCE(current_setting('pgtrigger.ignore', true), '') NOT IN ('', '{}') THEN
        RAISE EXCEPTION 'A change to % is never kept from the audit trail.', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF context IS NULL OR COALESCE(context->>'by', '') = '' OR COALESCE(context->>'why', '') = ''
       OR COALESCE(context->>'how', '') = '' THEN
        RAISE EXCEPTION 'A change to % needs an audit context: who (by), why and how.', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Rows of % are never %.', TG_TABLE_NAME,
        CASE WHEN TG_NARGS > 0 THEN TG_ARGV[0] WHEN TG_OP = 'UPDATE' THEN 'changed' ELSE 'deleted' END
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE OR REPLACE FUNCTION refuse_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Rows of % are written by its triggers, never by hand.', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE OR REPLACE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        RAISE EXCEPTION 'This % begins as %, not as %.', TG_ARGV[0], TG_ARGV[1], NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RAISE EXCEPTION 'This % never goes from % to %.', TG_ARGV[0], OLD.state, NEW.state
        USING ERRCODE = 'check_violation';
END $$;

CREATE OR REPLACE FUNCTION set_to_now() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[0], statement_timestamp()));
END $$;
"""


def event_table(table: str) -> str:
    """Return the name of a table's audit table (django-pghistory's naming)."""
    return f"{table}event"


def event_tables(*groups: tuple[str, ...]) -> tuple[str, ...]:
    """Return the audit tables of all tracked tables in `groups`."""
    return tuple(event_table(table) for group in groups for table in group if table not in UNTRACKED)


def guard_tables(
    append_only: tuple[str, ...], changing: tuple[str, ...], asked_otherwise: tuple[str, ...] = ()
) -> str:
    """Return the SQL that demands an audit context and refuses what a table's rows must not suffer."""
    events = event_tables(append_only, changing)
    asked = (table for table in append_only + changing if table not in asked_otherwise)
    return "\n".join(
        [demand_context("INSERT OR UPDATE OR DELETE", *asked)]
        + [f"CREATE TRIGGER written_once BEFORE UPDATE OR DELETE ON {t} "
           "FOR EACH ROW EXECUTE FUNCTION refuse_change();" for t in append_only + events]
        + [f"CREATE TRIGGER by_trigger BEFORE INSERT ON {t} "
           f"FOR EACH STATEMENT {BY_HAND};" for t in events]
        + [chain(*events)]
        + [f"CREATE TRIGGER never_deleted BEFORE DELETE ON {t} "
           "FOR EACH ROW EXECUTE FUNCTION refuse_change();" for t in changing]
    )  # fmt: skip


def demand_context(acts: str, *tables: str) -> str:
    """Return the SQL that lets nobody do these acts to tables without saying who, why and how."""
    return "\n".join(
        f"CREATE TRIGGER audit_context AFTER {acts} ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION require_audit_context();"
        for table in tables
    )


def guard_columns(stays: Mapping[str, tuple[str, ...]]) -> str:
    """Return the SQL that keeps every row with the person, trial or file it was written about."""

    def differ(columns: tuple[str, ...]) -> str:
        return " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)

    return "\n".join(
        f"CREATE TRIGGER stays BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({differ(columns)}) "
        f"EXECUTE FUNCTION refuse_change('given another {' or '.join(columns)}');"
        for table, columns in stays.items()
    )


def guard_clock(column: str, tables: tuple[str, ...]) -> str:
    """Return the SQL that lets the database alone say when a row was entered, whatever was sent."""
    return "\n".join(
        # The column's default is this very moment, so that the function runs only where another was sent.
        f"CREATE TRIGGER sets_{column} BEFORE INSERT ON {table} FOR EACH ROW "
        f"WHEN (NEW.{column} IS DISTINCT FROM statement_timestamp()) EXECUTE FUNCTION set_to_now('{column}');"
        f"CREATE TRIGGER keeps_{column} BEFORE UPDATE ON {table} FOR EACH ROW "
        f"WHEN (NEW.{column} IS DISTINCT FROM OLD.{column}) "
        f"EXECUTE FUNCTION refuse_change('given another {column}');"
        for table in tables
    )


def guard_moves(table: str, noun: str, first: Any, transitions: Mapping[tuple[Any, Any], Any]) -> str:
    """Return the SQL that lets a row's state begin and move only as a table of (state, event) -> state says."""
    pairs = rows_of((state, to_state) for (state, _), to_state in transitions.items() if state != to_state)
    return (
        f"CREATE TRIGGER begins BEFORE INSERT ON {table} FOR EACH ROW "
        f"WHEN (NEW.state <> '{first}') EXECUTE FUNCTION refuse_move('{noun}', '{first}');"
        f"CREATE TRIGGER moves BEFORE UPDATE ON {table} FOR EACH ROW "
        f"WHEN (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN ({pairs})) "
        f"EXECUTE FUNCTION refuse_move('{noun}');\n"
    )


def rows_of(rows: Iterable[tuple[Any, ...]]) -> str:
    """Return the words of rules as the SQL list of rows that they are, each once and always in one order."""
    written = {tuple(str(word) for word in row) for row in rows}
    return ", ".join(str(row) for row in sorted(written))


def guard_dates(table: str, *columns: str, optional: bool = False) -> str:
    """Return the SQL that lets these columns hold days, months or years of the calendar only."""
    unless = "{0} = '' OR " if optional else ""
    return "".join(
        constrain(table, f"{column}_form", f"CHECK ({unless.format(column)}is_partial_date({column}))")
        for column in columns
    )


def constrain(table: str, name: str, rule: str) -> str:
    """Return the SQL of a constraint of a table, which takes the place of one of its name."""
    return f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}, ADD CONSTRAINT {name} {rule};\n"


def trial_function(by: str, trial: str) -> str:
    """Return the SQL of the check that a row (NEW) is of an open trial and under a protocol of that trial.

    `trial` is the SQL for the trial's key, found `by` what the row names. The trial is held as its foreign key holds
    it, so that it is frozen or locked after the row is there, or the row sees that it was.
    """
    return f"""
CREATE OR REPLACE FUNCTION check_trial_by_{by}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE own record;
BEGIN
    SELECT id, code, state INTO own FROM trial_trial WHERE id = ({trial}) FOR KEY SHARE;
    IF own.state IN ({FINAL_STATES}) THEN
        RAISE EXCEPTION 'Trial % is %: its data do not change.', own.code, own.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF TG_NARGS > 0 THEN
        IF own.id <> (SELECT trial_id FROM trial_protocolversion WHERE id = NEW.protocol_version_id) THEN
            RAISE EXCEPTION 'The protocol version belongs to another trial than the row of %.', TG_TABLE_NAME
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
"""


def guard_trial(by: str, *tables: str, versioned: tuple[str, ...] = ()) -> str:
    """Return the SQL that keeps rows out of a frozen or locked trial, and `versioned` ones under its own protocol."""
    calls = dict.fromkeys(tables, "") | dict.fromkeys(versioned, "'versioned'")
    return "".join(
        f"CREATE TRIGGER belongs_to_trial BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW "
        f"EXECUTE FUNCTION check_trial_by_{by}({given});\n"
        for table, given in calls.items()
    )
