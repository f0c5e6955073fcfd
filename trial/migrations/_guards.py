"""What the database itself refuses: see trial/guards.py."""

from django.db import migrations

from trial import guards


class Migration(migrations.Migration):
    dependencies = [("trial", ".py")]
    operations = [migrations.RunSQL(guards.INSTALL, migrations.RunSQL.noop)]
