"""What the database itself refuses: see trial/guards.py."""

from django.db import migrations

from trial import guards


class Migration(migrations.Migration):
    dependencies = [("trial", "0001_initial")]
    operations = [migrations.RunSQL(guards.INSTALL, migrations.RunSQL.noop)]
