"""What must never happen to a trial, its people and its draws, as plain SQL that the database itself enforces."""

from trial import apart, chain
from trial.aftermath_guards import AFTERMATH, MERGES, QUERIES
from trial.partial_dates import FIRST_YEAR, LAST_YEAR
from trial.roles import Permission
from trial.signature_guards import DELEGATION, SIGNATURE, holders
from trial.states import (
    PROTOCOL_TRANSITIONS,
    TRANSITIONS,
    TRIAL_TRANSITIONS,
    ProtocolState,
    TrialState,
)
from trial.triggers import (
    FINAL_STATES,
    FUNCTIONS,
    constrain,
    demand_context,
    event_tables,
    guard_clock,
    guard_columns,
    guard_dates,
    guard_moves,
    guard_tables,
    guard_trial,
    rows_of,
    trial_function,
)

# Rows of these tables are written once. `migrate` also takes UPDATE, DELETE and TRUNCATE on them from the app
# role.
APPEND_ONLY = (
    "trial_eligibilityassessment",
    "trial_consent",
    "trial_statechange",
    "trial_cohort",
    "trial_uploadedlist",
    "trial_keyepoch",
    "trial_signature",
    "trial_allocationerror",
    "trial_codebreak",
    "trial_reconciliation",
    "trial_allocation",
)
# Rows of these change, with an audit context, and are never deleted.
KEPT_BUT_CHANGING = (
    "trial_trial",
    "trial_protocolversion",
    "trial_site",
    "trial_siteday",
    "trial_membership",
    "trial_person",
    "trial_participant",
    "trial_baseline",
    "trial_protocoldeviation",
    "trial_erasure",
    "trial_personmerge",
    "trial_dataquery",
    "trial_stratum",
    "trial_user",
)
# Changed by signing in, which is no change of the account: neither tracked nor asked for a reason.
SIGN_IN = ("password", "last_login")
# What a row is about: these columns never change, whatever else of it is corrected. A trial's code and key
# make its draws, and its kind says whether a draw may be dated back.
STAYS = {
    "trial_trial": ("code", "kind", "key_fingerprint", "tries_id"),
    "trial_protocolversion": ("trial_id", "number", "drafted_by_id", "definition", "sha256"),
    "trial_site": ("trial_id", "number"),
    "trial_membership": (
        *("user_id", "role", "trial_id", "site_id", "since", "until"),
        *("given_by_id", "carried_over"),
    ),
    "trial_person": ("identity_hash", "of_test_id"),
    "trial_siteday": ("site_id", "day"),
    "trial_baseline": ("participant_id",),
    "trial_protocoldeviation": ("trial_id", "participant_id"),
    "trial_erasure": ("participant_id", "reason", "requested_by_id"),
    "trial_personmerge": ("participant_id", "into_id", "reason", "merged_by_id"),
    "trial_dataquery": ("participant_id", "question", "asked_by_id"),
}

