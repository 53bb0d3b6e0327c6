"""`versions` and the details of 2.1.1: where everything else is."""

from typing import Any

from subscriptions.models import PULLED
from subscriptions.ocpi.envelope import OcpiView

VERSION = "2.1.1"


class Versions(OcpiView):
    def get(self) -> Any:
        return [{"version": VERSION, "url": self.url(f"{VERSION}/")}]


class Details(OcpiView):
    """The modules that this partner has, and `credentials`."""

    def get(self) -> Any:
        modules = ["credentials"] + [
            module.value for module in PULLED if module.value in self.sight.subscription.modules
        ]
        return {
            "version": VERSION,
            "endpoints": [{"identifier": name, "url": self.url(f"{VERSION}/{name}/")} for name in modules],
        }
