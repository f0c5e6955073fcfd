"""What the database itself refuses: see analysis/guards.py."""

from django.db import migrations

from analysis import guards


class Migration(migrations.Migration):
    dependencies = [("analysis", ".py"), ("trial", "0002_guards")]
    operations = [migrations.RunSQL(guards.INSTALL, migrations.RunSQL.noop)]
