"""What is found out after the fact, errors of allocations and two numbers of one person, as plain SQL."""

# Errors and code breaks are of allocations that were made, in the same trial; a duplicate came after the first.
AFTERMATH = """
CREATE OR REPLACE FUNCTION check_aftermath() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM trial_allocation WHERE participant_id = NEW.participant_id) THEN
        RAISE EXCEPTION 'This participant is not randomized.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_aftermath BEFORE INSERT ON trial_allocationerror
    FOR EACH ROW EXECUTE FUNCTION check_aftermath();
CREATE TRIGGER check_aftermath BEFORE INSERT ON trial_codebreak FOR EACH ROW EXECUTE FUNCTION check_aftermath();

CREATE OR REPLACE FUNCTION check_duplicate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM trial_allocation a JOIN trial_participant p ON p.id = a.participant_id,
                      trial_allocation b JOIN trial_participant q ON q.id = b.participant_id
         WHERE a.participant_id = NEW.first_id AND b.participant_id = NEW.participant_id
           AND p.trial_id = q.trial_id AND (a.recorded_at, a.sequence, a.id) < (b.recorded_at, b.sequence, b.id)) THEN
        RAISE EXCEPTION 'The first allocation of a person stands, and the later one is the duplicate.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_duplicate BEFORE INSERT ON trial_allocationerror
    FOR EACH ROW WHEN (NEW.first_id IS NOT NULL) EXECUTE FUNCTION check_duplicate();
"""

# Two registrations that agree are merged once, into the one that counts: no chains, no circles, and whoever was
# randomized first stays. Both are locked, so that two merges at once see each other. A merge is taken back once.
QUERIES = """
CREATE TRIGGER closed_for_good BEFORE UPDATE ON trial_dataquery FOR EACH ROW
    WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION refuse_change();
"""

MERGES = """
CREATE OR REPLACE FUNCTION check_merge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM trial_participant WHERE id IN (NEW.participant_id, NEW.into_id) ORDER BY id FOR UPDATE;
    IF NOT EXISTS (SELECT 1 FROM trial_participant p JOIN trial_participant q ON q.id = NEW.into_id
                    WHERE p.id = NEW.participant_id AND p.trial_id = q.trial_id
                      AND p.sex = q.sex AND p.birth_date = q.birth_date AND p.birth_date <> '') THEN
        RAISE EXCEPTION 'Registrations are merged in one trial, with the same sex and birth date.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM trial_personmerge m WHERE m.undone_at IS NULL
                  AND (m.participant_id = NEW.into_id OR m.into_id = NEW.participant_id)) THEN
        RAISE EXCEPTION 'Nobody is merged into who is merged away, or away while others are merged into them.'
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM trial_allocation a WHERE a.participant_id = NEW.participant_id AND NOT EXISTS (
        SELECT 1 FROM trial_allocation b WHERE b.participant_id = NEW.into_id
           AND (b.recorded_at, b.sequence, b.id) < (a.recorded_at, a.sequence, a.id))) THEN
        RAISE EXCEPTION 'Who was randomized first stays: merge the other into them.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_merge BEFORE INSERT ON trial_personmerge FOR EACH ROW EXECUTE FUNCTION check_merge();
CREATE TRIGGER undone_once BEFORE UPDATE ON trial_personmerge FOR EACH ROW WHEN (OLD.undone_at IS NOT NULL)
    EXECUTE FUNCTION refuse_change('changed after they were taken back');
"""