# An allocation takes the next slot of its stratum, belongs to a person found eligible in the same trial,
# bears the site's own date, and in a live trial happens now: nobody back-dates a draw. One that a restore lost and
# a reconciliation puts back, in its own transaction, has met the rest when it was drawn.
ALLOCATION = """
CREATE OR REPLACE FUNCTION check_allocation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE p record; s record; today date; again boolean := NEW.reconciliation_id IS NOT NULL;
BEGIN
    SELECT pa.state, pa.trial_id, t.kind, t.state AS trial_state, si.time_zone, si.active INTO p
      FROM trial_participant pa JOIN trial_trial t ON t.id = pa.trial_id JOIN trial_site si ON si.id = pa.site_id
     WHERE pa.id = NEW.participant_id;
    SELECT trial_id, key_epoch, arms, COALESCE((SELECT max(sequence) FROM trial_allocation
                                           WHERE stratum_id = NEW.stratum_id), 0) AS last,
           COALESCE((SELECT max(number) FROM trial_keyepoch e
                      WHERE e.trial_id = trial_stratum.trial_id), 1) AS epoch_now
      INTO s FROM trial_stratum WHERE id = NEW.stratum_id;
    IF again AND NOT EXISTS (
        SELECT 1 FROM trial_reconciliation r WHERE r.id = NEW.reconciliation_id AND r.trial_id = p.trial_id
           AND r.recorded_at >= transaction_timestamp()) THEN
        RAISE EXCEPTION 'An allocation is put back by the reconciliation of its own trial, at once with it.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF p.state <> 'eligible' AND NOT again THEN
        RAISE EXCEPTION 'Only an eligible participant is randomized; this one is %.', p.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF NOT again AND EXISTS (SELECT 1 FROM trial_personmerge m
                              WHERE m.participant_id = NEW.participant_id AND m.undone_at IS NULL) THEN
        RAISE EXCEPTION 'This participant is merged into another, who is randomized for both.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NOT p.active AND NOT again THEN
        RAISE EXCEPTION 'The site is stopped: nobody of it is randomized.' USING ERRCODE = 'check_violation'; END IF;
    IF p.trial_id <> s.trial_id THEN
        RAISE EXCEPTION 'The stratum belongs to another trial.' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT NEW.arm = ANY(string_to_array(s.arms, ',')) OR COALESCE((
        SELECT (v.definition->'allocation'->'dropped') ? NEW.arm FROM trial_protocolversion v
         WHERE v.id = NEW.protocol_version_id), false) THEN
        RAISE EXCEPTION 'Nobody is allocated to an arm that was dropped.' USING ERRCODE = 'check_violation';
    END IF;
    IF s.key_epoch <> s.epoch_now AND NOT again THEN
        RAISE EXCEPTION 'This list was made under key %, and the trial draws with key %.', s.key_epoch, s.epoch_now
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.cohort_id IS NOT NULL AND p.kind NOT IN ('recorded', 'test') AND NOT again AND (
        SELECT count(DISTINCT g.signer_id) FROM trial_signature g JOIN trial_cohort c
            ON c.id = g.subject_id AND c.sha256 = g.content_sha256
         WHERE c.id = NEW.cohort_id AND g.meaning = 'cohort') < 2 THEN
        RAISE EXCEPTION 'A cohort is randomized when two people have signed it.' USING ERRCODE = 'check_violation';
    END IF;
    IF p.trial_state <> 'active' AND NOT again THEN
        RAISE EXCEPTION 'The trial is %, not active.', p.trial_state USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.sequence <> s.last + 1 THEN
        RAISE EXCEPTION 'The next slot of this stratum is %, not %.', s.last + 1, NEW.sequence
            USING ERRCODE = 'check_violation';
    END IF;
    IF p.kind = 'live' AND abs(extract(epoch FROM clock_timestamp() - NEW.occurred_at)) > 300
       AND NOT (again AND NEW.occurred_at < clock_timestamp()) THEN
        RAISE EXCEPTION 'A live trial randomizes now, not at %.', NEW.occurred_at
            USING ERRCODE = 'check_violation';
    END IF;
    today := (NEW.occurred_at AT TIME ZONE p.time_zone)::date;
    IF NEW.randomized_on <> today THEN
        RAISE EXCEPTION 'This draw is of % by the clock of the site, not of %.', today, NEW.randomized_on
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_allocation BEFORE INSERT ON trial_allocation
    FOR EACH ROW EXECUTE FUNCTION check_allocation();
"""

# A participant's state moves only with a state change written in the same transaction, and who they are never
# changes. Who objected last is not called again.
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
    IF OLD.do_not_call AND NOT NEW.do_not_call AND 'objection' = (
        SELECT c.kind FROM trial_consent c WHERE c.participant_id = NEW.id AND c.kind <> 'waiver'
         ORDER BY c.occurred_at DESC, c.recorded_at DESC LIMIT 1) THEN
        RAISE EXCEPTION 'This participant objected to calls, and that is their last word.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_participant BEFORE INSERT OR UPDATE ON trial_participant
    FOR EACH ROW EXECUTE FUNCTION check_participant();
