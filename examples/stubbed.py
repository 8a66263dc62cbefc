def stubbed(*numbers):
    return sum(numbers)
