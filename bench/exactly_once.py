"""Randomised schedules of writes against an upstream that loses connections: `python -m bench.exactly_once`.

Exit code 1 if anything was written twice, or written without being recorded, or if an unknown outcome was not told.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path

from commands.logs import set_up_logging
from tests.support.exactly_once import run_schedules


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--schedules", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    set_up_logging("ERROR")
    happened: Counter[str] = Counter()
    told: Counter[str] = Counter()
    schedules, committed, wrong = 0, 0, list[str]()
    seed = options.seed
    while schedules < options.schedules:
        with tempfile.TemporaryDirectory() as folder:
            outcome = asyncio.run(run_schedules(Path(folder), seed, min(500, options.schedules - schedules)))
        happened, told = happened + outcome.happened, told + outcome.told
        schedules, committed, seed = schedules + outcome.schedules, committed + outcome.committed, seed + 1
        wrong += outcome.wrong
    print(f"{schedules:,} schedules, {committed:,} writes committed")
    print("what happened to requests: " + ", ".join(f"{name} {count}" for name, count in happened.most_common()))
    print("what was recorded and told: " + ", ".join(f"{name} {count}" for name, count in told.most_common()))
    print(f"written twice, unrecorded or untold: {len(wrong)}")
    for line in wrong[:20]:
        print(f"  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
