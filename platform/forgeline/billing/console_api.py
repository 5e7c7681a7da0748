"""REST for the operator of the service: companies, and what each used, was invoiced and cost in a month."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base import clock
from forgeline.base.api import ActorPermission
from forgeline.base.errors import InvalidInputError
from forgeline.base.moments import DayField
from forgeline.base.resources import OneThing
from forgeline.base.serializers import ChoiceField, ModelSerializer, Serializer
from forgeline.base.views import Answering, asks
from forgeline.billing import console
from forgeline.billing.api import ChangeOfPlanInput, InvoiceSerializer, PaymentSerializer, pdf_of, read_body
from forgeline.billing.models import Currency, Kind, MailFault, UnitCosts
from forgeline.identity import operating
from forgeline.identity.authentication import actor_of
from forgeline.identity.roles import OPERATE


class OperatedTenantSerializer(Serializer):
    tenant_id = serializers.IntegerField()
    name = serializers.CharField()
    slug = serializers.CharField()
    kind = serializers.CharField(help_text="company, partner or operator.")
    created_at = serializers.DateTimeField()
    plan = serializers.CharField(allow_null=True)
    state = serializers.CharField(allow_null=True)
    currency = serializers.CharField(allow_null=True)
    access = serializers.CharField(allow_null=True)
    switches = serializers.DictField(child=serializers.BooleanField())
    members = serializers.IntegerField()
    newest_at = serializers.DateTimeField(allow_null=True, help_text="When it last stored samples.")


class MarginSerializer(Serializer):
    tenant_id = serializers.IntegerField(source="tenant.tenant_id")
    name = serializers.CharField(
        source="tenant.name", help_text="Empty for one that was erased; `/operator/erasures/` has its name."
    )
    currency = serializers.CharField()
    invoiced = serializers.IntegerField(help_text="Cents, for the days of the month.")
    cost = serializers.IntegerField(allow_null=True, help_text="Cents; null where no unit costs are set.")
    margin = serializers.IntegerField(allow_null=True)
    samples_stored = serializers.IntegerField(source="used.samples_stored")
    gb_days = serializers.FloatField(source="used.gb_days")
    active_devices = serializers.IntegerField(source="used.active_devices")
    cpu_s = serializers.FloatField(source="used.cpu_s")
    notifications = serializers.IntegerField(source="used.notifications")
    api_calls = serializers.IntegerField(source="used.api_calls")


class OperatedInvoiceSerializer(Serializer):
    invoice = serializers.IntegerField(source="invoice_id")
    number = serializers.CharField()
    kind = ChoiceField(choices=Kind.choices)
    issued_on = serializers.DateField()
    due_on = serializers.DateField()
    currency = serializers.CharField()
    total = serializers.IntegerField(help_text="Cents.")
    paid = serializers.IntegerField(help_text="Cents.")
    open = serializers.IntegerField(help_text="Cents that are still to be paid.")
    mailed_to = serializers.CharField(help_text="Empty where there was nobody to write to.")
    mailed_at = serializers.DateTimeField(allow_null=True, help_text="When a mail server took it.")
    mail_due_at = serializers.DateTimeField(allow_null=True, help_text="When it is tried (again).")
    mail_fault = ChoiceField(
        choices=MailFault.choices, allow_blank=True, help_text="Why the last try failed."
    )


class OperatedMemberSerializer(Serializer):
    member = serializers.IntegerField(source="membership_id")
    name = serializers.CharField()
    email = serializers.CharField()
    role = serializers.CharField()
    own_role = serializers.CharField(allow_null=True)


class OperatedSubscriptionSerializer(Serializer):
    currency = serializers.CharField(allow_null=True)
    balance = serializers.IntegerField(allow_null=True, help_text="Cents to its credit.")
    period = serializers.CharField(allow_null=True)
    from_on = serializers.DateField(allow_null=True)
    to_on = serializers.DateField(allow_null=True, help_text="First day after the period that runs.")
    next_plan = serializers.CharField(allow_null=True)
    next_period = serializers.CharField(allow_null=True)
    title = serializers.CharField(allow_null=True, help_text="The name on its invoices.")
    erased_at = serializers.DateTimeField(
        allow_null=True, help_text="When the company is erased, where its owner has asked for it."
    )


class WholeOperatedTenantSerializer(OperatedTenantSerializer):
    subscription = OperatedSubscriptionSerializer(
        help_text="All null but `erased_at` where nothing is bought."
    )
    invoices = OperatedInvoiceSerializer(many=True, help_text="The newest hundred.")
    people = OperatedMemberSerializer(many=True)


class OperatedPlanInput(ChangeOfPlanInput):
    title = serializers.CharField(
        max_length=200, required=False, allow_blank=True, default="",
        help_text="The name on its invoices, where the company has filled in none.",
    )  # fmt: skip


class CorrectionInput(Serializer):
    invoice = serializers.IntegerField(min_value=1)
    reason = serializers.CharField(max_length=200, help_text="Stands on the credit note.")
    reissue = serializers.BooleanField(
        default=False, help_text="Issue it anew, to the name and tax number that the company has now."
    )


class TrialInput(Serializer):
    currency = ChoiceField(choices=Currency.choices)


class PaymentInput(Serializer):
    invoice = serializers.IntegerField(min_value=1)
    reference = serializers.CharField(max_length=120, help_text="As the bank statement has it.")
    paid_on = DayField()
    amount = serializers.IntegerField(
        required=False, min_value=1, max_value=10**12,
        help_text="In cents; all that is open where it is left out. What is more goes to the company's balance.",
    )  # fmt: skip


class FeatureInput(Serializer):
    feature = serializers.CharField(max_length=60)
    is_on = serializers.BooleanField(allow_null=True, help_text="null: as the plan says.")


class PartnerInput(Serializer):
    is_partner = serializers.BooleanField()


class UnitCostsSerializer(ModelSerializer):
    class Meta:
        model = UnitCosts
        fields = ["currency", *console.RATES]


class SellerSerializer(Serializer):
    title = serializers.CharField(max_length=200)
    address = serializers.CharField(max_length=300, allow_blank=True, default="")
    tax_number = serializers.CharField(max_length=40, allow_blank=True, default="")
    bank = serializers.DictField(
        child=serializers.CharField(max_length=200, allow_blank=True), default=dict,
        help_text="Currency → bank and account.",
    )  # fmt: skip


class OperatorView(Answering):
    """Base of what only the operator's own people and keys may ask."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = OPERATE, OPERATE


