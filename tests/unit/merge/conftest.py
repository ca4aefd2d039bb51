"""The hand-filled workbench that linkage is tested with serves the merges too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "match"))
