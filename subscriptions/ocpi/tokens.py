"""`tokens`: the eMSPs' list, one token as an eMSP keeps it here, and the question whether it may charge."""

from typing import Any

from django.http import HttpResponse

from authorization import clock
from subscriptions.models import Module, Role, Version
from subscriptions.ocpi import receiving, token_objects
from subscriptions.ocpi.asking import authorization_info
from subscriptions.ocpi.envelope import INVALID, UNKNOWN_TOKEN, OcpiView, Refusal, envelope, not_found
from subscriptions.ocpi.pages import page
from subscriptions.push.echo import Brought
from tokens.models import EMSP, Token


class Tokens(OcpiView):
    module = Module.TOKENS

    def get(self) -> HttpResponse:
        now = clock.now()
        return page(
            self,
            "tokens/",
            lambda asked: token_objects.total(self.sight, asked, now),
            lambda asked: token_objects.rows(self.sight, asked, now),
        )


class OneToken(OcpiView):
    """A token by its eMSP. An eMSP's platform writes those of the eMSPs in its scope; a CPO's reads them."""

    module = Module.TOKENS

    def _emsp(self, country: str, party: str) -> EMSP:
        found = EMSP.objects.filter(
            pk__in=self.sight.emsps, country_code=country.upper(), party_id=party.upper()
        ).first()
        if found is None:
            raise self._unknown()
        return found

    def _unknown(self) -> Refusal:
        return not_found("token", UNKNOWN_TOKEN[Version(self.version)])

    def _shown(self, pk: int) -> dict[str, Any]:
        shape = token_objects.token_object(self.sight, pk, clock.now())
        if shape is None:
            raise self._unknown()
        return shape

    def get(self, country: str, party: str, uid: str) -> Any:
        token = token_objects.token_named(self._emsp(country, party).pk, uid)
        if token is None:
            raise self._unknown()
        return self._shown(token.pk)

    def put(self, country: str, party: str, uid: str) -> Any:
        emsp = self._writable(country, party)
        body = self._object(emsp)
        brought = self._brought(emsp, uid)
        token, new = receiving.put(emsp, uid, body, self.version)
        self._settle(brought, token, body)
        return envelope(http=201 if new else 200)

    def patch(self, country: str, party: str, uid: str) -> Any:
        emsp = self._writable(country, party)
        body = self._object(emsp)
        brought = self._brought(emsp, uid)
        token = receiving.patch(emsp, uid, body, self.version)
        if token is None:
            raise self._unknown()
        self._settle(brought, token, body)
        return envelope()

    def _brought(self, emsp: EMSP, uid: str) -> Brought:
        before = token_objects.token_named(emsp.pk, uid)
        return Brought(self.sight, Module.TOKENS, before.pk if before else None)

    def _settle(self, brought: Brought, token: Token, body: dict[str, Any]) -> None:
        found = token_objects.token_objects(self.sight, [token.pk], clock.now())
        if token.pk in found:
            country, party, shape = found[token.pk]
            brought.settle(token.pk, (country, party, shape["uid"]), shape, body)

    def _writable(self, country: str, party: str) -> EMSP:
        emsp = self._emsp(country, party)
        if self.sight.subscription.role != Role.EMSP:
            raise Refusal(INVALID, "Only an eMSP's platform sends tokens.", 403)
        return emsp

    def _object(self, emsp: EMSP) -> Any:
        """The body. Some partners send a list of the one object. In 2.2.1 it says itself whose it is."""
        body = self.body()
        body = body[0] if isinstance(body, list) and len(body) == 1 else body
        if self.version == Version.V221 and isinstance(body, dict):
            for field in receiving.PARTY:
                if str(body.get(field, getattr(emsp, field))).upper() != getattr(emsp, field):
                    raise Refusal(INVALID, f"{field} in the object is not the one in the address.")
        return body


class Authorize(OcpiView):
    """Whether a token may charge at a place."""

    module = Module.TOKENS
    # What was asked is in the log, however it was answered; and rules are read in a transaction of their own.
    whole = False

    def post(self, uid: str) -> Any:
        query = self.request.GET
        type_ = query.get("type") or query.get("token_type") or "RFID"
        return authorization_info(self.sight, uid, type_, self.body(), clock.now())
