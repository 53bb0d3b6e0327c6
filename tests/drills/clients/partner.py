"""A partner's platform with extrawest-ocpi, in a Python that has it: 2.1.1, in both roles, what it has kept in memory.

argv: port, token A. `/seen` shows what came; `/push/2.1.1` has it push what `/keep` was given.
"""

import os
import sys
from typing import Any

PORT, TOKEN_A = sys.argv[1:3]
os.environ |= {"OCPI_HOST": f"127.0.0.1:{PORT}", "PROTOCOL": "http", "COUNTRY_CODE": "NL", "PARTY_ID": "TST"}

# ruff: noqa: E402 - its settings are read when it is imported
import uvicorn
from py_ocpi import get_application
from py_ocpi.core.authentication.authenticator import Authenticator
from py_ocpi.core.crud import Crud
from py_ocpi.core.enums import ModuleID, RoleEnum
from py_ocpi.modules.versions.enums import VersionNumber

TOKEN_C = "token-c-of-extrawest"
kept: dict[str, dict[str, Any]] = {}
seen: list[dict[str, Any]] = []


class Memory(Crud):
    @classmethod
    async def get(cls, module: Any, role: Any, id_: Any, *args: Any, **more: Any) -> Any:
        return kept.get(f"{module.value}/{id_}")

    @classmethod
    async def list(cls, module: Any, role: Any, filters: Any, *args: Any, **more: Any) -> Any:
        found = [value for name, value in kept.items() if name.startswith(f"{module.value}/")]
        return found, len(found), True

    @classmethod
    async def create(cls, module: Any, role: Any, data: Any, *args: Any, **more: Any) -> Any:
        seen.append({"how": "create", "module": module.value, "data": data})
        if module == ModuleID.credentials_and_registration:
            details = {"name": "Extrawest"}
            own = {"token": TOKEN_C, "url": f"http://127.0.0.1:{PORT}/ocpi/versions", "business_details": details}
            return own | {"party_id": "TST", "country_code": "NL"}
        name = data.get("id") or data.get("uid")
        return kept.setdefault(f"{module.value}/{name}", data)

    @classmethod
    async def update(cls, module: Any, role: Any, data: Any, id_: Any, *args: Any, **more: Any) -> Any:
        seen.append({"how": "update", "module": module.value, "data": data})
        kept[f"{module.value}/{id_}"] = data
        return data

    @classmethod
    async def delete(cls, *args: Any, **more: Any) -> None:
        return None

    @classmethod
    async def do(cls, *args: Any, **more: Any) -> Any:
        return None


class Tokens(Authenticator):
    @classmethod
    async def get_valid_token_a(cls) -> list[str]:
        return [TOKEN_A]

    @classmethod
    async def get_valid_token_c(cls) -> list[str]:
        return [TOKEN_C]


MODULES = [ModuleID.credentials_and_registration, ModuleID.locations, ModuleID.tokens, ModuleID.sessions, ModuleID.cdrs]
app = get_application([VersionNumber.v_2_1_1], [RoleEnum.emsp], Memory, MODULES, Tokens, http_push=True)


@app.get("/seen")
async def show() -> Any:
    return seen


@app.put("/keep/{module}/{name}")
async def keep(module: str, name: str, data: dict[str, Any]) -> None:
    kept[f"{module}/{name}"] = data


uvicorn.run(app, host="127.0.0.1", port=int(PORT), log_level="warning")
