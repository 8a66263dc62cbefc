"""A library that generates text: at once, or piece by piece."""


def generate(prompt, count=3):
    return f"{prompt}-{count}"


def generate_stream(prompt, count=3):
    for index in range(1, count + 1):
        yield {"chunk": f"{prompt}-{index}", "index": index}
