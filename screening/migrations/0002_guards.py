"""Nothing: guards are put in place after every migrate (config/postgres/guards.py). Databases remember this step."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("screening", "0001_initial"), ("trial", "0002_guards")]
