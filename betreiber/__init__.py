"""The operator: one Flask app. Empty, so that domain tests import without Flask."""
