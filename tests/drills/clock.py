"""The clock of the drills: PostgreSQL's, so that the times of commits can be compared. Both run on this machine."""

import time

now = time.time  # seconds since 1970
