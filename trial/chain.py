"""The chain of hashes over the audit trail, as plain SQL: what a statement wrote is linked when it commits.

At the end of a statement the hashes of the rows it added wait in a table that only their own transaction sees.
At its commit they become links, one a statement, under a lock that nothing is waited for behind: linking at the
moment of writing would let two transactions wait for each other.
"""

LINKS = "trial_auditlink"
WAITING = "trial_auditwaiting"
TELLS = "screentrial: the audit chain goes on"  # whoever commits, with the new head as the detail
START = "0" * 64  # what the first link follows
LOCK = 7_232_002  # any number of our own
# A row reads the same whatever the session prefers.
READING = {"TimeZone": "UTC", "extra_float_digits": "1", "bytea_output": "hex"}
MOMENT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
KEY = """(SELECT attname::text FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
                                          WHERE indrelid = {} AND indisprimary)"""
# Columns are added at the end of a table: a row that is older than a column is read without it.
COLUMNS = "attrelid = {} AND attnum > 0 AND NOT attisdropped"
SEPARATOR = "\n"
# Asked before the function is called: nearly all that writes these rows is a trigger.
BY_HAND = "WHEN (pg_trigger_depth() < 1) EXECUTE FUNCTION refuse_by_hand()"


def sha256_of(said: str) -> str:
    """Return the SQL of the hash of something, in hexadecimal digits."""
    return f"encode(sha256(convert_to({said}, 'UTF8')), 'hex')"


def _wait(table: str, place: str, key: str, source: str, condition: str = "") -> str:
    return f"""
    INSERT INTO {WAITING} (transaction, table_name, column_count, row_hashes, begins)
    SELECT pg_current_xact_id()::text::bigint, {table},
           (SELECT count(*) FROM pg_attribute WHERE {COLUMNS.format(place)}),
           COALESCE(jsonb_object_agg(said->>{key}, {sha256_of("said::text")}), '{{}}'),
           NOT EXISTS (SELECT FROM {WAITING} WHERE transaction = pg_current_xact_id()::text::bigint)
      FROM (SELECT to_jsonb(t) AS said FROM {source} t) rows {condition}"""


_SETTINGS = " ".join(f"SET {name} = '{value}'" for name, value in READING.items())
# A crash empties what waits: its transactions never were.
FUNCTIONS = f"""
CREATE UNLOGGED TABLE IF NOT EXISTS {WAITING} (
    id bigint GENERATED ALWAYS AS IDENTITY, transaction bigint, table_name text NOT NULL,
    column_count smallint NOT NULL, row_hashes jsonb NOT NULL, PRIMARY KEY (transaction, id));
ALTER TABLE {WAITING} ADD COLUMN IF NOT EXISTS begins boolean NOT NULL DEFAULT false;

CREATE OR REPLACE FUNCTION hash_audit_rows() RETURNS trigger LANGUAGE plpgsql {_SETTINGS} AS $$
BEGIN
    {_wait("TG_TABLE_NAME", "TG_RELID", "TG_ARGV[0]", "added", "HAVING count(*) > 0")};
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION link_audit_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    batch record;
    number bigint;
    hash text;
    previous text;
    now timestamptz;
BEGIN
    -- The transaction's first statement links them all, in a second round of what is deferred: in the first,
    -- foreign keys are checked, and one may wait for a row whose holder waits for the lock.
    IF TG_OP = 'INSERT' THEN
        UPDATE {WAITING} SET begins = true WHERE transaction = NEW.transaction AND id = NEW.id;
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock({LOCK});
    SELECT l.number, l.hash INTO number, hash FROM {LINKS} l ORDER BY l.number DESC LIMIT 1;
    FOR batch IN
        WITH taken AS (DELETE FROM {WAITING} WHERE transaction = NEW.transaction RETURNING *)
        SELECT * FROM taken ORDER BY id
    LOOP
        number := COALESCE(number, 0) + 1;
        previous := COALESCE(hash, '{START}');
        now := clock_timestamp();
        hash := {
    sha256_of(
        f"concat_ws(E'{chr(92)}n', number, previous, {MOMENT.format('now')}, batch.table_name,"
        " batch.column_count, batch.row_hashes::text)"
    )
};
        INSERT INTO {LINKS} (number, previous, made_at, table_name, column_count, row_hashes, hash)
        VALUES (number, previous, now, batch.table_name, batch.column_count, batch.row_hashes, hash);
    END LOOP;
    RAISE NOTICE '{TELLS}' USING DETAIL = concat_ws(' ', number, hash, {MOMENT.format("now")});
    RETURN NULL;
END $$;
"""

# After the guards of every app: each chained table begins with a link over the rows that were there before, and
# from then on nobody writes to the chain by hand.
BEGIN = f"""
SELECT {", ".join(f"set_config('{name}', '{value}', true)" for name, value in READING.items())};
CREATE CONSTRAINT TRIGGER linked AFTER INSERT OR UPDATE ON {WAITING} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.begins) EXECUTE FUNCTION link_audit_rows();
DO $$ DECLARE t record; BEGIN
    FOR t IN SELECT c.oid, c.relname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
             WHERE tgname = 'chained' ORDER BY relname
    LOOP
        CONTINUE WHEN EXISTS (SELECT 1 FROM {LINKS} WHERE table_name = t.relname);
        EXECUTE format($sql${_wait("%1$L", "%2$s", KEY.format("%2$s"), "%1$I")}$sql$, t.relname, t.oid);
    END LOOP;
END $$;
CREATE TRIGGER by_trigger BEFORE INSERT OR UPDATE OR DELETE ON {WAITING}
    FOR EACH STATEMENT {BY_HAND};
CREATE TRIGGER by_trigger BEFORE INSERT ON {LINKS} FOR EACH STATEMENT {BY_HAND};
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE ON {LINKS}
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


def chain(*tables: str, key: str = "pgh_id") -> str:
    """Return the SQL that links every row added to these tables, whose primary key is `key`."""
    return "\n".join(
        f"CREATE TRIGGER chained AFTER INSERT ON {table} REFERENCING NEW TABLE AS added "
        f"FOR EACH STATEMENT EXECUTE FUNCTION hash_audit_rows('{key}');"
        for table in tables
    )
