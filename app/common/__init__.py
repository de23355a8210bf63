"""What several pages share: address, stored runs, benchmark results, figures and messages."""

import os

# read when torch is loaded, which is after this: idle OpenMP threads must not spin on the cores that the server and browser need
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
