"""What the building itself declares: how its dependencies and its queue fare."""

from django.utils.translation import gettext_lazy as _

from forgeline.modules.manifest import Manifest

MANIFEST = Manifest(key="conf", title=_("Services"), figures="forgeline.conf.health.read_figures")
