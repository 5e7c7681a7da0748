"""The address space, level by level and page by page. Not here: a session, picking nodes into bindings (pages).

A folder may hold 100,000 nodes: a page is read with continuation points, and only the page's nodes are asked for
their type, value and unit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.object_ids import ObjectIdNames
from asyncua.ua.ua_binary import struct_from_binary

from connectors.contract import BrowseNode, mark
from connectors.opcua.faults import fault
from connectors.opcua.nodes import OBJECTS, AddressError, parse_address, write_address
from connectors.opcua.session import Session

_CLASSES = ua.NodeClass.Object | ua.NodeClass.Variable
_REFERENCES_PER_CALL = 1000
_ANALOG_TYPES = frozenset({2368, 15318, 17497, 17570})
"""Variable types that have EngineeringUnits (Part 8, 5.3.2)."""
_LONGEST_VALUE = 80
_READABLE = 0x01


async def list_children(
    session: Session, address: str | None, *, limit: int = 500, after: str | None = None
) -> list[BrowseNode]:
    """Return at most ``limit`` children of a node (of the Objects folder for None), those behind ``after``.

    **Raises** ConnectorError ``opcua.no_such_node``; ua.UaError, OSError where the connection fails.
    """
    try:
        parent = parse_address(address or OBJECTS, session.namespaces)
        behind = parse_address(after, session.namespaces) if after else None
    except AddressError as error:
        raise fault(
            mark("The server has no node %(address)s."),
            key="opcua.no_such_node",
            address=address or after or "",
        ) from error
    references = await _list_references(session, parent, limit, behind)
    variables = [each.NodeId for each in references if each.NodeClass == ua.NodeClass.Variable]
    facts = await _read_facts(session, variables)
    units = await _read_units(session, references)
    parents = await _find_parents(session, references)
    nodes = []
    for each in references:
        node = _plain_id(each.NodeId)
        data_type, access, value = facts.get(node, ("", 0, ""))
        nodes.append(
            BrowseNode(
                address=write_address(node, session.namespaces),
                name=_name_of(each),
                node_class="Variable" if each.NodeClass == ua.NodeClass.Variable else "Object",
                data_type=data_type,
                has_children=node in parents,
                is_readable=bool(access & _READABLE),
                value=value,
                unit=units.get(node, ""),
            )
        )
    return nodes


def _plain_id(node: ua.NodeId) -> ua.NodeId:
    return ua.NodeId(node.Identifier, node.NamespaceIndex, node.NodeIdType)


def _name_of(reference: ua.ReferenceDescription) -> str:
    text = reference.DisplayName.Text if reference.DisplayName is not None else None
    return str(text or reference.BrowseName.Name or "?")


def _describe(node: ua.NodeId, reference_type: int, classes: int) -> ua.BrowseDescription:
    description = ua.BrowseDescription()
    description.NodeId = node
    description.BrowseDirection = ua.BrowseDirection.Forward
    description.ReferenceTypeId = ua.NodeId(ua.Int32(reference_type))
    description.IncludeSubtypes = True
    description.NodeClassMask = classes
    description.ResultMask = ua.BrowseResultMask.All
    return description


async def _list_references(
    session: Session, parent: ua.NodeId, limit: int, behind: ua.NodeId | None
) -> list[ua.ReferenceDescription]:
    """Follow continuation points until a page is full; the point left over is given back to the server."""
    result = (
        await _browse(
            session, [_describe(parent, ua.ObjectIds.HierarchicalReferences, _CLASSES)], _REFERENCES_PER_CALL
        )
    )[0]
    if result.StatusCode.value == ua.StatusCodes.BadNodeIdUnknown:
        raise fault(
            mark("The server has no node %(address)s."),
            key="opcua.no_such_node",
            address=write_address(parent, session.namespaces),
        )
    result.StatusCode.check()
    page: list[ua.ReferenceDescription] = []
    seen: set[ua.NodeId] = set()
    while True:
        for each in result.References or []:
            node = _plain_id(each.NodeId)
            if behind is not None:
                if node == behind:
                    behind = None
            elif node not in seen and not getattr(each.NodeId, "ServerIndex", 0):
                # The same child may hang on two kinds of reference; what lives on another server can't be read here.
                seen.add(node)
                page.append(each)
        point = result.ContinuationPoint
        if len(page) >= limit or not point:
            break
        result = (await _browse_next(session, [point], release=False))[0]
        result.StatusCode.check()
    if point:
        await _browse_next(session, [point], release=True)
    return page[:limit]


async def _browse(
    session: Session, descriptions: list[ua.BrowseDescription], references: int
) -> list[ua.BrowseResult]:
    """Browse; a server that knows no continuation points answers with everything, so it is decoded beside the loop."""
    request = ua.BrowseRequest()
    request.Parameters.RequestedMaxReferencesPerNode = references
    request.Parameters.NodesToBrowse = descriptions
    data = await session.request(request)
    response: ua.BrowseResponse = await asyncio.to_thread(struct_from_binary, ua.BrowseResponse, Buffer(data))
    response.ResponseHeader.ServiceResult.check()
    return response.Results


async def _browse_next(session: Session, points: list[bytes], *, release: bool) -> list[ua.BrowseResult]:
    parameters = ua.BrowseNextParameters()
    parameters.ReleaseContinuationPoints = release
    parameters.ContinuationPoints = points
    return await session.client.uaclient.browse_next(parameters)


async def _read_facts(
    session: Session, variables: Sequence[ua.NodeId]
) -> dict[ua.NodeId, tuple[str, int, str]]:
    """Return data type, access level and value of each variable."""
    attributes = (ua.AttributeIds.DataType, ua.AttributeIds.UserAccessLevel, ua.AttributeIds.Value)
    nodes = [_plain_id(each) for each in variables]
    wanted = [(node, attribute) for node in nodes for attribute in attributes]
    answers = await _read(session, wanted)
    facts = {}
    for number, node in enumerate(nodes):
        data_type, access, value = answers[3 * number : 3 * number + 3]
        text = "" if value is None else str(getattr(value, "Text", value))
        facts[node] = (
            _type_name(data_type, session.namespaces),
            access if isinstance(access, int) else 0,
            text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…",
        )
    return facts


async def _read(session: Session, wanted: Sequence[tuple[ua.NodeId, ua.AttributeIds]]) -> list[Any]:
    """Return values as asyncua makes them of the wire; None where the server refuses."""
    answers: list[Any] = []
    size = session.limits.nodes_per_read
    for start in range(0, len(wanted), size):
        parameters = ua.ReadParameters()
        parameters.NodesToRead = [
            ua.ReadValueId(node, attribute) for node, attribute in wanted[start : start + size]
        ]
        results = await session.client.uaclient.read(parameters)
        answers += [each.Value.Value if each.Value is not None else None for each in results]
    return answers


def _type_name(node: Any, namespaces: Sequence[str]) -> str:
    """Return the name of a data type; a server's own type by its address."""
    if not isinstance(node, ua.NodeId):
        return ""
    if node.NamespaceIndex == 0 and isinstance(node.Identifier, int):
        return str(ObjectIdNames.get(node.Identifier, f"i={node.Identifier}"))
    return write_address(node, namespaces)


