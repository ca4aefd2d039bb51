"""Survivorship: whom we believe, field by field; what the others said becomes a disagreement."""
