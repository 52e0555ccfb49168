"""One module a question; ``python -m experiments`` runs them and writes what they found."""
