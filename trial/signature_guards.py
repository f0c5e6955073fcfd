"""The guards of signatures and of the delegation log, whose entries grant by them, as plain SQL."""

from trial import chain
from trial.roles import MATRIX, UNDELEGATED, Permission


def holders(permission: Permission) -> str:
    """Return the roles that carry a permission, as an SQL list."""
    return ", ".join(f"'{role}'" for role, held in MATRIX.items() if permission in held)


# An entry of the delegation log stays as it was written; it is signed once and ended once, and grants in between.
# A signature names it by its number; what is signed is hashed here as `Membership.sha256` does it.
_UNDELEGATED = ", ".join(f"'{role}'" for role in sorted(UNDELEGATED))
_MOMENTS = [f"COALESCE({chain.MOMENT.format(moment)}, '')" for moment in ("m.since", "m.until")]
_PLACES = [f"COALESCE({place}::text, '')" for place in ("m.trial_id", "m.site_id")]
_SIGNED = f"concat_ws(chr(10), {', '.join(['m.id', 'm.user_id', 'm.role', *_PLACES, *_MOMENTS])})"
DELEGATION = f"""
CREATE OR REPLACE FUNCTION entry_subject(id bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT lpad(to_hex(id), 32, '0')::uuid
$$;
CREATE OR REPLACE FUNCTION entry_sha256(m trial_membership) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT {chain.sha256_of(_SIGNED)}
$$;
CREATE OR REPLACE FUNCTION entry_in_force(m trial_membership) RETURNS boolean LANGUAGE sql AS $$
    SELECT m.since <= clock_timestamp() AND (m.until IS NULL OR m.until > clock_timestamp()) AND m.ended_at IS NULL
       AND (m.signature_id IS NOT NULL OR m.carried_over OR m.role IN ({_UNDELEGATED})
            OR (SELECT kind FROM trial_trial WHERE id = m.trial_id) = 'test')
$$;
CREATE OR REPLACE FUNCTION check_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.carried_over OR NEW.signature_id IS NOT NULL OR NEW.ended_at IS NOT NULL THEN
            RAISE EXCEPTION 'A new entry of the delegation log is neither signed nor ended nor carried over.'
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.given_by_id = NEW.user_id AND NEW.trial_id IS NOT NULL
           AND (SELECT kind FROM trial_trial WHERE id = NEW.trial_id) <> 'test' THEN
            RAISE EXCEPTION 'Nobody gives themself a role in a trial.' USING ERRCODE = 'check_violation';
        END IF;
        IF (SELECT trial_id FROM trial_site WHERE id = NEW.site_id) <> NEW.trial_id THEN
            RAISE EXCEPTION 'The site belongs to another trial.' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'An ended entry of the delegation log stays as it is: make a new one.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.signature_id IS DISTINCT FROM OLD.signature_id AND (OLD.signature_id IS NOT NULL OR NOT EXISTS (
        SELECT 1 FROM trial_signature g WHERE g.id = NEW.signature_id AND g.meaning = 'delegation'
           AND g.subject_id = entry_subject(NEW.id) AND g.content_sha256 = entry_sha256(NEW))) THEN
        RAISE EXCEPTION 'An entry of the delegation log bears the signature that was given for it, and no other.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.ended_at IS NOT NULL AND (abs(extract(epoch FROM clock_timestamp() - NEW.ended_at)) > 300
        OR NEW.ended_by_id::text <> COALESCE(current_setting('pghistory.context_metadata', true)::jsonb->>'by', ''))
    THEN
        RAISE EXCEPTION 'An entry of the delegation log is ended now, by whoever does it.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_entry BEFORE INSERT OR UPDATE ON trial_membership
    FOR EACH ROW EXECUTE FUNCTION check_entry();
"""

# Nobody signs for somebody else, and nothing but what there is.
SIGNATURE = f"""
CREATE OR REPLACE FUNCTION check_signature() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.signer_id::text <> COALESCE(current_setting('pghistory.context_metadata', true)::jsonb->>'by', '') THEN
        RAISE EXCEPTION 'Only the signer gives a signature.' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM trial_cohort c WHERE NEW.meaning = 'cohort' AND c.id = NEW.subject_id
                     AND c.trial_id = NEW.trial_id AND c.sha256 = NEW.content_sha256)
       AND NOT EXISTS (SELECT 1 FROM trial_protocolversion v WHERE NEW.meaning = 'protocol'
                     AND v.id = NEW.subject_id AND v.trial_id = NEW.trial_id
                     AND v.sha256 = NEW.content_sha256)
       AND NOT EXISTS (SELECT 1 FROM trial_membership m WHERE NEW.meaning = 'delegation'
                     AND entry_subject(m.id) = NEW.subject_id AND m.trial_id = NEW.trial_id
                     AND entry_sha256(m) = NEW.content_sha256 AND m.ended_at IS NULL) THEN
        RAISE EXCEPTION 'There is no such content of this trial to be signed.' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.meaning = 'delegation' AND NOT EXISTS (
        SELECT 1 FROM trial_membership m JOIN trial_membership i
            ON i.trial_id = m.trial_id AND (i.site_id IS NULL OR i.site_id = m.site_id)
         WHERE entry_subject(m.id) = NEW.subject_id AND m.user_id <> NEW.signer_id AND m.role NOT IN ({_UNDELEGATED})
           AND i.user_id = NEW.signer_id AND i.role IN ({holders(Permission.SIGN_DELEGATION)})
           AND entry_in_force(i)) THEN
        RAISE EXCEPTION 'An entry of the delegation log is signed by an investigator of its place, for another person.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_signature BEFORE INSERT ON trial_signature FOR EACH ROW EXECUTE FUNCTION check_signature();
"""
