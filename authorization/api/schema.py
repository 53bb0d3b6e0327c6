"""OpenAPI 3.1 at /api/v1/schema/, and pages to read it at /api/v1/docs/: what the views do not say of themselves."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiViewExtension
from drf_spectacular.plumbing import get_lib_doc_excludes
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema, inline_serializer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import serializers

from authorization.api.authentication import SCHEME
from authorization.api.resources.base import Checked, Resource
from authorization.api.resources.owned import OwnedSerializer
from authorization.engine.reasons import Reason
from authorization.questions import TOKEN_TYPES

# What any operation may answer besides what it is for.
ERRORS = {
    "400": "The request is at fault: `code` says how, `detail` in a sentence, `errors` field by field.",
    "401": "No key, or one that is not in force.",
    "403": "A key of another kind, or a role that does not allow this.",
    "404": "There is no such object; another party's is not there either.",
    "409": "The state of other objects forbids this.",
    "412": "`If-Match` names another state of the object than the present one.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "503": "There is no answer now: try again in a moment.",
}
BODY_ERRORS = ("409", "413", "415")
ERROR = {
    "type": "object",
    "required": ["code", "detail"],
    "properties": {
        "code": {"type": "string", "examples": ["unique"]},
        "detail": {"type": "string", "examples": ["uid: This uid is taken."]},
        "errors": {"type": "object", "description": "By field, where fields are at fault."},
    },
}
IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "schema": {"type": "string"},
    "description": "The `ETag` of the object as it was read: refused with 412 where it has changed since.",
}
ETAG = {"description": "Names the state of the object, for `If-Match`.", "schema": {"type": "string"}}


def complete(result: Any, generator: Any, request: Any, public: bool) -> Any:
    """Adds to every operation the errors it may answer, and to those on objects their tags."""
    result["components"]["schemas"]["Error"] = ERROR
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            _complete(path, method, operation)
    return result


def _complete(path: str, method: str, operation: Any) -> None:
    on_object = path.rstrip("/").endswith("}") or "{" in path
    writes = method in ("post", "patch", "delete")
    codes = {"400", "401", "403", "503"} | ({"404"} if on_object or method == "get" else set())
    codes |= set(BODY_ERRORS) if writes else set()
    if on_object and writes:
        codes.add("412")
        operation.setdefault("parameters", []).append(IF_MATCH)
    for code in sorted(codes - set(operation["responses"])):
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        operation["responses"][code] = {"description": ERRORS[code], "content": content}
    whole_list = path.endswith(("/members/", "/authorization-list/")) and method in ("get", "post")
    if whole_list or (path.rstrip("/").endswith("}") and method in ("get", "patch")):
        operation["responses"]["200"]["headers"] = {"ETag": ETAG}


def undescribed() -> list[type]:
    """Classes whose docstrings are for us, not for who reads the schema."""
    theirs: list[type] = get_lib_doc_excludes()  # type: ignore[no-untyped-call]
    return [*theirs, Checked, OwnedSerializer, Resource]


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`Authorization: Token <key>`."""

    target_class = "authorization.api.authentication.ApiKeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        text = f"`Token <key>`: of a charge station, a CPO or a portal user. Challenge: {SCHEME}"
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": text}


class Schema(SpectacularAPIView):
    """The description of this API, as JSON, or as YAML for who asks for that."""

    renderer_classes = [OpenApiJsonRenderer2, OpenApiYamlRenderer]
    http_method_names = ["get", "head"]


class Docs(SpectacularSwaggerSplitView):
    """The same to read and to try, from this portal's own static files."""

    url_name = "schema"
    # Its template has no words for OPTIONS.
    http_method_names = ["get", "head"]


REASONS = [reason.value for reason in Reason]
QUESTION: dict[str, Any] = {
    "id_token": serializers.CharField(required=False, max_length=255),
    "token_type": serializers.ChoiceField(choices=TOKEN_TYPES, required=False),
    "evse_id": serializers.CharField(required=False, max_length=255),
    "location_id": serializers.CharField(required=False, max_length=255),
    "cpo": serializers.CharField(required=False, max_length=255, help_text="Like NL-GFX."),
    "station": serializers.CharField(required=False, max_length=255),
    "id": serializers.CharField(required=False, max_length=64, help_text="The caller's own correlation id."),
}
ANSWER: dict[str, Any] = {
    "id": serializers.CharField(),
    "status": serializers.ChoiceField(choices=["accepted", "rejected"]),
    "reason": serializers.ChoiceField(choices=REASONS),
    "message": serializers.CharField(),
    "location_id": serializers.CharField(allow_null=True),
    "evse_id": serializers.CharField(allow_null=True),
    "decided_at": serializers.DateTimeField(),
    "revision": serializers.IntegerField(),
}
Question: Any = inline_serializer("Question", dict(QUESTION))
Answer: Any = inline_serializer("Answer", dict(ANSWER))
EXAMPLES = [
    OpenApiExample(
        "A card at a charging point",
        {"id_token": "04A2B3C4D5E680", "token_type": "ISO14443", "evse_id": "NL*GFX*E123456"},
        request_only=True,
    )
]


def _described(target: str, method: str = "post", **said: Any) -> None:
    """Says of a view that knows no serializers what goes in and comes out."""

    class Described(OpenApiViewExtension):  # type: ignore[no-untyped-call]
        target_class = target

        def view_replacement(self) -> Any:
            found: Any = self.target_class
            view = type(found.__name__, (found,), {"__doc__": found.__doc__})
            setattr(view, method, extend_schema(**said)(getattr(found, method)))
            return view


_described("authorization.api.charging.AuthorizeView", request=Question, responses=Answer, examples=EXAMPLES)
_described(
    "authorization.api.charging.BatchView",
    request=inline_serializer("Questions", {"requests": type(Question)(many=True)}),
    responses=inline_serializer(
        "Answers", {"results": serializers.ListField(child=serializers.DictField(), help_text="Answers, or errors.")}
    ),
)
_described(
    "authorization.api.charging.ExplainView",
    request=inline_serializer(
        "QuestionToExplain",
        {
            **QUESTION,
            "auth_id": serializers.CharField(required=False),
            "at": serializers.DateTimeField(required=False),
        },
    ),
    responses=inline_serializer(
        "Explanation",
        {
            **ANSWER,
            "steps": serializers.ListField(child=serializers.DictField()),
            "local_time": serializers.CharField(allow_null=True),
            "next_change_at": serializers.DateTimeField(allow_null=True),
        },
    ),
)
_described("authorization.api.health.StatusView", method="get", responses=OpenApiTypes.OBJECT)
