"""What a broken rule of the database means to the one who asked: one table, for checks before and refusals by it.

400 where the request itself is at fault, 409 where the state of other objects forbids it. A conflict says that a value
is taken, never by whom.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, OperationalError, connection, models, transaction
from psycopg import errors as postgres
from rest_framework import serializers
from rest_framework.exceptions import APIException, ErrorDetail

from authorization.api.errors import Conflict

OUR_APPS = ("locations", "tokens", "authorization", "subscriptions")
EVERYWHERE = "non_field_errors"

# The field that a rule is about, where it is not the last of a unique constraint.
FIELD_OF_RULE = {
    "location_coordinates_are_on_earth": "latitude",
    "location_has_a_time_zone": "time_zone",
    "station_access_modes_agree": "local_pre_authorize",
    "token_uid_is_hexadecimal": "uid",
    "emaid_uid_is_its_auth_id": "uid",
    "token_with_driver_has_customer": "customer",
    "token_is_an_emsps_or_external": "emsp",
    "exception_begins_before_it_ends": "valid_until",
    "exceptiongroup_has_one_owner": "owner_emsp",
    "chargeexception_has_one_owner": "owner_emsp",
    "cpo_is_not_its_own_parent": "parent",
    "group_category_never_changes": "category",
    "exception_cpo_group_is_of_its_side": "cpo_groups",
    "exception_emsp_group_is_of_its_side": "emsp_groups",
}
# Rules that only the database knows: triggers and composite foreign keys.
BAD_REQUEST = {
    "cpo_is_not_its_own_parent": "A CPO cannot be above itself.",
    "group_category_never_changes": "The category of a group cannot be changed.",
    "exception_cpo_group_is_of_its_side": "This group is of the other side.",
    "exception_emsp_group_is_of_its_side": "This group is of the other side.",
    "exception_has_groups_on_both_sides": "An exception needs a CPO-side and an eMSP-side group.",
}
CONFLICT = {
    "private_location_is_not_published": (
        "private_location",
        "A private location cannot be published: empty its authorization list first.",
    ),
    "external_token_is_named": (
        "in_use",
        "This external token stands on a list or in a group: remove it there first.",
    ),
    "blacklisted_token_stays": (
        "blacklisted_token",
        "A blacklist names this token, which has no Auth ID: block it instead (valid: false).",
    ),
    "token_customer_of_its_emsp": ("in_use", "Tokens of this customer belong to its present eMSP: move them first."),
    "token_driver_of_its_customer": (
        "in_use",
        "Tokens of this driver belong to its present customer: move them first.",
    ),
    "evse_station_of_its_location": ("in_use", "EVSEs of this station stand at its present location: move them first."),
}
TRY_AGAIN = "Somebody else changed the same objects at the same time. Nothing was saved: try again."


def rule_field(constraint: models.BaseConstraint) -> str:
    """The field to report a broken constraint at."""
    if (field := FIELD_OF_RULE.get(constraint.name)) is not None:
        return field
    fields = getattr(constraint, "fields", ())
    return str(fields[-1]).removesuffix("_normal") if fields else EVERYWHERE


def rule_code(constraint: models.BaseConstraint) -> str:
    return "unique" if isinstance(constraint, models.UniqueConstraint) else "invalid"


@contextmanager
def writing() -> Iterator[None]:
    """One transaction, whole or not at all; what the model or the database refuses comes out as an APIException."""
    try:
        with transaction.atomic():
            yield
            _check_deferred_rules()
    except ValidationError as error:
        raise serializers.ValidationError(details(error)) from None
    except (models.ProtectedError, models.RestrictedError):
        raise Conflict("Other objects need this one: delete or move them first.", "in_use") from None
    except IntegrityError as error:
        raise refusal(error) from error
    except OperationalError as error:
        if isinstance(error.__cause__, postgres.DeadlockDetected | postgres.SerializationFailure):
            raise Conflict(TRY_AGAIN) from error
        raise


def _check_deferred_rules() -> None:
    """Has the rules that wait for the commit speak now, also inside an outer transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def refusal(error: IntegrityError) -> APIException:
    """The answer to a refusal by the database. One that nobody foresaw is a plain 409."""
    diagnosis = getattr(error.__cause__, "diag", None)
    name = getattr(diagnosis, "constraint_name", None) or ""
    if name in CONFLICT:
        code, message = CONFLICT[name]
        return Conflict(message, code)
    if name in BAD_REQUEST:
        return _field_error(FIELD_OF_RULE.get(name, EVERYWHERE), BAD_REQUEST[name], "invalid")
    constraint = _declared().get(name)
    if constraint is not None:
        message = str(constraint.get_violation_error_message())
        return _field_error(rule_field(constraint), message, rule_code(constraint))
    if isinstance(error.__cause__, postgres.ForeignKeyViolation):
        return Conflict("An object that this needs is gone, or one that stays needs this one.", "in_use")
    return Conflict()


def _declared() -> dict[str, models.BaseConstraint]:
    return {
        constraint.name: constraint
        for app in OUR_APPS
        for model in apps.get_app_config(app).get_models()
        for constraint in model._meta.constraints
    }


def _field_error(field: str, message: str, code: str) -> serializers.ValidationError:
    return serializers.ValidationError({field: [ErrorDetail(message, code)]})


def details(error: ValidationError) -> dict[str, list[ErrorDetail]]:
    """Django's errors by field as the API's."""
    by_field: dict[str, Any] = error.error_dict if hasattr(error, "error_dict") else {EVERYWHERE: error.error_list}
    return {
        EVERYWHERE if field == NON_FIELD_ERRORS else field: [
            ErrorDetail(message, item.code or "invalid") for item in items for message in item.messages
        ]
        for field, items in by_field.items()
    }
