"""The public keys and the metrics, over HTTP."""

from tests.unit.session_api.support.api import Api
from tests.unit.session_api.support.data import claims
from tests.unit.session_api.support.forge import Forge


def test_key_set(api: Api) -> None:
    result = api.get("/api/deployment/jwks.json")
    assert result.headers["cache-control"] == "public, max-age=300"
    assert {key["alg"] for key in result.json["keys"]} == {"EdDSA", "ES256", "RS256"}


def test_metrics(api: Api, forge: Forge) -> None:
    api.log_in("u1", "1.6.7")
    api.get("/api/deployment/session", forge.token({}, claims(iss="other")))
    api.client.simulate_get("/nowhere/u1@x.y")
    api.post("/api/deployment/refresh", api.token("u2", "1.6.7"))
    metrics = api.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    lines = metrics.text.splitlines()
    assert 'bgctl_api_sessions{version="1.6.7"} 2.0' in lines
    assert 'bgctl_api_tokens_issued_total{by="login"} 2.0' in lines
    assert 'bgctl_api_tokens_issued_total{by="refresh"} 1.0' in lines
    assert 'bgctl_api_tokens_rejected_total{reason="issuer"} 1.0' in lines
    assert 'bgctl_api_requests_total{method="POST",route="/token",status="201"} 2.0' in lines
    assert 'bgctl_api_requests_total{method="GET",route="none",status="404"} 1.0' in lines
    assert "bgctl_api_store_up 1.0" in lines
    assert "nowhere" not in metrics.text
