"""An eMSP's and a CPO's platform with the typed client ocpplab-ocpi-211-sdk, in a Python that has it; prints JSON.

argv: {"base", "own" (the partner's versions), "emsp", "cpo" (tokens), "party", "place", "evse", "country", "operator"}.
"""

import datetime
import json
import sys

from ocpplab_ocpi_211 import OcpiClient
from ocpplab_ocpi_211.types.business_details import BusinessDetails

given = json.loads(sys.argv[1])
NOW = datetime.datetime(2026, 1, 1, 10, tzinfo=datetime.timezone.utc)  # noqa: UP017 - whichever Python it is


def client(token: str, version: str = "/2.1.1") -> OcpiClient:
    return OcpiClient(base_url=given["base"] + version, api_key=f"Token {token}")


found = {}
first = client(given["emsp"])
found["versions"] = [each.version for each in client(given["emsp"], "").versions.get_versions().data]
found["modules"] = [each.identifier for each in client(given["emsp"], "").versions.get_version("2.1.1").data.endpoints]
credentials = first.credentials.post_credentials(
    token="token-b", url=given["own"], business_details=BusinessDetails(name="Typed"), party_id="EXA", country_code="NL"
).data
found["registered as"] = [credentials.country_code, credentials.party_id]
emsp, cpo = client(credentials.token), client(given["cpo"])

pages = [emsp.locations.get_locations(offset=offset, limit=2).data for offset in (0, 2)]
found["locations"] = [each.id for page in pages for each in page]
one = emsp.locations.get_location_by_location_id(given["place"]).data
found["evses"] = [each.uid for each in one.evses]
emsp.locations.get_evse_by_location_id_and_evse_uid(given["place"], given["evse"])
connector = emsp.locations.get_connector_by_location_id_evse_uid_and_connector_id(given["place"], given["evse"], "1")
found["connector"] = [connector.data.id, connector.data.voltage, connector.data.tariff_id]

at = (given["country"], given["party"], "04C11E")
put = {"uid": "04C11E", "token_type": "RFID", "auth_id": "NL-TST-C00122045", "issuer": "Typed", "valid": True}
emsp.tokens.put_token(*at, **put, whitelist="ALLOWED", last_updated=NOW, type="RFID")
emsp.tokens.patch_token(*at, visual_number="7", last_updated=NOW)
found["token"] = emsp.tokens.get_token_by_id(*at).data.visual_number
found["pulled"] = [each.uid for each in cpo.tokens.get_tokens(limit=10).data]
asked = cpo.tokens.post_authorize("04C11E", type="RFID", location_id=given["place"], evse_uids=[given["evse"]])
found["authorize"] = asked.data.allowed
try:
    cpo.tokens.post_authorize("FFFF", location_id=given["place"])
except Exception as error:
    found["unknown"] = type(error).__name__

where = (given["country"], given["operator"], "S1")
session = {"id": "S1", "start_datetime": NOW, "kwh": 1.5, "auth_id": "NL-TST-C00122045", "auth_method": "WHITELIST"}
more = {"evse_uid": given["evse"], "connector_id": "1", "currency": "EUR", "status": "ACTIVE"}
cpo.sessions.put_session_by_id(*where, **session, **more, location=one, last_updated=NOW)
cpo.sessions.patch_session_by_id(*where, kwh=2.5, last_updated=NOW)
found["session"] = [(each.id, each.kwh) for each in emsp.sessions.get_sessions(date_from=NOW).data]
emsp.credentials.delete_credentials()
try:
    emsp.locations.get_locations()
except Exception as error:
    found["after"] = type(error).__name__
print(json.dumps(found))
