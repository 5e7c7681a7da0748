"""``manage.py erasures``: the records of companies that are gone, one JSON object a line, for the operator."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection


class Command(BaseCommand):
    help = "Print the record of each erased company: when, and how many rows went from which table."

    def handle(self, *args: Any, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM transfer_list_erasures()")
            names = [column.name for column in cursor.description]
            for row in cursor.fetchall():
                told = dict(zip(names, row, strict=True))
                for name in ("counts", "left_over"):
                    if isinstance(told[name], str):
                        told[name] = json.loads(told[name])
                self.stdout.write(json.dumps(told, cls=DjangoJSONEncoder, ensure_ascii=False))