async def _find_parents(session: Session, references: Sequence[ua.ReferenceDescription]) -> set[ua.NodeId]:
    """Return those that have children worth unfolding; the properties of a variable aren't."""
    found = set()
    size = session.limits.nodes_per_browse
    nodes = [(_plain_id(each.NodeId), each.NodeClass == ua.NodeClass.Variable) for each in references]
    for start in range(0, len(nodes), size):
        part = nodes[start : start + size]
        descriptions = [
            _describe(
                node,
                ua.ObjectIds.HasComponent if is_variable else ua.ObjectIds.HierarchicalReferences,
                _CLASSES,
            )
            for node, is_variable in part
        ]
        results = await _browse(session, descriptions, 1)
        points = []
        for (node, _), result in zip(part, results, strict=True):
            if result.References:
                found.add(node)
            if result.ContinuationPoint:
                points.append(result.ContinuationPoint)
        if points:
            await _browse_next(session, points, release=True)
    return found


async def _read_units(
    session: Session, references: Iterable[ua.ReferenceDescription]
) -> dict[ua.NodeId, str]:
    """Return the engineering units of analogue variables as the server writes them (°C, mm/s)."""
    analog = [
        _plain_id(each.NodeId)
        for each in references
        if each.TypeDefinition is not None
        and each.TypeDefinition.NamespaceIndex == 0
        and each.TypeDefinition.Identifier in _ANALOG_TYPES
    ]
    if not analog:
        return {}
    paths = []
    for node in analog:
        path = ua.BrowsePath()
        path.StartingNode = node
        element = ua.RelativePathElement()
        element.ReferenceTypeId = ua.NodeId(ua.Int32(ua.ObjectIds.HasProperty))
        element.IsInverse = False  # type: ignore[assignment]
        element.IncludeSubtypes = True  # type: ignore[assignment]
        element.TargetName = ua.QualifiedName("EngineeringUnits", 0)
        path.RelativePath.Elements = [element]
        paths.append(path)
    results: list[ua.BrowsePathResult] = []
    size = session.limits.paths_per_call
    for start in range(0, len(paths), size):
        results += await session.client.uaclient.translate_browsepaths_to_nodeids(paths[start : start + size])
    targets = {}
    for node, result in zip(analog, results, strict=True):
        if result.StatusCode.is_good() and result.Targets:
            targets[node] = _plain_id(result.Targets[0].TargetId)
    values = await _read(session, [(target, ua.AttributeIds.Value) for target in targets.values()])
    return {
        node: str(unit.DisplayName.Text or "")
        for node, unit in zip(targets, values, strict=True)
        if isinstance(unit, ua.EUInformation)
    }
