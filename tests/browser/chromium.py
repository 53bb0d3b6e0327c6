"""Where this machine's Chromium is, and how it is started."""

import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """The browser that is there, if any."""
    places = [Path("/usr/bin", name) for name in NAMES]
    return next((str(place) for place in places if place.exists()), None) or next(
        (found for name in NAMES if (found := shutil.which(name))), None
    )
