"""The composition root: settings, URLs, workers, and the stack that `make run` starts."""

import zoneinfo

# Zone rules come from the PyPI tzdata package everywhere: machines carry older copies, and a window that opens
# at 08:00 in Casablanca must open at the same instant on every node.
zoneinfo.reset_tzpath(to=[])
