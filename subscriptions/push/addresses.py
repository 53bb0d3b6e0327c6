"""Which addresses of the network we send to: public ones, and those that the operator lists.

A partner's URL is somebody's input. Without this it could have us ask our own servers, or the machine's metadata. The
address is what counts, not the name: it is looked up once, all of what comes back is looked at, and the connection goes
to one that was looked at.
"""

import socket
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Addresses that are not the public internet's, from IANA's registries of special-purpose addresses. Written out, for
# what `ipaddress` holds for global differs between versions of Python.
SPECIAL_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
# Of IPv6 only this is public, without Teredo and the like, 6to4, documentation. Addresses that carry an IPv4 one
# (64:ff9b::/96, ::/96) are outside of it.
PUBLIC_6 = IPv6Network("2000::/3")
SPECIAL_6 = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


class Forbidden(Exception):
    """An address that nothing is sent to."""


def is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in SPECIAL_4)
    return address in PUBLIC_6 and not any(address in network for network in SPECIAL_6)


@lru_cache(maxsize=8)
def _networks(listed: tuple[str, ...]) -> tuple[Network, ...]:
    found = []
    for network in listed:
        try:
            found.append(ip_network(network))
        except ValueError:
            continue  # a system check says so
    return tuple(found)


def is_listed(address: Address) -> bool:
    """Whether the operator allows it by PUSH_ALLOWED_NETWORKS."""
    return any(address in network for network in _networks(tuple(settings.PUSH_ALLOWED_NETWORKS)))


def real(text: str) -> Address:
    """The address behind what getaddrinfo gives: without its zone, and the IPv4 one that an IPv6 one maps."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def resolve(host: str, port: int, *, encrypted: bool) -> list[tuple[int, tuple[str, int]]]:
    """[(family, (address, port))] to connect to. Raises Forbidden if any of the host's addresses is one that we do not
    send to, OSError where it has none.

    Unencrypted, a token is only sent within networks that the operator lists.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    ways: dict[tuple[int, tuple[str, int]], None] = {}
    for family, _, _, _, where in found:
        address = real(str(where[0]))
        if not is_listed(address):
            if not is_public(address):
                raise Forbidden(f"{address} is no public address")
            if not encrypted:
                raise Forbidden(f"{address} is public, and http:// is not encrypted")
        ways[family, (str(where[0]), port)] = None
    return list(ways)
