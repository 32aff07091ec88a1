"""What can be seen of a project from outside: for status, monitor, logs and doctor.

`sources` asks for it, each source in a thread of its own (`background`), and `overview` brings the answers
together. `doctor` looks for what is wrong, and `logs` reads what containers have logged.
"""
