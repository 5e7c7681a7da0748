"""Set-up by hand: plants, areas, lines, machines and points made, renamed, moved, taken out of use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _

from forgeline.alarms.plan import read_plan
from forgeline.assets import services
from forgeline.assets.models import Asset, Point, Site
from forgeline.assets.models.place import AssetLevel
from forgeline.assets.queries import (
    Branch,
    get_asset,
    get_point,
    get_site,
    list_points,
    list_sites,
    read_tree,
)
from forgeline.base.errors import ForgelineError
from forgeline.identity.policy import Actor
from forgeline.web.access import needs, put_faults, refuse_outside
from forgeline.web.forms import AssetForm, PointForm, SiteForm


@needs("web.edit")
def setup(request: HttpRequest) -> HttpResponse:
    """The trees of all plants, and what to do next where there is none."""
    trees = [{"site": site, "branches": read_tree(site.pk, with_points=True)} for site in list_sites()]
    return render(request, "web/setup.html", {"trees": trees})


@needs("web.edit")
def new_site(request: HttpRequest) -> HttpResponse:
    if _actor(request).branches:
        # A new plant lies in no branch: said before the form is filled in.
        return refuse_outside(request)
    form = SiteForm(request.POST or None, initial={"zone": "Asia/Shanghai", "country": "CN"})

    def save() -> Site:
        return services.create_site(actor=_actor(request), **form.facts)

    if _saved(request, form, save):
        return redirect("web:setup")
    return _form_page(request, form, _("New plant"))


@needs("web.edit")
def edit_site(request: HttpRequest, site_id: int) -> HttpResponse:
    site = get_site(site_id)
    if not _actor(request).may_change(f"/{site.pk}/"):
        return refuse_outside(request)
    if "retire" in request.POST:
        services.retire_site(site_id=site_id, actor=_actor(request))
        messages.success(request, _("%(name)s is out of use; its history stays.") % {"name": site.title})
        return redirect("web:setup")
    form = SiteForm(
        request.POST or None,
        initial={**SiteForm.initial_of(site), "zone": site.zone, "country": site.country},
    )
    if _saved(
        request,
        form,
        lambda: services.update_site(site_id=site_id, actor=_actor(request), **form.facts),
    ):
        return redirect("web:setup")
    return _form_page(request, form, site.title, retires=True)


@needs("web.edit")
def new_asset(request: HttpRequest, site_id: int) -> HttpResponse:
    """An area, a line or a machine; a machine with a profile gets its points at once."""
    site = get_site(site_id)
    parents = _parents(site, _actor(request))
    if not parents:
        return refuse_outside(request)
    initial = {
        "parent": request.GET.get("parent", ""),
        "level": request.GET.get("level", AssetLevel.WORK_UNIT),
    }
    form = AssetForm(request.POST or None, initial=initial, parents=parents)

    def save() -> Asset:
        given = form.facts
        return services.create_asset(
            site_id=site_id,
            level=given["level"],
            name=given["name"],
            names=given["names"],
            parent_id=int(given["parent"]) if given["parent"] else None,
            profile=given["profile"],
            with_points=True,
            actor=_actor(request),
        )

    if _saved(request, form, save):
        return redirect("web:setup")
    return _form_page(request, form, _("New in %(site)s") % {"site": site.title})


@needs("web.edit")
def edit_asset(request: HttpRequest, asset_id: int) -> HttpResponse:
    """Rename, move, give another profile, take out of use; and the machine's points."""
    asset = get_asset(asset_id)
    actor = _actor(request)
    if not actor.may_change(asset.path):
        return refuse_outside(request)
    if "retire" in request.POST:
        services.retire_asset(asset_id=asset_id, actor=actor)
        messages.success(request, _("%(name)s is out of use; its history stays.") % {"name": asset.title})
        return redirect("web:setup")
    parent = str(asset.parent_id or "")
    initial = {**AssetForm.initial_of(asset), "parent": parent, "profile": asset.profile}
    parents = _parents(asset.site, actor, but=asset)
    if parent not in dict(parents):
        # It hangs beneath what is not the actor's: there it stays.
        parents.insert(0, (parent, asset.parent.title if asset.parent else asset.site.title))
    form = AssetForm(request.POST or None, initial=initial, parents=parents, is_new=False)

    def save() -> None:
        given = form.facts
        if given["parent"] != parent:
            to = int(given["parent"]) if given["parent"] else None
            services.move_asset(asset_id=asset_id, parent_id=to, actor=actor)
        services.update_asset(
            asset_id=asset_id, actor=actor, **{key: given[key] for key in ("name", "names", "profile")}
        )
        if given["profile"] and given["profile"] != asset.profile:
            services.create_points_of_profile(asset_id=asset_id, actor=actor)

    if _saved(request, form, save):
        return redirect("web:edit_asset", asset_id=asset_id)
    points = list_points(asset_id=asset_id) if asset.level == AssetLevel.WORK_UNIT else None
    return _form_page(request, form, asset.title, retires=True, asset=asset, points=points)


