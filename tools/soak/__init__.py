"""Long trials of the whole: hostile inputs, kills, full disks and many sessions. Run them with ``make soak``."""
