"""``manage.py erasures``: the records of companies that are gone, one JSON object a line, for the operator."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder

from forgeline.transfer.company.records import read_records


class Command(BaseCommand):
    help = "Print the record of each erased company: when, and how many rows went from which table."

    def handle(self, *args: Any, **options: Any) -> None:
        for row in read_records():
            self.stdout.write(json.dumps(row._asdict(), cls=DjangoJSONEncoder, ensure_ascii=False))
