"""What `kerasreg.surgery.audit` does: what it asks of a model, its rules, its report."""
