"""A module or package a question; ``python -m experiments`` runs them and writes what they found.

`runner` is that program, `claims.csv` lists what the experiments decide, and `outcome` is what they
hand back. What several of them share: `timing`, `new_process`, `digits_calls`, `number_format`,
`member_loss`, `networks_with_dropout`."""
