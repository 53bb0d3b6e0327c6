from hypothesis import HealthCheck, settings

import portal  # noqa: F401  (it makes PyPI's zone rules win, before any test loads a zone)

# The same examples on every run: a red build must be red again when somebody looks.
settings.register_profile(
    "engine", deadline=None, derandomize=True, max_examples=200, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("engine")
