"""Who may import whom: the contracts of pyproject.toml, and what they cannot see."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib

import pytest

from tests.architecture.tracked import ROOT, name_of, text_files, tracked_files

OF_THE_HOUSE = {"forgeline", "connectors", "apps", "dashboards", "tests", "django"}
BY_THE_CLIENT = {"httpx", "requests", "urllib3", "http"}


def run_python(source: str) -> subprocess.CompletedProcess[str]:
    """Run a line of Python with the house on its path and without Django's settings."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "FORGELINE"))
    }
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "platform"), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_the_import_contracts_are_kept() -> None:
    checked = run_python(
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def edge_modules() -> list[str]:
    """Return the modules that a box beside a PLC runs: the contract, the runtime, every driver and what it needs."""
    names = ["forgeline.telemetry.sample"]
    for path in text_files(".py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_edge = parts[:2] in {("connectors", "contract"), ("connectors", "runtime")} or (
            parts[0] == "connectors" and parts[-1] in {"driver", "decode", "options", "manifest"}
        )
        if is_edge:
            names.append(".".join(parts).removesuffix(".__init__"))
    return names


def test_drivers_and_runtime_load_without_django() -> None:
    """The contracts read source; this one loads: a package's own __init__ counts too."""
    source = (
        "import importlib, sys\n"
        "for name in ('django', 'rest_framework', 'channels', 'celery', 'psycopg'):\n"
        "    sys.modules[name] = None\n"
        f"for name in {edge_modules()!r}:\n"
        "    importlib.import_module(name)\n"
    )
    loaded = run_python(source)
    assert loaded.returncode == 0, loaded.stderr


def test_the_street_does_not_shadow_the_standard_library() -> None:
    assert not (ROOT / "platform/__init__.py").exists()
    said = run_python("import platform; print(platform.python_version())")
    assert said.returncode == 0, said.stderr


def test_the_demo_plant_is_a_stranger() -> None:
    """It is the first integrator: it knows Forgeline by REST, MQTT and OPC UA alone, and REST by the client alone."""
    foreign = []
    for path in text_files(".py"):
        if not path.is_relative_to(ROOT / "platform/demoplant"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            foreign += [
                f"{name_of(path)}: {name}"
                for name in names
                if name.split(".")[0] in OF_THE_HOUSE | BY_THE_CLIENT
            ]
    assert foreign == []


def test_the_client_loads_alone() -> None:
    """It is installed beside anybody's program, with httpx and websockets; pandas only for whoever makes tables."""
    loaded = run_python(
        "import sys\n"
        "for name in ('django', 'forgeline', 'numpy', 'pandas'):\n"
        "    sys.modules[name] = None\n"
        "import forgeline_client\n"
        "forgeline_client.Client('https://example.com', 'fl_x').close()\n"
    )
    assert loaded.returncode == 0, loaded.stderr


def test_what_the_client_needs_is_what_it_says() -> None:
    folder = ROOT / "platform/forgeline_client"
    imported = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imported |= {name.split(".")[0] for name in names}
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["pandas"]]
    said = {re.split(r"[^A-Za-z0-9_-]", each)[0] for each in wanted}
    assert imported - sys.stdlib_module_names - {"forgeline_client"} == said


@pytest.mark.parametrize("wing", ["connectors", "apps", "dashboards"])
def test_nothing_in_a_wing_is_a_script(wing: str) -> None:
    """A script in connectors/ would put its folder on the path, where `http` shadows the standard library's."""
    scripts = [
        name_of(path)
        for path in text_files(".py")
        if path.is_relative_to(ROOT / wing) and "__main__" in path.read_text(encoding="utf-8")
    ]
    assert scripts == []


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in text_files(".py") if path.is_relative_to(ROOT / "tests")}
    missing = [name_of(folder) for folder in folders if not (folder / "__init__.py").is_file()]
    assert missing == []


def test_the_root_has_only_what_belongs_there() -> None:
    """A new top-level folder is a decision, not a habit."""
    known = {"platform", "apps", "connectors", "dashboards", "tests", "requirements", ".ci"}
    assert {path.relative_to(ROOT).parts[0] for path in tracked_files() if path.parent != ROOT} <= known
