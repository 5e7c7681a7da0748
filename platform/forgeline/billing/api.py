"""REST: plans, the company's subscription, what it uses, and its invoices."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters  # type: ignore[import-untyped]  # ships no types
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base import clock
from forgeline.base.api import ActorPermission
from forgeline.base.errors import InvalidInputError, NotFoundError
from forgeline.base.filters import Choices, FilterSet
from forgeline.base.moments import MomentField
from forgeline.base.paging import NewestFirst
from forgeline.base.resources import OneThing, Resource
from forgeline.base.serializers import ChoiceField, ModelSerializer, Serializer
from forgeline.base.views import Answering, asks
from forgeline.billing import invoicing, metering, quota, subscriptions
from forgeline.billing.models import (
    Invoice,
    InvoiceLine,
    Kind,
    Letter,
    Payment,
    Period,
    Plan,
    Price,
    Subscription,
    Usage,
)
from forgeline.billing.paper import print_invoice

PAY = "billing.pay"
LONGEST = timedelta(days=400)


class PriceSerializer(ModelSerializer):
    class Meta:
        model = Price
        fields = ["currency", "monthly", "yearly", "tax_bp"]
        extra_kwargs = {
            "monthly": {"help_text": "Cents before tax."},
            "yearly": {"help_text": "Cents before tax."},
            "tax_bp": {"help_text": "Hundredths of a per cent."},
        }


class PlanSerializer(ModelSerializer):
    title = serializers.CharField()
    limits = serializers.DictField(child=serializers.IntegerField(), help_text="What is absent is unlimited.")
    prices = PriceSerializer(many=True)

    class Meta:
        model = Plan
        fields = ["key", "title", "limits", "modules", "prices"]


class PlanListSerializer(Serializer):
    results = PlanSerializer(many=True)


class SubscriptionMonthSerializer(Serializer):
    began_at = serializers.DateTimeField()
    used = serializers.IntegerField(help_text="Samples stored this month.")
    limit = serializers.IntegerField(allow_null=True)


class SubscriptionSerializer(ModelSerializer):
    month = serializers.SerializerMethodField()

    class Meta:
        model = Subscription
        fields = [
            "plan", "currency", "period", "state", "state_since", "zone", "from_on", "to_on", "next_plan",
            "next_period", "balance", "title", "tax_number", "address", "bank", "email", "month",
        ]  # fmt: skip
        read_only_fields = [
            name for name in fields if name not in ("title", "tax_number", "address", "bank", "email")
        ]

    @extend_schema_field(SubscriptionMonthSerializer)
    def get_month(self, row: Subscription) -> Any:
        return SubscriptionMonthSerializer(quota.read_month(row)).data


class ChangeOfPlanInput(Serializer):
    plan = serializers.CharField(max_length=20)
    period = ChoiceField(choices=Period.choices)
    at_once = serializers.BooleanField(
        default=False, help_text="Now, prorated by days; else when the period ends."
    )


class QuoteLineSerializer(Serializer):
    what = serializers.CharField()
    plan = serializers.CharField()
    period = serializers.CharField()
    from_on = serializers.DateField()
    to_on = serializers.DateField()
    days = serializers.IntegerField()
    of_days = serializers.IntegerField()
    price = serializers.IntegerField()
    net = serializers.IntegerField()
    tax_bp = serializers.IntegerField()


class QuoteSerializer(Serializer):
    plan = serializers.CharField(source="plan.key")
    period = serializers.CharField()
    begins_on = serializers.DateField()
    items = QuoteLineSerializer(many=True)
    net = serializers.IntegerField(source="totals.net")
    tax = serializers.IntegerField(source="totals.tax")
    total = serializers.IntegerField(source="totals.total")
    drawn = serializers.IntegerField(help_text="Cents that the balance pays of it.")
    to_pay = serializers.IntegerField(help_text="Cents that are then left to be paid.")
    in_the_way = serializers.ListField(child=serializers.CharField())
    lost_modules = serializers.ListField(
        child=serializers.CharField(), help_text="Keys of modules that the plan does not hold."
    )
    raw_days_now = serializers.IntegerField(help_text="Days for which raw samples are kept.")
    raw_days_then = serializers.IntegerField()
    ends_trial = serializers.BooleanField(help_text="The trial ends at once.")
    needs_title = serializers.BooleanField(help_text="The name on the invoice is to be filled in first.")


class UsageSerializer(ModelSerializer):
    class Meta:
        model = Usage
        fields = ["hour", *metering.COUNTED]


class UsageListSerializer(Serializer):
    results = UsageSerializer(many=True)


class InvoiceLineSerializer(ModelSerializer):
    class Meta:
        model = InvoiceLine
        fields = [
            "position",
            "what",
            "plan",
            "period",
            "from_on",
            "to_on",
            "days",
            "of_days",
            "price",
            "net",
            "tax_bp",
        ]


class PaymentSerializer(ModelSerializer):
    class Meta:
        model = Payment
        fields = ["amount", "gateway", "reference", "paid_on"]


class LetterSerializer(ModelSerializer):
    class Meta:
        model = Letter
        fields = ["address", "attempts", "due_at", "sent_at", "fault", "detail"]
        extra_kwargs = {
            "due_at": {"help_text": "When it is tried (again); null once it is over."},
            "sent_at": {"help_text": "When a mail server took it."},
            "fault": {"help_text": "Why the last try failed."},
            "detail": {"help_text": "The mail server's code, or the kind of error."},
        }


class InvoiceSerializer(ModelSerializer):
    open = serializers.SerializerMethodField(help_text="What is still to be paid, in cents.")
    letter = LetterSerializer(
        read_only=True, allow_null=True,
        help_text="How its e-mail fares; null where the company had given no address for invoices.",
    )  # fmt: skip

    class Meta:
        model = Invoice
        fields = [
            "id",
            "kind",
            "number",
            "corrects",
            "reason",
            "issued_on",
            "due_on",
            "currency",
            "net",
            "tax",
            "total",
            "open",
            "letter",
        ]

    def get_open(self, row: Invoice) -> int:
        return invoicing.open_amount(row)


class WholeInvoiceSerializer(InvoiceSerializer):
    lines = InvoiceLineSerializer(many=True)
    payments = PaymentSerializer(many=True)
    seller: Any = serializers.DictField()
    buyer: Any = serializers.DictField()
    used: Any = serializers.DictField(help_text="Sums of the usage over [used_from, used_to).")

    class Meta(InvoiceSerializer.Meta):
        fields = [
            *InvoiceSerializer.Meta.fields, "seller", "buyer", "used_from", "used_to", "used", "lines", "payments",
        ]  # fmt: skip


class PayView(Answering):
    """Base of what is about the company's money."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = PAY, PAY


