"""A compose file from YAML, and as JSON that every reader of YAML takes for the same.

What `config` prints may have keys that are no texts (an unquoted NO is False in YAML 1.1), numbers that JSON
has not, and characters that YAML has only escaped.
"""

import math
import re
from typing import Any

import msgspec

Document = dict[str, Any]
# JSON may have these as they are; YAML refuses them, or takes them for an end of line.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def read(text: str, doubled: bool) -> Document:
    """`doubled`: `config` has printed each $ as $$, in keys too, where nobody makes one of them again.

    Raises msgspec.MsgspecError for what is no mapping.
    """
    found: Document = _texts(msgspec.yaml.decode(text, type=dict[Any, Any]), doubled)
    return found


def of(document: Document) -> str:
    return _ESCAPED.sub(lambda each: f"\\u{ord(each[0]):04x}", msgspec.json.encode(document).decode())


def _texts(part: Any, doubled: bool) -> Any:
    """Keys as texts, as compose writes them into an environment or a label; numbers such as .inf as well."""
    if isinstance(part, dict):
        keys = {key: str(key).replace("$$", "$") if doubled else str(key) for key in part}
        return {keys[key]: _texts(each, doubled) for key, each in part.items()}
    if isinstance(part, list):
        return [_texts(each, doubled) for each in part]
    if isinstance(part, float) and (not math.isfinite(part) or "e" in str(part)):
        return str(part)
    return part
