"""Has Node's libraries, which are in a folder, make tests/cases/tokens/node.json (`make tokens`)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random

from tests.lua.support import libraries, shapes


def main(folder: Path) -> None:
    random = Random(1)
    keys = libraries.private_keys()
    orders, claims = [], []
    for library in libraries.NODE_LIBRARIES:
        for number, alg in enumerate(alg for alg in keys if libraries.makes(library, alg)):
            shape = shapes.SHAPES[number % len(shapes.SHAPES)](random)
            said = dict(shape.claims)
            if alg in ("RS384", "ES384"):
                said |= {"iss": "https://idp/", "aud": ["x", "shop"]}
            kid = alg if number % 2 else None
            orders.append({"library": library, "alg": alg, "kid": kid, "claims": said, "key": keys[alg]})
            claims.append(shape.claim)
    made = libraries.ask_node(folder, orders)
    kept = [
        {"library": order["library"], "alg": order["alg"], "claim": claim, "token": token}
        for order, claim, token in zip(orders, claims, made, strict=True)
    ]
    text = json.dumps({"keys": {alg: libraries.public_jwk(alg) for alg in keys}, "tokens": kept}, indent=1)
    (libraries.NODE.parent / "node.json").write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
