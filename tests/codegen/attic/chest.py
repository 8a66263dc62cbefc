"""Where some of the package's things are at home."""


class Trunk:
    """A box."""

    def lifted(self) -> "Trunk":
        return self


def carry(trunk: Trunk) -> Trunk:
    return trunk
