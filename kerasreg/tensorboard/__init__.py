"""What TensorBoard shows of a run, written by the messages of the tensorboard package alone.

`summaries` makes the entries of an event, `hparams` those of the page that compares runs, and
`event_files` writes them. None of it needs TensorFlow.
"""
