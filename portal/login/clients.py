"""Who is at the other end, as far as the network says, and what guesses are counted by."""

from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

AGENT = 200


def address_of(request: HttpRequest) -> str | None:
    """The address that the outermost of our own proxies saw; what a client claims beyond it counts for nothing."""
    hops = settings.PROXIES
    seen = request.META.get("REMOTE_ADDR", "")
    if hops:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        seen = forwarded[-hops].strip() if len(forwarded) >= hops and forwarded[-hops].strip() else seen
    address = _parsed(seen)
    return str(address) if address is not None else None


def counted_address(request: HttpRequest) -> str | None:
    """What tries are counted by: an IPv6 client has a network of addresses to itself."""
    text = address_of(request)
    address = _parsed(text or "")
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False).network_address)
    return text


def counted_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """A keyed hash of the name that was typed, which may be somebody's password in the wrong field."""
    typed = (credentials or {}).get("username") or ""
    key = blake2b(str(settings.SECRET_KEY).encode(), digest_size=32, person=b"chargeward.name").digest()
    return blake2b(str(typed).encode(errors="replace"), digest_size=16, key=key).hexdigest()


def agent_of(request: HttpRequest) -> str:
    """What the browser calls itself."""
    return str(request.META.get("HTTP_USER_AGENT", "").replace("\0", ""))[:AGENT]


def as_it_was_answered(request: HttpRequest, response: HttpResponse, credentials: Any) -> HttpResponse:
    """For axes: our page has said already that there were too many tries."""
    return response


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
