"""What must never happen to a film, a call or a scan, as plain SQL. For the functions see trial/triggers.py."""

from screening.model_guards import MODELS
from screening.quality import BY_A_LOOK
from screening.referrals import (
    APPOINTMENT_TRANSITIONS,
    TO_BE_CALLED,
    TRANSITIONS,
    AppointmentState,
    ReferralState,
)
from screening.vocabulary import IntakeReason
from trial.chain import chain
from trial.triggers import (
    constrain,
    event_tables,
    guard_clock,
    guard_columns,
    guard_dates,
    guard_moves,
    guard_tables,
    guard_trial,
    trial_function,
)

APPEND_ONLY = (
    "screening_score",
    "screening_contactattempt",
    "screening_communication",
    "screening_disclosure",
    "screening_modelsignature",
    "screening_covariatescore",
    "screening_filmdecision",
)
CHANGING = (
    "screening_modelversion",
    "screening_standstill",
    "screening_riskassessment",
    "screening_radiograph",
    "screening_siteintake",
    "screening_referral",
    "screening_appointment",
    "screening_dxaexam",
    "screening_dxameasurement",
    "screening_diagnosis",
    "screening_treatment",
    "screening_device",
)
# A film, a call list entry or a finding is never handed to another person.
STAYS = {
    "screening_modelversion": ("name", "version", "sha256"),
    "screening_standstill": ("trial_id", "reason", "began_at"),
    "screening_siteintake": ("site_id",),
    "screening_radiograph": (
        "trial_id",
        "site_id",
        "person_id",
        "sop_instance_hash",
        "file_sha256",
        "pixel_sha256",
    ),
    "screening_riskassessment": ("participant_id",),
    "screening_referral": ("allocation_id",),
    "screening_appointment": ("referral_id", "scheduled_at"),
    "screening_dxaexam": ("participant_id",),
    "screening_dxameasurement": ("exam_id",),
    "screening_diagnosis": ("participant_id",),
    "screening_treatment": ("participant_id",),
    "screening_device": ("site_id", "name", "ae_title", "address", "added_by_id"),
}
KEPT_TABLES = (*APPEND_ONLY, "screening_receipt", *event_tables(APPEND_ONLY, CHANGING))

# The arm travels with the allocation: a row that says 'screening' for a control participant has no parent.
_OF_ALLOCATION = "FOREIGN KEY (allocation_id, arm) REFERENCES trial_allocation (id, arm)"
_OF_REFERRAL = (
    "FOREIGN KEY (referral_id, allocation_id, arm) REFERENCES screening_referral (id, allocation_id, arm)"
)
ARM_KEYS = (
    constrain("screening_referral", "referral_allocation_arm_fk", _OF_ALLOCATION)
    + constrain("screening_contactattempt", "attempt_allocation_arm_fk", _OF_ALLOCATION)
    + constrain("screening_contactattempt", "attempt_referral_fk", _OF_REFERRAL)
    + constrain("screening_communication", "communication_allocation_arm_fk", _OF_ALLOCATION)
    + constrain("screening_communication", "communication_referral_fk", _OF_REFERRAL)
)
RECEIPTS = """
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE ON screening_receipt
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
""" + chain("screening_receipt", key="id")

# A device that may send no more stays so: who takes its place is added anew. What it sent is of its own trial.
DEVICES = (
    constrain("screening_device", "device_address_form", "CHECK (network(address::inet) = address::inet)")
    + """
CREATE TRIGGER ends_once BEFORE UPDATE ON screening_device FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL)
    EXECUTE FUNCTION refuse_change('changed after their end');

CREATE OR REPLACE FUNCTION check_sender() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM screening_device d JOIN trial_site s ON s.id = d.site_id
        WHERE d.id = NEW.device_id AND s.trial_id = NEW.trial_id) THEN
        RAISE EXCEPTION 'This device sends for another trial.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_sender BEFORE INSERT ON screening_receipt FOR EACH ROW WHEN (NEW.device_id IS NOT NULL)
    EXECUTE FUNCTION check_sender();
"""
)

