"""What must never happen, as plain SQL that the database itself enforces.

pgtrigger's own protection can be switched off by one `set_config`; these triggers can't, short of the owner
role.
"""

# Rows of these tables are written once. `migrate` also takes UPDATE, DELETE and TRUNCATE on them from the app
# role.
APPEND_ONLY = (
    "trial_eligibilityassessment",
    "trial_consent",
    "trial_statechange",
    "trial_cohort",
    "trial_uploadedlist",
    "trial_allocation",
)
# Rows of these change, with an audit context, and are never deleted.
KEPT_BUT_CHANGING = (
    "trial_trial",
    "trial_protocolversion",
    "trial_site",
    "trial_membership",
    "trial_person",
    "trial_participant",
    "trial_baseline",
    "trial_protocoldeviation",
)
UNTRACKED = ("trial_uploadedlist",)
# What a row is about: these columns never change, whatever else of it is corrected. A trial's code and key
# make its draws, and its kind says whether a draw may be dated back.
STAYS = {
    "trial_trial": ("code", "kind", "key_fingerprint"),
    "trial_site": ("trial_id", "number"),
    "trial_person": ("identity_hash",),
    "trial_baseline": ("participant_id",),
    "trial_protocoldeviation": ("trial_id", "participant_id"),
}


def event_table(table: str) -> str:
    """Return the name of a table's audit table (django-pghistory's naming)."""
    return f"{table}event"


def event_tables(*groups: tuple[str, ...]) -> tuple[str, ...]:
    """Return the audit tables of all tracked tables in `groups`."""
    return tuple(event_table(table) for group in groups for table in group if table not in UNTRACKED)


KEPT_TABLES = APPEND_ONLY + event_tables(APPEND_ONLY, KEPT_BUT_CHANGING)

# Asked after a statement, because a statement can change these settings while it runs.
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
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'Rows of % are written by its triggers, never by hand.', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;
"""

# An allocation takes the next slot of its stratum, belongs to a person found eligible in the same trial,
# and in a live trial happens now: nobody back-dates a draw.
ALLOCATION = """
CREATE OR REPLACE FUNCTION check_allocation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE p record; s record;
BEGIN
    SELECT pa.state, pa.trial_id, t.kind, t.state AS trial_state INTO p
      FROM trial_participant pa JOIN trial_trial t ON t.id = pa.trial_id WHERE pa.id = NEW.participant_id;
    SELECT trial_id, COALESCE((SELECT max(sequence) FROM trial_allocation
                                WHERE stratum_id = NEW.stratum_id), 0) AS last
      INTO s FROM trial_stratum WHERE id = NEW.stratum_id;
    IF p.state <> 'eligible' THEN
        RAISE EXCEPTION 'Only an eligible participant is randomized; this one is %.', p.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF p.trial_id <> s.trial_id THEN
        RAISE EXCEPTION 'The stratum belongs to another trial.' USING ERRCODE = 'check_violation';
    END IF;
    IF p.trial_state <> 'active' THEN
        RAISE EXCEPTION 'The trial is %, not active.', p.trial_state USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.sequence <> s.last + 1 THEN
        RAISE EXCEPTION 'The next slot of this stratum is %, not %.', s.last + 1, NEW.sequence
            USING ERRCODE = 'check_violation';
    END IF;
    IF p.kind = 'live' AND abs(extract(epoch FROM clock_timestamp() - NEW.occurred_at)) > 300 THEN
        RAISE EXCEPTION 'A live trial randomizes now, not at %.', NEW.occurred_at
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_allocation BEFORE INSERT ON trial_allocation
    FOR EACH ROW EXECUTE FUNCTION check_allocation();
