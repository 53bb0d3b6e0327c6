"""Field validators shared by the admin, the API and the imports."""

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from locations import ids

validate_country_code = RegexValidator("^[A-Za-z]{2}\\Z", "A country code is two letters, like NL.")
validate_party_id = RegexValidator("^[A-Za-z0-9]{3}\\Z", "A party id is three letters or digits, like GFX.")
validate_country_alpha3 = RegexValidator(
    "^[A-Z]{3}\\Z", "A country is three capital letters (ISO 3166 alpha-3), like NLD."
)


def printable(value: str) -> None:
    """Printable ASCII only; see locations.ids.printable_ascii."""
    try:
        ids.printable_ascii(value)
    except ids.BadId as error:
        raise ValidationError(str(error), code="ascii") from None
