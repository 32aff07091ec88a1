"""Where browsers come, as far as bgctl.toml can say it."""

from toolkit.config import hosts
from toolkit.config.configuration import Config
from toolkit.values import Address


def base(config: Config) -> str:
    """Where browsers come: as it is written down, else to the app's first host, else as the proxy listens."""
    if config.preview.url:
        return config.preview.url
    host = hosts.first(config)
    if host and config.proxy.secure_cookies:
        return f"https://{host}{_port(config.tls.public_port, 443) if config.tls.on else ''}"
    if host:
        return f"http://{host}{_port(config.proxy.listen.port, 80)}"
    if config.tls.on:
        return _origin("https", config.tls.listen[0], 443)
    return _origin("http", config.proxy.listen[0], 80)


def doubt(config: Config, url: str) -> str | None:
    """Why browsers may not come to `url`; None: nothing speaks against it."""
    if config.proxy.secure_cookies and url.startswith("http:"):
        return f"browsers are to come by HTTPS (secure_cookies), and {url} is not"
    told = config.preview.url or hosts.first(config)
    if not told and config.proxy.proxy_protocol:
        return f"{url} is where load balancers come: what is sent there begins with the PROXY protocol"
    if not told and url == base(config):
        return f"{url} is where the proxy listens: others may know it by another name"
    return None


def _origin(scheme: str, listen: Address, usual: int) -> str:
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (it is replaced)
    host = anywhere.get(listen.host, listen.host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}{_port(listen.port, usual)}"


def _port(port: int, usual: int) -> str:
    return "" if port == usual else f":{port}"
