"""What must never happen to plans, frozen datasets, interim looks and what was signed of them, as plain SQL."""

from trial.roles import Permission
from trial.signature_guards import holders
from trial.triggers import constrain, event_tables, guard_clock, guard_tables

APPEND_ONLY = (
    "analysis_analysisplan",
    "analysis_analysissignature",
    "analysis_unblinding",
    "analysis_freeze",
    "analysis_interimlook",
    "analysis_lookrecommendation",
)
KEPT_TABLES = (*APPEND_ONLY, *event_tables(APPEND_ONLY))
SIGNERS = 2  # different people, before a plan is in force

# A plan is signed by hand, as it stands, and before the arms are known (ICH E9 5.1: decided in blind review at the
# latest); one that two people have signed stays the plan of its protocol version.
_HOLDS = """
    SELECT 1 FROM trial_membership m WHERE m.user_id = NEW.{who} AND m.trial_id = {trial}
       AND m.site_id IS NULL AND m.role IN ({roles}) AND entry_in_force(m)"""
_BY = "COALESCE(current_setting('pghistory.context_metadata', true)::jsonb->>'by', '')"
PLANS = f"""
CREATE OR REPLACE FUNCTION plan_in_force(version uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT p.id FROM analysis_analysisplan p JOIN analysis_analysissignature s
        ON s.subject_id = p.id AND s.meaning = 'plan' AND s.content_sha256 = p.sha256
     WHERE p.protocol_version_id = version
     GROUP BY p.id HAVING count(DISTINCT s.signer_id) >= {SIGNERS}
$$;
CREATE OR REPLACE FUNCTION check_analysis_signature() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE version uuid;
BEGIN
    IF NEW.signer_id::text <> {_BY} THEN
        RAISE EXCEPTION 'Only the signer gives a signature.' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.meaning = 'freeze' THEN
        IF NOT EXISTS (SELECT 1 FROM analysis_freeze f WHERE f.id = NEW.subject_id AND f.trial_id = NEW.trial_id
                          AND f.sha256 = NEW.content_sha256) THEN
            RAISE EXCEPTION 'There is no such dataset of this trial to be signed.' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.meaning IN ('look', 'recommendation') THEN
        IF NOT EXISTS (SELECT 1 FROM analysis_interimlook l LEFT JOIN analysis_lookrecommendation r ON r.look_id = l.id
                        WHERE l.trial_id = NEW.trial_id AND (NEW.subject_id, NEW.content_sha256, NEW.signer_id) =
                              CASE NEW.meaning WHEN 'look' THEN (l.id, l.sha256, l.taken_by_id)
                                               ELSE (r.id, r.sha256, r.by_id) END) THEN
            RAISE EXCEPTION 'There is no such look or recommendation of the signer to be signed.'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    SELECT p.protocol_version_id INTO version FROM analysis_analysisplan p
      JOIN trial_protocolversion v ON v.id = p.protocol_version_id AND v.trial_id = NEW.trial_id
     WHERE p.id = NEW.subject_id AND p.sha256 = NEW.content_sha256 FOR NO KEY UPDATE OF v;
    IF version IS NULL THEN
        RAISE EXCEPTION 'There is no such plan of this trial to be signed.' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS ({_HOLDS.format(who="signer_id", trial="NEW.trial_id", roles=holders(Permission.SIGN_PLAN))}) THEN
        RAISE EXCEPTION 'An analysis plan is signed by an investigator or the statistician of its trial.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM analysis_unblinding u WHERE u.trial_id = NEW.trial_id) THEN
        RAISE EXCEPTION 'The arms are known: no plan is signed any more.' USING ERRCODE = 'check_violation';
    END IF;
    IF COALESCE(plan_in_force(version), NEW.subject_id) <> NEW.subject_id THEN
        RAISE EXCEPTION 'This protocol version has a signed plan; amend the protocol to have another.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_analysis_signature BEFORE INSERT ON analysis_analysissignature
    FOR EACH ROW EXECUTE FUNCTION check_analysis_signature();

CREATE OR REPLACE FUNCTION check_author() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW)->>TG_ARGV[0] <> {_BY} THEN
        RAISE EXCEPTION 'Nobody enters this in the name of somebody else.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_author BEFORE INSERT ON analysis_freeze
    FOR EACH ROW EXECUTE FUNCTION check_author('frozen_by_id');
CREATE TRIGGER check_author BEFORE INSERT ON analysis_analysisplan
    FOR EACH ROW EXECUTE FUNCTION check_author('declared_by_id');

CREATE OR REPLACE FUNCTION check_unblinding() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT state FROM trial_trial WHERE id = NEW.trial_id) <> 'locked' THEN
        RAISE EXCEPTION 'The arms stay unknown until the trial is locked.' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM trial_protocolversion v WHERE v.trial_id = NEW.trial_id
                      AND plan_in_force(v.id) = NEW.plan_id) THEN
        RAISE EXCEPTION 'The arms stay unknown until an analysis plan is signed.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_unblinding BEFORE INSERT ON analysis_unblinding
    FOR EACH ROW EXECUTE FUNCTION check_unblinding();
"""

