"""What bgctl takes of the session API stays light, and nothing goes the other way."""

import ast
import subprocess
import sys

from tests.unit.support.packages import ROOT, Package

PACKAGE = ROOT / "session_api"
MODULES = Package("session_api").modules
# What bgctl imports, some of it before it says a word: HTTP and stores are no business of its own.
BGCTLS = (
    "session_api.cluster",
    "session_api.errors",
    "session_api.files",
    "session_api.keys",
    "session_api.stores.redis.address",
    "session_api.stores.redis.connection",
    "session_api.tokens",
)


def test_nothing_here_imports_the_toolkit() -> None:
    for path in MODULES.values():
        assert "import toolkit" not in path.read_text() and "from toolkit" not in path.read_text(), path


def test_what_bgctl_imports_needs_no_web_framework_and_no_store() -> None:
    used = set()
    for path in (ROOT / "toolkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("session_api"):
                inner = {f"{node.module}.{each.name}" for each in node.names}
                used |= (inner & set(MODULES)) or {str(node.module)}
    assert used
    assert {module for module in used if not module.startswith(BGCTLS)} == set()
    heavy = {"falcon", "redis", "structlog", "prometheus_client", "sqlite3"}
    code = f"import sys; import {', '.join(sorted(used))}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_where_keys_lie_is_known_at_once() -> None:
    """Every bgctl command may ask: it must not wait for cryptography, nor for msgspec."""
    code = "import sys, session_api.keys.key_files, session_api.errors, session_api.files.atomic; "
    code += "print(sorted({'cryptography', 'msgspec'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
