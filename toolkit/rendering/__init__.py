"""Makes the files in proxy/ from bgctl.toml: nginx.conf, settings.json, pages, and the certificate.

`render` says what belongs there (of `nginx_conf`, `settings_json` and `pages`); `reload` puts it there and
has a running proxy load it. `certificate` judges a certificate, and `tls_files` are the proxy's copies.
"""