class OperatedTenantsView(OperatorView):
    """The companies of the service, by name, at most 501; `search` is a part of it."""

    @asks(
        OpenApiParameter("search", str),
        responses=OperatedTenantSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        search = request.query_params.get("search", "")[:80].replace("\x00", "")
        rows = console.list_tenants(actor=actor_of(request), search=search)
        return Response(OperatedTenantSerializer([row._asdict() for row in rows], many=True).data)


class OneTenantView(OperatorView):
    """Base of what is about one company. A deed stands in its audit log, with the name of who did it."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        console.get_tenant(kwargs["tenant_id"], actor=actor_of(request))

    def tell(self, request: Request, tenant_id: int) -> Response:
        actor = actor_of(request)
        facts: dict[str, Any] = console.get_tenant(tenant_id, actor=actor)._asdict()
        facts["subscription"] = console.get_subscription_of(tenant_id, actor=actor)
        facts["invoices"] = console.list_invoices_of(tenant_id, actor=actor)
        facts["people"] = console.list_members_of(tenant_id, actor=actor)
        return Response(WholeOperatedTenantSerializer(facts).data)


class OperatedTenantView(OneTenantView):
    """One company: plan, switches, its people and invoices. Visits are made by people, on the console's pages."""

    @extend_schema(responses=WholeOperatedTenantSerializer)
    def get(self, request: Request, tenant_id: int) -> Response:
        return self.tell(request, tenant_id)


class OperatedPlanView(OneTenantView):
    """Its plan, as it could change it itself."""

    @extend_schema(request=OperatedPlanInput, responses=WholeOperatedTenantSerializer)
    def post(self, request: Request, tenant_id: int) -> Response:
        """Change it, now and prorated by days, or when the period ends."""
        given = read_body(OperatedPlanInput, request)
        console.change_plan_of(
            tenant_id, given.pop("plan"), given.pop("period"), **given, actor=actor_of(request)
        )
        return self.tell(request, tenant_id)


class OperatedCancellationView(OneTenantView):
    """The end of what a company pays for."""

    @extend_schema(request=None, responses=WholeOperatedTenantSerializer)
    def post(self, request: Request, tenant_id: int) -> Response:
        """Let it fall back to the free plan when its period ends, also with more than that holds."""
        console.cancel_of(tenant_id, actor=actor_of(request))
        return self.tell(request, tenant_id)


class OperatedCorrectionView(OneTenantView):
    """A credit note that takes an invoice back whole."""

    @extend_schema(request=CorrectionInput, responses={201: InvoiceSerializer})
    def post(self, request: Request, tenant_id: int) -> Response:
        """Issue it: it pays what is open, the rest is to the company's credit.

        409 `billing.corrected` for a credit note or what was taken back, `billing.given_back` where a change of plan
        has given back a part already.
        """
        given = read_body(CorrectionInput, request)
        note = console.correct_invoice_of(tenant_id, given.pop("invoice"), **given, actor=actor_of(request))
        return Response(InvoiceSerializer(note).data, status=status.HTTP_201_CREATED)


class OperatedTrialView(OneTenantView):
    """A trial for a company that has bought nothing."""

    @extend_schema(request=TrialInput, responses=WholeOperatedTenantSerializer)
    def post(self, request: Request, tenant_id: int) -> Response:
        """Begin it; 409 `billing.has_plan` where it has a plan."""
        console.begin_trial_of(tenant_id, **read_body(TrialInput, request), actor=actor_of(request))
        return self.tell(request, tenant_id)


class OperatedPaymentView(OperatorView):
    """Money that came in for an invoice, by bank transfer; also of a company that was erased since."""

    @extend_schema(request=PaymentInput, responses={201: PaymentSerializer})
    def post(self, request: Request, tenant_id: int) -> Response:
        """Note that money came in for it; 409 `billing.nothing_open` where nothing is."""
        given = read_body(PaymentInput, request)
        row = console.mark_paid(tenant_id, given.pop("invoice"), **given, actor=actor_of(request))
        return Response(PaymentSerializer(row).data, status=status.HTTP_201_CREATED)


class OperatedPaperView(OperatorView):
    """An invoice or a credit note of a company, as the company has it; also of one that was erased since."""

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    def get(self, request: Request, tenant_id: int, invoice_id: int) -> HttpResponse:
        """Fetch it as PDF."""
        return pdf_of(*console.print_invoice_of(tenant_id, invoice_id, actor=actor_of(request)))


class OperatedSwitchView(OneTenantView):
    """A feature of a company, on or off whatever its plan says."""

    @extend_schema(request=FeatureInput, responses=WholeOperatedTenantSerializer)
    def put(self, request: Request, tenant_id: int) -> Response:
        """Switch it."""
        given = read_body(FeatureInput, request)
        operating.switch_feature(tenant_id, given["feature"], given["is_on"], actor=actor_of(request))
        return self.tell(request, tenant_id)


class OperatedPartnerView(OneTenantView):
    """Whether a company is a partner, whom customers may let in."""

    @extend_schema(request=PartnerInput, responses=WholeOperatedTenantSerializer)
    def put(self, request: Request, tenant_id: int) -> Response:
        """Say so, or take it back: then what customers have granted it rests."""
        operating.name_partner(tenant_id, **read_body(PartnerInput, request), actor=actor_of(request))
        return self.tell(request, tenant_id)


class SellerView(OneThing, OperatorView):
    """Who sells: as invoices name the operator, and where they are paid to."""

    @extend_schema(responses=SellerSerializer)
    def get(self, request: Request) -> Response:
        return Response(SellerSerializer(console.get_seller(actor=actor_of(request))).data)

    @extend_schema(request=SellerSerializer, responses=SellerSerializer)
    def put(self, request: Request) -> Response:
        """Say it anew, for the invoices that are issued from now on."""
        given = read_body(SellerSerializer, request)
        return Response(SellerSerializer(console.set_seller(**given, actor=actor_of(request))).data)


class UnitCostsView(OperatorView):
    """What units cost the operator, by currency: margins are reckoned with it."""

    @extend_schema(responses=UnitCostsSerializer(many=True))
    def get(self, request: Request) -> Response:
        rows = console.list_unit_costs(actor=actor_of(request)).values()
        return Response(UnitCostsSerializer(rows, many=True).data)

    @extend_schema(request=UnitCostsSerializer, responses=UnitCostsSerializer)
    def put(self, request: Request) -> Response:
        """Set what they cost in one currency."""
        given = read_body(UnitCostsSerializer, request)
        row = console.set_unit_costs(given.pop("currency"), given, actor=actor_of(request))
        return Response(UnitCostsSerializer(row).data)


class MarginsView(OperatorView):
    """What each company used, was invoiced and cost in a month (UTC), with the unit costs that the operator has set."""

    @asks(
        OpenApiParameter("month", OpenApiTypes.DATE, description="Any day of it; this one if absent."),
        responses=MarginSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        first = _month(request.query_params.get("month", ""))
        rows: Any = console.read_month(first, actor=actor_of(request))
        return Response(MarginSerializer(rows, many=True).data)


def _month(word: str) -> date:
    try:
        day = date.fromisoformat(word) if word else clock.now().date()
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year < 9999:
        sentence = _("Name a day of the month, such as 2026-11-01.")
        raise InvalidInputError.at("month", sentence)
    return day.replace(day=1)