class PlansView(PayView):
    """The plans that are offered."""

    @extend_schema(responses=PlanListSerializer)
    def get(self, _request: Request) -> Response:
        return Response(PlanListSerializer({"results": subscriptions.list_plans()}).data)


class SubscriptionView(OneThing, PayView):
    """What the company has, and the name that stands on its invoices."""

    @extend_schema(responses=SubscriptionSerializer)
    def get(self, _request: Request) -> Response:
        return Response(SubscriptionSerializer(_subscription()).data)

    @extend_schema(request=SubscriptionSerializer, responses=SubscriptionSerializer)
    def patch(self, request: Request) -> Response:
        """Change the name, tax number, address, bank and e-mail for invoices."""
        serializer = SubscriptionSerializer(_subscription(), data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        return Response(SubscriptionSerializer(serializer.save()).data)


class QuoteView(PayView):
    """What a change of plan would cost, what is lost by it, and what is in its way; changes nothing.

    When the period ends: what the first period after it costs. 409 `billing.same_plan` for what is in force already.
    """

    @extend_schema(request=ChangeOfPlanInput, responses=QuoteSerializer)
    def post(self, request: Request) -> Response:
        wish = read_body(ChangeOfPlanInput, request)
        return Response(
            QuoteSerializer(subscriptions.quote(wish["plan"], wish["period"], at_once=wish["at_once"])).data
        )


class ChangeView(PayView):
    """Change the plan, now or when the period ends."""

    @extend_schema(request=ChangeOfPlanInput, responses=SubscriptionSerializer)
    def post(self, request: Request) -> Response:
        """Change it; 409 `billing.same_plan` for what is in force already.

        The plan and period in force, with `at_once` false, call back what was chosen for the end of the period.
        """
        wish = read_body(ChangeOfPlanInput, request)
        row = subscriptions.change_plan(wish["plan"], wish["period"], at_once=wish["at_once"])
        return Response(SubscriptionSerializer(row).data)


class CancellationView(PayView):
    """The end of what the company pays for."""

    @extend_schema(request=None, responses=SubscriptionSerializer)
    def post(self, request: Request) -> Response:
        """Fall back to the free plan when the period ends, also with more than that holds; nothing is deleted.

        Until then `POST /subscription/change/` with the plan and period in force calls it back.
        """
        return Response(SubscriptionSerializer(subscriptions.cancel()).data)


class UsageView(PayView):
    """What was used, hour by hour; hours in which nothing was are left out."""

    @asks(
        OpenApiParameter("from", datetime, description="Default: 31 days ago."),
        OpenApiParameter("to", datetime, description="Default: now. At most 400 days after `from`."),
        responses=UsageListSerializer,
    )
    def get(self, request: Request) -> Response:
        until = _instant(request, "to") or clock.now()
        since = _instant(request, "from") or until - timedelta(days=31)
        if not timedelta(0) <= until - since <= LONGEST:
            raise InvalidInputError(_("Ask for a span of at most 400 days, its beginning before its end."))
        return Response(UsageListSerializer({"results": metering.read_usage(since, until)}).data)


class InvoiceFilter(FilterSet):
    kind = Choices(Kind.choices)
    since = filters.DateFilter(field_name="issued_on", lookup_expr="gte")
    until = filters.DateFilter(field_name="issued_on", lookup_expr="lt")


class InvoiceViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, Resource):
    """Invoices and credit notes."""

    read_permission, write_permission = PAY, PAY
    serializer_class = InvoiceSerializer
    queryset = Invoice.objects.none()
    pagination_class = NewestFirst
    filterset_class = InvoiceFilter
    search_fields = ("number",)
    ordering_fields = ("number", "issued_on", "due_on", "total", "id")

    def get_queryset(self) -> QuerySet[Invoice]:
        rows = invoicing.list_invoices()
        return rows.prefetch_related("lines") if self.action == "retrieve" else rows

    def get_serializer_class(self) -> Any:
        return WholeInvoiceSerializer if self.action == "retrieve" else InvoiceSerializer

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def pdf(self, request: Request, pk: int) -> HttpResponse:
        """The invoice as PDF."""
        return pdf_answer(invoicing.get_invoice(int(pk)))


def pdf_answer(invoice: Invoice) -> HttpResponse:
    """Return an invoice as a file to keep."""
    return pdf_of(invoice.number, print_invoice(invoice))


def pdf_of(number: str, paper: bytes) -> HttpResponse:
    """Return a paper as a file to keep, named by its number."""
    response = HttpResponse(paper, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{number}.pdf"'
    return response


def _subscription() -> Subscription:
    row = subscriptions.get_subscription()
    if row is None:
        raise NotFoundError(_("This server sells no plans: nothing is limited."), key="billing.nothing_sold")
    return row


def read_body(kind: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """Return what a body says. **Raises** ValidationError by field."""
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _instant(request: Request, name: str) -> datetime | None:
    word = request.query_params.get(name)
    if not word:
        return None
    field = MomentField()
    try:
        return field.to_internal_value(word)
    except serializers.ValidationError as error:
        raise InvalidInputError(
            _("`%(name)s` must be a time such as 2026-01-31T08:00:00Z.") % {"name": name}
        ) from error
