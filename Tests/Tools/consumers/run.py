"""run.py CONSUMER FACTS: tries one consumer; place.py says how."""

import place
import alibaba  # noqa: F401
import aws  # noqa: F401
import lasting  # noqa: F401
import loopback  # noqa: F401
import mounts  # noqa: F401
import traps  # noqa: F401

if __name__ == "__main__":
    place.main()
