"""A child that goes on in what its parent has loaded, asked and stopped like one of ``subprocess``.

Not here: what is loaded (conf.loaded), who watches it (processes).
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from setproctitle import setproctitle

_CONTEXT = multiprocessing.get_context("fork")


def show_as(name: str) -> None:
    """Let ``ps`` show this process by a name of ours.

    To be called once before anything touches the environment, where the words are found by it.
    """
    # It writes over the command alone: behind it stands what this process was started with.
    os.environ.setdefault("SPT_NOENV", "1")
    setproctitle(f"forgeline: {name}")


class Forked:
    """A Python program in a copy of this process: nothing that is loaded here is loaded again.

    ``argv`` is a whole command, ``python -m module …`` or ``python script …``; ``environment`` is all that the child
    gets of one. ``before`` runs in the child first. This process must have no threads.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        log: IO[bytes],
        *,
        before: Callable[[], None],
    ) -> None:
        # What was loaded lives as long as the children do, who would else copy each page of it to count its users.
        gc.freeze()
        self._process = _CONTEXT.Process(
            target=_become, args=(name, argv, environment, log.fileno(), before), name=name
        )
        self._process.start()
        self.pid = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """**Raises** subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self._process.exitcode is None:
            os.kill(self.pid, number)


def _become(
    name: str, argv: Sequence[str], environment: Mapping[str, str], log: int, before: Callable[[], None]
) -> None:
    os.setsid()
    for number, stream in ((1, "stdout"), (2, "stderr")):
        os.dup2(log, number)
        setattr(sys, stream, open(number, "w", buffering=1, encoding="utf-8", closefd=False))  # noqa: SIM115
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    before()
    show_as(name)
    os.environ.clear()
    os.environ.update(environment)
    kind, *rest = argv[1:]
    if kind == "-m":
        sys.argv = list(rest)
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [kind, *rest]
        runpy.run_path(kind, run_name="__main__")
