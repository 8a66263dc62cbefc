"""What bench_value_crossing passes, and what passing it costs in Python alone.

As a module: `payloads`, so that both sides of the comparison pass the same
objects. As a program: for each line "payload pass|echo times" it sends that
payload so often through a multiprocessing.Pipe to a process which answers its
length, or sends it back, and answers one line: the microseconds of each turn.
"""

import multiprocessing
import sys
import time

payloads = {
    "floats": [i * 0.37 for i in range(100_000)],
    "dict": {f"key {i}": i for i in range(10_000)},
    "bytes_1_mib": bytes(range(256)) * (1024 * 1024 // 256),
    "bytes_16_mib": bytes(range(256)) * (16 * 1024 * 1024 // 256),
    "records": [
        {
            "id": i,
            "name": f"record number {i}",
            "tags": [f"tag {i}", f"tag {i + 1}", f"tag {i + 2}"],
            "point": {"x": i * 0.37, "y": i * 0.73},
        }
        for i in range(1_000)
    ],
}


def itself(item):
    return item


def serve(connection, answer):
    try:
        while True:
            connection.send(answer(connection.recv()))
    except EOFError:
        pass


def start_server(answer):
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(
        target=serve, args=(theirs, answer), daemon=True
    )
    process.start()
    return ours


def turn_us(connection, item):
    begin = time.perf_counter_ns()
    connection.send(item)
    answer = connection.recv()
    del answer  # the time it takes to destroy counts on our side as well
    return (time.perf_counter_ns() - begin) / 1_000


def main():
    servers = {"pass": start_server(len), "echo": start_server(itself)}
    for line in sys.stdin:
        payload, way, times = line.split()
        taken = [
            turn_us(servers[way], payloads[payload])
            for _ in range(int(times))
        ]
        print(*taken, flush=True)


if __name__ == "__main__":
    main()