# Nobody who withdrew, died, objected or is outside the window is called; nobody gets a window of another
# length.
CALLS = (
    """
CREATE OR REPLACE FUNCTION check_referral() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last_day date;
BEGIN
    SELECT a.randomized_on + (v.definition->>'referral_window_days')::int INTO last_day
      FROM trial_allocation a JOIN trial_protocolversion v ON v.id = a.protocol_version_id
     WHERE a.id = NEW.allocation_id;
    IF NEW.window_ends_on IS DISTINCT FROM last_day THEN
        RAISE EXCEPTION 'The offer of this participant ends on %, not on %.', last_day, NEW.window_ends_on
            USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.state = 'accepted' AND OLD.state IN ('declined', 'not_reached')
       AND NEW.rang_back = '' THEN
        RAISE EXCEPTION 'By what whoever rang back was identified is recorded with it.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_referral BEFORE INSERT OR UPDATE ON screening_referral
    FOR EACH ROW EXECUTE FUNCTION check_referral();

CREATE OR REPLACE FUNCTION require_offer(offer uuid, moment timestamptz, states text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE p record; day date;
BEGIN
    SELECT pa.state, pa.do_not_call, r.state AS offer_state, r.window_ends_on, a.randomized_on, s.time_zone INTO p
      FROM screening_referral r JOIN trial_allocation a ON a.id = r.allocation_id
      JOIN trial_participant pa ON pa.id = a.participant_id JOIN trial_site s ON s.id = pa.site_id
     WHERE r.id = offer FOR UPDATE OF pa;
    day := (moment AT TIME ZONE p.time_zone)::date;
    IF p.state <> 'randomized' THEN
        RAISE EXCEPTION 'This participant is %: no contact.', p.state USING ERRCODE = 'check_violation';
    END IF;
    IF p.do_not_call THEN
        RAISE EXCEPTION 'This participant is not to be called.' USING ERRCODE = 'check_violation';
    END IF;
    IF p.offer_state <> ALL (states) THEN
        RAISE EXCEPTION 'This offer is %, not %.', p.offer_state, array_to_string(states, ' or ')
            USING ERRCODE = 'check_violation';
    END IF;
    IF day NOT BETWEEN p.randomized_on AND p.window_ends_on THEN
        RAISE EXCEPTION 'The offer runs from % to %; % is outside.', p.randomized_on, p.window_ends_on, day
            USING ERRCODE = 'check_violation';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION check_contact() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE present timestamptz; kind text;
BEGIN
    PERFORM require_offer(NEW.referral_id, NEW.occurred_at, TG_ARGV);
    SELECT clock_timestamp() - make_interval(days => t.clock_offset_days), t.kind INTO present, kind
      FROM trial_protocolversion v JOIN trial_trial t ON t.id = v.trial_id WHERE v.id = NEW.protocol_version_id;
    -- A minute, for the clocks of two machines.
    IF NEW.occurred_at > present + interval '1 minute' THEN
        RAISE EXCEPTION 'This call of % lies in the future: it is %.', NEW.occurred_at, present
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.identity = 'not_recorded' AND kind <> 'recorded' THEN
        RAISE EXCEPTION 'Who was spoken to is recorded with the call.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION check_appointment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM require_offer(NEW.referral_id, NEW.scheduled_at, TG_ARGV);
    RETURN NEW;
END $$;
"""
    + f"""
CREATE TRIGGER check_contact BEFORE INSERT ON screening_contactattempt
    FOR EACH ROW EXECUTE FUNCTION check_contact({", ".join(TO_BE_CALLED)});
CREATE TRIGGER check_appointment BEFORE INSERT ON screening_appointment
    FOR EACH ROW EXECUTE FUNCTION check_appointment({ReferralState.ACCEPTED});
"""
)

