"""The networks that `dropout` and `early_stopping` train: one at a time, and many as one."""
