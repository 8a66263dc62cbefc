"""The null baseline of a stream: a process sends numbers through a Pipe in lists
of 4096, and this one goes through them one by one. Prints items per second."""

import multiprocessing
import sys
import time


def produce(count, to):
    batch = []
    for item in range(count):
        batch.append(item)
        if len(batch) == 4096:
            to.send(batch)
            batch = []
    to.send(batch)
    to.send(None)


def main():
    count = int(sys.argv[1])
    ours, theirs = multiprocessing.Pipe(False)
    process = multiprocessing.Process(target=produce, args=(count, theirs))
    process.start()
    total = 0
    batch = ours.recv()
    began = time.perf_counter()
    while batch is not None:
        for item in batch:
            total += item
        batch = ours.recv()
    took = time.perf_counter() - began
    process.join()
    assert total == count * (count - 1) // 2
    print(count / took)


main()
