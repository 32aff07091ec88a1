"""`python -m tests.model --sequences 100000`: as many as one likes, on every core, until one fails.

They are played in batches, each with the next seed; what fails is shown with the seed that plays it again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.model.play import play

BATCH = 1000


def main() -> int:
    """0 when nobody was served by another version than their own."""
    asked = _asked()
    began = time.monotonic()
    seeds = range(asked.seed, asked.seed - (-asked.sequences // BATCH))
    with ProcessPoolExecutor(asked.processes) as pool:
        batches = {pool.submit(_batch, seed, min(BATCH, asked.sequences)): seed for seed in seeds}
        for done, batch in enumerate(as_completed(batches), 1):
            if found := batch.result():
                pool.shutdown(cancel_futures=True)
                print(f"seed {batches[batch]}:\n{found}")
                return 1
            minutes = (time.monotonic() - began) / 60
            print(f"model: {done} of {len(seeds)} batches, {minutes:.1f} min", file=sys.stderr, flush=True)
    print(f"model: sequences={len(seeds) * min(BATCH, asked.sequences)} failed=0 minutes={minutes:.1f}")
    return 0


def _batch(seed: int, sequences: int) -> str:
    """What failed, in words; "" where nothing did."""
    try:
        play(sequences, seed)
    except Exception:  # whatever it is, it is what was looked for
        return traceback.format_exc()
    return ""


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--sequences", type=int, default=10_000, help="in all (default: 10000)")
    parser.add_argument("--seed", type=int, default=1, help="of the first batch (default: 1)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="(default: one for each core)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
