"""How departments write their files."""
