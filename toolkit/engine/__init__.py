"""Container engines and their compose commands: everything that starts other programs is here."""
