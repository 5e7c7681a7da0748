"""The image's own steps, tried without Docker: what it copies is enough for what it then runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.compose import ROOT

DOCKERFILE = ROOT / "platform/Dockerfile"
NODE_MODULES = ROOT / "node_modules"
NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.mo", "*.pyc")


def copy_image(target: Path) -> None:
    """Copy what the last stage copies from the project."""
    last_stage = DOCKERFILE.read_text(encoding="utf-8").rsplit("\nFROM ", 1)[1]
    for sources, goal in re.findall(r"^COPY (?!--from)(.+) (\S+)$", last_stage, re.MULTILINE):
        for source in sources.split():
            place = target / goal / Path(source).name if goal.endswith("/") else target / goal
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=NOT_COPIED)
            else:
                shutil.copy(ROOT / source, place)


def steps() -> list[list[str]]:
    """Return the management commands that the image runs while it is built."""
    joined = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    return [shlex.split(words) for words in re.findall(r"python (manage\.py [^&\n]+)", joined)]


@pytest.mark.skipif(not NODE_MODULES.is_dir(), reason="there is no node_modules; `make assets` brings it")
def test_what_the_image_copies_is_enough_for_what_it_runs(tmp_path: Path) -> None:
    house, var = tmp_path / "house", tmp_path / "var"
    copy_image(house)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FORGELINE", "DJANGO"))}
    environment = kept | {
        "PYTHONPATH": f"{house / 'platform'}:{house}",
        "DJANGO_SETTINGS_MODULE": "forgeline.conf.settings",
        "FORGELINE_VAR": str(var),
        "FORGELINE_SECRET_KEY": "only-while-building",
    }
    assert len(steps()) == 3
    for step in steps():
        command = [sys.executable, *(word.replace("/build/node_modules", str(NODE_MODULES)) for word in step)]
        ran = subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{shlex.join(step)}\n{ran.stdout}{ran.stderr}"
    assert any((var / "static").rglob("echarts*.js"))
    assert list(house.rglob("zh_Hans/LC_MESSAGES/django.mo"))
    check = [sys.executable, "manage.py", "check"]
    ran = subprocess.run(check, cwd=house, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_build_leaves_secrets_and_state_out() -> None:
    ignored = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    assert rules[0] == "*", "what is not named stays out"
    named = {line[1:].split("/")[0] for line in rules if line.startswith("!")}
    assert not named & {"var", ".env", ".git", ".venv", "tests", "node_modules"}
