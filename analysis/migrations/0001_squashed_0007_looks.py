"""Every table of the app as it stood here, made at once; what it replaces is for databases made before."""

import django.db.models.functions.datetime
import pghistory.utils
import uuid
from django.db import migrations, models
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings

from trial.migrating import MakeAtOnce


class Migration(migrations.Migration):
    replaces = [("analysis", "0001_initial"), ("analysis", "0002_guards"), ("analysis", "0003_audit_head"), ("analysis", "0004_plans"), ("analysis", "0005_conduct"), ("analysis", "0006_freeze_checks"), ("analysis", "0007_looks")]
    initial = True
    dependencies = [('trial', '0001_squashed_0016_merges')]
    operations = [MakeAtOnce([
        migrations.CreateModel(
            name='AnalysisPlan',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('text', models.TextField(help_text='YAML, as it was declared.')),
                ('sha256', models.CharField(help_text='Of the text.', max_length=64)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'ordering': ['protocol_version', '-number'],
            },
        ),
        migrations.CreateModel(
            name='AnalysisPlanEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('text', models.TextField(help_text='YAML, as it was declared.')),
                ('sha256', models.CharField(help_text='Of the text.', max_length=64)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='AnalysisSignature',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('meaning', models.CharField(choices=[('plan', 'the arms are to be compared as this plan says'), ('freeze', 'this dataset is what is analyzed'), ('look', 'this is what the interim look found'), ('recommendation', 'this is what the monitoring committee recommends')], max_length=14)),
                ('subject_id', models.UUIDField(help_text='The plan, freeze, look or recommendation that was signed.')),
                ('content_sha256', models.CharField(help_text='Of what was signed.', max_length=64)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was given (UTC).')),
            ],
            options={
                'ordering': ['recorded_at'],
            },
        ),
        migrations.CreateModel(
            name='AnalysisSignatureEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('meaning', models.CharField(choices=[('plan', 'the arms are to be compared as this plan says'), ('freeze', 'this dataset is what is analyzed'), ('look', 'this is what the interim look found'), ('recommendation', 'this is what the monitoring committee recommends')], max_length=14)),
                ('subject_id', models.UUIDField(help_text='The plan, freeze, look or recommendation that was signed.')),
                ('content_sha256', models.CharField(help_text='Of what was signed.', max_length=64)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was given (UTC).')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Freeze',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('purpose', models.CharField(max_length=200)),
                ('cut_off', models.DateTimeField(help_text='Facts recorded up to this moment are in.')),
                ('subjects', models.BinaryField(help_text='The dataset: CSV, gzipped.')),
                ('intake', models.JSONField(help_text='Counts of films by outcome and reason.')),
                ('conduct', models.JSONField(blank=True, default=dict, help_text='Calls, deviations, fractures and the index test, counted.')),
                ('people', models.PositiveIntegerField()),
                ('sha256', models.CharField(help_text='Of the CSV.', max_length=64)),
                ('audit_head', models.CharField(blank=True, default='', help_text='The head of the audit chain when it was frozen.', max_length=64)),
                ('codebook', models.JSONField()),
                ('code_version', models.CharField(max_length=40)),
                ('checks', models.JSONField(default=list, help_text='What was asked of the record before, how much was open, and where it is seen.')),
                ('despite_findings', models.BooleanField(default=False, help_text='That something was open, and it was frozen all the same.')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'ordering': ['trial', '-number'],
            },
        ),
        migrations.CreateModel(
            name='FreezeEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('purpose', models.CharField(max_length=200)),
                ('cut_off', models.DateTimeField(help_text='Facts recorded up to this moment are in.')),
                ('intake', models.JSONField(help_text='Counts of films by outcome and reason.')),
                ('conduct', models.JSONField(blank=True, default=dict, help_text='Calls, deviations, fractures and the index test, counted.')),
                ('people', models.PositiveIntegerField()),
                ('sha256', models.CharField(help_text='Of the CSV.', max_length=64)),
                ('audit_head', models.CharField(blank=True, default='', help_text='The head of the audit chain when it was frozen.', max_length=64)),
                ('codebook', models.JSONField()),
                ('code_version', models.CharField(max_length=40)),
                ('checks', models.JSONField(default=list, help_text='What was asked of the record before, how much was open, and where it is seen.')),
                ('despite_findings', models.BooleanField(default=False, help_text='That something was open, and it was frozen all the same.')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='InterimLook',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveSmallIntegerField()),
                ('planned_looks', models.PositiveSmallIntegerField(help_text='How many the plan has, the last one included.')),
                ('endpoint', models.CharField(help_text='The primary one, by its name in the plan.', max_length=40)),
                ('people', models.PositiveIntegerField(help_text="Compared in both arms, by the plan's rule for missing outcomes.")),
                ('people_planned', models.PositiveIntegerField(blank=True, help_text='All the people to be compared, if the plan says how many.', null=True)),
                ('information', models.FloatField(help_text='The share of all information that was reached; 1 is the last look.')),
                ('information_reason', models.CharField(blank=True, help_text='Why it is another share than that of the people.', max_length=400)),
                ('alpha_spent', models.FloatField(help_text='Two-sided, with this look and all before.')),
                ('boundary', models.FloatField(blank=True, help_text='The z to reach on either side; none if too little alpha is spent.', null=True)),
                ('z', models.FloatField(help_text='Of the primary endpoint; positive if more events in the screening arm.')),
                ('z_method', models.CharField(max_length=200)),
                ('crossed', models.BooleanField(help_text='Whether z reached the boundary.')),
                ('conditional_power', models.FloatField(blank=True, help_text='The chance to cross above later, if the effect is the one seen so far.', null=True)),
                ('sha256', models.CharField(help_text='Of everything that was found.', max_length=64)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'ordering': ['trial', 'number'],
            },
        ),
        migrations.CreateModel(
            name='InterimLookEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('number', models.PositiveSmallIntegerField()),
                ('planned_looks', models.PositiveSmallIntegerField(help_text='How many the plan has, the last one included.')),
                ('endpoint', models.CharField(help_text='The primary one, by its name in the plan.', max_length=40)),
                ('people', models.PositiveIntegerField(help_text="Compared in both arms, by the plan's rule for missing outcomes.")),
                ('people_planned', models.PositiveIntegerField(blank=True, help_text='All the people to be compared, if the plan says how many.', null=True)),
                ('information', models.FloatField(help_text='The share of all information that was reached; 1 is the last look.')),
                ('information_reason', models.CharField(blank=True, help_text='Why it is another share than that of the people.', max_length=400)),
                ('alpha_spent', models.FloatField(help_text='Two-sided, with this look and all before.')),
                ('boundary', models.FloatField(blank=True, help_text='The z to reach on either side; none if too little alpha is spent.', null=True)),
                ('z', models.FloatField(help_text='Of the primary endpoint; positive if more events in the screening arm.')),
                ('z_method', models.CharField(max_length=200)),
                ('crossed', models.BooleanField(help_text='Whether z reached the boundary.')),
                ('conditional_power', models.FloatField(blank=True, help_text='The chance to cross above later, if the effect is the one seen so far.', null=True)),
                ('sha256', models.CharField(help_text='Of everything that was found.', max_length=64)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='LookRecommendation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('course', models.CharField(choices=[('continue', 'continue'), ('modify', 'modify'), ('stop', 'stop')], max_length=8)),
                ('words', models.TextField(help_text='For the others, without results.', max_length=2000)),
                ('sha256', models.CharField(help_text='Of look, course and words.', max_length=64)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'ordering': ['look'],
            },
        ),
        migrations.CreateModel(
            name='LookRecommendationEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('course', models.CharField(choices=[('continue', 'continue'), ('modify', 'modify'), ('stop', 'stop')], max_length=8)),
                ('words', models.TextField(help_text='For the others, without results.', max_length=2000)),
                ('sha256', models.CharField(help_text='Of look, course and words.', max_length=64)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Unblinding',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('reason', models.CharField(max_length=400)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='UnblindingEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('reason', models.CharField(max_length=400)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='analysisplan',
            name='declared_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='analysisplan',
            name='protocol_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='plans', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='analysisplanevent',
            name='declared_by',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='analysisplanevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='analysis.analysisplan'),
        ),
        migrations.AddField(
            model_name='analysisplanevent',
            name='protocol_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='analysissignature',
            name='signer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='analysissignature',
            name='trial',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='analysis_signatures', to='trial.trial'),
        ),
        migrations.AddField(
            model_name='analysissignatureevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='analysis.analysissignature'),
        ),
        migrations.AddField(
            model_name='analysissignatureevent',
            name='signer',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='analysissignatureevent',
            name='trial',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.trial'),
        ),
        migrations.AddField(
            model_name='freeze',
            name='frozen_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='freeze',
            name='plan',
            field=models.ForeignKey(blank=True, help_text='The plan in force when it was frozen; without one every comparison is post hoc.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='freezes', to='analysis.analysisplan'),
        ),
        migrations.AddField(
            model_name='freeze',
            name='protocol_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='freeze',
            name='trial',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='freezes', to='trial.trial'),
        ),
        migrations.AddField(
            model_name='freezeevent',
            name='frozen_by',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='freezeevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='analysis.freeze'),
        ),
        migrations.AddField(
            model_name='freezeevent',
            name='plan',
            field=models.ForeignKey(blank=True, db_constraint=False, help_text='The plan in force when it was frozen; without one every comparison is post hoc.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='analysis.analysisplan'),
        ),
        migrations.AddField(
            model_name='freezeevent',
            name='protocol_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='freezeevent',
            name='trial',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.trial'),
        ),
        migrations.AddField(
            model_name='interimlook',
            name='freeze',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='look', to='analysis.freeze'),
        ),
        migrations.AddField(
            model_name='interimlook',
            name='plan',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='looks', to='analysis.analysisplan'),
        ),
        migrations.AddField(
            model_name='interimlook',
            name='taken_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='interimlook',
            name='trial',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='looks', to='trial.trial'),
        ),
        migrations.AddField(
            model_name='interimlookevent',
            name='freeze',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='analysis.freeze'),
        ),
        migrations.AddField(
            model_name='interimlookevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='analysis.interimlook'),
        ),
        migrations.AddField(
            model_name='interimlookevent',
            name='plan',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='analysis.analysisplan'),
        ),
        migrations.AddField(
            model_name='interimlookevent',
            name='taken_by',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='interimlookevent',
            name='trial',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.trial'),
        ),
        migrations.AddField(
            model_name='lookrecommendation',
            name='by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='lookrecommendation',
            name='look',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='recommendation', to='analysis.interimlook'),
        ),
        migrations.AddField(
            model_name='lookrecommendationevent',
            name='by',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='lookrecommendationevent',
            name='look',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='analysis.interimlook'),
        ),
        migrations.AddField(
            model_name='lookrecommendationevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='analysis.lookrecommendation'),
        ),
        migrations.AddField(
            model_name='unblinding',
            name='by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='unblinding',
            name='plan',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='analysis.analysisplan'),
        ),
        migrations.AddField(
            model_name='unblinding',
            name='trial',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='unblinding', to='trial.trial'),
        ),
        migrations.AddField(
            model_name='unblindingevent',
            name='by',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='unblindingevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='analysis.unblinding'),
        ),
        migrations.AddField(
            model_name='unblindingevent',
            name='plan',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='analysis.analysisplan'),
        ),
        migrations.AddField(
            model_name='unblindingevent',
            name='trial',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.trial'),
        ),
        migrations.AddConstraint(
            model_name='analysisplan',
            constraint=models.UniqueConstraint(fields=('protocol_version', 'number'), name='a_plan_number_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='analysisplan',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_analysisplanevent" ("declared_by_id", "id", "number", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "sha256", "text") SELECT new_values."declared_by_id", new_values."id", new_values."number", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."sha256", new_values."text" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='2fa6ae4930791254328c92fba861bd7ea74b2d3a', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_34203', referencing='REFERENCING NEW TABLE AS new_values ', table='analysis_analysisplan', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='analysisplan',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_analysisplanevent" ("declared_by_id", "id", "number", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "sha256", "text") SELECT new_values."declared_by_id", new_values."id", new_values."number", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."sha256", new_values."text" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='9100d9ffbeeaf8c489ca24782e612a0b62b63d23', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_45918', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='analysis_analysisplan', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='analysisplan',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_analysisplanevent" ("declared_by_id", "id", "number", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "sha256", "text") SELECT old_values."declared_by_id", old_values."id", old_values."number", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."protocol_version_id", old_values."recorded_at", old_values."sha256", old_values."text" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='26610c1fe1d970f0658a938eba58b067cdde0400', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_ff66d', referencing='REFERENCING OLD TABLE AS old_values ', table='analysis_analysisplan', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='analysissignature',
            constraint=models.CheckConstraint(condition=models.Q(('meaning__in', ['plan', 'freeze', 'look', 'recommendation'])), name='analysis_signature_meaning_known'),
        ),
        migrations.AddConstraint(
            model_name='analysissignature',
            constraint=models.UniqueConstraint(fields=('subject_id', 'meaning', 'signer'), name='an_analysis_signature_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='analysissignature',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_analysissignatureevent" ("content_sha256", "id", "meaning", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "recorded_at", "signer_id", "subject_id", "trial_id") SELECT new_values."content_sha256", new_values."id", new_values."meaning", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."recorded_at", new_values."signer_id", new_values."subject_id", new_values."trial_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='b42298a8843eef5334c9a1ca77062a9b5e0ae960', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_86d89', referencing='REFERENCING NEW TABLE AS new_values ', table='analysis_analysissignature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='analysissignature',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_analysissignatureevent" ("content_sha256", "id", "meaning", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "recorded_at", "signer_id", "subject_id", "trial_id") SELECT new_values."content_sha256", new_values."id", new_values."meaning", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."recorded_at", new_values."signer_id", new_values."subject_id", new_values."trial_id" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='37b42025cafdc84e66532d242b42eeb768f009ee', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_d4b85', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='analysis_analysissignature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='analysissignature',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_analysissignatureevent" ("content_sha256", "id", "meaning", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "recorded_at", "signer_id", "subject_id", "trial_id") SELECT old_values."content_sha256", old_values."id", old_values."meaning", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."recorded_at", old_values."signer_id", old_values."subject_id", old_values."trial_id" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='c44a59bbb0427042ece1196d60f85385fe693e4c', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_6b9a1', referencing='REFERENCING OLD TABLE AS old_values ', table='analysis_analysissignature', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='freeze',
            constraint=models.UniqueConstraint(fields=('trial', 'number'), name='a_freeze_number_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='freeze',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_freezeevent" ("audit_head", "checks", "code_version", "codebook", "conduct", "cut_off", "despite_findings", "frozen_by_id", "id", "intake", "number", "people", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "protocol_version_id", "purpose", "recorded_at", "sha256", "trial_id") SELECT new_values."audit_head", new_values."checks", new_values."code_version", new_values."codebook", new_values."conduct", new_values."cut_off", new_values."despite_findings", new_values."frozen_by_id", new_values."id", new_values."intake", new_values."number", new_values."people", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."plan_id", new_values."protocol_version_id", new_values."purpose", new_values."recorded_at", new_values."sha256", new_values."trial_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='0f54cd32cb4ac7aa62f8576d81e518c89e76a91c', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_403b8', referencing='REFERENCING NEW TABLE AS new_values ', table='analysis_freeze', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='freeze',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_freezeevent" ("audit_head", "checks", "code_version", "codebook", "conduct", "cut_off", "despite_findings", "frozen_by_id", "id", "intake", "number", "people", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "protocol_version_id", "purpose", "recorded_at", "sha256", "trial_id") SELECT new_values."audit_head", new_values."checks", new_values."code_version", new_values."codebook", new_values."conduct", new_values."cut_off", new_values."despite_findings", new_values."frozen_by_id", new_values."id", new_values."intake", new_values."number", new_values."people", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."plan_id", new_values."protocol_version_id", new_values."purpose", new_values."recorded_at", new_values."sha256", new_values."trial_id" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values."audit_head" IS DISTINCT FROM (new_values."audit_head") OR old_values."checks" IS DISTINCT FROM (new_values."checks") OR old_values."code_version" IS DISTINCT FROM (new_values."code_version") OR old_values."codebook" IS DISTINCT FROM (new_values."codebook") OR old_values."conduct" IS DISTINCT FROM (new_values."conduct") OR old_values."cut_off" IS DISTINCT FROM (new_values."cut_off") OR old_values."despite_findings" IS DISTINCT FROM (new_values."despite_findings") OR old_values."frozen_by_id" IS DISTINCT FROM (new_values."frozen_by_id") OR old_values."id" IS DISTINCT FROM (new_values."id") OR old_values."intake" IS DISTINCT FROM (new_values."intake") OR old_values."number" IS DISTINCT FROM (new_values."number") OR old_values."people" IS DISTINCT FROM (new_values."people") OR old_values."plan_id" IS DISTINCT FROM (new_values."plan_id") OR old_values."protocol_version_id" IS DISTINCT FROM (new_values."protocol_version_id") OR old_values."purpose" IS DISTINCT FROM (new_values."purpose") OR old_values."recorded_at" IS DISTINCT FROM (new_values."recorded_at") OR old_values."sha256" IS DISTINCT FROM (new_values."sha256") OR old_values."trial_id" IS DISTINCT FROM (new_values."trial_id")) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='690df65243cac2f40ebe2a5e47efec39c8e5baa2', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_6bdd1', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='analysis_freeze', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='freeze',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_freezeevent" ("audit_head", "checks", "code_version", "codebook", "conduct", "cut_off", "despite_findings", "frozen_by_id", "id", "intake", "number", "people", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "protocol_version_id", "purpose", "recorded_at", "sha256", "trial_id") SELECT old_values."audit_head", old_values."checks", old_values."code_version", old_values."codebook", old_values."conduct", old_values."cut_off", old_values."despite_findings", old_values."frozen_by_id", old_values."id", old_values."intake", old_values."number", old_values."people", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."plan_id", old_values."protocol_version_id", old_values."purpose", old_values."recorded_at", old_values."sha256", old_values."trial_id" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='bae3cd49083923295e94813f4d211b2134b4398f', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_2c232', referencing='REFERENCING OLD TABLE AS old_values ', table='analysis_freeze', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='interimlook',
            constraint=models.UniqueConstraint(fields=('trial', 'number'), name='a_look_number_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='interimlook',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_interimlookevent" ("alpha_spent", "boundary", "conditional_power", "crossed", "endpoint", "freeze_id", "id", "information", "information_reason", "number", "people", "people_planned", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "planned_looks", "recorded_at", "sha256", "taken_by_id", "trial_id", "z", "z_method") SELECT new_values."alpha_spent", new_values."boundary", new_values."conditional_power", new_values."crossed", new_values."endpoint", new_values."freeze_id", new_values."id", new_values."information", new_values."information_reason", new_values."number", new_values."people", new_values."people_planned", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."plan_id", new_values."planned_looks", new_values."recorded_at", new_values."sha256", new_values."taken_by_id", new_values."trial_id", new_values."z", new_values."z_method" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='2f57a29bac3afdccc1dbf3b817888f12f67ea9b7', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_31584', referencing='REFERENCING NEW TABLE AS new_values ', table='analysis_interimlook', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='interimlook',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_interimlookevent" ("alpha_spent", "boundary", "conditional_power", "crossed", "endpoint", "freeze_id", "id", "information", "information_reason", "number", "people", "people_planned", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "planned_looks", "recorded_at", "sha256", "taken_by_id", "trial_id", "z", "z_method") SELECT new_values."alpha_spent", new_values."boundary", new_values."conditional_power", new_values."crossed", new_values."endpoint", new_values."freeze_id", new_values."id", new_values."information", new_values."information_reason", new_values."number", new_values."people", new_values."people_planned", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."plan_id", new_values."planned_looks", new_values."recorded_at", new_values."sha256", new_values."taken_by_id", new_values."trial_id", new_values."z", new_values."z_method" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='03acbc3c57d88238ec6757f54bede6bae8504de1', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_8a7d8', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='analysis_interimlook', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='interimlook',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_interimlookevent" ("alpha_spent", "boundary", "conditional_power", "crossed", "endpoint", "freeze_id", "id", "information", "information_reason", "number", "people", "people_planned", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "planned_looks", "recorded_at", "sha256", "taken_by_id", "trial_id", "z", "z_method") SELECT old_values."alpha_spent", old_values."boundary", old_values."conditional_power", old_values."crossed", old_values."endpoint", old_values."freeze_id", old_values."id", old_values."information", old_values."information_reason", old_values."number", old_values."people", old_values."people_planned", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."plan_id", old_values."planned_looks", old_values."recorded_at", old_values."sha256", old_values."taken_by_id", old_values."trial_id", old_values."z", old_values."z_method" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='0e46719d79d32debc124214dbef5535a28f49c64', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_db0d1', referencing='REFERENCING OLD TABLE AS old_values ', table='analysis_interimlook', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='lookrecommendation',
            constraint=models.CheckConstraint(condition=models.Q(('course__in', ['continue', 'modify', 'stop'])), name='course_known'),
        ),
        migrations.AddConstraint(
            model_name='lookrecommendation',
            constraint=models.CheckConstraint(condition=models.Q(('words', ''), _negated=True), name='a_recommendation_has_words'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lookrecommendation',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_lookrecommendationevent" ("by_id", "course", "id", "look_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "recorded_at", "sha256", "words") SELECT new_values."by_id", new_values."course", new_values."id", new_values."look_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."recorded_at", new_values."sha256", new_values."words" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='0907f295abf3912628eb7d6290b5fe7f165ee6df', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_bc07b', referencing='REFERENCING NEW TABLE AS new_values ', table='analysis_lookrecommendation', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lookrecommendation',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_lookrecommendationevent" ("by_id", "course", "id", "look_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "recorded_at", "sha256", "words") SELECT new_values."by_id", new_values."course", new_values."id", new_values."look_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."recorded_at", new_values."sha256", new_values."words" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='50ec6919a12be29768c9d5481d6de4f71af4ba59', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_af530', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='analysis_lookrecommendation', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lookrecommendation',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_lookrecommendationevent" ("by_id", "course", "id", "look_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "recorded_at", "sha256", "words") SELECT old_values."by_id", old_values."course", old_values."id", old_values."look_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."recorded_at", old_values."sha256", old_values."words" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='b3851f5300a31caea14088ff65077f00eb21413c', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_aa2a6', referencing='REFERENCING OLD TABLE AS old_values ', table='analysis_lookrecommendation', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='unblinding',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_unblindingevent" ("by_id", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "reason", "recorded_at", "trial_id") SELECT new_values."by_id", new_values."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."plan_id", new_values."reason", new_values."recorded_at", new_values."trial_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='12e2131a5e9177bbd9be50178e5f751ea93249dd', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_42ac6', referencing='REFERENCING NEW TABLE AS new_values ', table='analysis_unblinding', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='unblinding',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_unblindingevent" ("by_id", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "reason", "recorded_at", "trial_id") SELECT new_values."by_id", new_values."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."plan_id", new_values."reason", new_values."recorded_at", new_values."trial_id" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='87618c3bb721fbdcbe915ab704f9ae7474a4316a', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_7c42e', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='analysis_unblinding', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='unblinding',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "analysis_unblindingevent" ("by_id", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "reason", "recorded_at", "trial_id") SELECT old_values."by_id", old_values."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."plan_id", old_values."reason", old_values."recorded_at", old_values."trial_id" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='db6c98b308160a65ab19294f51bd00cb1ee08a52', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_69d7d', referencing='REFERENCING OLD TABLE AS old_values ', table='analysis_unblinding', when='AFTER')),
        ),
    ])]
