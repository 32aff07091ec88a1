"""The routes of the app, a module for each kind."""

from . import account, board, files, health, streams

ALL = [route for module in (account, board, files, health, streams) for route in module.routes]
