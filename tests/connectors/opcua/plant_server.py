"""A real OPC UA server (asyncua) in a process of its own, told what to do by lines of JSON on its standard input.

``python -m tests.connectors.opcua.plant_server PORT [--history] [--certificate FOLDER] [--many N]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from asyncua import Node, Server, ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import SimpleRoleRuleset, User, UserRole
from asyncua.server.address_space import AttributeValue, NodeData
from asyncua.server.internal_session import InternalSession
from asyncua.server.user_managers import UserManager

NAMESPACE = "urn:forgeline:test:plant"
NODES: dict[str, tuple[Any, ua.VariantType]] = {
    "Speed": (1.5, ua.VariantType.Double),
    "Count": (0, ua.VariantType.Int32),
    "Running": (True, ua.VariantType.Boolean),
    "Program": ("P100", ua.VariantType.String),
    "Static": (42.0, ua.VariantType.Double),
    "Array": ([1.0, 2.0], ua.VariantType.Double),
}


class OneUser(UserManager):
    """Lets anonymous people, one operator and the bearer of one certificate in."""

    def __init__(self, trusted: bytes | None) -> None:
        self._trusted = trusted

    def get_user(
        self, iserver: Any, username: Any = None, password: Any = None, certificate: Any = None
    ) -> User | None:
        if certificate is not None and self._trusted is not None:
            return User(role=UserRole.Admin) if certificate == self._trusted else None
        if username is None or (username, password) == ("operator", "secret"):
            return User(role=UserRole.Admin)
        return None


async def build(options: argparse.Namespace) -> tuple[Server, dict[str, Node]]:
    server = Server(user_manager=OneUser(options.user_certificate))
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{options.port}/plant")
    if options.certificate:
        folder = Path(options.certificate)
        await server.load_certificate(str(folder / "server.der"))
        await server.load_private_key(str(folder / "server.pem"))
        server.set_security_policy(
            [
                ua.SecurityPolicyType.NoSecurity,
                ua.SecurityPolicyType.Basic256Sha256_Sign,
                ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
                ua.SecurityPolicyType.Aes128Sha256RsaOaep_Sign,
                ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
                ua.SecurityPolicyType.Aes256Sha256RsaPss_Sign,
                ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
            ],
            permission_ruleset=SimpleRoleRuleset(),
        )
    else:
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace(NAMESPACE)
    await server.nodes.objects.add_object(ua.NodeId("Press", index), ua.QualifiedName("Press", index))
    nodes = {}
    for name in NODES:
        if name in options.without:
            continue
        nodes[name] = await _add_node(server, name)
    if options.limit:
        await _limit(server, options.limit)
    if options.many:
        await _add_many(server, index, options.many)
    return server, nodes


async def _add_node(server: Server, name: str) -> Node:
    index = await server.get_namespace_index(NAMESPACE)
    value, kind = NODES[name]
    press = server.get_node(ua.NodeId("Press", index))
    node = await press.add_variable(ua.NodeId(name, index), ua.QualifiedName(name, index), value, kind)
    await node.set_writable()
    return node


_LIMITED = {
    "read": ("MaxNodesPerRead", "NodesToRead"),
    "history_read": ("MaxNodesPerHistoryReadData", "NodesToRead"),
    "browse": ("MaxNodesPerBrowse", "NodesToBrowse"),
    "create_monitored_items": ("MaxMonitoredItemsPerCall", "ItemsToCreate"),
    "delete_monitored_items": ("MaxMonitoredItemsPerCall", "MonitoredItemIds"),
}


async def _limit(server: Server, limit: int) -> None:
    """Tell small operation limits and refuse whoever asks for more at once, as a small controller does."""
    for name in sorted({name for name, _column in _LIMITED.values()}):
        number = getattr(ua.ObjectIds, f"Server_ServerCapabilities_OperationLimits_{name}")
        await server.get_node(ua.NodeId(number)).write_value(ua.UInt32(limit))
    for method, (_name, column) in _LIMITED.items():
        setattr(InternalSession, method, _refusing(getattr(InternalSession, method), column, limit))


def _refusing(method: Any, column: str, limit: int) -> Any:
    async def limited(session: InternalSession, params: Any, *more: Any) -> Any:
        # The server's own sessions are bound by nothing.
        if session.external and len(getattr(params, column)) > limit:
            raise ServiceError(ua.StatusCodes.BadTooManyOperations)
        return await method(session, params, *more)

    return limited


async def _add_many(server: Server, index: int, many: int) -> None:
    """Put many variables below one folder without the services, which take a millisecond a node."""
    folder = await server.nodes.objects.add_object(ua.NodeId("Many", index), ua.QualifiedName("Many", index))
    space = server.iserver.aspace
    references = space._nodes[folder.nodeid].references
    for number in range(many):
        node = NodeData(ua.NodeId(number + 1, index))
        for attribute, value in (
            (ua.AttributeIds.NodeClass, ua.Variant(int(ua.NodeClass.Variable), ua.VariantType.Int32)),
            (ua.AttributeIds.BrowseName, ua.Variant(ua.QualifiedName(f"Tag{number}", index))),
            (ua.AttributeIds.DisplayName, ua.Variant(ua.LocalizedText(f"Tag{number}"))),
            (ua.AttributeIds.DataType, ua.Variant(ua.NodeId(11, 0))),
            (ua.AttributeIds.UserAccessLevel, ua.Variant(1, ua.VariantType.Byte)),
            (ua.AttributeIds.Value, ua.Variant(float(number))),
        ):
            node.attributes[attribute] = AttributeValue(ua.DataValue(value))
        space._nodes[node.nodeid] = node
        references.append(
            ua.ReferenceDescription(
                ReferenceTypeId=ua.NodeId(ua.ObjectIds.Organizes),
                IsForward=True,
                NodeId=node.nodeid,
                BrowseName=ua.QualifiedName(f"Tag{number}", index),
                DisplayName=ua.LocalizedText(f"Tag{number}"),
                NodeClass=ua.NodeClass.Variable,
                TypeDefinition=ua.NodeId(ua.ObjectIds.BaseDataVariableType),
            )
        )


async def serve(options: argparse.Namespace) -> None:
    server, nodes = await build(options)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with server:
        if options.history:
            for name in {"Count", "Speed"} & set(nodes):
                await server.historize_node_data_change(nodes[name], period=timedelta(days=1), count=0)
        print(json.dumps({"ready": True}), flush=True)
        while line := await reader.readline():
            order = json.loads(line)
            if order["op"] == "write":
                _, kind = NODES[order["node"]]
                value = ua.DataValue(ua.Variant(order["value"], kind))
                if "status" in order:
                    value.StatusCode = ua.StatusCode(order["status"])
                if "source_us" in order:
                    value.SourceTimestamp = ua.win_epoch_to_datetime(
                        (order["source_us"] + 11_644_473_600_000_000) * 10
                    )
                await nodes[order["node"]].write_attribute(ua.AttributeIds.Value, value)
            elif order["op"] == "count":
                for number in range(order["from"], order["to"]):
                    await nodes["Count"].write_value(number, ua.VariantType.Int32)
                    await asyncio.sleep(order.get("every_s", 0.01))
            elif order["op"] == "delete":
                await nodes.pop(order["node"]).delete()
            elif order["op"] == "add":
                nodes[order["node"]] = await _add_node(server, order["node"])
                if options.history:
                    await server.historize_node_data_change(
                        nodes[order["node"]], period=timedelta(days=1), count=0
                    )
            print(json.dumps({"done": order["op"]}), flush=True)


def _read_file(path: str) -> bytes:
    return Path(path).read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--history", action="store_true")
    parser.add_argument("--certificate")
    parser.add_argument("--many", type=int, default=0)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--user-certificate", type=_read_file)
    parser.add_argument("--without", action="append", default=[])
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
