"""Studies with people: one page, served to this machine, and a server that owns the state.

`file` reads a study, `orders` and `plan` say who plays what, `words` and `pages` are what a person reads, `scene` is what a game
looks like, `visit` is one person's way through the study, `register` is all of them, `server` speaks to the pages, `serving` is the
run, `participant` is a simulated person, `export` makes tables of the recordings.
"""
