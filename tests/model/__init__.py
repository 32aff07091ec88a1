"""Random releases and sessions, against the real Lua and the real session API; a model says who is where.

`make test` plays a few thousand sequences; `python -m tests.model --sequences 100000` as many as one likes.
"""
