"""Jobs behind a request: slices, a worker that is killed, one at a time, called off, failed, each company its own."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as product
from django.db import connection

from forgeline.audit.models import Entry
from forgeline.base import clock
from forgeline.base.errors import ConflictError, ForbiddenError, NotFoundError
from forgeline.identity.policy import Actor, permissions_of
from forgeline.jobs import files, services, working
from forgeline.jobs.models import File, Job, State
from forgeline.tenancy.scoping import tenant_scope
from tests.conftest import Company

ROOT = Path(product.BASE_DIR)


def ask(boss: Actor, kind: str = "count", **facts: Any) -> Job:
    with tenant_scope(boss.tenant_id):
        return services.start(f"test.{kind}", actor=boss, facts=facts)


def read(boss: Actor, job: Job) -> Job:
    with tenant_scope(boss.tenant_id):
        return services.get_job(job.pk, actor=boss)


def test_a_job_is_done_in_slices_and_its_file_waits(boss: Actor, tmp_path: Path) -> None:
    path = tmp_path / "n.txt"
    job = ask(boss, to=5, path=str(path))
    slices = working.work(slice_s=0)
    found = read(boss, job)
    assert (found.state, found.progress, found.result) == (State.DONE, 100, {"counts": {"numbers": 5}})
    assert slices == 6  # one a step, and one in which it ends
    assert [line.split()[1] for line in path.read_text().splitlines()] == ["0", "1", "2", "3", "4"]
    with tenant_scope(boss.tenant_id):
        [row] = found.files.all()
        assert (row.name, row.is_complete, row.size_bytes) == ("numbers.txt", True, path.stat().st_size)
        assert files.path_of(row).read_bytes() == path.read_bytes()
        assert row.sha256 == files.sha256_of(path)
        actions = list(
            Entry.objects.filter(action__startswith="jobs.").values_list("action", "who").order_by("pk")
        )
    assert actions == [("jobs.job.begun", "Forgeline"), ("jobs.job.ended", "Alice")]
    assert working.work() == 0


def test_what_a_killed_worker_left_is_gone_on_with(
    boss: Actor, tmp_path: Path, child_environment: dict[str, str]
) -> None:
    path = tmp_path / "n.txt"
    job = ask(boss, to=6, path=str(path), die_at=3)
    code = (
        "import django; django.setup()\n"
        "from forgeline.modules import registry\n"
        "from forgeline.modules.manifest import JobKind, Manifest\n"
        "kind = JobKind('test.count', 'count', 'assets.view', 'tests.jobs.kinds.count')\n"
        "registry._MANIFESTS['test'] = Manifest(key='test', title='Test', jobs=[kind])\n"
        "from forgeline.jobs import working\n"
        "working.work()\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=child_environment)
    deadline = time.monotonic() + 40
    while not path.with_suffix(".died").exists():
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.05)
    assert read(boss, job).state == State.RUNNING
    # While the other lives, nobody else takes it up.
    assert working.work() == 0
    child.kill()
    child.wait()
    assert working.work() == 0
    later = clock.now() + working.CLAIM_FOR + timedelta(seconds=1)
    assert working.work(now=lambda: later) == 1
    assert read(boss, job).state == State.DONE
    numbers = [int(line.split()[1]) for line in path.read_text().splitlines()]
    # Only the step that was under way is done once more.
    assert numbers == [0, 1, 2, 3, 3, 4, 5]


def test_two_workers_never_have_one_job(boss: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "n.txt"
    ask(boss, to=200, path=str(path))
    monkeypatch.setattr(working, "MOST_AT_ONCE", 4)

    def run() -> None:
        try:
            working.work()
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [int(line.split()[1]) for line in path.read_text().splitlines()] == list(range(200))


def test_a_worker_that_lost_its_job_writes_nothing_more(boss: Actor, tmp_path: Path) -> None:
    job = ask(boss, "long_step", s=6)

    def steal() -> None:
        time.sleep(1.5)
        with tenant_scope(boss.tenant_id):
            Job.objects.update(worker="another", message="mine")
        connection.close()

    thread = threading.Thread(target=steal)
    thread.start()
    started = time.monotonic()
    working._Slice(boss.tenant_id, job.pk, now=clock.now, slice_s=20).run()
    thread.join()
    assert time.monotonic() - started < 5
    found = read(boss, job)
    assert (found.worker, found.message, found.state) == ("another", "mine", State.RUNNING)


def test_a_long_step_tells_how_far_it_is_and_keeps_its_lease(boss: Actor) -> None:
    job = ask(boss, "long_step", s=4)
    seen: list[tuple[int, str, Any]] = []

    def look() -> None:
        time.sleep(3)
        found = read(boss, job)
        seen.append((found.progress, found.message, found.claimed_until))
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    began = clock.now()
    working.work()
    thread.join()
    [(progress, message, until)] = seen
    assert (progress, message) == (50, "in the middle of it")
    assert until > began + working.CLAIM_FOR + timedelta(seconds=1)
    assert read(boss, job).state == State.DONE


def test_failures_are_told(boss: Actor) -> None:
    known, unknown = ask(boss, "fail", how="known"), ask(boss, "fail")
    working.work()
    first, second = read(boss, known), read(boss, unknown)
    assert (first.state, first.message) == (State.FAILED, "The plant is upside down.")
    assert first.result == {"key": "assets.upside_down"}
    assert (second.state, second.message) == (State.FAILED, "Forgeline failed at this; its log says why.")


def test_a_job_that_kills_its_worker_is_given_up(boss: Actor, tmp_path: Path) -> None:
    job = ask(boss, to=3, path=str(tmp_path / "n.txt"))
    with tenant_scope(boss.tenant_id):
        Job.objects.update(attempts=working.MOST_ATTEMPTS)
    working.work()
    assert read(boss, job).state == State.FAILED


def test_called_off_and_forgotten(boss: Actor, tmp_path: Path) -> None:
    job = ask(boss, to=3, path=str(tmp_path / "n.txt"))
    with tenant_scope(boss.tenant_id):
        with pytest.raises(ConflictError, match="Stop this job first"):
            services.forget(job.pk, actor=boss)
        assert services.cancel(job.pk, actor=boss).state == State.CANCELLED
        assert services.cancel(job.pk, actor=boss).state == State.CANCELLED
    assert working.work() == 0
    done = ask(boss, to=1, path=str(tmp_path / "m.txt"))
    working.work()
    with tenant_scope(boss.tenant_id):
        with pytest.raises(ConflictError, match="through"):
            services.cancel(done.pk, actor=boss)
        place = files.path_of(File.objects.get())
        assert place.exists()
        services.forget(done.pk, actor=boss)
        assert not File.objects.exists()
    assert not place.exists()


def test_who_sees_and_stops_a_job(
    boss: Actor, live_company: Company, live_stranger: Company, tmp_path: Path
) -> None:
    job = ask(boss, to=1, path=str(tmp_path / "n.txt"))
    viewer = Actor(
        live_company.tenant_id, "viewer", user_id=live_company.viewer.pk, permissions=permissions_of("viewer")
    )
    blind = Actor(live_company.tenant_id, "x", user_id=1, permissions=frozenset({"jobs.view", "jobs.write"}))
    with tenant_scope(live_company.tenant_id):
        assert services.get_job(job.pk, actor=viewer).pk == job.pk
        with pytest.raises(ForbiddenError):
            services.cancel(job.pk, actor=viewer)
        with pytest.raises(NotFoundError):
            services.get_job(job.pk, actor=blind)
    with tenant_scope(live_company.tenant_id, branches=("/1/",)), pytest.raises(NotFoundError):
        services.get_job(job.pk, actor=boss)
    with tenant_scope(live_stranger.tenant_id), pytest.raises(NotFoundError):
        services.get_job(job.pk, actor=boss)


def test_ten_jobs_wait_and_no_more(boss: Actor, tmp_path: Path) -> None:
    for _ in range(services.MOST_OPEN):
        ask(boss, to=1, path=str(tmp_path / "n.txt"))
    with pytest.raises(ConflictError) as refused:
        ask(boss, to=1, path=str(tmp_path / "n.txt"))
    assert refused.value.key == "jobs.too_many"


def test_old_jobs_and_files_go(boss: Actor, tmp_path: Path) -> None:
    ask(boss, to=1, path=str(tmp_path / "n.txt"))
    working.work()
    with tenant_scope(boss.tenant_id):
        place = files.path_of(File.objects.get())
        orphan = place.with_name("0" * 32)
        orphan.write_bytes(b"x")
        File.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    working.trim()
    assert not place.exists()
    assert orphan.exists()
    import os

    os.utime(orphan, (1, 1))
    with tenant_scope(boss.tenant_id):
        assert not File.objects.exists()
        Job.objects.update(finished_at=clock.now() - working.KEPT_FOR - timedelta(days=1))
    working.trim()
    assert not orphan.exists()
    with tenant_scope(boss.tenant_id):
        assert not Job.objects.exists()
