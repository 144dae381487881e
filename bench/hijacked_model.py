"""A hijacked model's calls against watching upstreams: `python -m bench.hijacked_model [--calls N] [--seed N]`.

Exit code 1 if anything was sent that must not be, or the token was seen. `tests/e2e/test_hijacked_model.py` runs a
small part of the same.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from tests.support.hijack import attack, table


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    report = asyncio.run(attack(options.seed, options.calls))
    print(table(report))
    return 1 if report.faults or report.leaks else 0


if __name__ == "__main__":
    sys.exit(main())
