"""What the database refuses, put in place after every `migrate`: the INSTALL of each app's `guards` module.

AFTER_ALL is what needs the others in place.

Guards are declared, not migrated: a changed guard takes the place of the old one in every database, and a
migration never holds yesterday's copy. The database remembers by a checksum which ones it has.
"""

from hashlib import sha256

from django.db import transaction

from config.postgres.roles import Connection, guard_modules

# A migration's own triggers (django-pghistory's, of every tracked table) bear this prefix and stay.
TAKE_OFF = """
DO $$ DECLARE t record; BEGIN
    FOR t IN SELECT tgname, tgrelid::regclass AS place FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
             WHERE NOT tgisinternal AND tgname NOT LIKE 'pgtrigger\\_%' AND c.relnamespace = 'public'::regnamespace
    LOOP EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.place); END LOOP;
END $$"""
NOTE = "SELECT obj_description(to_regproc('require_audit_context')::oid, 'pg_proc')"


def install_guards(connection: Connection) -> None:
    """Put the guards of all apps in place, in one transaction, unless these very ones are there already."""
    parts = ("INSTALL", "AFTER_ALL")
    wanted = "\n".join(getattr(module, part, "") for part in parts for module in guard_modules()).strip()
    if not wanted:
        return
    checksum = f"guards {sha256(wanted.encode()).hexdigest()}"
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(NOTE)
        if cursor.fetchone() != (checksum,):
            cursor.execute(TAKE_OFF)
            cursor.execute(wanted)
            cursor.execute(f"COMMENT ON FUNCTION require_audit_context IS '{checksum}'")
