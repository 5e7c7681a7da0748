"""Addresses: what the manifest lets in is what the driver can read, and nothing else."""

from __future__ import annotations

import re

import pytest

from connectors.opcua.manifest import ADDRESS_PATTERN
from connectors.opcua.nodes import AddressError, parse_address, write_address

NAMESPACES = ["http://opcfoundation.org/UA/", "urn:own", "urn:press;line"]


@pytest.mark.parametrize(
    "address",
    [
        "i=85", "ns=2;i=1001", "nsu=urn:press%3Bline;s=Line1.Press.Speed", "ns=1;s=a;b=c, 压机",
        "ns=1;g=09087e75-8e5e-499b-954f-f2a9603db28a", "nsu=urn:own;b=M/RbKBsRVkePCePcx24oRA==",
    ],
)  # fmt: skip
def test_what_is_let_in_can_be_read(address: str) -> None:
    assert re.fullmatch(ADDRESS_PATTERN, address, re.DOTALL)
    node = parse_address(address, NAMESPACES)
    assert parse_address(write_address(node, NAMESPACES), NAMESPACES) == node


@pytest.mark.parametrize(
    "address",
    ["", "Press.Speed", "i=", "i=x", "ns=;i=1", "ns=two;i=1", "nsu=urn:own", "ns=1;g=1234", "x=1"],
)
def test_what_is_refused_could_never_be_read(address: str) -> None:
    assert not re.fullmatch(ADDRESS_PATTERN, address, re.DOTALL)
    with pytest.raises(AddressError):
        parse_address(address, NAMESPACES)
