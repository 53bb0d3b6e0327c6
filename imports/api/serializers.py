"""What an import looks like in the API, and what an upload says of itself."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field, inline_serializer
from rest_framework import serializers

from authorization.api.resources.fields import PkField
from authorization.models import ExceptionGroup
from imports import services
from imports.models import SHOWN_ERRORS, TARGETS, Import, Kind
from imports.recognise import DATE_STYLES, ENCODINGS, SEPARATORS
from imports.resources import resource_of
from imports.work import TOTALS
from locations.models import CPO, Location
from tokens.models import EMSP

_COUNTS: dict[str, Any] = {name: serializers.IntegerField(required=False) for name in TOTALS}
Totals: Any = inline_serializer("ImportTotals", _COUNTS)
RowProblem: Any = inline_serializer(
    "ImportRowProblem",
    {
        "row": serializers.IntegerField(help_text="As a spreadsheet numbers it, the header's is 1."),
        "column": serializers.CharField(allow_blank=True),
        "value": serializers.CharField(allow_blank=True, allow_null=True),
        "message": serializers.CharField(),
    },
    many=True,
)
FirstRow: Any = inline_serializer(
    "ImportRow",
    {
        "row": serializers.IntegerField(),
        "outcome": serializers.ChoiceField(choices=["new", "changed", "unchanged", "turned"]),
        "before": serializers.DictField(allow_null=True),
        "after": serializers.DictField(),
    },
    many=True,
)

Done: Any = inline_serializer(
    "ImportProgress",
    {
        "phase": serializers.CharField(),
        "rows": serializers.IntegerField(),
        "percent": serializers.IntegerField(allow_null=True, help_text="Of the phase, where it is known."),
    },
)


class ImportSummary(serializers.ModelSerializer[Import]):
    """One line of the history: who, when, what, into what."""

    owner = serializers.CharField(source="owner.get_username", read_only=True, allow_null=True, default=None)
    totals = serializers.SerializerMethodField()

    class Meta:
        model = Import
        fields = [
            "id", "kind", "emsp", "location", "group", "cpo", "clear", "file_name", "size", "owner", "status",
            "message", "totals", "created_at", "finalised_at", "undone_at", "revision",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(Totals)
    def get_totals(self, of: Import) -> Any:
        return of.totals


class ImportShown(ImportSummary):
    """An import: how its file is read, what it would change or has changed, and what is wrong with it."""

    recognised = serializers.SerializerMethodField(help_text="How the file is read; PATCH says otherwise.")
    progress = serializers.SerializerMethodField()
    errors = serializers.SerializerMethodField(  # type: ignore[assignment] # DRF takes fields out of the class
        help_text=f"The first {SHOWN_ERRORS}; errors.csv has all."
    )
    first_rows = serializers.SerializerMethodField()
    can_be_undone = serializers.SerializerMethodField()

    class Meta(ImportSummary.Meta):
        fields = [*ImportSummary.Meta.fields, "recognised", "progress", "first_rows", "errors", "can_be_undone"]
        read_only_fields = fields

    @extend_schema_field({"type": "object"})
    def get_recognised(self, of: Import) -> Any:
        return of.recognised

    @extend_schema_field(Done)
    def get_progress(self, of: Import) -> Any:
        return {"phase": of.phase, "rows": of.rows_done, "percent": of.percent if of.busy else None}

    @extend_schema_field(RowProblem)
    def get_errors(self, of: Import) -> Any:
        return services.errors_of(of, SHOWN_ERRORS)

    @extend_schema_field(FirstRow)
    def get_first_rows(self, of: Import) -> Any:
        return of.first_rows

    def get_can_be_undone(self, of: Import) -> bool:
        return services.can_be_undone(of)


class Reading(serializers.Serializer[Any]):
    """How to read a file, where it is not to be recognised."""

    clear = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Takes off what the file does not name; customers stay.",
    )
    encoding = serializers.ChoiceField(choices=list(ENCODINGS), required=False)
    separator = serializers.ChoiceField(choices=list(SEPARATORS), required=False)
    header = serializers.BooleanField(required=False, default=None, allow_null=True)
    columns = serializers.JSONField(
        required=False, help_text='Which column of the file is which: {"Badge": "uid", "Note": null}.'
    )
    date_style = serializers.ChoiceField(choices=[style for style in DATE_STYLES if style != "unknown"], required=False)

    def validate_columns(self, columns: Any) -> Any:
        if not isinstance(columns, dict) or not all(isinstance(value, str | None) for value in columns.values()):
            raise serializers.ValidationError('Say it as {"Badge": "uid", "Note": null}.')
        return columns

    def said(self, values: dict[str, Any]) -> dict[str, Any]:
        names = ("encoding", "separator", "header", "columns", "date_style")
        return {name: values[name] for name in names if values.get(name) is not None}


def refuse_columns(of: Import, said: dict[str, Any]) -> None:
    """Raises ValidationError for a column that the kind does not have, or that is named twice."""
    named = [column for column in said.get("columns", {}).values() if column]
    if not named:
        return
    known = {} if of.kind == Kind.LOCATIONS else resource_of(of).columns()
    for column in named:
        if column not in known:
            raise serializers.ValidationError({"columns": f"{column!r} is none of {', '.join(known)}."})
    if len(set(named)) != len(named):
        raise serializers.ValidationError({"columns": "A column is read from one column of the file."})


def refuse_clear(of: Import) -> None:
    """Raises ValidationError where there is no list of tokens to clear."""
    clearable = of.kind == Kind.AUTHORIZATION_LIST or (
        of.kind == Kind.GROUP_MEMBERS and of.group is not None and of.group.category == "token"
    )
    if of.clear and not clearable:
        raise serializers.ValidationError({"clear": "Only lists and groups of charge tokens can be cleared."})


class Upload(Reading):
    """A file, what is in it, and what it goes into: `emsp`, `location`, `group` or `cpo`, as the kind has it."""

    file = serializers.FileField(allow_empty_file=True, max_length=255)
    kind = serializers.ChoiceField(choices=Kind.choices)
    emsp = PkField(queryset=EMSP.objects.all(), required=False)
    location = PkField(queryset=Location.objects.all(), required=False)
    group = PkField(queryset=ExceptionGroup.objects.all(), required=False)
    cpo = PkField(queryset=CPO.objects.all(), required=False)

    def validate_file(self, file: Any) -> Any:
        if file.size > settings.IMPORT_MAX_BYTES:
            raise serializers.ValidationError(f"A file may have {settings.IMPORT_MAX_BYTES:,} bytes.")
        return file

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        wanted = TARGETS[Kind(attrs["kind"])]
        if attrs.get(wanted) is None:
            raise serializers.ValidationError({wanted: "Say into what this file goes."}, "required")
        for other in TARGETS.values():
            if other != wanted and attrs.get(other) is not None:
                raise serializers.ValidationError({other: f"A file of {attrs['kind']} goes into {wanted}."})
        return attrs

    def made(self) -> tuple[Import, Any]:
        """The import that the upload is, not saved, and its file."""
        values = self.validated_data
        target = TARGETS[Kind(values["kind"])]
        file, said = values["file"], self.said(values)
        new = Import(
            kind=values["kind"], clear=values["clear"], said=said, file_name=_name(file.name), size=file.size,
            **{target: values[target]},
        )  # fmt: skip
        refuse_clear(new)
        refuse_columns(new, said)
        return new, file


def _name(name: str | None) -> str:
    """Shown as text only, never a path of ours."""
    return (name or "file").replace("\0", "").encode("utf-8", "replace").decode()[:255] or "file"


class Finalise(serializers.Serializer[Any]):
    skip_errors = serializers.BooleanField(
        required=False, default=False, help_text="Leave out the rows that have errors, instead of refusing them all."
    )
