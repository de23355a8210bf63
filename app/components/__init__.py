"""What several pages draw with."""

import os

# read when torch is loaded, which is after this: threads that wait for work must not keep the server and the browser from theirs
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
