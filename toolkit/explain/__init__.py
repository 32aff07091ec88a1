"""Makes of what people paste the request that they ask about: token, header lines, cookie file, curl command.

`parse` reads it, with `curl` for command lines; `request` is what the proxy's /explain takes.
"""
