"""Every metric of the session API is a row of one table: all of them are exported, and documented."""

import re

from prometheus_client.parser import text_string_to_metric_families

from session_api.observe.metrics import TABLE
from tests.unit.session_api.support.api import Api
from tests.unit.session_api.support.data import ROOT


def test_every_metric_is_exported_as_the_table_describes_it(api: Api) -> None:
    api.token()
    api.census()
    families = {
        family.name + ("_total" if family.type == "counter" else ""): family
        for family in text_string_to_metric_families(api.get("/metrics").text)
    }
    # The library adds the time of birth of each counter, where only one process counts.
    ours = {name: family for name, family in families.items() if not name.endswith("_created")}
    assert {name: (each.type, each.documentation) for name, each in ours.items()} == {
        name: (each.kind, each.help) for name, each in TABLE.items()
    }
    for name, family in ours.items():
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == set(TABLE[name].labels), name


def test_every_metric_is_documented_with_its_labels() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `(bgctl_api_\w+)` \|([^|]*)\|", text, re.MULTILINE)
    documented = {name: tuple(re.findall(r"\w+", labels)) for name, labels in rows}
    assert documented == {name: each.labels for name, each in TABLE.items()}
