"""The API guide is true: each of its examples is run, in order, and answers in the shape that the guide shows."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from forgeline.base.api import TITLES
from forgeline.base.errors import ForgelineError, UnavailableError
from forgeline.telemetry.screening import Reason
from tests.conftest import Company
from tests.demoplant.house import running_web

DOCS = Path(__file__).resolve().parents[2] / "platform/docs"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "--- the next answer ---"


@dataclass(frozen=True, slots=True)
class Example:
    """Something to run, and the answer that the guide shows beneath it, if any."""

    kind: str
    text: str
    answer_kind: str = ""
    answer: str = ""


def _examples(text: str) -> list[Example]:
    found: list[Example] = []
    for kind, body in _BLOCK.findall(text):
        if kind in ("sh", "python"):
            found.append(Example(kind, body))
        else:
            assert found, f"an answer without a question: {body}"
            assert not found[-1].answer, f"a second answer: {body}"
            found[-1] = Example(found[-1].kind, found[-1].text, kind, body)
    return found


def _run(examples: list[Example], environment: dict[str, str], folder: Path) -> list[str]:
    """Run all examples in one shell, as a reader's terminal would; return what each said."""
    script = ["set -eu"]
    for number, example in enumerate(examples):
        if example.kind == "python":
            (folder / f"{number}.py").write_text(example.text)
            script.append(f'"{sys.executable}" {folder}/{number}.py')
        else:
            script.append(example.text)
        script.append(f"echo; echo '{_MARK}'")
    ran = subprocess.run(
        ["bash", "-c", "\n".join(script)], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout
    return ran.stdout.split(_MARK)[: len(examples)]


def _shape(value: Any) -> Any:
    """The names of an answer, without its values; of a list its first entry's."""
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shape(value[0])] if value and isinstance(value[0], dict | list) else []
    return None


def _is_shown(told: Any, shown: Any, where: str) -> None:
    """Everything that the guide shows must be told; an empty object or list of the guide shows nothing."""
    if isinstance(shown, dict):
        assert isinstance(told, dict), where
        for name, each in shown.items():
            assert name in told, f"{where} lacks {name}"
            _is_shown(told[name], each, f"{where}.{name}")
    elif isinstance(shown, list):
        assert isinstance(told, list), where
        if shown:
            assert told, f"{where} is empty"
            _is_shown(told[0], shown[0], where)


@pytest.mark.parametrize("guide", ["api.md", "api.zh-Hans.md"])
def test_every_example_does_what_the_guide_says(
    guide: str, live_company: Company, child_environment: dict[str, str], tmp_path: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("the guide's examples need curl on the PATH")
    examples = _examples((DOCS / guide).read_text(encoding="utf-8"))
    assert len(examples) > 4
    with running_web(child_environment, tmp_path / "web.log") as address:
        environment = {
            "PATH": os.environ["PATH"],
            "URL": f"{address}/api/v1",
            "KEY": live_company.manager_key,
            # Where `pip install` would have put the client.
            "PYTHONPATH": str(DOCS.parent),
        }
        answers = _run(examples, environment, tmp_path)
    for example, answer in zip(examples, answers, strict=True):
        if example.answer_kind == "csv":
            head, row = example.answer.strip().splitlines()
            lines = answer.strip().splitlines()
            assert lines[0] == head
            assert lines[1].split(",")[1:4] == row.split(",")[1:4]
        elif example.answer_kind == "json":
            told = json.loads(answer.strip().splitlines()[-1])
            _is_shown(_shape(told), _shape(json.loads(example.answer)), "the answer")


def test_every_reason_of_a_refused_sample_is_explained() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    missing = [reason.key for reason in Reason if reason is not Reason.NONE and f"`{reason.key}`" not in text]
    assert not missing


def test_every_key_of_an_error_is_explained_and_none_is_invented() -> None:
    """Keys of the kernel's errors and of what the connections' services refuse; faults of sources have their page."""
    root = DOCS.parents[1]
    folders = [root / "platform/forgeline" / name for name in ("assets", "identity", "telemetry")]
    files = [
        path
        for folder in (*folders, root / "connectors/services", root / "apps")
        for path in folder.rglob("*.py")
    ]
    used = {key for path in files for key in re.findall(r'key="([a-z]+\.[a-z_]+)"', path.read_text())}
    used |= {
        kind.key for kind in ForgelineError.__subclasses__() if kind.status < 500 or kind is UnavailableError
    }
    used |= set(TITLES)
    used -= {"tenancy.unscoped", "connectors.failed"}
    told = set(re.findall(r"`([a-z]+\.[a-z_]+)`", _table((DOCS / "api.md").read_text(encoding="utf-8"))))
    assert sorted(used - told) == []
    houses = (root / "platform/forgeline", root / "apps")
    every = "\n".join(path.read_text() for house in houses for path in house.rglob("*.py"))
    made_otherwise = {"base.permission_denied", "assets.taken"}
    assert [key for key in sorted(told - used - made_otherwise) if f'"{key}"' not in every] == []


def _table(text: str) -> str:
    """The first column of the table of keys."""
    rows = text.split("| key | status |", 1)[1].split("\n\n", 1)[0].splitlines()
    return "\n".join(row.split("|")[1] for row in rows[2:])
