"""Run the benchmarks: ``python -m tests.bench [part …]``; a table on the screen, ``var/bench.json`` on disk.

Each part is measured in a process of its own, on services of its own, one after another: these machines are shared
and noisy, so that only what stands in one run may be compared.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.figures import FIGURES

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("ingest", "soak", "opcua", "read", "live", "alarms", "api", "transfer", "science", "scoring")


def main(arguments: list[str]) -> int:
    """Run the named parts, or all; returns 1 where a part broke (a missed target is a result, not a failure)."""
    wanted = [name for argument in arguments for name in argument.split(",") if name] or list(PARTS)
    unknown = sorted(set(wanted) - set(PARTS))
    if unknown:
        print(f"There is no part {', '.join(unknown)}; the parts are {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    broken = []
    results: dict[str, float] = {}
    for part in wanted:
        print(f"· {part} …", flush=True)
        with tempfile.NamedTemporaryFile("r", suffix=".json") as answer:
            code = subprocess.run(
                [sys.executable, "-m", "tests.bench.part", part, answer.name],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "platform"), str(ROOT)))},
                check=False,
            ).returncode
            text = answer.read()
        if code or not text:
            broken.append(part)
            print(f"  {part} broke (exit {code})", file=sys.stderr)
        else:
            results.update(json.loads(text))
    _show(results)
    _keep(results)
    return 1 if broken else 0


def _show(results: dict[str, float]) -> None:
    print(f"\n{'figure':38} {'measured':>12} {'unit':11} {'target':>10}  {'':6}  source of the target")
    for key, figure in FIGURES.items():
        if key in results:
            value = results[key]
            shown = f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"
            print(
                f"{key:38} {shown:>12} {figure.unit:11} {figure.target:>10}  {figure.verdict(value):6}  {figure.source}"
            )
    for key in sorted(set(results) - set(FIGURES)):
        print(f"{key:38} {results[key]:>12,.2f}")


def _keep(results: dict[str, float]) -> None:
    """Merge into var/bench.json: one flat object of dotted key → number."""
    var = Path(os.environ.get("FORGELINE_VAR") or ROOT / "var")
    var.mkdir(parents=True, exist_ok=True)
    path = var / "bench.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.write_text(json.dumps({**known, **results}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
