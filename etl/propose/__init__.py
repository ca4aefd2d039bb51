"""Proposing a new source from one delivered file: `jichu new-source` (docs/adding-a-source.md).

It stands above the steps, beside the preview: what it proposes is read, cleaned and accounted for by the steps themselves.
"""

from etl.propose.files import write
from etl.propose.proposal import Proposal, propose

__all__ = ["Proposal", "propose", "write"]