"""

# A participant's state moves only with a state change written in the same transaction, and who they are never
# changes.
PARTICIPANT = """
CREATE OR REPLACE FUNCTION check_participant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT trial_id FROM trial_site WHERE id = NEW.site_id) <> NEW.trial_id THEN
        RAISE EXCEPTION 'The site belongs to another trial.' USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'registered' THEN
            RAISE EXCEPTION 'A participant starts as registered, not %.', NEW.state
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.trial_id, NEW.person_id, NEW.study_number)
       IS DISTINCT FROM (OLD.trial_id, OLD.person_id, OLD.study_number) THEN
        RAISE EXCEPTION 'Trial, person and study number of a participant never change.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state AND NOT EXISTS (
        SELECT 1 FROM trial_statechange c
         WHERE c.participant_id = NEW.id AND c.from_state = OLD.state AND c.to_state = NEW.state
           AND c.recorded_at >= transaction_timestamp()) THEN
        RAISE EXCEPTION 'A change of state from % to % needs its state change on record.',
            OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_participant BEFORE INSERT OR UPDATE ON trial_participant
    FOR EACH ROW EXECUTE FUNCTION check_participant();
"""

# What was approved is what is in force.
PROTOCOL = """
CREATE OR REPLACE FUNCTION check_protocol_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'draft' AND (NEW.definition, NEW.sha256, NEW.number, NEW.trial_id)
       IS DISTINCT FROM (OLD.definition, OLD.sha256, OLD.number, OLD.trial_id) THEN
        RAISE EXCEPTION 'An approved protocol version is frozen: write a new version.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state IN ('active', 'superseded') AND NEW.state NOT IN ('active', 'superseded') THEN
        RAISE EXCEPTION 'A protocol version that was in force is never a draft again.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> 'draft' AND NEW.approved_by_id IS NULL THEN
        RAISE EXCEPTION 'A protocol version needs the approval of a second person first.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_protocol_version BEFORE UPDATE ON trial_protocolversion
    FOR EACH ROW EXECUTE FUNCTION check_protocol_version();
"""

# A stratum's cursor only moves forward, one draw after another.
STRATUM = """
CREATE OR REPLACE FUNCTION check_stratum() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.drawn < OLD.drawn OR (OLD.total IS NOT NULL AND NEW.total IS DISTINCT FROM OLD.total)
       OR (NEW.trial_id, NEW.label, NEW.list_version)
          IS DISTINCT FROM (OLD.trial_id, OLD.label, OLD.list_version) THEN
        RAISE EXCEPTION 'A stratum only moves forward: no draw is taken back.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_stratum BEFORE UPDATE ON trial_stratum FOR EACH ROW EXECUTE FUNCTION check_stratum();
"""


def guard_tables(append_only: tuple[str, ...], changing: tuple[str, ...]) -> str:
    """Return the SQL that demands an audit context and refuses what a table's rows must not suffer."""
    tracked = [table for table in append_only + changing if table not in UNTRACKED]
    written_once = append_only + event_tables(append_only, changing)
    return "\n".join(
        [f"CREATE TRIGGER audit_context AFTER INSERT OR UPDATE OR DELETE ON {t} "
         "FOR EACH STATEMENT EXECUTE FUNCTION require_audit_context();" for t in tracked]
        + [f"CREATE TRIGGER written_once BEFORE UPDATE OR DELETE ON {t} "
           "FOR EACH ROW EXECUTE FUNCTION refuse_change();" for t in written_once]
        + [f"CREATE TRIGGER by_trigger BEFORE INSERT ON {t} "
           "FOR EACH STATEMENT EXECUTE FUNCTION refuse_by_hand();" for t in event_tables(tuple(tracked))]
        + [f"CREATE TRIGGER never_deleted BEFORE DELETE ON {t} "
           "FOR EACH ROW EXECUTE FUNCTION refuse_change();" for t in changing]
    )  # fmt: skip


def guard_columns(stays: dict[str, tuple[str, ...]]) -> str:
    """Return the SQL that keeps every row with the person, trial or file it was written about."""

    def differ(columns: tuple[str, ...]) -> str:
        return " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)

    return "\n".join(
        f"CREATE TRIGGER stays BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({differ(columns)}) "
        f"EXECUTE FUNCTION refuse_change('given another {' or '.join(columns)}');"
        for table, columns in stays.items()
    )


TABLES = guard_tables(APPEND_ONLY, KEPT_BUT_CHANGING) + guard_columns(STAYS)
INSTALL = FUNCTIONS + TABLES + ALLOCATION + PARTICIPANT + PROTOCOL + STRATUM
