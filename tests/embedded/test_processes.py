"""The supervisor with real children: order, deaths, Ctrl-C, kill -9, logs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

import pytest

from forgeline.embedded import processes
from forgeline.embedded.layout import Layout
from forgeline.embedded.processes import Child, Supervisor, bound_logs
from forgeline.embedded.service import ServiceError
from forgeline.embedded.valkey import ValkeyServer
from tests.embedded.processes import ROOT, is_gone, processes_with, wait_for


def child(tmp_path: Path, name: str, code: str, **environment: str) -> Child:
    argv = [sys.executable, "-c", textwrap.dedent(code)]
    return Child(name, argv, {**os.environ, **environment}, tmp_path / "log" / f"{name}.log")


def test_a_child_that_dies_is_told_of_once_with_its_last_line_and_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(say=said.append)
    supervisor.add(
        child(tmp_path, "web", "import time; print('the disk is on fire', flush=True); time.sleep(600)")
    )
    web = supervisor.children[0]
    wait_for(lambda: bool(web.last_words()), "its first line")
    first = web.process.pid if web.process else 0
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not web.is_running, "its death")
    for _ in range(5):
        supervisor.watch()
    assert said == ["web was killed by signal 9; it starts again in 0.5 s. Last line: the disk is on fire"]
    wait_for(lambda: (supervisor.watch(), web.is_running)[1], "the restart")
    assert web.process is not None
    assert web.process.pid != first
    assert web.restarts == 1
    supervisor.stop()


def test_what_a_dead_child_had_started_does_not_go_on_beside_its_successor(tmp_path: Path) -> None:
    code = """
        import subprocess, sys, time
        print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid, flush=True)
        time.sleep(600)
    """
    supervisor = Supervisor(say=lambda _line: None)
    supervisor.add(child(tmp_path, "worker", code))
    worker = supervisor.children[0]
    wait_for(lambda: bool(worker.last_words()), "its own child")
    left = int(worker.last_words())
    assert worker.process is not None
    os.kill(worker.process.pid, signal.SIGKILL)
    wait_for(lambda: (supervisor.watch(), is_gone(left))[1], "the end of what was left")
    supervisor.stop()


def test_the_pause_grows_while_a_child_keeps_dying_and_has_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(processes.time, "monotonic", lambda: now[0])
    said: list[str] = []
    supervisor = Supervisor(say=said.append)
    supervisor.add(child(tmp_path, "worker", "raise SystemExit(3)"))
    worker = supervisor.children[0]
    for _ in range(8):
        assert worker.process is not None
        worker.process.wait(20)
        supervisor.watch()
        now[0] += worker.pause_s
        supervisor.watch()
    pauses = [float(line.split("again in ")[1].split(" s")[0]) for line in said]
    assert pauses == [0.5, 1, 2, 4, 8, 15, 15, 15]
    supervisor.stop()


def forked(tmp_path: Path, name: str, code: str, **environment: str) -> Child:
    script = tmp_path / f"{name}.py"
    script.write_text(textwrap.dedent(code), encoding="utf-8")
    argv = [sys.executable, str(script), "word"]
    return Child(name, argv, environment, tmp_path / "log" / f"{name}.log", nice=3, is_forked=True)


def test_a_forked_child_goes_on_in_what_is_loaded_and_has_all_else_of_its_own(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    loaded = type(sys)(f"loaded_{mark}")
    sys.modules[loaded.__name__] = loaded
    supervisor = Supervisor(say=lambda _line: None)
    told = """
        import os, signal, sys, time
        print(sorted(os.environ.items()), sys.argv[1:], __name__, os.nice(0), os.getsid(0) == os.getpid(),
              signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, any(n.startswith("loaded_") for n in sys.modules),
              flush=True)
        print("and this is a complaint", file=sys.stderr, flush=True)
        time.sleep(600)
    """
    before = dict(os.environ)
    handler = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        supervisor.add(forked(tmp_path, "web", told, ONLY="this"))
    finally:
        signal.signal(signal.SIGTERM, handler)
        del sys.modules[loaded.__name__]
    web = supervisor.children[0]
    wait_for(lambda: "complaint" in web.last_words(), "what it says")
    said = web.log_path.read_text(encoding="utf-8").splitlines()
    assert said[0] == "[('ONLY', 'this')] ['word'] __main__ 3 True True True"
    assert dict(os.environ) == before
    supervisor.stop()
    assert web.process is not None
    assert web.process.returncode == -signal.SIGTERM


def test_a_forked_child_that_dies_is_told_of_and_its_lock_is_not_kept(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "var")
    lock = layout.lock()
    said: list[str] = []
    supervisor = Supervisor(say=said.append)
    supervisor.add(forked(tmp_path, "worker", "import time; print('runs', flush=True); time.sleep(600)"))
    supervisor.add(forked(tmp_path, "beat", "raise SystemExit(3)"))
    worker, beat = supervisor.children
    wait_for(lambda: bool(worker.last_words()), "its first line")
    assert beat.process is not None
    assert beat.process.wait(20) == 3
    assert worker.process is not None
    with pytest.raises(subprocess.TimeoutExpired):
        worker.process.wait(0.05)
    lock.close()
    layout.lock().close()
    first = worker.process.pid
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not worker.is_running, "its death")
    supervisor.watch()
    assert said == [
        "worker was killed by signal 9; it starts again in 0.5 s. Last line: runs",
        "beat ended with code 3; it starts again in 0.5 s.",
    ]
    wait_for(lambda: (supervisor.watch(), worker.is_running)[1], "the restart")
    assert worker.process.pid != first
    supervisor.stop()


def test_a_fault_of_a_forked_child_is_in_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor(say=lambda _line: None)
    supervisor.add(forked(tmp_path, "alarms", "raise ValueError('no such rule')"))
    alarms = supervisor.children[0]
    assert alarms.process is not None
    assert alarms.process.wait(20) == 1
    assert "ValueError: no such rule" in alarms.log_path.read_text(encoding="utf-8")
    supervisor.stop()


def test_everything_stops_in_time_although_one_child_does_not_listen(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(say=said.append)
    mark = f"FORGELINE_TEST_MARK_{uuid.uuid4().hex}"
    deaf = """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("deaf", flush=True)
        time.sleep(600)
    """
    # Its own child goes with it.
    parent = """
        import subprocess, sys, time
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print("up", flush=True)
        time.sleep(600)
    """
    for name, code in (("deaf", deaf), ("parent", parent)):
        supervisor.add(child(tmp_path, name, code, **{mark: "1"}))
    wait_for(lambda: all(each.last_words() for each in supervisor.children), "both to run")
    assert len(processes_with(mark)) == 3
    begun = time.monotonic()
    supervisor.stop(children_within_s=1)
    assert time.monotonic() - begun < 5
    wait_for(lambda: not processes_with(mark), "every process to be gone", 3)
    assert said == ["deaf did not stop in 1 s and was killed."]


def test_kill_9_of_the_supervisor_leaves_nothing_behind(tmp_path: Path) -> None:
    mark = f"FORGELINE_TEST_MARK_{uuid.uuid4().hex}"
    code = f"""
        import sys, time; sys.path[:0] = [{str(ROOT / "platform")!r}]
        import os
        from pathlib import Path
        from forgeline.embedded.processes import Child, Supervisor
        from forgeline.embedded.valkey import ValkeyServer
        from forgeline.embedded.postgres import PostgresServer
        from forgeline.embedded.broker import make_broker
        folder = Path({str(tmp_path / mark)!r})
        supervisor = Supervisor(say=print)
        for service in (
            PostgresServer(folder / "postgres", password="x", durable=False),
            ValkeyServer(folder / "valkey"),
            make_broker(folder / "broker"),
        ):
            supervisor.add_service(service)
        argv = [sys.executable, "-c", "import time; time.sleep(600)"]
        supervisor.add(Child("child", argv, os.environ, folder / "child.log"))
        print("up", flush=True)
        time.sleep(600)
    """
    supervisor = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], env={**os.environ, mark: "1"}, stdout=subprocess.PIPE
    )
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == b"up\n"
    assert len(processes_with(mark)) >= 10
    supervisor.kill()
    supervisor.wait()
    wait_for(lambda: not processes_with(mark), "every process to be gone", 10)


def test_a_service_that_dies_is_started_again_and_said_so(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(say=said.append)
    service = ValkeyServer(tmp_path / "valkey")
    supervisor.add_service(service)
    port = service.port
    assert service.process is not None
    service.process.kill()
    wait_for(lambda: not service.is_running, "its death")
    supervisor.watch()
    assert service.is_running
    assert service.port == port
    assert said == ["valkey has stopped; it starts again."]
    supervisor.stop()
    assert not service.is_running


def test_a_service_does_not_move_to_another_port_behind_its_users_backs(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(say=said.append)
    service = ValkeyServer(tmp_path / "valkey")
    supervisor.add_service(service)
    port = service.port
    service.stop()
    with ValkeyServer(tmp_path / "other", port=port) as other:
        assert other.port == port
        supervisor.watch()
        assert not service.is_running
        assert f"Port {port} of valkey is held by another program" in said[-1]
    wait_for(lambda: (supervisor.watch(), service.is_running)[1], "it to come back")
    assert service.port == port
    supervisor.stop()


def test_a_service_whose_start_is_interrupted_is_stopped_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = Supervisor(say=print)
    service = ValkeyServer(tmp_path / "valkey")

    def ctrl_c() -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(service, "is_ready", ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        supervisor.add_service(service)
    assert service.process is not None
    process_id = service.process.pid
    supervisor.stop()
    assert is_gone(process_id)


def test_a_service_that_cannot_start_says_why_and_where_its_log_is(tmp_path: Path) -> None:
    class Broken(ValkeyServer):
        def command(self) -> list[str]:
            return [sys.executable, "-c", "raise SystemExit('no such planet')"]

    with pytest.raises(
        ServiceError, match=r"valkey did not start: no such planet\. The whole log is .*valkey\.log"
    ):
        Broken(tmp_path / "valkey").start()


def test_a_log_is_cut_at_its_bound_while_its_writer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "LOG_LIMIT_BYTES", 10_000)
    talker = child(
        tmp_path, "talker", "import time\nwhile True: print('x' * 999, flush=True); time.sleep(0.005)"
    )
    supervisor = Supervisor(say=print)
    supervisor.add(talker)
    kept = talker.log_path.with_suffix(".log.1")
    for _ in range(3):
        wait_for(lambda: talker.log_path.stat().st_size > 10_000, "the log to grow")
        bound_logs([talker.log_path])
        # A writer that did not append would leave a hole as long as the old file.
        wait_for(lambda: talker.log_path.stat().st_size > 0, "it to go on")
        assert b"\0" not in talker.log_path.read_bytes()
    assert kept.exists()
    assert sorted(path.name for path in talker.log_path.parent.iterdir()) == ["talker.log", "talker.log.1"]
    supervisor.stop()
