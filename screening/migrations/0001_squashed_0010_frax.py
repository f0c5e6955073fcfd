"""Every table of the app as it stood here, made at once; what it replaces is for databases made before."""

import django.db.models.functions.datetime
import pghistory.utils
import screening.models.films
import screening.referrals
import screening.vocabulary
import uuid
from django.db import migrations, models
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from decimal import Decimal
from django.conf import settings

from trial.migrating import MakeAtOnce


class Migration(migrations.Migration):
    replaces = [("screening", "0001_initial"), ("screening", "0002_guards"), ("screening", "0003_entered_in_error"), ("screening", "0004_worklist"), ("screening", "0005_ring_back"), ("screening", "0006_devices"), ("screening", "0007_registry"), ("screening", "0008_site_intake"), ("screening", "0009_review"), ("screening", "0010_frax")]
    initial = True
    dependencies = [('trial', '0001_squashed_0016_merges')]
    operations = [MakeAtOnce([
        migrations.CreateModel(
            name='Appointment',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('scheduled_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('booked', 'booked'), ('moved', 'moved'), ('attended', 'attended'), ('no_show', 'no show'), ('cancelled', 'cancelled')], default=screening.referrals.AppointmentState['BOOKED'], max_length=9)),
                ('reason', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'ordering': ['scheduled_at'],
            },
        ),
        migrations.CreateModel(
            name='AppointmentEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('scheduled_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('booked', 'booked'), ('moved', 'moved'), ('attended', 'attended'), ('no_show', 'no show'), ('cancelled', 'cancelled')], default=screening.referrals.AppointmentState['BOOKED'], max_length=9)),
                ('reason', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Communication',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('arm', models.CharField(default='screening', editable=False, max_length=9)),
                ('kind', models.CharField(choices=[('result', 'result'), ('treatment', 'treatment')], max_length=9)),
                ('means', models.CharField(blank=True, choices=[('telephone', 'telephone'), ('letter', 'letter'), ('in_person', 'in person')], max_length=9)),
                ('identity', models.CharField(blank=True, choices=[('name_and_birth_date', 'name and birth date'), ('name_and_number', 'name and number')], max_length=20)),
                ('referred_to', models.CharField(blank=True, max_length=120)),
            ],
            options={
                'ordering': ['occurred_at'],
            },
        ),
        migrations.CreateModel(
            name='CommunicationEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('arm', models.CharField(default='screening', editable=False, max_length=9)),
                ('kind', models.CharField(choices=[('result', 'result'), ('treatment', 'treatment')], max_length=9)),
                ('means', models.CharField(blank=True, choices=[('telephone', 'telephone'), ('letter', 'letter'), ('in_person', 'in person')], max_length=9)),
                ('identity', models.CharField(blank=True, choices=[('name_and_birth_date', 'name and birth date'), ('name_and_number', 'name and number')], max_length=20)),
                ('referred_to', models.CharField(blank=True, max_length=120)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ContactAttempt',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('arm', models.CharField(default='screening', editable=False, max_length=9)),
                ('outcome', models.CharField(choices=[('accepted', 'accepted'), ('call_back', 'call back'), ('thinking', 'thinking'), ('declined', 'declined'), ('no_answer', 'no answer'), ('wrong_number', 'wrong number'), ('died', 'died'), ('moved', 'moved')], max_length=12)),
                ('identity', models.CharField(blank=True, choices=[('name_and_birth_date', 'name and birth date'), ('name_and_number', 'name and number'), ('not_recorded', 'not recorded')], db_default='', default='', help_text='What the participant was asked and answered as on record, before anything was told.', max_length=20)),
                ('next_call_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['occurred_at'],
            },
        ),
        migrations.CreateModel(
            name='ContactAttemptEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('arm', models.CharField(default='screening', editable=False, max_length=9)),
                ('outcome', models.CharField(choices=[('accepted', 'accepted'), ('call_back', 'call back'), ('thinking', 'thinking'), ('declined', 'declined'), ('no_answer', 'no answer'), ('wrong_number', 'wrong number'), ('died', 'died'), ('moved', 'moved')], max_length=12)),
                ('identity', models.CharField(blank=True, choices=[('name_and_birth_date', 'name and birth date'), ('name_and_number', 'name and number'), ('not_recorded', 'not recorded')], db_default='', default='', help_text='What the participant was asked and answered as on record, before anything was told.', max_length=20)),
                ('next_call_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='CovariateScore',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('covariates', models.JSONField(help_text='The facts as they were asked; null is not known.')),
                ('covariates_sha256', models.CharField(max_length=64)),
                ('probability', models.DecimalField(blank=True, decimal_places=6, max_digits=7, null=True)),
                ('reasons', models.JSONField(blank=True, default=list, help_text='Why there is no probability.')),
            ],
        ),
        migrations.CreateModel(
            name='CovariateScoreEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('covariates', models.JSONField(help_text='The facts as they were asked; null is not known.')),
                ('covariates_sha256', models.CharField(max_length=64)),
                ('probability', models.DecimalField(blank=True, decimal_places=6, max_digits=7, null=True)),
                ('reasons', models.JSONField(blank=True, default=list, help_text='Why there is no probability.')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Device',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='As people at the site call it.', max_length=60)),
                ('ae_title', models.CharField(max_length=16, verbose_name='AE title')),
                ('address', models.CharField(help_text='An IP address, or a network such as 10.1.2.0/24.', max_length=43)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('ended_at', models.DateTimeField(blank=True, help_text='Since when it may send no more.', null=True)),
            ],
            options={
                'ordering': ['site', 'name'],
            },
        ),
        migrations.CreateModel(
            name='DeviceEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('name', models.CharField(help_text='As people at the site call it.', max_length=60)),
                ('ae_title', models.CharField(max_length=16, verbose_name='AE title')),
                ('address', models.CharField(help_text='An IP address, or a network such as 10.1.2.0/24.', max_length=43)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('ended_at', models.DateTimeField(blank=True, help_text='Since when it may send no more.', null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Diagnosis',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('source', models.CharField(help_text='How it came in: screen, import, api.', max_length=20)),
                ('entered_in_error', models.BooleanField(default=False, help_text='Of another person or never so: it stays on record and counts for nothing.')),
                ('code', models.CharField(choices=[('osteoporosis', 'osteoporosis'), ('osteopenia', 'osteopenia'), ('osteoporotic_fracture', 'osteoporotic fracture')], max_length=24)),
                ('diagnosed_on', models.CharField(max_length=10)),
            ],
            options={
                'verbose_name_plural': 'diagnoses',
                'ordering': ['diagnosed_on'],
            },
        ),
        migrations.CreateModel(
            name='DiagnosisEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('source', models.CharField(help_text='How it came in: screen, import, api.', max_length=20)),
                ('entered_in_error', models.BooleanField(default=False, help_text='Of another person or never so: it stays on record and counts for nothing.')),
                ('code', models.CharField(choices=[('osteoporosis', 'osteoporosis'), ('osteopenia', 'osteopenia'), ('osteoporotic_fracture', 'osteoporotic fracture')], max_length=24)),
                ('diagnosed_on', models.CharField(max_length=10)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Disclosure',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('told', models.CharField(choices=[('score', 'score'), ('risk_class', 'risk class'), ('film_judged', 'film judged')], max_length=11)),
                ('told_by', models.CharField(help_text='Who told the participant.', max_length=120)),
                ('how', models.CharField(help_text='How it came out.', max_length=400)),
            ],
            options={
                'ordering': ['occurred_at'],
            },
        ),
        migrations.CreateModel(
            name='DisclosureEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('told', models.CharField(choices=[('score', 'score'), ('risk_class', 'risk class'), ('film_judged', 'film judged')], max_length=11)),
                ('told_by', models.CharField(help_text='Who told the participant.', max_length=120)),
                ('how', models.CharField(help_text='How it came out.', max_length=400)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='DxaExam',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('source', models.CharField(help_text='How it came in: screen, import, api.', max_length=20)),
                ('entered_in_error', models.BooleanField(default=False, help_text='Of another person or never so: it stays on record and counts for nothing.')),
                ('exam_date', models.CharField(max_length=10)),
                ('device', models.CharField(blank=True, max_length=80)),
                ('reference_database', models.CharField(blank=True, max_length=80)),
                ('menopausal_status', models.CharField(blank=True, choices=[('premenopausal', 'premenopausal'), ('transition', 'transition'), ('postmenopausal', 'postmenopausal')], max_length=16)),
                ('frax_major', models.DecimalField(blank=True, decimal_places=1, max_digits=4, null=True, verbose_name='FRAX major osteoporotic, without BMD (%)')),
                ('frax_hip', models.DecimalField(blank=True, decimal_places=1, max_digits=4, null=True, verbose_name='FRAX hip, without BMD (%)')),
                ('frax_major_bmd', models.DecimalField(blank=True, decimal_places=1, max_digits=4, null=True, verbose_name='FRAX major osteoporotic, with BMD (%)')),
                ('frax_hip_bmd', models.DecimalField(blank=True, decimal_places=1, max_digits=4, null=True, verbose_name='FRAX hip, with BMD (%)')),
                ('frax_model', models.CharField(blank=True, help_text='Country model and version, as printed. FRAX is recorded as entered, never computed here.', max_length=60, verbose_name='FRAX model')),
            ],
            options={
                'ordering': ['exam_date'],
            },
        ),
        migrations.CreateModel(
            name='DxaExamEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('source', models.CharField(help_text='How it came in: screen, import, api.', max_length=20)),
                ('entered_in_error', models.BooleanField(default=False, help_text='Of another person or never so: it stays on record and counts for nothing.')),
                ('exam_date', models.CharField(max_length=10)),
                ('device', models.CharField(blank=True, max_length=80)),
                ('reference_database', models.CharField(blank=True, max_length=80)),
                ('menopausal_status', models.CharField(blank=True, choices=[('premenopausal', 'premenopausal'), ('transition', 'transition'), ('postmenopausal', 'postmenopausal')], max_length=16)),
                ('frax_major', models.DecimalField(blank=True, decimal_places=1, max_digits=4, null=True, verbose_name='FRAX major osteoporotic, without BMD (%)')),
                ('frax_hip', models.DecimalField(blank=True, decimal_places=1, max_digits=4, null=True, verbose_name='FRAX hip, without BMD (%)')),
                ('frax_major_bmd', models.DecimalField(blank=True, decimal_places=1, max_digits=4, null=True, verbose_name='FRAX major osteoporotic, with BMD (%)')),
                ('frax_hip_bmd', models.DecimalField(blank=True, decimal_places=1, max_digits=4, null=True, verbose_name='FRAX hip, with BMD (%)')),
                ('frax_model', models.CharField(blank=True, help_text='Country model and version, as printed. FRAX is recorded as entered, never computed here.', max_length=60, verbose_name='FRAX model')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='DxaMeasurement',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('site', models.CharField(choices=[('lumbar_spine', 'lumbar spine'), ('femoral_neck', 'femoral neck'), ('total_hip', 'total hip'), ('hip_unspecified', 'hip unspecified'), ('radius_33', 'radius 33'), ('not_stated', 'not stated')], max_length=16)),
                ('vertebrae', models.CharField(blank=True, help_text='The lumbar vertebrae used, such as L1-L4.', max_length=16)),
                ('bmd', models.DecimalField(blank=True, decimal_places=3, max_digits=5, null=True, verbose_name='BMD (g/cm²)')),
                ('t_score', models.DecimalField(blank=True, decimal_places=1, max_digits=3, null=True)),
                ('z_score', models.DecimalField(blank=True, decimal_places=1, max_digits=3, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='DxaMeasurementEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('site', models.CharField(choices=[('lumbar_spine', 'lumbar spine'), ('femoral_neck', 'femoral neck'), ('total_hip', 'total hip'), ('hip_unspecified', 'hip unspecified'), ('radius_33', 'radius 33'), ('not_stated', 'not stated')], max_length=16)),
                ('vertebrae', models.CharField(blank=True, help_text='The lumbar vertebrae used, such as L1-L4.', max_length=16)),
                ('bmd', models.DecimalField(blank=True, decimal_places=3, max_digits=5, null=True, verbose_name='BMD (g/cm²)')),
                ('t_score', models.DecimalField(blank=True, decimal_places=1, max_digits=3, null=True)),
                ('z_score', models.DecimalField(blank=True, decimal_places=1, max_digits=3, null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='FilmDecision',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('decision', models.CharField(choices=[('take', 'take'), ('keep_out', 'keep out')], max_length=8)),
                ('held_for', models.CharField(help_text="The film's reason then.", max_length=40)),
                ('view', models.CharField(blank=True, choices=[('PA', 'PA'), ('AP', 'AP')], help_text='As seen, where the header states none.', max_length=2)),
                ('reason', models.CharField(max_length=400)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When (UTC).')),
            ],
            options={
                'ordering': ['recorded_at'],
            },
        ),
        migrations.CreateModel(
            name='FilmDecisionEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('decision', models.CharField(choices=[('take', 'take'), ('keep_out', 'keep out')], max_length=8)),
                ('held_for', models.CharField(help_text="The film's reason then.", max_length=40)),
                ('view', models.CharField(blank=True, choices=[('PA', 'PA'), ('AP', 'AP')], help_text='As seen, where the header states none.', max_length=2)),
                ('reason', models.CharField(max_length=400)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When (UTC).')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ModelSignature',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('role', models.CharField(choices=[('investigator', 'investigator'), ('trial_statistician', 'trial statistician'), ('randomization_statistician', 'randomization statistician')], max_length=32)),
                ('meaning', models.CharField(choices=[('approve', 'this model version may be used'), ('refuse', 'this model version must not be used')], max_length=8)),
                ('content_sha256', models.CharField(help_text='Of what was signed.', max_length=64)),
                ('reason', models.CharField(blank=True, max_length=400)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was given (UTC).')),
            ],
            options={
                'ordering': ['recorded_at'],
            },
        ),
        migrations.CreateModel(
            name='ModelSignatureEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('role', models.CharField(choices=[('investigator', 'investigator'), ('trial_statistician', 'trial statistician'), ('randomization_statistician', 'randomization statistician')], max_length=32)),
                ('meaning', models.CharField(choices=[('approve', 'this model version may be used'), ('refuse', 'this model version must not be used')], max_length=8)),
                ('content_sha256', models.CharField(help_text='Of what was signed.', max_length=64)),
                ('reason', models.CharField(blank=True, max_length=400)),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was given (UTC).')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ModelVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60)),
                ('version', models.CharField(max_length=40)),
                ('sha256', models.CharField(max_length=64)),
                ('preprocessing', models.CharField(max_length=60)),
                ('manifest', models.JSONField()),
                ('report', models.JSONField(blank=True, default=list, help_text='The checks of registration, all passed.')),
                ('content_sha256', models.CharField(blank=True, default='', help_text='Of manifest and checks: what is signed. Empty until the checks were run.', max_length=64)),
                ('registered_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
        ),
        migrations.CreateModel(
            name='ModelVersionEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('name', models.CharField(max_length=60)),
                ('version', models.CharField(max_length=40)),
                ('sha256', models.CharField(max_length=64)),
                ('preprocessing', models.CharField(max_length=60)),
                ('manifest', models.JSONField()),
                ('report', models.JSONField(blank=True, default=list, help_text='The checks of registration, all passed.')),
                ('content_sha256', models.CharField(blank=True, default='', help_text='Of manifest and checks: what is signed. Empty until the checks were run.', max_length=64)),
                ('registered_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Radiograph',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('received', 'received'), ('eligible', 'eligible'), ('set_aside', 'set aside'), ('rejected', 'rejected'), ('scored', 'scored'), ('failed', 'failed')], default=screening.vocabulary.FilmState['RECEIVED'], max_length=9)),
                ('reason', models.CharField(blank=True, max_length=40)),
                ('sop_instance_hash', models.BinaryField(max_length=32)),
                ('study_hash', models.BinaryField(max_length=32)),
                ('file_sha256', models.CharField(max_length=64)),
                ('pixel_sha256', models.CharField(blank=True, max_length=64)),
                ('study_date', models.DateField(blank=True, help_text='The true StudyDate; files carry a shifted one.', null=True)),
                ('patient_age', models.PositiveSmallIntegerField(blank=True, help_text='PatientAge, completed years.', null=True)),
                ('modality', models.CharField(blank=True, max_length=16)),
                ('view', models.CharField(blank=True, max_length=16)),
                ('manufacturer', models.CharField(blank=True, max_length=64)),
                ('rows', models.PositiveIntegerField(blank=True, null=True)),
                ('columns', models.PositiveIntegerField(blank=True, null=True)),
                ('file', models.FileField(blank=True, max_length=200, upload_to=screening.models.films.film_path)),
                ('flags', models.JSONField(blank=True, default=list, help_text='What is odd about the film, by code: see reasons.Flag.')),
                ('findings', models.JSONField(blank=True, default=dict, help_text='What is wrong with the picture, by code: what was measured. See quality.Code.')),
                ('quality_version', models.CharField(blank=True, help_text='By what the picture was looked at; empty when it was not.', max_length=40)),
                ('crosswalk_sealed', models.BinaryField(null=True)),
                ('source', models.CharField(max_length=20)),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('enqueued_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-received_at'],
            },
        ),
        migrations.CreateModel(
            name='RadiographEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('state', models.CharField(choices=[('received', 'received'), ('eligible', 'eligible'), ('set_aside', 'set aside'), ('rejected', 'rejected'), ('scored', 'scored'), ('failed', 'failed')], default=screening.vocabulary.FilmState['RECEIVED'], max_length=9)),
                ('reason', models.CharField(blank=True, max_length=40)),
                ('sop_instance_hash', models.BinaryField(max_length=32)),
                ('study_hash', models.BinaryField(max_length=32)),
                ('file_sha256', models.CharField(max_length=64)),
                ('pixel_sha256', models.CharField(blank=True, max_length=64)),
                ('study_date', models.DateField(blank=True, help_text='The true StudyDate; files carry a shifted one.', null=True)),
                ('patient_age', models.PositiveSmallIntegerField(blank=True, help_text='PatientAge, completed years.', null=True)),
                ('modality', models.CharField(blank=True, max_length=16)),
                ('view', models.CharField(blank=True, max_length=16)),
                ('manufacturer', models.CharField(blank=True, max_length=64)),
                ('rows', models.PositiveIntegerField(blank=True, null=True)),
                ('columns', models.PositiveIntegerField(blank=True, null=True)),
                ('file', models.FileField(blank=True, max_length=200, upload_to=screening.models.films.film_path)),
                ('flags', models.JSONField(blank=True, default=list, help_text='What is odd about the film, by code: see reasons.Flag.')),
                ('findings', models.JSONField(blank=True, default=dict, help_text='What is wrong with the picture, by code: what was measured. See quality.Code.')),
                ('quality_version', models.CharField(blank=True, help_text='By what the picture was looked at; empty when it was not.', max_length=40)),
                ('crosswalk_sealed', models.BinaryField(null=True)),
                ('source', models.CharField(max_length=20)),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('enqueued_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Receipt',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('outcome', models.CharField(choices=[('accepted', 'accepted'), ('already_received', 'already received'), ('set_aside', 'set aside'), ('rejected', 'rejected')], max_length=16)),
                ('reason', models.CharField(max_length=40)),
                ('file_sha256', models.CharField(max_length=64)),
                ('source', models.CharField(max_length=20)),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'ordering': ['-received_at'],
            },
        ),
        migrations.CreateModel(
            name='Referral',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('arm', models.CharField(default='screening', editable=False, max_length=9)),
                ('state', models.CharField(choices=[('open', 'open'), ('accepted', 'accepted'), ('scanned', 'scanned'), ('declined', 'declined'), ('not_reached', 'not reached'), ('expired', 'expired'), ('stopped', 'stopped')], default=screening.referrals.ReferralState['OPEN'], max_length=12)),
                ('window_ends_on', models.DateField(help_text='The last day of the offer, itself included.')),
                ('rang_back', models.CharField(blank=True, choices=[('name_and_birth_date', 'name and birth date'), ('name_and_number', 'name and number')], db_default='', default='', help_text='By what whoever rang back and accepted was identified.', max_length=20)),
            ],
        ),
        migrations.CreateModel(
            name='ReferralEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('arm', models.CharField(default='screening', editable=False, max_length=9)),
                ('state', models.CharField(choices=[('open', 'open'), ('accepted', 'accepted'), ('scanned', 'scanned'), ('declined', 'declined'), ('not_reached', 'not reached'), ('expired', 'expired'), ('stopped', 'stopped')], default=screening.referrals.ReferralState['OPEN'], max_length=12)),
                ('window_ends_on', models.DateField(help_text='The last day of the offer, itself included.')),
                ('rang_back', models.CharField(blank=True, choices=[('name_and_birth_date', 'name and birth date'), ('name_and_number', 'name and number')], db_default='', default='', help_text='By what whoever rang back and accepted was identified.', max_length=20)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='RefusedCaller',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ae_title', models.CharField(blank=True, max_length=16)),
                ('address', models.GenericIPAddressField()),
                ('reason', models.CharField(choices=[('unknown_device', 'unknown device'), ('wrong_title', 'wrong title')], max_length=20)),
                ('first_seen', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('last_seen', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('count', models.PositiveIntegerField(default=0)),
            ],
            options={
                'ordering': ['-last_seen'],
            },
        ),
        migrations.CreateModel(
            name='RiskAssessment',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('films_counted', models.PositiveIntegerField()),
                ('films_positive', models.PositiveIntegerField()),
                ('risk_class', models.CharField(choices=[('high', 'high'), ('low', 'low'), ('none', 'none')], max_length=4)),
                ('films', models.JSONField(blank=True, default=list)),
            ],
        ),
        migrations.CreateModel(
            name='RiskAssessmentEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('films_counted', models.PositiveIntegerField()),
                ('films_positive', models.PositiveIntegerField()),
                ('risk_class', models.CharField(choices=[('high', 'high'), ('low', 'low'), ('none', 'none')], max_length=4)),
                ('films', models.JSONField(blank=True, default=list)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Score',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('probabilities', models.JSONField(help_text='Ten crops, each rounded to 6 decimals.')),
                ('mean', models.DecimalField(decimal_places=6, max_digits=7)),
                ('threshold', models.DecimalField(decimal_places=6, max_digits=7)),
                ('positive', models.BooleanField()),
            ],
        ),
        migrations.CreateModel(
            name='ScoreEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('probabilities', models.JSONField(help_text='Ten crops, each rounded to 6 decimals.')),
                ('mean', models.DecimalField(decimal_places=6, max_digits=7)),
                ('threshold', models.DecimalField(decimal_places=6, max_digits=7)),
                ('positive', models.BooleanField()),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='SiteIntake',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('secondary_capture', models.BooleanField(default=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='SiteIntakeEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('secondary_capture', models.BooleanField(default=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Standstill',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('reason', models.CharField(max_length=600)),
                ('began_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-began_at'],
            },
        ),
        migrations.CreateModel(
            name='StandstillEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('reason', models.CharField(max_length=600)),
                ('began_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Treatment',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('source', models.CharField(help_text='How it came in: screen, import, api.', max_length=20)),
                ('entered_in_error', models.BooleanField(default=False, help_text='Of another person or never so: it stays on record and counts for nothing.')),
                ('drug_class', models.CharField(choices=[('bisphosphonate', 'bisphosphonate'), ('denosumab', 'denosumab'), ('romosozumab', 'romosozumab'), ('parathyroid_hormone', 'parathyroid hormone'), ('serm', 'serm'), ('vitamin_d', 'vitamin d'), ('calcium', 'calcium')], max_length=24)),
                ('started_on', models.CharField(max_length=10)),
            ],
            options={
                'ordering': ['started_on'],
            },
        ),
        migrations.CreateModel(
            name='TreatmentEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('occurred_at', models.DateTimeField(help_text='When it happened (UTC).')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='When it was entered (UTC).')),
                ('source', models.CharField(help_text='How it came in: screen, import, api.', max_length=20)),
                ('entered_in_error', models.BooleanField(default=False, help_text='Of another person or never so: it stays on record and counts for nothing.')),
                ('drug_class', models.CharField(choices=[('bisphosphonate', 'bisphosphonate'), ('denosumab', 'denosumab'), ('romosozumab', 'romosozumab'), ('parathyroid_hormone', 'parathyroid hormone'), ('serm', 'serm'), ('vitamin_d', 'vitamin d'), ('calcium', 'calcium')], max_length=24)),
                ('started_on', models.CharField(max_length=10)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='appointment',
            name='protocol_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='appointmentevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.appointment'),
        ),
        migrations.AddField(
            model_name='appointmentevent',
            name='protocol_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='communication',
            name='allocation',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.allocation'),
        ),
        migrations.AddField(
            model_name='communication',
            name='protocol_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='communication',
            name='told_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='communicationevent',
            name='allocation',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.allocation'),
        ),
        migrations.AddField(
            model_name='communicationevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.communication'),
        ),
        migrations.AddField(
            model_name='communicationevent',
            name='protocol_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='communicationevent',
            name='told_by',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='contactattempt',
            name='allocation',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.allocation'),
        ),
        migrations.AddField(
            model_name='contactattempt',
            name='caller',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='contactattempt',
            name='protocol_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='contactattemptevent',
            name='allocation',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.allocation'),
        ),
        migrations.AddField(
            model_name='contactattemptevent',
            name='caller',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='contactattemptevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.contactattempt'),
        ),
        migrations.AddField(
            model_name='contactattemptevent',
            name='protocol_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='covariatescore',
            name='participant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='covariate_scores', to='trial.participant'),
        ),
        migrations.AddField(
            model_name='covariatescore',
            name='protocol_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='covariatescoreevent',
            name='participant',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.participant'),
        ),
        migrations.AddField(
            model_name='covariatescoreevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.covariatescore'),
        ),
        migrations.AddField(
            model_name='covariatescoreevent',
            name='protocol_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='device',
            name='added_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='device',
            name='site',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='devices', to='trial.site'),
        ),
        migrations.AddField(
            model_name='deviceevent',
            name='added_by',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='deviceevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.device'),
        ),
        migrations.AddField(
            model_name='deviceevent',
            name='site',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.site'),
        ),
        migrations.AddField(
            model_name='diagnosis',
            name='participant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='diagnoses', to='trial.participant'),
        ),
        migrations.AddField(
            model_name='diagnosis',
            name='protocol_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='diagnosis',
            name='recorded_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='diagnosisevent',
            name='participant',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.participant'),
        ),
        migrations.AddField(
            model_name='diagnosisevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.diagnosis'),
        ),
        migrations.AddField(
            model_name='diagnosisevent',
            name='protocol_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='diagnosisevent',
            name='recorded_by',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='disclosure',
            name='participant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disclosures', to='trial.participant'),
        ),
        migrations.AddField(
            model_name='disclosure',
            name='protocol_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='disclosureevent',
            name='participant',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.participant'),
        ),
        migrations.AddField(
            model_name='disclosureevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.disclosure'),
        ),
        migrations.AddField(
            model_name='disclosureevent',
            name='protocol_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='dxaexam',
            name='appointment',
            field=models.OneToOneField(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='exam', to='screening.appointment'),
        ),
        migrations.AddField(
            model_name='dxaexam',
            name='participant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='dxa_exams', to='trial.participant'),
        ),
        migrations.AddField(
            model_name='dxaexam',
            name='protocol_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='dxaexam',
            name='recorded_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='dxaexamevent',
            name='appointment',
            field=models.ForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='screening.appointment'),
        ),
        migrations.AddField(
            model_name='dxaexamevent',
            name='participant',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.participant'),
        ),
        migrations.AddField(
            model_name='dxaexamevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.dxaexam'),
        ),
        migrations.AddField(
            model_name='dxaexamevent',
            name='protocol_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='dxaexamevent',
            name='recorded_by',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='dxameasurement',
            name='exam',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='measurements', to='screening.dxaexam'),
        ),
        migrations.AddField(
            model_name='dxameasurementevent',
            name='exam',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='screening.dxaexam'),
        ),
        migrations.AddField(
            model_name='dxameasurementevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.dxameasurement'),
        ),
        migrations.AddField(
            model_name='filmdecision',
            name='decided_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='filmdecisionevent',
            name='decided_by',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='filmdecisionevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.filmdecision'),
        ),
        migrations.AddField(
            model_name='modelsignature',
            name='signer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='modelsignature',
            name='trial',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.trial'),
        ),
        migrations.AddField(
            model_name='modelsignatureevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.modelsignature'),
        ),
        migrations.AddField(
            model_name='modelsignatureevent',
            name='signer',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='modelsignatureevent',
            name='trial',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.trial'),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.UniqueConstraint(fields=('name', 'version'), name='a_model_version_once'),
        ),
        migrations.AddField(
            model_name='modelsignatureevent',
            name='model_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='screening.modelversion'),
        ),
        migrations.AddField(
            model_name='modelsignature',
            name='model_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='signatures', to='screening.modelversion'),
        ),
        migrations.AddField(
            model_name='covariatescoreevent',
            name='model_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='screening.modelversion'),
        ),
        migrations.AddField(
            model_name='covariatescore',
            name='model_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='covariate_scores', to='screening.modelversion'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='modelversion',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_modelversionevent" ("content_sha256", "id", "manifest", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "preprocessing", "registered_at", "report", "sha256", "version") SELECT new_values."content_sha256", new_values."id", new_values."manifest", new_values."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."preprocessing", new_values."registered_at", new_values."report", new_values."sha256", new_values."version" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='855df70f9fb6971eacc9c7a532e465ecf7f3e5ad', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_dbd41', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_modelversion', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='modelversion',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_modelversionevent" ("content_sha256", "id", "manifest", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "preprocessing", "registered_at", "report", "sha256", "version") SELECT new_values."content_sha256", new_values."id", new_values."manifest", new_values."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."preprocessing", new_values."registered_at", new_values."report", new_values."sha256", new_values."version" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='fe410f99689b6de21d713651f4cb55cf695571a4', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_3917b', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_modelversion', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='modelversion',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_modelversionevent" ("content_sha256", "id", "manifest", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "preprocessing", "registered_at", "report", "sha256", "version") SELECT old_values."content_sha256", old_values."id", old_values."manifest", old_values."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."preprocessing", old_values."registered_at", old_values."report", old_values."sha256", old_values."version" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='91c66ef285c3255cf06e26126f830227f2cb32bc', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_a1f62', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_modelversion', when='AFTER')),
        ),
        migrations.AddField(
            model_name='modelversionevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.modelversion'),
        ),
        migrations.AddField(
            model_name='radiograph',
            name='participant',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='radiographs', to='trial.participant'),
        ),
        migrations.AddField(
            model_name='radiograph',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='radiographs', to='trial.person'),
        ),
        migrations.AddField(
            model_name='radiograph',
            name='site',
            field=models.ForeignKey(blank=True, help_text='Where the film was sent; empty for films of earlier releases.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.site'),
        ),
        migrations.AddField(
            model_name='radiograph',
            name='trial',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='radiographs', to='trial.trial'),
        ),
        migrations.AddField(
            model_name='filmdecisionevent',
            name='radiograph',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='screening.radiograph'),
        ),
        migrations.AddField(
            model_name='filmdecision',
            name='radiograph',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='screening.radiograph'),
        ),
        migrations.AddField(
            model_name='radiographevent',
            name='participant',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.participant'),
        ),
        migrations.AddField(
            model_name='radiographevent',
            name='person',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.person'),
        ),
        migrations.AddField(
            model_name='radiographevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.radiograph'),
        ),
        migrations.AddField(
            model_name='radiographevent',
            name='site',
            field=models.ForeignKey(blank=True, db_constraint=False, help_text='Where the film was sent; empty for films of earlier releases.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.site'),
        ),
        migrations.AddField(
            model_name='radiographevent',
            name='trial',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.trial'),
        ),
        migrations.AddField(
            model_name='receipt',
            name='device',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='receipts', to='screening.device'),
        ),
        migrations.AddField(
            model_name='receipt',
            name='radiograph',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='receipts', to='screening.radiograph'),
        ),
        migrations.AddField(
            model_name='receipt',
            name='received_from',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='receipt',
            name='trial',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='receipts', to='trial.trial'),
        ),
        migrations.AddField(
            model_name='referral',
            name='allocation',
            field=models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='referral', to='trial.allocation'),
        ),
        migrations.AddField(
            model_name='referral',
            name='protocol_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='contactattemptevent',
            name='referral',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='screening.referral'),
        ),
        migrations.AddField(
            model_name='contactattempt',
            name='referral',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='attempts', to='screening.referral'),
        ),
        migrations.AddField(
            model_name='communicationevent',
            name='referral',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='screening.referral'),
        ),
        migrations.AddField(
            model_name='communication',
            name='referral',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='communications', to='screening.referral'),
        ),
        migrations.AddField(
            model_name='appointmentevent',
            name='referral',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='screening.referral'),
        ),
        migrations.AddField(
            model_name='appointment',
            name='referral',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='appointments', to='screening.referral'),
        ),
        migrations.AddField(
            model_name='referralevent',
            name='allocation',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.allocation'),
        ),
        migrations.AddField(
            model_name='referralevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.referral'),
        ),
        migrations.AddField(
            model_name='referralevent',
            name='protocol_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.protocolversion'),
        ),
        migrations.AddConstraint(
            model_name='refusedcaller',
            constraint=models.UniqueConstraint(fields=('ae_title', 'address'), name='a_refused_caller_once'),
        ),
        migrations.AddField(
            model_name='riskassessment',
            name='covariate_score',
            field=models.ForeignKey(blank=True, help_text='What the risk rests on where the test asks for facts alone; then no film counts.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='screening.covariatescore'),
        ),
        migrations.AddField(
            model_name='riskassessment',
            name='model_version',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='screening.modelversion'),
        ),
        migrations.AddField(
            model_name='riskassessment',
            name='participant',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='risk', to='trial.participant'),
        ),
        migrations.AddField(
            model_name='riskassessment',
            name='protocol_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='riskassessmentevent',
            name='covariate_score',
            field=models.ForeignKey(blank=True, db_constraint=False, help_text='What the risk rests on where the test asks for facts alone; then no film counts.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='screening.covariatescore'),
        ),
        migrations.AddField(
            model_name='riskassessmentevent',
            name='model_version',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='screening.modelversion'),
        ),
        migrations.AddField(
            model_name='riskassessmentevent',
            name='participant',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.participant'),
        ),
        migrations.AddField(
            model_name='riskassessmentevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.riskassessment'),
        ),
        migrations.AddField(
            model_name='riskassessmentevent',
            name='protocol_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='score',
            name='model_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='scores', to='screening.modelversion'),
        ),
        migrations.AddField(
            model_name='score',
            name='protocol_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='score',
            name='radiograph',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='scores', to='screening.radiograph'),
        ),
        migrations.AddField(
            model_name='scoreevent',
            name='model_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='screening.modelversion'),
        ),
        migrations.AddField(
            model_name='scoreevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.score'),
        ),
        migrations.AddField(
            model_name='scoreevent',
            name='protocol_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='scoreevent',
            name='radiograph',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='screening.radiograph'),
        ),
        migrations.AddField(
            model_name='siteintake',
            name='site',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='intake', to='trial.site'),
        ),
        migrations.AddField(
            model_name='siteintakeevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.siteintake'),
        ),
        migrations.AddField(
            model_name='siteintakeevent',
            name='site',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.site'),
        ),
        migrations.AddField(
            model_name='standstill',
            name='trial',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='standstills', to='trial.trial'),
        ),
        migrations.AddField(
            model_name='standstillevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.standstill'),
        ),
        migrations.AddField(
            model_name='standstillevent',
            name='trial',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.trial'),
        ),
        migrations.AddField(
            model_name='treatment',
            name='participant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='treatments', to='trial.participant'),
        ),
        migrations.AddField(
            model_name='treatment',
            name='protocol_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='treatment',
            name='recorded_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='treatmentevent',
            name='participant',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.participant'),
        ),
        migrations.AddField(
            model_name='treatmentevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='screening.treatment'),
        ),
        migrations.AddField(
            model_name='treatmentevent',
            name='protocol_version',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='trial.protocolversion'),
        ),
        migrations.AddField(
            model_name='treatmentevent',
            name='recorded_by',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='device',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('ae_title', 'address'), name='one_active_device_a_caller'),
        ),
        migrations.AddConstraint(
            model_name='device',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('name', ''), _negated=True), models.Q(('ae_title', ''), _negated=True)), name='a_device_has_its_names'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='device',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_deviceevent" ("added_by_id", "address", "ae_title", "ended_at", "id", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "recorded_at", "site_id") SELECT new_values."added_by_id", new_values."address", new_values."ae_title", new_values."ended_at", new_values."id", new_values."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."recorded_at", new_values."site_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='5dad7f6ef5fe5f47e926df904a4fb83f481ebab6', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_45829', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_device', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='device',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_deviceevent" ("added_by_id", "address", "ae_title", "ended_at", "id", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "recorded_at", "site_id") SELECT new_values."added_by_id", new_values."address", new_values."ae_title", new_values."ended_at", new_values."id", new_values."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."recorded_at", new_values."site_id" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='a645ce8b5d3316f86e27b5b49f1e31072d322f24', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_336b1', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_device', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='device',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_deviceevent" ("added_by_id", "address", "ae_title", "ended_at", "id", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "recorded_at", "site_id") SELECT old_values."added_by_id", old_values."address", old_values."ae_title", old_values."ended_at", old_values."id", old_values."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."recorded_at", old_values."site_id" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='eec2180ea8ff2ccd8ddc4cad12b3e8076e42277e', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_3f366', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_device', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='diagnosis',
            constraint=models.CheckConstraint(condition=models.Q(('code__in', ['osteoporosis', 'osteopenia', 'osteoporotic_fracture'])), name='diagnosis_code_known'),
        ),
        migrations.AddConstraint(
            model_name='diagnosis',
            constraint=models.UniqueConstraint(condition=models.Q(('entered_in_error', False)), fields=('participant', 'code', 'diagnosed_on'), name='a_diagnosis_once_a_day'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='diagnosis',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_diagnosisevent" ("code", "diagnosed_on", "entered_in_error", "id", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "recorded_by_id", "source") SELECT new_values."code", new_values."diagnosed_on", new_values."entered_in_error", new_values."id", new_values."occurred_at", new_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."recorded_by_id", new_values."source" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='03df70783c02c3876f9c8a236aa2e9029485016d', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_c8463', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_diagnosis', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='diagnosis',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_diagnosisevent" ("code", "diagnosed_on", "entered_in_error", "id", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "recorded_by_id", "source") SELECT new_values."code", new_values."diagnosed_on", new_values."entered_in_error", new_values."id", new_values."occurred_at", new_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."recorded_by_id", new_values."source" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='abbd88bae41ab1a4f4c6649c88370ea6025fe3f4', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_f6bc2', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_diagnosis', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='diagnosis',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_diagnosisevent" ("code", "diagnosed_on", "entered_in_error", "id", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "recorded_by_id", "source") SELECT old_values."code", old_values."diagnosed_on", old_values."entered_in_error", old_values."id", old_values."occurred_at", old_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."protocol_version_id", old_values."recorded_at", old_values."recorded_by_id", old_values."source" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='f05512394f61904453dd86b17be3d7279f23b233', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_3067f', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_diagnosis', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='disclosure',
            constraint=models.CheckConstraint(condition=models.Q(('told__in', ['score', 'risk_class', 'film_judged'])), name='what_was_told_known'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='disclosure',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_disclosureevent" ("how", "id", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "told", "told_by") SELECT new_values."how", new_values."id", new_values."occurred_at", new_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."told", new_values."told_by" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='d11597adf07fe4a44fbafabc48a9003181a95c34', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_164d5', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_disclosure', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='disclosure',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_disclosureevent" ("how", "id", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "told", "told_by") SELECT new_values."how", new_values."id", new_values."occurred_at", new_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."told", new_values."told_by" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='bf2d5b521d31d20fd8700dda808ca24eaf6a5b2e', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_a7c8a', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_disclosure', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='disclosure',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_disclosureevent" ("how", "id", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "told", "told_by") SELECT old_values."how", old_values."id", old_values."occurred_at", old_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."protocol_version_id", old_values."recorded_at", old_values."told", old_values."told_by" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='ea30b39db65276c42f41913d35fb32f86a1b3d60', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_33be9', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_disclosure', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='dxaexam',
            constraint=models.CheckConstraint(condition=models.Q(('frax_major__isnull', True), ('frax_major__range', (Decimal('0'), Decimal('100'))), _connector='OR'), name='frax_major_range'),
        ),
        migrations.AddConstraint(
            model_name='dxaexam',
            constraint=models.CheckConstraint(condition=models.Q(('frax_hip__isnull', True), ('frax_hip__range', (Decimal('0'), Decimal('100'))), _connector='OR'), name='frax_hip_range'),
        ),
        migrations.AddConstraint(
            model_name='dxaexam',
            constraint=models.CheckConstraint(condition=models.Q(('frax_major_bmd__isnull', True), ('frax_major_bmd__range', (Decimal('0'), Decimal('100'))), _connector='OR'), name='frax_major_bmd_range'),
        ),
        migrations.AddConstraint(
            model_name='dxaexam',
            constraint=models.CheckConstraint(condition=models.Q(('frax_hip_bmd__isnull', True), ('frax_hip_bmd__range', (Decimal('0'), Decimal('100'))), _connector='OR'), name='frax_hip_bmd_range'),
        ),
        migrations.AddConstraint(
            model_name='dxaexam',
            constraint=models.CheckConstraint(condition=models.Q(('frax_model', ''), ('frax_major__isnull', False), ('frax_hip__isnull', False), ('frax_major_bmd__isnull', False), ('frax_hip_bmd__isnull', False), _connector='OR'), name='a_frax_model_gave_something'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dxaexam',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_dxaexamevent" ("appointment_id", "device", "entered_in_error", "exam_date", "frax_hip", "frax_hip_bmd", "frax_major", "frax_major_bmd", "frax_model", "id", "menopausal_status", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "recorded_by_id", "reference_database", "source") SELECT new_values."appointment_id", new_values."device", new_values."entered_in_error", new_values."exam_date", new_values."frax_hip", new_values."frax_hip_bmd", new_values."frax_major", new_values."frax_major_bmd", new_values."frax_model", new_values."id", new_values."menopausal_status", new_values."occurred_at", new_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."recorded_by_id", new_values."reference_database", new_values."source" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='631aad164da9d66ec0059db8aec849307ea34488', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_a9dff', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_dxaexam', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dxaexam',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_dxaexamevent" ("appointment_id", "device", "entered_in_error", "exam_date", "frax_hip", "frax_hip_bmd", "frax_major", "frax_major_bmd", "frax_model", "id", "menopausal_status", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "recorded_by_id", "reference_database", "source") SELECT new_values."appointment_id", new_values."device", new_values."entered_in_error", new_values."exam_date", new_values."frax_hip", new_values."frax_hip_bmd", new_values."frax_major", new_values."frax_major_bmd", new_values."frax_model", new_values."id", new_values."menopausal_status", new_values."occurred_at", new_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."recorded_by_id", new_values."reference_database", new_values."source" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='27709d00e77e670f51fec6cc5694e0a4c6d4bd39', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_345bc', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_dxaexam', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dxaexam',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_dxaexamevent" ("appointment_id", "device", "entered_in_error", "exam_date", "frax_hip", "frax_hip_bmd", "frax_major", "frax_major_bmd", "frax_model", "id", "menopausal_status", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "recorded_by_id", "reference_database", "source") SELECT old_values."appointment_id", old_values."device", old_values."entered_in_error", old_values."exam_date", old_values."frax_hip", old_values."frax_hip_bmd", old_values."frax_major", old_values."frax_major_bmd", old_values."frax_model", old_values."id", old_values."menopausal_status", old_values."occurred_at", old_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."protocol_version_id", old_values."recorded_at", old_values."recorded_by_id", old_values."reference_database", old_values."source" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='7a27c27353dcb046079ab783c5e30068bb3f2c23', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_a496c', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_dxaexam', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='dxameasurement',
            constraint=models.UniqueConstraint(fields=('exam', 'site'), name='a_site_once_an_exam'),
        ),
        migrations.AddConstraint(
            model_name='dxameasurement',
            constraint=models.CheckConstraint(condition=models.Q(('site__in', ['lumbar_spine', 'femoral_neck', 'total_hip', 'hip_unspecified', 'radius_33', 'not_stated'])), name='measurement_site_known'),
        ),
        migrations.AddConstraint(
            model_name='dxameasurement',
            constraint=models.CheckConstraint(condition=models.Q(('t_score__isnull', True), ('t_score__range', (-8, 6)), _connector='OR'), name='t_score_range'),
        ),
        migrations.AddConstraint(
            model_name='dxameasurement',
            constraint=models.CheckConstraint(condition=models.Q(('z_score__isnull', True), ('z_score__range', (-8, 6)), _connector='OR'), name='z_score_range'),
        ),
        migrations.AddConstraint(
            model_name='dxameasurement',
            constraint=models.CheckConstraint(condition=models.Q(('bmd__isnull', True), ('bmd__range', ('0.2', '2.5')), _connector='OR'), name='bmd_range'),
        ),
        migrations.AddConstraint(
            model_name='dxameasurement',
            constraint=models.CheckConstraint(condition=models.Q(('bmd__isnull', False), ('t_score__isnull', False), ('z_score__isnull', False), _connector='OR'), name='a_measurement_measures_something'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dxameasurement',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_dxameasurementevent" ("bmd", "exam_id", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "site", "t_score", "vertebrae", "z_score") SELECT new_values."bmd", new_values."exam_id", new_values."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."site", new_values."t_score", new_values."vertebrae", new_values."z_score" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='6a11b9954bf7e41e3d45f3251c3da4cc00f8b986', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_a88f5', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_dxameasurement', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dxameasurement',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_dxameasurementevent" ("bmd", "exam_id", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "site", "t_score", "vertebrae", "z_score") SELECT new_values."bmd", new_values."exam_id", new_values."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."site", new_values."t_score", new_values."vertebrae", new_values."z_score" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='032b7f559588f0bdfb263f8e3d630f990b1f7688', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_56e41', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_dxameasurement', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dxameasurement',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_dxameasurementevent" ("bmd", "exam_id", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "site", "t_score", "vertebrae", "z_score") SELECT old_values."bmd", old_values."exam_id", old_values."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."site", old_values."t_score", old_values."vertebrae", old_values."z_score" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='71c0bd28d92630f8b24fd4ac3f018e0d5a9e4b11', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_ce12c', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_dxameasurement', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='modelsignature',
            constraint=models.CheckConstraint(condition=models.Q(('meaning__in', ['approve', 'refuse'])), name='model_signature_meaning_known'),
        ),
        migrations.AddConstraint(
            model_name='modelsignature',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['investigator', 'trial_statistician', 'randomization_statistician'])), name='model_signature_role_known'),
        ),
        migrations.AddConstraint(
            model_name='modelsignature',
            constraint=models.UniqueConstraint(fields=('model_version', 'signer', 'meaning'), name='a_model_signature_once'),
        ),
        migrations.AddConstraint(
            model_name='modelsignature',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('meaning', 'refuse'), _negated=True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='a_model_is_refused_for_a_reason'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='modelsignature',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_modelsignatureevent" ("content_sha256", "id", "meaning", "model_version_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "recorded_at", "role", "signer_id", "trial_id") SELECT new_values."content_sha256", new_values."id", new_values."meaning", new_values."model_version_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."reason", new_values."recorded_at", new_values."role", new_values."signer_id", new_values."trial_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='01a20000ab4ff2d3284029b000999767c67daf2e', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_cd6f5', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_modelsignature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='modelsignature',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_modelsignatureevent" ("content_sha256", "id", "meaning", "model_version_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "recorded_at", "role", "signer_id", "trial_id") SELECT new_values."content_sha256", new_values."id", new_values."meaning", new_values."model_version_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."reason", new_values."recorded_at", new_values."role", new_values."signer_id", new_values."trial_id" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='83f3bf5aebc6abc8aa5bcaa5fbb899449bf12040', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_4748e', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_modelsignature', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='modelsignature',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_modelsignatureevent" ("content_sha256", "id", "meaning", "model_version_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "recorded_at", "role", "signer_id", "trial_id") SELECT old_values."content_sha256", old_values."id", old_values."meaning", old_values."model_version_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."reason", old_values."recorded_at", old_values."role", old_values."signer_id", old_values."trial_id" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='a61d4d847f4b75c2b7dcb5447b6581a351d6c099', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_2acc7', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_modelsignature', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='covariatescore',
            constraint=models.UniqueConstraint(fields=('participant', 'model_version', 'covariates_sha256'), name='facts_are_scored_once_a_model'),
        ),
        migrations.AddConstraint(
            model_name='covariatescore',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('probability__gte', 0), ('probability__isnull', False), ('probability__lte', 1), ('reasons', [])), models.Q(('probability__isnull', True), models.Q(('reasons', []), _negated=True)), _connector='OR'), name='a_probability_or_a_reason'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='covariatescore',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_covariatescoreevent" ("covariates", "covariates_sha256", "id", "model_version_id", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "probability", "protocol_version_id", "reasons", "recorded_at") SELECT new_values."covariates", new_values."covariates_sha256", new_values."id", new_values."model_version_id", new_values."occurred_at", new_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."probability", new_values."protocol_version_id", new_values."reasons", new_values."recorded_at" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='8d275d2094df82d6d8df40315772888334c0a9f9', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_3037b', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_covariatescore', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='covariatescore',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_covariatescoreevent" ("covariates", "covariates_sha256", "id", "model_version_id", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "probability", "protocol_version_id", "reasons", "recorded_at") SELECT new_values."covariates", new_values."covariates_sha256", new_values."id", new_values."model_version_id", new_values."occurred_at", new_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."probability", new_values."protocol_version_id", new_values."reasons", new_values."recorded_at" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='66e5e2373bb738aee5b9c43ef79cf4561a18256a', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_63c78', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_covariatescore', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='covariatescore',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_covariatescoreevent" ("covariates", "covariates_sha256", "id", "model_version_id", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "probability", "protocol_version_id", "reasons", "recorded_at") SELECT old_values."covariates", old_values."covariates_sha256", old_values."id", old_values."model_version_id", old_values."occurred_at", old_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."probability", old_values."protocol_version_id", old_values."reasons", old_values."recorded_at" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='31279eaef6e71710b345360b35607a554f7ef831', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_e3fc3', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_covariatescore', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='radiograph',
            index=models.Index(condition=models.Q(('state', 'eligible')), fields=['enqueued_at'], name='films_to_score'),
        ),
        migrations.AddIndex(
            model_name='radiograph',
            index=models.Index(fields=['trial', 'file_sha256'], name='films_by_file_sha256'),
        ),
        migrations.AddIndex(
            model_name='radiograph',
            index=models.Index(fields=['trial', 'pixel_sha256'], name='films_by_pixel_sha256'),
        ),
        migrations.AddIndex(
            model_name='radiograph',
            index=models.Index(fields=['trial', 'sop_instance_hash'], name='films_by_sop_instance_hash'),
        ),
        migrations.AddIndex(
            model_name='radiograph',
            index=models.Index(fields=['trial', 'study_hash'], name='films_by_study_hash'),
        ),
        migrations.AddConstraint(
            model_name='radiograph',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['received', 'eligible', 'set_aside', 'rejected', 'scored', 'failed'])), name='film_state_known'),
        ),
        migrations.AddConstraint(
            model_name='radiograph',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['eligible', 'scored', 'failed'])), fields=('trial', 'sop_instance_hash'), name='film_sop_instance_hash_counts_once'),
        ),
        migrations.AddConstraint(
            model_name='radiograph',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['eligible', 'scored', 'failed'])), fields=('trial', 'file_sha256'), name='film_file_sha256_counts_once'),
        ),
        migrations.AddConstraint(
            model_name='radiograph',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['eligible', 'scored', 'failed']), models.Q(('pixel_sha256', ''), _negated=True)), fields=('trial', 'pixel_sha256'), name='film_pixels_count_once'),
        ),
        migrations.AddConstraint(
            model_name='radiograph',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['eligible', 'scored']), _negated=True), models.Q(('participant__isnull', False), models.Q(('file', ''), _negated=True)), _connector='OR'), name='a_scored_film_has_owner_and_file'),
        ),
        migrations.AddConstraint(
            model_name='radiograph',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['set_aside', 'rejected', 'failed']), _negated=True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='set_aside_has_a_reason'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='radiograph',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_radiographevent" ("attempts", "columns", "crosswalk_sealed", "enqueued_at", "file", "file_sha256", "findings", "flags", "id", "manufacturer", "modality", "participant_id", "patient_age", "person_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "pixel_sha256", "quality_version", "reason", "received_at", "rows", "site_id", "sop_instance_hash", "source", "state", "study_date", "study_hash", "trial_id", "view") SELECT new_values."attempts", new_values."columns", new_values."crosswalk_sealed", new_values."enqueued_at", new_values."file", new_values."file_sha256", new_values."findings", new_values."flags", new_values."id", new_values."manufacturer", new_values."modality", new_values."participant_id", new_values."patient_age", new_values."person_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."pixel_sha256", new_values."quality_version", new_values."reason", new_values."received_at", new_values."rows", new_values."site_id", new_values."sop_instance_hash", new_values."source", new_values."state", new_values."study_date", new_values."study_hash", new_values."trial_id", new_values."view" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='e465f213f74f3a0d37472a21b5d287b120a0d62a', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_e259f', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_radiograph', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='radiograph',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_radiographevent" ("attempts", "columns", "crosswalk_sealed", "enqueued_at", "file", "file_sha256", "findings", "flags", "id", "manufacturer", "modality", "participant_id", "patient_age", "person_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "pixel_sha256", "quality_version", "reason", "received_at", "rows", "site_id", "sop_instance_hash", "source", "state", "study_date", "study_hash", "trial_id", "view") SELECT new_values."attempts", new_values."columns", new_values."crosswalk_sealed", new_values."enqueued_at", new_values."file", new_values."file_sha256", new_values."findings", new_values."flags", new_values."id", new_values."manufacturer", new_values."modality", new_values."participant_id", new_values."patient_age", new_values."person_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."pixel_sha256", new_values."quality_version", new_values."reason", new_values."received_at", new_values."rows", new_values."site_id", new_values."sop_instance_hash", new_values."source", new_values."state", new_values."study_date", new_values."study_hash", new_values."trial_id", new_values."view" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='809b56eb999502cdfddbb5076dab7c8af4bd9034', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_55b97', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_radiograph', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='radiograph',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_radiographevent" ("attempts", "columns", "crosswalk_sealed", "enqueued_at", "file", "file_sha256", "findings", "flags", "id", "manufacturer", "modality", "participant_id", "patient_age", "person_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "pixel_sha256", "quality_version", "reason", "received_at", "rows", "site_id", "sop_instance_hash", "source", "state", "study_date", "study_hash", "trial_id", "view") SELECT old_values."attempts", old_values."columns", old_values."crosswalk_sealed", old_values."enqueued_at", old_values."file", old_values."file_sha256", old_values."findings", old_values."flags", old_values."id", old_values."manufacturer", old_values."modality", old_values."participant_id", old_values."patient_age", old_values."person_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."pixel_sha256", old_values."quality_version", old_values."reason", old_values."received_at", old_values."rows", old_values."site_id", old_values."sop_instance_hash", old_values."source", old_values."state", old_values."study_date", old_values."study_hash", old_values."trial_id", old_values."view" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='2626de9a1ec90711a570677cb2aef87a0080fcc5', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_95e51', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_radiograph', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='filmdecision',
            constraint=models.CheckConstraint(condition=models.Q(('decision__in', ['take', 'keep_out'])), name='film_decision_known'),
        ),
        migrations.AddConstraint(
            model_name='filmdecision',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='a_film_is_decided_for_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='filmdecision',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decision', 'take'), ('held_for', 'view_unknown'), _negated=True), models.Q(('view', ''), _negated=True), _connector='OR'), name='a_film_without_view_is_given_one'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='filmdecision',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_filmdecisionevent" ("decided_by_id", "decision", "held_for", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "radiograph_id", "reason", "recorded_at", "view") SELECT new_values."decided_by_id", new_values."decision", new_values."held_for", new_values."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."radiograph_id", new_values."reason", new_values."recorded_at", new_values."view" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='1dd1ec8b58b55cb995c1ed9a50e1893be474df2d', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_fc3e9', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_filmdecision', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='filmdecision',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_filmdecisionevent" ("decided_by_id", "decision", "held_for", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "radiograph_id", "reason", "recorded_at", "view") SELECT new_values."decided_by_id", new_values."decision", new_values."held_for", new_values."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."radiograph_id", new_values."reason", new_values."recorded_at", new_values."view" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='a695fb45b0fafc3cdc521cd871ab1d846acd1787', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_4dc97', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_filmdecision', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='filmdecision',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_filmdecisionevent" ("decided_by_id", "decision", "held_for", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "radiograph_id", "reason", "recorded_at", "view") SELECT old_values."decided_by_id", old_values."decision", old_values."held_for", old_values."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."radiograph_id", old_values."reason", old_values."recorded_at", old_values."view" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='3a2c92debcda7c831ae6e6e67511daa835cf0d25', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_c0d96', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_filmdecision', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['accepted', 'already_received', 'set_aside', 'rejected'])), name='receipt_outcome_known'),
        ),
        migrations.AddConstraint(
            model_name='referral',
            constraint=models.CheckConstraint(condition=models.Q(('rang_back__in', ['', 'name_and_birth_date', 'name_and_number'])), name='identity_of_who_rang_back_known'),
        ),
        migrations.AddConstraint(
            model_name='referral',
            constraint=models.CheckConstraint(condition=models.Q(('arm', 'screening')), name='only_screening_is_referred'),
        ),
        migrations.AddConstraint(
            model_name='referral',
            constraint=models.UniqueConstraint(fields=('id', 'allocation', 'arm'), name='referral_allocation_arm_key'),
        ),
        migrations.AddConstraint(
            model_name='referral',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'accepted', 'scanned', 'declined', 'not_reached', 'expired', 'stopped'])), name='referral_state_known'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='referral',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_referralevent" ("allocation_id", "arm", "id", "occurred_at", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "rang_back", "recorded_at", "state", "window_ends_on") SELECT new_values."allocation_id", new_values."arm", new_values."id", new_values."occurred_at", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."protocol_version_id", new_values."rang_back", new_values."recorded_at", new_values."state", new_values."window_ends_on" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='ec64d0e25ee31fca8c8c21618ea04c39ccf6c912', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_836b5', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_referral', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='referral',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_referralevent" ("allocation_id", "arm", "id", "occurred_at", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "rang_back", "recorded_at", "state", "window_ends_on") SELECT new_values."allocation_id", new_values."arm", new_values."id", new_values."occurred_at", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."protocol_version_id", new_values."rang_back", new_values."recorded_at", new_values."state", new_values."window_ends_on" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='f4e17cd06575ac23a5b22ff329120c74dbc60be5', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_c684c', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_referral', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='referral',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_referralevent" ("allocation_id", "arm", "id", "occurred_at", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "rang_back", "recorded_at", "state", "window_ends_on") SELECT old_values."allocation_id", old_values."arm", old_values."id", old_values."occurred_at", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."protocol_version_id", old_values."rang_back", old_values."recorded_at", old_values."state", old_values."window_ends_on" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='52baf28667f5d9cc098ff67b57fb92494b0090dd', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_a52fa', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_referral', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='contactattempt',
            constraint=models.CheckConstraint(condition=models.Q(('arm', 'screening')), name='only_screening_is_called'),
        ),
        migrations.AddConstraint(
            model_name='contactattempt',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['accepted', 'call_back', 'thinking', 'declined', 'no_answer', 'wrong_number', 'died', 'moved'])), name='contact_outcome_known'),
        ),
        migrations.AddConstraint(
            model_name='contactattempt',
            constraint=models.CheckConstraint(condition=models.Q(('identity__in', ['', 'name_and_birth_date', 'name_and_number', 'not_recorded'])), name='identity_check_known'),
        ),
        migrations.AddConstraint(
            model_name='contactattempt',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('outcome__in', ['accepted', 'thinking', 'declined']), _negated=True), models.Q(('identity', ''), _negated=True), _connector='OR'), name='told_only_to_who_was_identified'),
        ),
        migrations.AddConstraint(
            model_name='contactattempt',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('outcome__in', ['no_answer', 'wrong_number']), _negated=True), ('identity__in', ['', 'not_recorded']), _connector='OR'), name='nobody_identified_who_was_not_spoken_to'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='contactattempt',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_contactattemptevent" ("allocation_id", "arm", "caller_id", "id", "identity", "next_call_at", "occurred_at", "outcome", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "referral_id") SELECT new_values."allocation_id", new_values."arm", new_values."caller_id", new_values."id", new_values."identity", new_values."next_call_at", new_values."occurred_at", new_values."outcome", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."referral_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='9fb4f43af3f3ae59a51f02610da3d5778f1dabd6', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_2c8f6', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_contactattempt', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='contactattempt',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_contactattemptevent" ("allocation_id", "arm", "caller_id", "id", "identity", "next_call_at", "occurred_at", "outcome", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "referral_id") SELECT new_values."allocation_id", new_values."arm", new_values."caller_id", new_values."id", new_values."identity", new_values."next_call_at", new_values."occurred_at", new_values."outcome", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."referral_id" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='079e41d996ca6282c5ab0ab81d21b6530bf508e5', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_b4469', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_contactattempt', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='contactattempt',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_contactattemptevent" ("allocation_id", "arm", "caller_id", "id", "identity", "next_call_at", "occurred_at", "outcome", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "referral_id") SELECT old_values."allocation_id", old_values."arm", old_values."caller_id", old_values."id", old_values."identity", old_values."next_call_at", old_values."occurred_at", old_values."outcome", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."protocol_version_id", old_values."recorded_at", old_values."referral_id" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='f6460d9e3275a39f58d7d3b8147f644606011133', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_fb8d4', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_contactattempt', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='communication',
            constraint=models.CheckConstraint(condition=models.Q(('arm', 'screening')), name='only_screening_is_told_a_result'),
        ),
        migrations.AddConstraint(
            model_name='communication',
            constraint=models.CheckConstraint(condition=models.Q(('means__in', ['', 'telephone', 'letter', 'in_person'])), name='means_known'),
        ),
        migrations.AddConstraint(
            model_name='communication',
            constraint=models.CheckConstraint(condition=models.Q(('identity__in', ['', 'name_and_birth_date', 'name_and_number'])), name='identity_of_who_was_told_known'),
        ),
        migrations.AddConstraint(
            model_name='communication',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'result'), ('referred_to', ''), models.Q(('means', ''), _negated=True)), models.Q(('kind', 'treatment'), ('means', ''), models.Q(('referred_to', ''), _negated=True)), _connector='OR'), name='a_communication_is_whole'),
        ),
        migrations.AddConstraint(
            model_name='communication',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('means', 'telephone'), models.Q(('identity', ''), _negated=True)), models.Q(models.Q(('means', 'telephone'), _negated=True), ('identity', '')), _connector='OR'), name='told_on_the_telephone_to_who_was_identified'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='communication',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_communicationevent" ("allocation_id", "arm", "id", "identity", "kind", "means", "occurred_at", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "referral_id", "referred_to", "told_by_id") SELECT new_values."allocation_id", new_values."arm", new_values."id", new_values."identity", new_values."kind", new_values."means", new_values."occurred_at", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."referral_id", new_values."referred_to", new_values."told_by_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='4a2a8017770684b34c1f15eaf15c53027b92f802', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_e29eb', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_communication', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='communication',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_communicationevent" ("allocation_id", "arm", "id", "identity", "kind", "means", "occurred_at", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "referral_id", "referred_to", "told_by_id") SELECT new_values."allocation_id", new_values."arm", new_values."id", new_values."identity", new_values."kind", new_values."means", new_values."occurred_at", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."referral_id", new_values."referred_to", new_values."told_by_id" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='9ace9ffa55659ead8d5023faaef4cbe4a2ef754a', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_a5c5c', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_communication', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='communication',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_communicationevent" ("allocation_id", "arm", "id", "identity", "kind", "means", "occurred_at", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "referral_id", "referred_to", "told_by_id") SELECT old_values."allocation_id", old_values."arm", old_values."id", old_values."identity", old_values."kind", old_values."means", old_values."occurred_at", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."protocol_version_id", old_values."recorded_at", old_values."referral_id", old_values."referred_to", old_values."told_by_id" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='2fdfeef7ca2afb5d6bf8ecf127ab69c5a1b116bc', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_6c6ae', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_communication', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='appointment',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['booked', 'moved', 'attended', 'no_show', 'cancelled'])), name='appointment_state_known'),
        ),
        migrations.AddConstraint(
            model_name='appointment',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'booked')), fields=('referral',), name='one_open_appointment_a_referral'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='appointment',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_appointmentevent" ("id", "occurred_at", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "reason", "recorded_at", "referral_id", "scheduled_at", "state") SELECT new_values."id", new_values."occurred_at", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."protocol_version_id", new_values."reason", new_values."recorded_at", new_values."referral_id", new_values."scheduled_at", new_values."state" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='8a4f63008b21a26eae754c33053588ee00fc09d3', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_8e8df', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_appointment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='appointment',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_appointmentevent" ("id", "occurred_at", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "reason", "recorded_at", "referral_id", "scheduled_at", "state") SELECT new_values."id", new_values."occurred_at", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."protocol_version_id", new_values."reason", new_values."recorded_at", new_values."referral_id", new_values."scheduled_at", new_values."state" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='ac7ecaffe16d37f4433683250b613e1ccde1e8b8', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_82001', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_appointment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='appointment',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_appointmentevent" ("id", "occurred_at", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "reason", "recorded_at", "referral_id", "scheduled_at", "state") SELECT old_values."id", old_values."occurred_at", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."protocol_version_id", old_values."reason", old_values."recorded_at", old_values."referral_id", old_values."scheduled_at", old_values."state" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='a1e20cde76a4568343f2e33c93ae3bdd06d82382', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_768e7', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_appointment', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='riskassessment',
            constraint=models.CheckConstraint(condition=models.Q(('films_positive__lte', models.F('films_counted'))), name='positives_among_counted'),
        ),
        migrations.AddConstraint(
            model_name='riskassessment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('films_counted', 0), ('risk_class', 'none')), models.Q(('covariate_score__isnull', True), ('films_counted__gte', 1), ('risk_class__in', ['high', 'low'])), models.Q(('covariate_score__isnull', False), ('films_counted', 0), ('risk_class__in', ['high', 'low'])), _connector='OR'), name='risk_class_by_films_or_facts'),
        ),
        migrations.AddConstraint(
            model_name='riskassessment',
            constraint=models.CheckConstraint(condition=models.Q(('risk_class__in', ['high', 'low', 'none'])), name='risk_class_known'),
        ),
        migrations.AddConstraint(
            model_name='riskassessment',
            constraint=models.CheckConstraint(condition=models.Q(('risk_class', 'none'), ('covariate_score__isnull', False), models.Q(('films_positive__gt', 0), ('risk_class', 'high')), models.Q(('films_positive__lt', models.F('films_counted')), ('risk_class', 'low')), _connector='OR'), name='no_risk_against_all_films'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='riskassessment',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_riskassessmentevent" ("covariate_score_id", "films", "films_counted", "films_positive", "id", "model_version_id", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "risk_class") SELECT new_values."covariate_score_id", new_values."films", new_values."films_counted", new_values."films_positive", new_values."id", new_values."model_version_id", new_values."occurred_at", new_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."risk_class" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='320ecd61ccf34e5bc1bc2cd351d750700c51ee7d', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_36d74', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_riskassessment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='riskassessment',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_riskassessmentevent" ("covariate_score_id", "films", "films_counted", "films_positive", "id", "model_version_id", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "risk_class") SELECT new_values."covariate_score_id", new_values."films", new_values."films_counted", new_values."films_positive", new_values."id", new_values."model_version_id", new_values."occurred_at", new_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."risk_class" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='b3ec845e3737163761ff37fb372d9b5490197fd9', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_16be3', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_riskassessment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='riskassessment',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_riskassessmentevent" ("covariate_score_id", "films", "films_counted", "films_positive", "id", "model_version_id", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "risk_class") SELECT old_values."covariate_score_id", old_values."films", old_values."films_counted", old_values."films_positive", old_values."id", old_values."model_version_id", old_values."occurred_at", old_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."protocol_version_id", old_values."recorded_at", old_values."risk_class" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='79993865af2aa8ac057bcd6809a4fa7838fee0a3', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_4e1d5', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_riskassessment', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='score',
            constraint=models.UniqueConstraint(fields=('radiograph', 'model_version'), name='a_film_is_scored_once_a_model'),
        ),
        migrations.AddConstraint(
            model_name='score',
            constraint=models.CheckConstraint(condition=models.Q(('mean__gte', 0), ('mean__lte', 1)), name='a_score_is_a_probability'),
        ),
        migrations.AddConstraint(
            model_name='score',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('mean__gte', models.F('threshold')), ('positive', True)), models.Q(('mean__lt', models.F('threshold')), ('positive', False)), _connector='OR'), name='positive_means_at_or_above_threshold'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='score',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_scoreevent" ("id", "mean", "model_version_id", "occurred_at", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "positive", "probabilities", "protocol_version_id", "radiograph_id", "recorded_at", "threshold") SELECT new_values."id", new_values."mean", new_values."model_version_id", new_values."occurred_at", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."positive", new_values."probabilities", new_values."protocol_version_id", new_values."radiograph_id", new_values."recorded_at", new_values."threshold" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='6d42d6e492f600f35a30a890b6cf2bc8a11f006d', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_b1278', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_score', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='score',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_scoreevent" ("id", "mean", "model_version_id", "occurred_at", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "positive", "probabilities", "protocol_version_id", "radiograph_id", "recorded_at", "threshold") SELECT new_values."id", new_values."mean", new_values."model_version_id", new_values."occurred_at", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."positive", new_values."probabilities", new_values."protocol_version_id", new_values."radiograph_id", new_values."recorded_at", new_values."threshold" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='f28efa3f925b7e53a25ed6ec9785e88a13c8bba8', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_88cad', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_score', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='score',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_scoreevent" ("id", "mean", "model_version_id", "occurred_at", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "positive", "probabilities", "protocol_version_id", "radiograph_id", "recorded_at", "threshold") SELECT old_values."id", old_values."mean", old_values."model_version_id", old_values."occurred_at", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."positive", old_values."probabilities", old_values."protocol_version_id", old_values."radiograph_id", old_values."recorded_at", old_values."threshold" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='220e30694173fabacf6482ab942ad4bc368b75da', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_8c9f1', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_score', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='siteintake',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_siteintakeevent" ("id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "secondary_capture", "site_id") SELECT new_values."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."secondary_capture", new_values."site_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='a8429c15681140f1f2d91efd326a25e281014575', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_64739', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_siteintake', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='siteintake',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_siteintakeevent" ("id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "secondary_capture", "site_id") SELECT new_values."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."secondary_capture", new_values."site_id" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='86a446d780c7ecfc552664d882afdf617c657d63', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_41dc6', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_siteintake', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='siteintake',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_siteintakeevent" ("id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "secondary_capture", "site_id") SELECT old_values."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."secondary_capture", old_values."site_id" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='a8830d7a53704e124be4a7dfc85a2d60c48bf1e5', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_1b048', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_siteintake', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='standstill',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('trial',), name='one_open_standstill_a_trial'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='standstill',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_standstillevent" ("began_at", "ended_at", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "trial_id") SELECT new_values."began_at", new_values."ended_at", new_values."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."reason", new_values."trial_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='6bb7d59ec6d363512c168bffb20e6c7e2ddb0b2b', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_6a659', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_standstill', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='standstill',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_standstillevent" ("began_at", "ended_at", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "trial_id") SELECT new_values."began_at", new_values."ended_at", new_values."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."reason", new_values."trial_id" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='1da368a1eeaba9f1ad67315c833edb8a8307d2e2', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_b5300', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_standstill', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='standstill',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_standstillevent" ("began_at", "ended_at", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "trial_id") SELECT old_values."began_at", old_values."ended_at", old_values."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."reason", old_values."trial_id" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='cb08312324506f7f0fa95acb455f38b1bb54b947', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_f2af6', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_standstill', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='treatment',
            constraint=models.CheckConstraint(condition=models.Q(('drug_class__in', ['bisphosphonate', 'denosumab', 'romosozumab', 'parathyroid_hormone', 'serm', 'vitamin_d', 'calcium'])), name='drug_class_known'),
        ),
        migrations.AddConstraint(
            model_name='treatment',
            constraint=models.UniqueConstraint(condition=models.Q(('entered_in_error', False)), fields=('participant', 'drug_class', 'started_on'), name='a_drug_once_a_day'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='treatment',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_treatmentevent" ("drug_class", "entered_in_error", "id", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "recorded_by_id", "source", "started_on") SELECT new_values."drug_class", new_values."entered_in_error", new_values."id", new_values."occurred_at", new_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'insert\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."recorded_by_id", new_values."source", new_values."started_on" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='da38b7b5eada9f81aba3b7b4e46dfac2d679eba8', level='STATEMENT', operation='INSERT', pgid='pgtrigger_insert_insert_6cd8d', referencing='REFERENCING NEW TABLE AS new_values ', table='screening_treatment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='treatment',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_treatmentevent" ("drug_class", "entered_in_error", "id", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "recorded_by_id", "source", "started_on") SELECT new_values."drug_class", new_values."entered_in_error", new_values."id", new_values."occurred_at", new_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'update\', new_values."id", new_values."protocol_version_id", new_values."recorded_at", new_values."recorded_by_id", new_values."source", new_values."started_on" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values.* IS DISTINCT FROM new_values.*) ) AS new_values, _pgh_attached_context; RETURN NULL;', hash='5cf50698d3a976af4104092da9f571760d8bcbfa', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_d12ab', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='screening_treatment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='treatment',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "screening_treatmentevent" ("drug_class", "entered_in_error", "id", "occurred_at", "participant_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "protocol_version_id", "recorded_at", "recorded_by_id", "source", "started_on") SELECT old_values."drug_class", old_values."entered_in_error", old_values."id", old_values."occurred_at", old_values."participant_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, clock_timestamp(), \'delete\', old_values."id", old_values."protocol_version_id", old_values."recorded_at", old_values."recorded_by_id", old_values."source", old_values."started_on" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='b74e14c6ea71ba0458e7bb4ffc13b6b0c6a43a5a', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_9cdde', referencing='REFERENCING OLD TABLE AS old_values ', table='screening_treatment', when='AFTER')),
        ),
    ])]
