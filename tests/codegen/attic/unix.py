"""A module with a macro's name."""

from .chest import Trunk


def opened(trunk: Trunk) -> bool:
    return True