# Nobody is told a result that there is not, or referred for treatment before it was told; nobody who objected is
# called to be told.
COMMUNICATIONS = """
CREATE OR REPLACE FUNCTION check_communication() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE p record; day text;
BEGIN
    SELECT pa.state, pa.do_not_call, s.time_zone INTO p FROM trial_allocation a
      JOIN trial_participant pa ON pa.id = a.participant_id JOIN trial_site s ON s.id = pa.site_id
     WHERE a.id = NEW.allocation_id;
    day := to_char(NEW.occurred_at AT TIME ZONE p.time_zone, 'YYYY-MM-DD');
    IF NEW.kind = 'result' AND NOT EXISTS (
        SELECT 1 FROM screening_dxaexam e JOIN screening_appointment ap ON ap.id = e.appointment_id
         WHERE ap.referral_id = NEW.referral_id AND NOT e.entered_in_error AND e.exam_date <= day) THEN
        RAISE EXCEPTION 'There was no result of the trial''s scan on %.', day USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.kind = 'treatment' AND NOT EXISTS (
        SELECT 1 FROM screening_communication c WHERE c.referral_id = NEW.referral_id AND c.kind = 'result'
           AND c.occurred_at <= NEW.occurred_at) THEN
        RAISE EXCEPTION 'Nobody is referred for treatment before the result was told.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF p.state = 'died' AND NEW.kind = 'result' THEN
        RAISE EXCEPTION 'This participant has died: no result is told.' USING ERRCODE = 'check_violation';
    END IF;
    IF p.do_not_call AND NEW.means = 'telephone' THEN
        RAISE EXCEPTION 'This participant is not to be called.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_communication BEFORE INSERT ON screening_communication
    FOR EACH ROW EXECUTE FUNCTION check_communication();
"""

# Only who the patient rule puts at high risk is allocated, and the allocation keeps that as its evidence.
RISK = """
CREATE OR REPLACE FUNCTION check_risk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.evidence->>'risk_class' IS DISTINCT FROM 'high' OR NOT EXISTS (SELECT 1 FROM screening_riskassessment r
        WHERE r.participant_id = NEW.participant_id AND r.risk_class = 'high') THEN
        RAISE EXCEPTION 'Only a participant at high risk is randomized, with the evidence for it.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_risk BEFORE INSERT ON trial_allocation FOR EACH ROW EXECUTE FUNCTION check_risk();
"""

# A trial's scan belongs to a kept appointment of the same person; a score belongs to the film it was made
# from.
SCANS = """
CREATE OR REPLACE FUNCTION check_exam() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE a record;
BEGIN
    IF NEW.appointment_id IS NULL THEN RETURN NEW; END IF;
    SELECT ap.state, al.participant_id INTO a FROM screening_appointment ap
      JOIN screening_referral r ON r.id = ap.referral_id JOIN trial_allocation al ON al.id = r.allocation_id
     WHERE ap.id = NEW.appointment_id;
    IF a.participant_id <> NEW.participant_id OR a.state <> 'attended' THEN
        RAISE EXCEPTION 'A DXA of the trial needs a kept appointment of the same participant.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_exam BEFORE INSERT OR UPDATE ON screening_dxaexam
    FOR EACH ROW EXECUTE FUNCTION check_exam();

CREATE OR REPLACE FUNCTION check_radiograph() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.participant_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM trial_participant p
        WHERE p.id = NEW.participant_id AND p.person_id = NEW.person_id AND p.trial_id = NEW.trial_id) THEN
        RAISE EXCEPTION 'A film belongs to the participant its patient number names.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.site_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM trial_site s
        WHERE s.id = NEW.site_id AND s.trial_id = NEW.trial_id) THEN
        RAISE EXCEPTION 'A film comes to a site of its own trial.' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'scored'
       AND NOT EXISTS (SELECT 1 FROM screening_score s WHERE s.radiograph_id = NEW.id) THEN
        RAISE EXCEPTION 'A scored film has a score.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_radiograph BEFORE INSERT OR UPDATE ON screening_radiograph
    FOR EACH ROW EXECUTE FUNCTION check_radiograph();
CREATE TRIGGER check_person_of_trial BEFORE INSERT ON screening_radiograph
    FOR EACH ROW EXECUTE FUNCTION check_person_of_trial();
"""

# A held film counts only after somebody looked at it, for the very reason it was held for. Who was registered since
# is the one exception: then it is the registration that says whose film it is.
LOOKS = f"""
CREATE OR REPLACE FUNCTION check_decision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE film record;
BEGIN
    SELECT state, reason INTO film FROM screening_radiograph WHERE id = NEW.radiograph_id FOR UPDATE;
    IF film.state <> 'set_aside' OR film.reason <> NEW.held_for THEN
        RAISE EXCEPTION 'This film is not held for: %.', NEW.held_for USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.decision = 'take' AND NEW.held_for NOT IN ({", ".join(f"'{code}'" for code in sorted(BY_A_LOOK))}) THEN
        RAISE EXCEPTION 'A look does not settle: %.', NEW.held_for USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_decision BEFORE INSERT ON screening_filmdecision
    FOR EACH ROW EXECUTE FUNCTION check_decision();

CREATE OR REPLACE FUNCTION check_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM screening_filmdecision d
        WHERE d.radiograph_id = NEW.id AND d.decision = 'take' AND d.held_for = OLD.reason) THEN
        RAISE EXCEPTION 'A held film counts only when somebody looked and took it.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_release BEFORE UPDATE ON screening_radiograph FOR EACH ROW
    WHEN (OLD.state = 'set_aside' AND NEW.state <> OLD.state
          AND OLD.reason NOT IN ('{IntakeReason.UNKNOWN_PERSON}', '{IntakeReason.IDENTITY_MISMATCH}'))
    EXECUTE FUNCTION check_release();
"""

