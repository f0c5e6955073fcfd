"""The guards of model versions, of what was signed under them, and of risks that rest on facts alone, as plain SQL."""

from screening.vocabulary import MODEL_SIGNERS, STATISTICIANS

_STATISTICIANS = ", ".join(f"'{role}'" for role in STATISTICIANS)
_SIGNERS = ", ".join(f"'{role}'" for role in MODEL_SIGNERS)

# What was checked is what is signed; who signs does it themself, in a role of a whole live trial.
SIGNED = f"""
CREATE OR REPLACE FUNCTION check_model_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.content_sha256 <> '' THEN
        RAISE EXCEPTION 'A model version stays as it was checked: register a new version.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_model_version BEFORE UPDATE ON screening_modelversion
    FOR EACH ROW EXECUTE FUNCTION check_model_version();

CREATE OR REPLACE FUNCTION check_model_signature() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.signer_id::text <> COALESCE(current_setting('pghistory.context_metadata', true)::jsonb->>'by', '') THEN
        RAISE EXCEPTION 'Only the signer gives a signature.' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM screening_modelversion v WHERE v.id = NEW.model_version_id
                      AND v.content_sha256 = NEW.content_sha256 AND v.content_sha256 <> '') THEN
        RAISE EXCEPTION 'A model version is signed as it was checked, and not before.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.role NOT IN ({_SIGNERS}) OR NOT EXISTS (
        SELECT 1 FROM trial_membership m JOIN trial_trial t ON t.id = m.trial_id AND t.kind = 'live'
         WHERE m.user_id = NEW.signer_id AND m.trial_id = NEW.trial_id AND m.role = NEW.role
           AND m.site_id IS NULL AND entry_in_force(m)) THEN
        RAISE EXCEPTION 'A model version is signed by an investigator or a statistician of a live trial.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_model_signature BEFORE INSERT ON screening_modelsignature
    FOR EACH ROW EXECUTE FUNCTION check_model_signature();
"""

# A live trial is fixed to what an investigator and a statistician have signed, two people, and nobody has refused.
PINNED = f"""
CREATE OR REPLACE FUNCTION model_approved(model text, number text, weights text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM screening_modelversion v
          JOIN screening_modelsignature a ON a.model_version_id = v.id AND a.meaning = 'approve'
           AND a.content_sha256 = v.content_sha256 AND a.role = 'investigator'
          JOIN screening_modelsignature b ON b.model_version_id = v.id AND b.meaning = 'approve'
           AND b.content_sha256 = v.content_sha256 AND b.role IN ({_STATISTICIANS}) AND b.signer_id <> a.signer_id
         WHERE v.name = model AND v.version = number AND v.sha256 = weights AND NOT EXISTS (
            SELECT 1 FROM screening_modelsignature r WHERE r.model_version_id = v.id AND r.meaning = 'refuse'))
$$;
CREATE OR REPLACE FUNCTION check_pinned_model() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE named jsonb := NEW.definition->'score';
BEGIN
    IF (SELECT kind FROM trial_trial WHERE id = NEW.trial_id) = 'live'
       AND NOT model_approved(named->>'name', named->>'version', named->>'weights_sha256') THEN
        RAISE EXCEPTION 'A live trial is fixed to a model version that an investigator and a statistician have signed.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_pinned_model BEFORE UPDATE ON trial_protocolversion
    FOR EACH ROW WHEN (NEW.state = 'active' AND OLD.state <> 'active') EXECUTE FUNCTION check_pinned_model();
"""

# A risk by facts alone is what the person's own probability and the threshold in force say.
BY_FACTS = """
CREATE OR REPLACE FUNCTION check_risk_by_facts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE s record; threshold numeric;
BEGIN
    SELECT participant_id, model_version_id, probability INTO s
      FROM screening_covariatescore WHERE id = NEW.covariate_score_id;
    SELECT (definition->'score'->>'threshold')::numeric INTO threshold
      FROM trial_protocolversion WHERE id = NEW.protocol_version_id;
    IF s.participant_id <> NEW.participant_id OR s.model_version_id IS DISTINCT FROM NEW.model_version_id
       OR NEW.risk_class <> (CASE WHEN s.probability IS NULL THEN 'none'
                                 WHEN s.probability >= threshold THEN 'high' ELSE 'low' END) THEN
        RAISE EXCEPTION 'A risk by facts is what this person''s own score says.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_risk_by_facts BEFORE INSERT OR UPDATE ON screening_riskassessment FOR EACH ROW
    WHEN (NEW.covariate_score_id IS NOT NULL) EXECUTE FUNCTION check_risk_by_facts();
"""
MODELS = SIGNED + PINNED + BY_FACTS
