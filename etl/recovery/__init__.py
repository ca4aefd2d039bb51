"""Backup and restore of everything that cannot be computed again, and the end of landings that nobody needs any more."""

from etl.recovery.backup import Made, backup
from etl.recovery.prune import Pruned, prune
from etl.recovery.restore import Restored, restore

__all__ = ["Made", "Pruned", "Restored", "backup", "prune", "restore"]
