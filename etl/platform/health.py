"""`python -m etl.platform.health PART ADDRESS`: exit code 0 when Airflow says that the part is healthy (container health checks)."""

import sys

from etl.platform.airflow import HEALTHY_PARTS, healthy


def main() -> int:
    """0 healthy, 1 not, 2 called wrongly."""
    if len(sys.argv) != 3 or sys.argv[1] not in HEALTHY_PARTS:
        print(__doc__, file=sys.stderr)
        return 2
    return 0 if healthy(sys.argv[2], sys.argv[1]) else 1


if __name__ == "__main__":
    sys.exit(main())
