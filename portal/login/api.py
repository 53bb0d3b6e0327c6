"""`users`, with invitations: what the page of a user does, by API."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from authorization.api.errors import Conflict, Unavailable
from authorization.api.resources.accounts import PARTIES, Users, UserSerializer
from authorization.api.resources.fields import PkField
from authorization.api.resources.refusals import writing
from authorization.api.urls import Router
from locations import access
from locations.models import CPO
from portal.login import letters, views
from tokens.models import EMSP

NOT_SENT = "The invitation cannot be sent just now. Try again later."


class Invitation(serializers.Serializer[Any]):
    """language: of the letter."""

    language = serializers.ChoiceField([code for code, _ in settings.LANGUAGES], default=settings.LANGUAGE_CODE)


class NewUser(UserSerializer):
    """invite: has a link sent to `email`, by which a password is chosen once, within seven days; language: of that
    letter. cpos, emsps: what the user may manage from the start; later `grants` say."""

    invite = serializers.BooleanField(write_only=True, default=False)
    language = serializers.ChoiceField(
        [code for code, _ in settings.LANGUAGES], write_only=True, default=settings.LANGUAGE_CODE
    )
    cpos: Any = PkField(many=True, queryset=CPO.objects.all(), write_only=True, required=False)
    emsps: Any = PkField(many=True, queryset=EMSP.objects.all(), write_only=True, required=False)

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "invite", "language", "cpos", "emsps"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["invite"]:
            return attrs
        if attrs.get("password") is not None:
            raise serializers.ValidationError({"password": "Who is invited chooses a password: leave it out."})
        if not attrs.get("email"):
            raise serializers.ValidationError({"email": "Where should the invitation go?"})
        for name in ("is_active", "is_staff"):
            if not attrs.get(name, True):
                raise serializers.ValidationError({name: "Who may not log in cannot be invited."})
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Any:
        granted = {name: validated_data.pop(f"{name}s", []) for name in PARTIES}
        kept = {name: value for name, value in validated_data.items() if name not in ("invite", "language")}
        user = super().create(kept)
        for name, parties in granted.items():
            permission, model = PARTIES[name]
            access.set_grants(user, permission, model, [party.pk for party in parties])
        return user


class MadeUser(UserSerializer):
    """invited: whether an invitation is on its way; if not, send it later with `invite/`."""

    invited = serializers.BooleanField(read_only=True)

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "invited"]


class InvitedUsers(Users):
    """With `invite` a new user is sent a link to choose a password by."""

    @extend_schema(request=NewUser, responses={201: MadeUser})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with writing():
            serializer = NewUser(data=request.data, context=self.get_serializer_context())
            serializer.is_valid(raise_exception=True)
            user = serializer.save()
        # Committed: the worker must find the user.
        given = serializer.validated_data
        invited = given["invite"] and views.invite(_plain(request), user, given["language"])
        return self.shown(user, status.HTTP_201_CREATED, invited=invited)

    @extend_schema(request=Invitation, responses={200: UserSerializer})
    @action(detail=True, methods=["post"])
    def invite(self, request: Request, pk: str) -> Response:
        """Sends an invitation, again where there was one: to an active user with an e-mail address and without a
        password. Whoever is not to come after all is disabled, given another address, or deleted: the link is over."""
        wanted = Invitation(data=request.data)
        wanted.is_valid(raise_exception=True)
        with writing():
            user: User = self.get_object()
            if not letters.can_be_invited(user):
                raise Conflict(
                    "Invited are active users with an e-mail address and no password yet.", "not_to_be_invited"
                )
        if not views.invite(_plain(request), user, wanted.validated_data["language"]):
            raise Unavailable(NOT_SENT)
        return self.shown(user)


def _plain(request: Request) -> HttpRequest:
    """Django's own, which knows the user of a key as well."""
    return request._request


router = Router()
router.register("users", InvitedUsers)
urlpatterns = router.urls
