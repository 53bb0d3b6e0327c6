"""`versions`, and the details of each: where everything else is."""

from typing import Any

from subscriptions.models import PULLED, Module, Role, Version
from subscriptions.ocpi.envelope import OcpiView


class Versions(OcpiView):
    def get(self) -> Any:
        return [{"version": version.value, "url": self.url(f"{version}/")} for version in Version]


class Details(OcpiView):
    """The modules that this partner has, and `credentials`."""

    def get(self) -> Any:
        modules = [module for module in PULLED[Version(self.version)] if module in self.sight.subscription.modules]
        endpoints = [self._endpoint("credentials", "SENDER")]
        for module in modules:
            endpoints.append(self._endpoint(module.value, "SENDER"))
            if module == Module.TOKENS and self.version != Version.V211 and self.sight.subscription.role == Role.EMSP:
                endpoints.append(self._endpoint(module.value, "RECEIVER"))
        return {"version": self.version, "endpoints": endpoints}

    def _endpoint(self, name: str, role: str) -> dict[str, str]:
        """role: which side of the module it is, from 2.2 on; of credentials it says nothing."""
        shape = {"identifier": name, "url": self.module_url(f"{name}/")}
        return shape if self.version == Version.V211 else {"identifier": name, "role": role, "url": shape["url"]}
