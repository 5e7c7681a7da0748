"""Files that are read while they are replaced."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from forgeline.base.files import write_whole


def test_a_reader_sees_the_old_text_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    texts = {letter * 50_000 for letter in "ab"}
    write_whole(path, "a" * 50_000)
    over = threading.Event()

    def write() -> None:
        for _ in range(50):
            for text in texts:
                write_whole(path, text)
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not over.is_set():
        seen.add(path.read_text(encoding="utf-8"))
    writer.join()
    assert seen <= texts


def test_nothing_is_left_of_a_write_that_failed(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    write_whole(path, "old", mode=0o640)
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    assert [each.name for each in tmp_path.iterdir()] == ["status.json"]
    assert path.read_text(encoding="utf-8") == "old"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
