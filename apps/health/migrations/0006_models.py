"""Versions of models with their cards; what the judgement keeps for them; how far ahead a limit is told."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import forgeline.tenancy.context
from forgeline.audit.tables import AuditRows
from forgeline.tenancy.rls import EnableRowSecurity, LimitToBranches

_OF_ASSET = "asset_id = ANY ((SELECT assets_in_branches())::bigint[])"


class Migration(migrations.Migration):
    dependencies = [
        ("assets", "0006_orders"),
        ("health", "0005_effect"),
        ("tenancy", "0005_kind"),
    ]

    operations = [
        migrations.AddField(
            model_name='condition',
            name='levels',
            field=models.BinaryField(default=b''),
        ),
        migrations.AddField(
            model_name='terms',
            name='horizon_days',
            field=models.PositiveSmallIntegerField(default=14, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)], verbose_name='days ahead in which a limit is told'),
        ),
        migrations.AddField(
            model_name='watch',
            name='life',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='watch',
            name='pattern',
            field=models.JSONField(default=dict),
        ),
        migrations.AlterField(
            model_name='advisory',
            name='kind',
            field=models.CharField(choices=[('anomaly', 'Unusual values'), ('trend', 'On the way to a limit'), ('life', 'Little life left')], max_length=8, verbose_name='kind'),
        ),
        migrations.CreateModel(
            name='ModelVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=40)),
                ('profile', models.CharField(blank=True, max_length=60)),
                ('number', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('wanted', 'waits for its training'), ('current', 'in use'), ('former', 'replaced'), ('refused', 'not enough evidence')], default='wanted', max_length=8)),
                ('card', models.JSONField(default=dict)),
                ('reason', models.CharField(blank=True, max_length=40)),
                ('reason_data', models.JSONField(default=dict)),
                ('fitted', models.BinaryField(default=b'')),
                ('drift', models.JSONField(default=dict)),
                ('drifted_at', models.DateTimeField(null=True)),
                ('asked_by', models.CharField(max_length=160)),
                ('asked_at', models.DateTimeField()),
                ('trained_at', models.DateTimeField(null=True)),
                ('seconds', models.FloatField(default=0)),
                ('asset', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='assets.asset')),
                ('tenant', models.ForeignKey(default=forgeline.tenancy.context.require_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.tenant')),
            ],
            options={
                'verbose_name': 'model version',
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'key', 'asset', 'profile', 'number'), name='health_version_once', nulls_distinct=False), models.UniqueConstraint(condition=models.Q(('state__in', ['wanted', 'current'])), fields=('tenant', 'key', 'asset', 'profile', 'state'), name='health_version_in_use_once', nulls_distinct=False)],
            },
        ),
        EnableRowSecurity("health_modelversion"),
        # A fleet's model is the company's: whoever has a part of the plant reads it.
        LimitToBranches("health_modelversion", write=_OF_ASSET, read=f"asset_id IS NULL OR {_OF_ASSET}"),
        AuditRows(
            "health_modelversion", kind="health.model", label="key",
            left_out=["card", "reason_data", "fitted", "drift", "seconds"],
        ),
    ]  # fmt: skip
