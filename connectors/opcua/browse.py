"""The address space, level by level and page by page. Not here: a session, picking nodes into bindings (pages).

A folder may hold 100,000 nodes: a page is read with continuation points, and only the page's nodes are asked for
their type, value and unit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.object_ids import ObjectIdNames
from asyncua.ua.ua_binary import Primitives, nodeid_from_binary, struct_from_binary

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
    page = _Page(limit, behind)
    description = _describe(parent, ua.ObjectIds.HierarchicalReferences, _CLASSES)
    answer = (await _browse(session, [description], _REFERENCES_PER_CALL, page))[0]
    if answer.status.value == ua.StatusCodes.BadNodeIdUnknown:
        raise fault(
            mark("The server has no node %(address)s."),
            key="opcua.no_such_node",
            address=write_address(parent, session.namespaces),
        )
    answer.status.check()
    while answer.point and not page.is_full:
        answer = (await _browse_next(session, answer.point, page))[0]
        answer.status.check()
    if answer.point:
        await _release(session, [answer.point])
    return page.references


@dataclass(slots=True)
class _Page:
    """The references that are wanted of those that come by: behind one, at most so many, each child once."""

    limit: int
    behind: ua.NodeId | None = None
    references: list[ua.ReferenceDescription] = field(default_factory=list)
    _seen: set[ua.NodeId] = field(default_factory=set)

    @property
    def is_full(self) -> bool:
        return len(self.references) >= self.limit

    def take(self, reference: ua.ReferenceDescription) -> None:
        node = _plain_id(reference.NodeId)
        if self.behind is not None:
            if node == self.behind:
                self.behind = None
        elif node not in self._seen and not getattr(reference.NodeId, "ServerIndex", 0):
            # The same child may hang on two kinds of reference; what lives on another server can't be read here.
            self._seen.add(node)
            self.references.append(reference)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a server says of one node, but for the references."""

    status: ua.StatusCode
    point: bytes | None
    references: int


async def _browse(
    session: Session, descriptions: list[ua.BrowseDescription], references: int, page: _Page
) -> list[_Answer]:
    request = ua.BrowseRequest()
    request.Parameters.RequestedMaxReferencesPerNode = references
    request.Parameters.NodesToBrowse = descriptions
    return await asyncio.to_thread(_decode, await session.request(request), page)


async def _browse_next(session: Session, point: bytes, page: _Page) -> list[_Answer]:
    request = ua.BrowseNextRequest()
    request.Parameters.ReleaseContinuationPoints = False
    request.Parameters.ContinuationPoints = [point]
    return await asyncio.to_thread(_decode, await session.request(request), page)


async def _release(session: Session, points: list[bytes]) -> None:
    parameters = ua.BrowseNextParameters()
    parameters.ReleaseContinuationPoints = True
    parameters.ContinuationPoints = points
    await session.client.uaclient.browse_next(parameters)


def _decode(data: bytes, page: _Page) -> list[_Answer]:
    """Read a response to Browse or BrowseNext (Part 6, 5.2; Part 4, 5.9.2), putting its references on the page.

    A server that knows no continuation points answers with all 100,000 at once. So this runs beside the loop, keeps
    no more than it is asked for (a million objects cost their collector a second, which nothing else gets), and reads
    no further than the page is long: of the last node the point comes before the references.
    """
    buffer = Buffer(data)
    nodeid_from_binary(buffer)
    struct_from_binary(ua.ResponseHeader, buffer).ServiceResult.check()
    answers = []
    results = Primitives.Int32.unpack(buffer)
    for number in range(results):
        status = ua.StatusCode(Primitives.UInt32.unpack(buffer))
        point = Primitives.ByteString.unpack(buffer)
        references = max(Primitives.Int32.unpack(buffer), 0)
        answers.append(_Answer(status, point, references))
        for _ in range(references):
            if page.is_full and number == results - 1:
                break
            reference = struct_from_binary(ua.ReferenceDescription, buffer)
            if not page.is_full:
                page.take(reference)
    return answers


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
        answers = await _browse(session, descriptions, 1, _Page(0))
        found |= {node for (node, _), answer in zip(part, answers, strict=True) if answer.references}
        if points := [answer.point for answer in answers if answer.point]:
            await _release(session, points)
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
