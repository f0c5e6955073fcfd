"""What the database itself refuses: see screening/guards.py."""

from django.db import migrations

from screening import guards


class Migration(migrations.Migration):
    dependencies = [("screening", ".py"), ("trial", "0002_guards")]
    operations = [migrations.RunSQL(guards.INSTALL, migrations.RunSQL.noop)]