# A look is taken in its order, with more information than the one before, by the plan in force, and signed at once
# (ICH E9 4.5); what others learn of it is one recommendation of the committee, signed at once as well.
LOOKS = f"""
CREATE OR REPLACE FUNCTION check_interim_look() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE own trial_trial; frozen analysis_freeze; last record;
BEGIN
    SELECT * INTO own FROM trial_trial WHERE id = NEW.trial_id FOR NO KEY UPDATE;
    SELECT * INTO frozen FROM analysis_freeze WHERE id = NEW.freeze_id;
    IF NEW.taken_by_id::text <> {_BY} THEN
        RAISE EXCEPTION 'A look is taken by whoever signs it.' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS ({_HOLDS.format(who="taken_by_id", trial="NEW.trial_id", roles=holders(Permission.TAKE_LOOK))}) THEN
        RAISE EXCEPTION 'A look is taken by the monitoring committee or its statistician.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM analysis_unblinding u WHERE u.trial_id = NEW.trial_id) THEN
        RAISE EXCEPTION 'The arms are known: no interim look is taken any more.' USING ERRCODE = 'check_violation';
    END IF;
    IF frozen.trial_id <> NEW.trial_id OR frozen.plan_id IS DISTINCT FROM NEW.plan_id
       OR (own.kind NOT IN ('recorded', 'test') AND NOT EXISTS (
           SELECT 1 FROM analysis_analysisplan p
            WHERE p.id = NEW.plan_id AND plan_in_force(p.protocol_version_id) = p.id)) THEN
        RAISE EXCEPTION 'A look is at a dataset of its trial, by the plan that was in force when it was frozen.'
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT l.number, l.information, f.cut_off INTO last FROM analysis_interimlook l
      JOIN analysis_freeze f ON f.id = l.freeze_id WHERE l.trial_id = NEW.trial_id ORDER BY l.number DESC LIMIT 1;
    IF NEW.number <> COALESCE(last.number, 0) + 1 THEN
        RAISE EXCEPTION 'Looks are taken in their order: the next one is look %.', COALESCE(last.number, 0) + 1
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.information <= last.information OR frozen.cut_off <= last.cut_off THEN
        RAISE EXCEPTION 'A look has more information than the one before, from a later dataset.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_interim_look BEFORE INSERT ON analysis_interimlook
    FOR EACH ROW EXECUTE FUNCTION check_interim_look();

CREATE OR REPLACE FUNCTION check_look_recommendation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE own uuid := (SELECT trial_id FROM analysis_interimlook WHERE id = NEW.look_id);
BEGIN
    IF NEW.by_id::text <> {_BY} THEN
        RAISE EXCEPTION 'A recommendation is released by whoever signs it.' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS ({_HOLDS.format(who="by_id", trial="own", roles=holders(Permission.RELEASE_RECOMMENDATION))}) THEN
        RAISE EXCEPTION 'A recommendation is released by the monitoring committee.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_look_recommendation BEFORE INSERT ON analysis_lookrecommendation
    FOR EACH ROW EXECUTE FUNCTION check_look_recommendation();

CREATE OR REPLACE FUNCTION check_signed_at_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM analysis_analysissignature s
                    WHERE s.subject_id = NEW.id AND s.meaning = TG_ARGV[0]) THEN
        RAISE EXCEPTION 'This % is not signed.', TG_ARGV[0] USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""
_SIGNED = """
CREATE CONSTRAINT TRIGGER signed_at_once AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_signed_at_once('{meaning}');
"""
_LOOK = "analysis_interimlook"
LOOKS += (
    _SIGNED.format(table=_LOOK, meaning="look")
    + _SIGNED.format(table="analysis_lookrecommendation", meaning="recommendation")
    + constrain(_LOOK, "a_look_of_a_plan_has_a_place_in_it",
        "CHECK (number BETWEEN 1 AND planned_looks AND information > 0 AND information <= 1"
        " AND (number < planned_looks OR information = 1))")
    + constrain(_LOOK, "other_information_than_people_has_a_reason",
        "CHECK (information_reason <> '' OR COALESCE(information = people::float8 / people_planned, false))")
    + constrain(_LOOK, "crossed_is_having_reached_the_boundary",
        "CHECK (crossed = (boundary IS NOT NULL AND abs(z) >= boundary))")
    + constrain(_LOOK, "power_where_something_is_left_to_expect",
        "CHECK ((conditional_power IS NULL) = (crossed OR information = 1) AND conditional_power BETWEEN 0 AND 1)")
    + constrain(_LOOK, "alpha_is_a_chance", "CHECK (alpha_spent > 0 AND alpha_spent < 1)")
)  # fmt: skip
# What was open when a dataset was frozen is owned up to.
_OWNED_UP_TO = "CHECK (despite_findings = jsonb_path_exists(checks, '$[*] ? (@.found > 0)'))"
INSTALL = (
    guard_tables(APPEND_ONLY, ())
    + guard_clock("recorded_at", APPEND_ONLY)
    + PLANS
    + LOOKS
    + constrain("analysis_freeze", "findings_are_owned_up_to", _OWNED_UP_TO)
)
