"""One module per command: parse, call, render. `toolkit.cli` imports a module when it is called."""
