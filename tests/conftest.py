"""What holds for every test: how hypothesis searches, and a world that does not depend on who runs the tests."""

import os
import time

import pytest
from hypothesis import HealthCheck, settings

# No deadlines: a slow machine is no bug.  A failing example is printed so that it can be pasted into a test.
settings.register_profile("default", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, database=None)
settings.register_profile("long", settings.get_profile("default"), max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "default"))


@pytest.fixture(autouse=True, scope="session")
def neutral_environment() -> None:
    """Take the caller's time zone, language and colours out of the results."""
    os.environ.update(TZ="UTC", LC_ALL="C.UTF-8", NO_COLOR="1", COLUMNS="100")
    os.environ.pop("FORCE_COLOR", None)
    time.tzset()