"""

# What was approved is what is in force, and stays approved by whom it was. Nobody approves or signs in a test trial.
PROTOCOL = """
CREATE OR REPLACE FUNCTION check_protocol_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE kind text := (SELECT t.kind FROM trial_trial t WHERE t.id = NEW.trial_id);
BEGIN
    IF (NEW.state = 'draft' OR kind = 'test') <> (NEW.approved_by_id IS NULL) THEN
        RAISE EXCEPTION 'A protocol version needs the approval of a second person first; a draft has none.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'active' AND OLD.state <> 'active' AND (
        SELECT count(DISTINCT g.signer_id) FROM trial_signature g
         WHERE g.subject_id = NEW.id AND g.content_sha256 = NEW.sha256 AND g.meaning = 'protocol') < 2
       AND kind NOT IN ('recorded', 'test') THEN
        RAISE EXCEPTION 'A protocol version takes effect when two people have signed it.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state <> 'draft' AND (NEW.definition, NEW.sha256, NEW.reason, NEW.effective_on)
       IS DISTINCT FROM (OLD.definition, OLD.sha256, OLD.reason, OLD.effective_on) THEN
        RAISE EXCEPTION 'An approved protocol version is frozen: write a new version.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state <> 'draft' AND NEW.state <> 'draft'
       AND (NEW.approved_by_id, NEW.approved_at) IS DISTINCT FROM (OLD.approved_by_id, OLD.approved_at) THEN
        RAISE EXCEPTION 'An approval stays as it was given.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_protocol_version BEFORE INSERT OR UPDATE ON trial_protocolversion
    FOR EACH ROW EXECUTE FUNCTION check_protocol_version();
"""

# A stratum's cursor only moves forward, one draw after another.
STRATUM = """
CREATE OR REPLACE FUNCTION check_stratum() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.drawn < OLD.drawn OR (OLD.total IS NOT NULL AND NEW.total IS DISTINCT FROM OLD.total)
       OR (NEW.trial_id, NEW.label, NEW.list_version, NEW.key_epoch, NEW.arms)
          IS DISTINCT FROM (OLD.trial_id, OLD.label, OLD.list_version, OLD.key_epoch, OLD.arms) THEN
        RAISE EXCEPTION 'A stratum only moves forward: no draw is taken back.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_stratum BEFORE UPDATE ON trial_stratum FOR EACH ROW EXECUTE FUNCTION check_stratum();
"""

# Signing in writes an account as nobody in particular; whatever else changes of it needs who, why and how.
_FREE = ",".join(SIGN_IN)
ACCOUNTS = (
    demand_context("INSERT OR DELETE", "trial_user")
    + f"""
CREATE TRIGGER audit_context_of_change AFTER UPDATE ON trial_user FOR EACH ROW
    WHEN ((to_jsonb(OLD) - '{{{_FREE}}}'::text[]) IS DISTINCT FROM (to_jsonb(NEW) - '{{{_FREE}}}'::text[]))
    EXECUTE FUNCTION require_audit_context();
"""
)

# Years, months and days that the calendar has: a text that is none would stop every freeze. In PL/pgSQL, for a
# function in SQL is parsed anew by every statement that checks it.
DATES = f"""
CREATE OR REPLACE FUNCTION is_partial_date(said text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN CASE
        WHEN said !~ '^[0-9]{{4}}(-(0[1-9]|1[0-2])(-[0-9]{{2}})?)?$' THEN false
        WHEN left(said, 4)::int NOT BETWEEN {FIRST_YEAR} AND {LAST_YEAR} THEN false
        WHEN length(said) < 10 THEN true
        ELSE right(said, 2)::int BETWEEN 1 AND extract(day FROM
            make_date(left(said, 4)::int, substr(said, 6, 2)::int, 1) + interval '1 month -1 day')
    END;
END $$;
""" + guard_dates("trial_participant", "birth_date", "died_on", optional=True)

# The vocabulary of states and events, and which event leads where, is that of trial/states.py.
MOVES = (
    guard_moves("trial_trial", "trial", TrialState.DRAFT, TRIAL_TRANSITIONS)
    + f"""
CREATE OR REPLACE FUNCTION wait_for_what_is_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM trial_trial WHERE id = NEW.id FOR UPDATE;
    RETURN NEW;
END $$;
CREATE TRIGGER waits_for_what_is_written BEFORE UPDATE OF state ON trial_trial FOR EACH ROW
    WHEN (NEW.state IN ({FINAL_STATES})) EXECUTE FUNCTION wait_for_what_is_written();
"""
    + guard_moves("trial_protocolversion", "protocol version", ProtocolState.DRAFT, PROTOCOL_TRANSITIONS)
    + constrain(
        "trial_statechange",
        "a_state_change_is_a_transition",
        f"CHECK ((from_state, event, to_state) IN ({rows_of((a, by, b) for (a, by), b in TRANSITIONS.items())}))",
    )
)

# No key is destroyed that nobody approved to be, and who wants no more data on record has none added.
ERASURE = """
CREATE OR REPLACE FUNCTION check_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM trial_erasure e JOIN trial_participant p ON p.id = e.participant_id
                    WHERE p.person_id = OLD.person_id AND e.approved_by_id IS NOT NULL) THEN
        RAISE EXCEPTION 'An identity is erased when a second person has approved it.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER check_erasure BEFORE DELETE ON trial_personkey FOR EACH ROW EXECUTE FUNCTION check_erasure();

