"""What keeps test trials apart from all others, as plain SQL that the database itself enforces."""

# A test trial tries a version of another trial that is no test, and runs that very definition. Its people are in it
# alone: nobody real is in a test trial, and nobody of a test trial anywhere else.
TESTS = """
CREATE OR REPLACE FUNCTION check_test_trial() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT t.kind FROM trial_protocolversion v JOIN trial_trial t ON t.id = v.trial_id
         WHERE v.id = NEW.tries_id) = 'test' THEN
        RAISE EXCEPTION 'A test trial tries no version of a test trial.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_test_trial BEFORE INSERT ON trial_trial
    FOR EACH ROW WHEN (NEW.tries_id IS NOT NULL) EXECUTE FUNCTION check_test_trial();

CREATE OR REPLACE FUNCTION check_tried_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM trial_trial t JOIN trial_protocolversion v ON v.id = t.tries_id
                WHERE t.id = NEW.trial_id
                  AND (v.definition, v.sha256) IS DISTINCT FROM (NEW.definition, NEW.sha256)) THEN
        RAISE EXCEPTION 'A test trial runs the very definition that it tries.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_tried_version BEFORE INSERT ON trial_protocolversion
    FOR EACH ROW EXECUTE FUNCTION check_tried_version();
CREATE TRIGGER check_tried_version_again BEFORE UPDATE ON trial_protocolversion FOR EACH ROW
    WHEN ((OLD.definition, OLD.sha256) IS DISTINCT FROM (NEW.definition, NEW.sha256))
    EXECUTE FUNCTION check_tried_version();

CREATE OR REPLACE FUNCTION check_person_of_trial() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT of_test_id FROM trial_person WHERE id = NEW.person_id)
       IS DISTINCT FROM (SELECT id FROM trial_trial WHERE id = NEW.trial_id AND kind = 'test') THEN
        RAISE EXCEPTION 'People of a test trial are in it alone, and nobody else is in it.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_person_of_trial BEFORE INSERT ON trial_participant
    FOR EACH ROW EXECUTE FUNCTION check_person_of_trial();
"""