# What a draw rested on stays as it was, whatever films come later.
KEPT_RISKS = """
CREATE OR REPLACE FUNCTION keep_risk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM trial_allocation a WHERE a.participant_id = OLD.participant_id) THEN
        RAISE EXCEPTION 'The risk of a randomized participant is frozen.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_risk BEFORE UPDATE ON screening_riskassessment
    FOR EACH ROW EXECUTE FUNCTION keep_risk();
"""

# What follows what is said in screening/referrals.py.
MOVES = guard_moves("screening_referral", "referral", ReferralState.OPEN, TRANSITIONS) + guard_moves(
    "screening_appointment", "appointment", AppointmentState.BOOKED, APPOINTMENT_TRANSITIONS
)

NO_MORE_DATA = "".join(
    f"CREATE TRIGGER refuse_more_data BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_more_data();\n"
    for table in ("screening_dxaexam", "screening_diagnosis", "screening_treatment")
)

DATES = (
    guard_dates("screening_dxaexam", "exam_date")
    + guard_dates("screening_diagnosis", "diagnosed_on")
    + guard_dates("screening_treatment", "started_on")
)

OUTCOMES = ("screening_dxaexam", "screening_diagnosis", "screening_treatment")
OF_PEOPLE = ("screening_disclosure", "screening_covariatescore", "screening_riskassessment")
OFFERS = ("screening_referral", "screening_contactattempt", "screening_communication")
CLOCK = guard_clock(
    "recorded_at",
    (
        *OUTCOMES,
        *OFFERS,
        "screening_disclosure",
        "screening_score",
        "screening_covariatescore",
        "screening_modelsignature",
        "screening_riskassessment",
        "screening_appointment",
        "screening_device",
        "screening_filmdecision",
    ),
) + guard_clock("received_at", ("screening_radiograph", "screening_receipt"))

TRIALS = (
    trial_function(
        "allocation",
        "SELECT p.trial_id FROM trial_allocation a JOIN trial_participant p ON p.id = a.participant_id"
        " WHERE a.id = NEW.allocation_id",
    )
    + trial_function(
        "referral",
        "SELECT p.trial_id FROM screening_referral r JOIN trial_allocation a ON a.id = r.allocation_id"
        " JOIN trial_participant p ON p.id = a.participant_id WHERE r.id = NEW.referral_id",
    )
    + trial_function(
        "exam",
        "SELECT p.trial_id FROM screening_dxaexam e JOIN trial_participant p ON p.id = e.participant_id"
        " WHERE e.id = NEW.exam_id",
    )
    + trial_function("radiograph", "SELECT trial_id FROM screening_radiograph WHERE id = NEW.radiograph_id")
    + guard_trial("trial", "screening_radiograph", "screening_receipt", "screening_standstill")
    + guard_trial("site", "screening_siteintake")
    + guard_trial("participant", versioned=(*OUTCOMES, *OF_PEOPLE))
    + guard_trial("allocation", versioned=OFFERS)
    + guard_trial("site", "screening_device")
    + guard_trial("referral", versioned=("screening_appointment",))
    + guard_trial("exam", "screening_dxameasurement")
    + guard_trial("radiograph", "screening_filmdecision", versioned=("screening_score",))
)

INSTALL = "\n".join(
    (
        *(guard_tables(APPEND_ONLY, CHANGING), guard_columns(STAYS), ARM_KEYS, MOVES, DATES, CLOCK, TRIALS),
        *(NO_MORE_DATA, RECEIPTS, DEVICES, CALLS, COMMUNICATIONS, RISK, KEPT_RISKS, SCANS, MODELS, LOOKS),
    )
)
