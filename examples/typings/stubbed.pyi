def stubbed(one: int, other: int) -> int:
    """Adds two numbers; only this stub says so."""