@needs("web.edit")
def new_point(request: HttpRequest, asset_id: int) -> HttpResponse:
    asset = get_asset(asset_id)
    form = PointForm(request.POST or None)
    if _saved(
        request,
        form,
        lambda: services.create_point(asset_id=asset_id, actor=_actor(request), **form.facts),
    ):
        return redirect("web:edit_asset", asset_id=asset_id)
    return _form_page(request, form, _("New point of %(machine)s") % {"machine": asset.title}, asset=asset)


@needs("web.edit")
def edit_point(request: HttpRequest, point_id: int) -> HttpResponse:
    point = get_point(point_id)
    back = redirect("web:edit_asset", asset_id=point.asset_id)
    if "retire" in request.POST:
        services.retire_point(point_id=point_id, actor=_actor(request))
        messages.success(request, _("%(name)s is out of use; its history stays.") % {"name": point.title})
        return back
    facts = [name for name in PointForm.base_fields if hasattr(point, name)]
    initial = {**{name: getattr(point, name) for name in facts}, **PointForm.initial_of(point)}
    form = PointForm(request.POST or None, initial=initial, is_new=False)
    if _saved(
        request,
        form,
        lambda: services.update_point(point_id=point_id, actor=_actor(request), **form.facts),
    ):
        if form.facts["unit"] != point.unit:
            _tell_of_rules(request, point)
        return back
    return _form_page(request, form, point.title, retires=True, asset=point.asset)


def _tell_of_rules(request: HttpRequest, point: Point) -> None:
    """Say which rules were written for the unit that the point had: they are not judged until somebody has looked."""
    language = get_language() or "en"
    held = [
        rule.definition.name_in(language)
        for rule in read_plan(asset_ids=[point.asset_id])
        if rule.is_enabled and rule.faults and point.key in rule.definition.condition.inputs.values()
    ]
    if held:
        messages.warning(
            request,
            _(
                "The unit is another now; these alarm rules are not judged until you have looked at their "
                "numbers: %(names)s."
            )
            % {"names": ", ".join(held)},
        )


def _actor(request: HttpRequest) -> Any:
    return request.actor  # type: ignore[attr-defined]


def _saved(request: HttpRequest, form: forms.Form, save: Any) -> bool:
    """Run the service for a posted form that holds; show at its fields what the service refuses."""
    if request.method != "POST" or not form.is_valid():
        return False
    try:
        save()
    except ForgelineError as error:
        put_faults(form, error)
        return False
    return True


def _form_page(request: HttpRequest, form: forms.Form, title: str, **context: Any) -> HttpResponse:
    status = 422 if form.errors else 200
    return render(request, "web/form.html", {"form": form, "title": title, **context}, status=status)


def _parents(site: Site, actor: Actor, but: Asset | None = None) -> list[tuple[str, str]]:
    """Return what an asset may hang beneath, indented as the tree is: what the actor may change, and never itself or
    what hangs beneath it.
    """
    out = [("", site.title)] if actor.may_change(f"/{site.pk}/") else []

    def walk(branches: Sequence[Branch], depth: int) -> None:
        for branch in branches:
            if branch.asset.level == AssetLevel.WORK_UNIT or (but is not None and branch.asset.pk == but.pk):
                continue
            if actor.may_change(branch.asset.path):
                out.append((str(branch.asset.pk), "\u2003" * depth + branch.asset.title))
            walk(branch.children, depth + 1)

    walk(read_tree(site.pk), 1)
    return out
