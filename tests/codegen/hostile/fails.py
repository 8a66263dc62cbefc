raise RuntimeError("it does not want to")
