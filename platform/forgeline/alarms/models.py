"""Rules with their versions, alarms with their life, the journal, and who judges a company. Not here: what they mean
(definitions, lifecycle)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from forgeline.assets.models import Asset
from forgeline.identity.models import User
from forgeline.tenancy.models import TenantModel


class Rule(TenantModel):
    """A rule of one machine, or of all machines of a profile; the same key on a machine overrides its profile's."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, null=True, related_name="alarm_rules")
    profile = models.CharField(_("profile"), max_length=60, blank=True)
    key = models.SlugField(_("key"), max_length=60)
    number = models.PositiveIntegerField(_("version"), default=1)
    definition = models.JSONField()
    """definitions.Definition of the version that stands."""
    is_enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("alarm rule")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "asset", "key"], condition=models.Q(asset__isnull=False),
                name="alarms_rule_once_a_machine",
            ),
            models.UniqueConstraint(
                fields=["tenant", "profile", "key"], condition=models.Q(asset=None),
                name="alarms_rule_once_a_profile",
            ),
            models.CheckConstraint(
                condition=models.Q(asset=None) ^ models.Q(profile=""), name="alarms_rule_machine_or_profile"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.asset or self.profile} {self.key}"


class RuleVersion(TenantModel):
    """What a rule said from when on; never changed. Rolling back publishes an older one again."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    definition = models.JSONField()
    is_enabled = models.BooleanField(_("enabled"), default=True)
    note = models.CharField(_("why"), max_length=200, blank=True)
    published_at = models.DateTimeField(auto_now_add=True)
    published_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    publisher = models.CharField(max_length=120, blank=True)
    """The name as it was: a person may leave."""

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["rule", "number"], name="alarms_version_once")]

    def __str__(self) -> str:
        return f"{self.rule} v{self.number}"


class Alarm(TenantModel):
    """One rule on one machine, from its first time on: where it stands, and what people did about it.

    **Source** ISA-18.2 §8: active or cleared, acknowledged or not, shelved, suppressed by design, out of service.
    """

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="alarms")
    key = models.SlugField(max_length=60)
    definition = models.JSONField()
    """As it stood at the last transition: an alarm tells what it was raised by."""
    # Where the judge stands with it (judging.columns.STANDING); times in microseconds since 1970.
    is_out = models.BooleanField(default=False)
    since_us = models.BigIntegerField()
    signal = models.FloatField(null=True)
    is_active = models.BooleanField(pgettext_lazy("alarm", "active"), default=False)
    changed_us = models.BigIntegerField()
    raised_at = models.DateTimeField(_("raised"), null=True)
    cleared_at = models.DateTimeField(_("cleared"), null=True)
    value = models.FloatField(null=True)
    """The signal that raised it."""
    is_acknowledged = models.BooleanField(_("acknowledged"), default=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    is_suppressed = models.BooleanField(default=False)
    """By design: by the machine's state, another alarm or the calendar; nobody is told."""
    shelved_until = models.DateTimeField(null=True)
    shelve_reason = models.CharField(max_length=200, blank=True)
    out_of_service_at = models.DateTimeField(null=True)
    assigned_to = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(TenantModel.Meta):
        verbose_name = _("alarm")
        constraints = [models.UniqueConstraint(fields=["tenant", "asset", "key"], name="alarms_alarm_once")]
        indexes = [
            models.Index(
                fields=["tenant"], name="alarms_alarm_open",
                condition=models.Q(is_active=True) | models.Q(is_acknowledged=False),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.asset} {self.key}"

    @property
    def is_silenced(self) -> bool:
        """Nobody is told of it: suppressed, on the shelf or out of service."""
        return self.is_suppressed or self.shelved_until is not None or self.out_of_service_at is not None

    @property
    def is_latched(self) -> bool:
        """Its condition has gone, but it stands until somebody acknowledges it."""
        return not self.is_active and not self.is_acknowledged and bool(self.definition.get("latches"))


class EntryKind(models.TextChoices):
    """What the journal tells."""

    RAISED = "raised", _("Raised")
    CLEARED = "cleared", _("Cleared")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    SHELVED = "shelved", _("Shelved")
    UNSHELVED = "unshelved", _("Taken off the shelf")
    OUT_OF_SERVICE = "out_of_service", _("Out of service")
    IN_SERVICE = "in_service", _("Back in service")
    COMMENTED = "commented", _("Comment")
    ASSIGNED = "assigned", _("Assigned")
    SUPPRESSED = "suppressed", _("Suppressed by design")
    UNSUPPRESSED = "unsuppressed", _("No longer suppressed")


class JournalEntry(TenantModel):
    """One thing that happened to an alarm; never changed. ``happened_at`` is the samples' time, or the person's."""

    id = models.BigAutoField(primary_key=True)
    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="entries")
    kind = models.CharField(max_length=16, choices=EntryKind.choices)
    happened_at = models.DateTimeField()
    noted_at = models.DateTimeField(auto_now_add=True)
    value = models.FloatField(null=True)
    is_quiet = models.BooleanField(default=False)
    """Nobody was told: it was old when it became known, suppressed, shelved or out of service."""
    person = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    person_name = models.CharField(max_length=120, blank=True)
    text = models.CharField(max_length=500, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("journal entry")
        constraints = [
            models.UniqueConstraint(
                fields=["alarm", "kind", "happened_at"],
                condition=models.Q(kind__in=["raised", "cleared"]), name="alarms_transition_once",
            )
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["tenant", "-happened_at"], name="alarms_entry_newest"),
            models.Index(fields=["alarm", "-happened_at"], name="alarms_entry_of_alarm"),
        ]

    def __str__(self) -> str:
        return f"{self.alarm} {self.kind} {self.happened_at}"


class Judgement(TenantModel):
    """Who judges the company's alarms until when, and how often its rules changed."""

    owner = models.CharField(max_length=120, blank=True)
    expires_at = models.DateTimeField(null=True)
    revision = models.BigIntegerField(default=0)
    """Goes up with each published rule: the judge reads its rules anew."""
    unjudged = models.PositiveIntegerField(default=0)
    """Rules in use that could not be judged when the judge read them last."""

    class Meta(TenantModel.Meta):
        verbose_name = _("judgement")
        constraints = [models.UniqueConstraint(fields=["tenant"], name="alarms_judgement_once")]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.owner}"


from forgeline.alarms.analysis.models import AlarmReport as AlarmReport  # noqa: E402
from forgeline.alarms.trying.models import Trial as Trial  # noqa: E402
