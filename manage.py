#!/usr/bin/env python3
"""Put ``platform/`` on the path and hand over to Django."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent

if __name__ == "__main__":
    # `platform/` is a street, not a package: its rooms are imported by their own names.
    sys.path.insert(0, str(ROOT / "platform"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forgeline.conf.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
