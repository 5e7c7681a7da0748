"""What production asks of the processes without a port: beat and the connectors."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from connectors.leases import renew_process
from connectors.models import ConnectorProcess
from forgeline.base import clock


def test_beat_is_asked_for_its_last_task(db: None) -> None:
    PeriodicTask.objects.all().delete()
    with pytest.raises(CommandError, match="not sent any task"):
        call_command("check_beat")
    every = IntervalSchedule.objects.create(every=5, period=IntervalSchedule.SECONDS)
    task = PeriodicTask.objects.create(name="follow", task="telemetry.follow_states", interval=every)
    PeriodicTask.objects.filter(pk=task.pk).update(last_run_at=clock.now() - timedelta(seconds=30))
    call_command("check_beat")
    PeriodicTask.objects.filter(pk=task.pk).update(last_run_at=clock.now() - timedelta(minutes=11))
    with pytest.raises(CommandError, match=r"last task 6\d\d s ago"):
        call_command("check_beat")


def test_a_connector_process_is_asked_whether_it_lives(db: None) -> None:
    ConnectorProcess.objects.all().delete()
    renew_process("another-machine-1-aa", {})
    with pytest.raises(CommandError, match="No connector process of this machine"):
        call_command("check_connectors")
    renew_process(f"{socket.gethostname()}-1-aa", {})
    call_command("check_connectors")
