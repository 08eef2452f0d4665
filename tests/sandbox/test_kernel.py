"""The kernel's and the network's doors: refused, not merely harmless."""

from __future__ import annotations

import platform
import re
import socket

import pytest
from rooms import ATTACKS

REFUSED = {"EPERM", "EACCES", "EAFNOSUPPORT"}
CALLS = re.findall(r'^call(?:_in_child)?\("(\w+)"', (ATTACKS / "system_calls.py").read_text(), re.MULTILINE)
SOCKETS = ["inet", "inet_datagram", "inet6", "unix", "netlink", "packet", "bluetooth", "alg", "vsock", "xdp"]


@pytest.mark.parametrize("family", SOCKETS)
def test_no_socket_of_any_family(refusals: dict[str, str], family: str) -> None:
    """TCP, DNS, metadata addresses, unix sockets, AF_VSOCK, AF_ALG, netlink: no socket can be made at all."""
    assert refusals[f"socket_{family}"] in REFUSED


@pytest.mark.parametrize("call", CALLS)
def test_a_forbidden_call_is_refused(refusals: dict[str, str], call: str) -> None:
    """io_uring, keys, tracing, bpf, namespaces, mounts, modules, ...: the kernel says no."""
    if call == "mknod_device" and platform.machine() == "aarch64":
        assert call not in refusals  # that machine has only mknodat
    else:
        assert refusals[call] in REFUSED


@pytest.mark.parametrize("request_", ["tiocsti", "tiocsti_high_bits", "tioclinux"])
def test_nothing_can_be_typed_into_a_terminal(refusals: dict[str, str], request_: str) -> None:
    """TIOCSTI is refused by its number, also with bits set that the kernel ignores."""
    assert refusals[f"ioctl_{request_}"] in REFUSED


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86-64 has calls numbered otherwise")
@pytest.mark.parametrize("numbering", ["i386", "x32"])
def test_a_foreign_numbering_is_no_way_around(refusals: dict[str, str], numbering: str) -> None:
    """A call by another architecture's number, which the filter would misread, ends the process."""
    assert refusals[numbering] == "SIGSYS"


def test_a_joined_pair_of_sockets_is_allowed(refusals: dict[str, str]) -> None:
    """The filter is no blanket refusal: what asyncio and the worker need works."""
    assert refusals["socketpair_unix"] == "worked"


def test_outside_the_calls_work() -> None:
    """The same socket can be made outside, so that the refusal inside is the sandbox's doing."""
    for family, kind in ((socket.AF_INET, 1), (socket.AF_INET, 2), (socket.AF_UNIX, 1), (socket.AF_NETLINK, 3)):
        socket.socket(family, kind).close()
