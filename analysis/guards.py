"""What must never happen to plans, frozen datasets and what was signed of them, as plain SQL."""

from trial.roles import Permission
from trial.signature_guards import holders
from trial.triggers import constrain, event_tables, guard_clock, guard_tables

APPEND_ONLY = (
    "analysis_analysisplan",
    "analysis_analysissignature",
    "analysis_unblinding",
    "analysis_freeze",
)
KEPT_TABLES = (*APPEND_ONLY, *event_tables(APPEND_ONLY))
SIGNERS = 2  # different people, before a plan is in force

# A plan is signed by hand, as it stands, and before the arms are known (ICH E9 5.1: decided in blind review at the
# latest); one that two people have signed stays the plan of its protocol version.
_HOLDS = """
    SELECT 1 FROM trial_membership m WHERE m.user_id = NEW.signer_id AND m.trial_id = NEW.trial_id
       AND m.site_id IS NULL AND m.role IN ({roles}) AND entry_in_force(m)"""
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
    IF NEW.signer_id::text <> COALESCE(current_setting('pghistory.context_metadata', true)::jsonb->>'by', '') THEN
        RAISE EXCEPTION 'Only the signer gives a signature.' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.meaning = 'freeze' THEN
        IF NOT EXISTS (SELECT 1 FROM analysis_freeze f WHERE f.id = NEW.subject_id AND f.trial_id = NEW.trial_id
                          AND f.sha256 = NEW.content_sha256) THEN
            RAISE EXCEPTION 'There is no such dataset of this trial to be signed.' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    SELECT p.protocol_version_id INTO version FROM analysis_analysisplan p
      JOIN trial_protocolversion v ON v.id = p.protocol_version_id AND v.trial_id = NEW.trial_id
     WHERE p.id = NEW.subject_id AND p.sha256 = NEW.content_sha256 FOR NO KEY UPDATE OF v;
    IF version IS NULL THEN
        RAISE EXCEPTION 'There is no such plan of this trial to be signed.' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS ({_HOLDS.format(roles=holders(Permission.SIGN_PLAN))}) THEN
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
# What was open when a dataset was frozen is owned up to.
_OWNED_UP_TO = "CHECK (despite_findings = jsonb_path_exists(checks, '$[*] ? (@.found > 0)'))"
INSTALL = (
    guard_tables(APPEND_ONLY, ())
    + guard_clock("recorded_at", APPEND_ONLY)
    + PLANS
    + constrain("analysis_freeze", "findings_are_owned_up_to", _OWNED_UP_TO)
)
