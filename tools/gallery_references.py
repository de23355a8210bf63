"""Write `labkit/runs/gallery_references.json`: calibration of the uncompressed networks that ship, for runs stored without it."""

import json

from labkit import runs
from labkit.audit.reliability import brier_score, expected_calibration_error, reliability
from labkit.audit.tables import softmax
from labkit.runs.later_figures import REFERENCES
from labkit.runs.references import reference


def main() -> None:
    """Run every network of the gallery once on its test data."""
    rows = []
    for model, data in sorted({(run.model, run.data) for run in runs.gallery().runs()}):
        found = reference(model, data)
        probabilities, labels = softmax(found.logits), found.dataset.test.labels
        figures = {
            "reference_ece": float(expected_calibration_error(reliability(probabilities, labels))),
            "reference_brier": float(brier_score(probabilities, labels)),
        }
        rows.append({"model_sha": found.sha, "data_id": found.data_id, "figures": figures})
    REFERENCES.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
