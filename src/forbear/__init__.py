"""The gate between the systems that call, text and mail people, and the people."""

import zoneinfo

# The pinned tzdata package, whatever the machine has installed: a decision must come out the same everywhere.
zoneinfo.reset_tzpath(to=())
