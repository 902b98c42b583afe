"""Measurements of the box beside its budgets. They print; they never fail a build."""
