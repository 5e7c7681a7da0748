"""Make a person an operator of the service."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from forgeline.identity.operating import make_operator


class Command(BaseCommand):
    help = (
        "Make a person an owner of the operator's company (made where there is none), which has the console."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument(
            "--company", default="Forgeline", help="name of the operator's company, where it is made"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            validate_email(options["email"])
        except ValidationError as error:
            raise CommandError("This is no e-mail address.") from error
        user, tenant, is_new = make_operator(email=options["email"], company=options["company"])
        self.stdout.write(
            f"{user.email} is an owner of {tenant.name}, the operator. The console is at /operator/."
        )
        if is_new:
            self.stdout.write(
                "The account is new: it gets its password by “Forgotten password?” on the sign-in page."
            )
        else:
            self.stdout.write(
                "Whoever belongs to another company as well first goes to the operator's: by the company's name at "
                "the foot of the side bar, under the person's own."
            )
