"""Calling a worker for what stands in the database anyway: the call makes it soon, a sweep makes it sure."""

from __future__ import annotations

import logging
from typing import Any

from celery import Task
from kombu.exceptions import OperationalError

_log = logging.getLogger(__name__)


def call_worker(task: Task[..., Any], *arguments: Any) -> bool:
    """Call a worker to a task, and say whether one could be called.

    Never raises: after a commit there is nobody to tell, and the task's sweep finds what is to be done.
    """
    try:
        task.apply_async(arguments, retry=False)
    except (OperationalError, OSError) as error:
        _log.warning(
            "no worker could be called to %s (%s); the sweep will find it", task.name, type(error).__name__
        )
        return False
    return True
