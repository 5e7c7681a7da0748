"""The address space as a lazy tree, and nodes picked into points of a machine. Not here: the protocol."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_POST, require_safe

from connectors import picking, probing, queries
from connectors.contract import BrowseNode
from connectors.pages.access import EDIT, actor_of, needs, tell
from connectors.pages.listing import make_row
from connectors.services.connections import require_spec
from forgeline.assets import queries as plant
from forgeline.assets.models.place import AssetLevel
from forgeline.base.errors import ForgelineError

PAGE = 200


@require_safe
@needs(EDIT)
def browse_connection(request: HttpRequest, connection_id: int) -> HttpResponse:
    """The tree, its first level fetched by the page itself."""
    connection = queries.get_connection(connection_id)
    context = {"row": make_row(connection), "machines": list_machines()}
    return render(request, "connectors/browse.html", context)


def list_machines() -> list[Any]:
    """Return the machines to which points can be added."""
    return list(plant.list_assets().filter(level=AssetLevel.WORK_UNIT).select_related("parent"))


@require_safe
@needs(EDIT)
def show_nodes(request: HttpRequest, connection_id: int) -> HttpResponse:
    """One level of the tree, or its next page."""
    connection = queries.get_connection(connection_id)
    address, after = request.GET.get("address") or None, request.GET.get("after") or None
    try:
        nodes = probing.browse_source(
            require_spec(connection.kind),
            probing.open_options(connection),
            address,
            limit=PAGE,
            after=after,
        )
    except ForgelineError as error:
        return render(
            request, "connectors/_nodes.html", {"sentence": str(error), "row": connection, "address": address}
        )
    bound = set(connection.bindings.values_list("address", flat=True))
    context = {
        "row": connection,
        "address": address,
        "nodes": [{"node": node, "is_bound": node.address in bound, "pick": _pick(node)} for node in nodes],
        "after": nodes[-1].address if len(nodes) >= PAGE else None,
        "is_first": after is None,
    }
    return render(request, "connectors/_nodes.html", context)


def _pick(node: BrowseNode) -> str:
    """Return what a ticked box sends."""
    return json.dumps(
        {"address": node.address, "name": node.name, "data_type": node.data_type, "unit": node.unit},
        ensure_ascii=False,
    )


def _read_picks(texts: list[str]) -> list[dict[str, Any]]:
    """Return what ticked boxes sent; what no page of ours made is left out."""
    picks = []
    for text in texts:
        try:
            pick = json.loads(text)
        except ValueError:
            continue
        if isinstance(pick, dict) and isinstance(pick.get("address"), str):
            picks.append(pick)
    return picks


@require_POST
@needs(EDIT)
def pick_nodes(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Make the ticked nodes points of a machine."""
    queries.get_connection(connection_id)
    machine, picks = request.POST.get("asset", ""), _read_picks(request.POST.getlist("node"))
    if not machine.isdigit() or not picks:
        messages.error(request, _("Tick at least one node and choose a machine."))
        return redirect("connectors:browse", connection_id)
    try:
        rows = picking.bind_nodes(
            connection_id=connection_id, asset_id=int(machine), nodes=picks, actor=actor_of(request)
        )
    except ForgelineError as error:
        tell(request, error)
        return redirect("connectors:browse", connection_id)
    messages.success(
        request,
        ngettext("%(count)d node is read from now on.", "%(count)d nodes are read from now on.", len(rows))
        % {"count": len(rows)},
    )
    return redirect("connectors:detail", connection_id)
