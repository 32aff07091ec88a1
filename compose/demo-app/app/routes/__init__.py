"""The app's handlers, a module for each kind of thing."""

from . import account, board, files, health, streams

ALL = [route for module in (account, board, files, health, streams) for route in module.routes]