CREATE OR REPLACE FUNCTION refuse_more_data() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT no_more_data FROM trial_participant WHERE id = NEW.participant_id) THEN
        RAISE EXCEPTION 'This participant withdrew from any further collection of data.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""

# Only who answers for the list brings it level with the log, and in no other name.
RECONCILIATION = f"""
CREATE OR REPLACE FUNCTION check_reconciliation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.done_by_id::text <> COALESCE(current_setting('pghistory.context_metadata', true)::jsonb->>'by', '')
       OR NOT EXISTS (SELECT 1 FROM trial_membership m WHERE m.user_id = NEW.done_by_id
                         AND m.trial_id = NEW.trial_id AND entry_in_force(m)
                         AND m.role IN ({holders(Permission.UPLOAD_ALLOCATION_LIST)})) THEN
        RAISE EXCEPTION 'Only who answers for the allocation list reconciles it with the log.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_reconciliation BEFORE INSERT ON trial_reconciliation
    FOR EACH ROW EXECUTE FUNCTION check_reconciliation();
"""

HAPPENINGS = (
    "trial_eligibilityassessment",
    "trial_consent",
    "trial_statechange",
    "trial_allocationerror",
    "trial_codebreak",
    "trial_personmerge",
    "trial_dataquery",
    "trial_allocation",
)
HAPPENINGS_OF_TRIALS = (
    "trial_cohort",
    "trial_keyepoch",
    "trial_reconciliation",
    "trial_protocoldeviation",
)
CLOCK = guard_clock(
    "recorded_at",
    ("trial_participant", "trial_signature", "trial_erasure", *HAPPENINGS, *HAPPENINGS_OF_TRIALS),
)
TRIALS = (
    trial_function("trial", "NEW.trial_id")
    + trial_function("participant", "SELECT trial_id FROM trial_participant WHERE id = NEW.participant_id")
    + trial_function("site", "SELECT trial_id FROM trial_site WHERE id = NEW.site_id")
    + guard_trial("site", "trial_siteday")
    + guard_trial("trial", versioned=HAPPENINGS_OF_TRIALS)
    + guard_trial("participant", "trial_baseline", versioned=HAPPENINGS)
)
# Inspectors come after the lock: their entries of the delegation log are signed in a locked trial too.
TRIALS += """
CREATE TRIGGER belongs_to_trial BEFORE INSERT ON trial_signature FOR EACH ROW
    WHEN (NEW.meaning <> 'delegation') EXECUTE FUNCTION check_trial_by_trial();
"""
# Whoever asks to be forgotten is, in a locked trial too, and is not called any more: neither trial_erasure nor
# `do_not_call` is here.
TRIALS += """
CREATE TRIGGER belongs_to_trial BEFORE INSERT OR UPDATE OF site_id, sex, birth_date, birth_earliest, birth_latest,
    state, died_on, registered_at ON trial_participant FOR EACH ROW EXECUTE FUNCTION check_trial_by_trial();
"""

KEPT_TABLES = (*APPEND_ONLY, *event_tables(APPEND_ONLY, KEPT_BUT_CHANGING), chain.LINKS)
# A key is deleted to erase an identity; that, too, has somebody who did it and a reason.
TABLES = guard_tables(APPEND_ONLY, KEPT_BUT_CHANGING, asked_otherwise=("trial_user",)) + demand_context(
    "INSERT OR UPDATE OR DELETE", "trial_personkey"
)
CHAINED = chain.chain("trial_uploadedlist", key="stratum_id")
INSTALL = "\n".join(
    (
        *(FUNCTIONS, chain.FUNCTIONS, TABLES, CHAINED, guard_columns(STAYS)),
        *(
            ACCOUNTS,
            DATES,
            MOVES,
            CLOCK,
            TRIALS,
            ALLOCATION,
            PARTICIPANT,
            PROTOCOL,
            apart.TESTS,
            STRATUM,
            DELEGATION,
            SIGNATURE,
            AFTERMATH,
            MERGES,
            QUERIES,
            ERASURE,
            RECONCILIATION,
        ),
    )
)
AFTER_ALL = chain.BEGIN
