"""Random releases and sessions against the real Lua and the real session API, beside a model of who belongs where.

`make test` plays a few thousand sequences; `python -m tests.model --sequences 100000` as many as one likes.
"""
