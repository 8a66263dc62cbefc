#pragma once
// What a worker that is a Python script needs to take requests out of its ring,
// and to write into the other: the memory behind descriptor 5.

#include <cstddef>
#include <initializer_list>
#include <string>

#include "runtime/wire/status_page.hpp"

namespace snakebridge::testing {

/// Defines `request`, which answers a call's id and message, and `put`, which
/// puts words into the host's ring and says that there are so many. Needs mmap,
/// os, struct.
inline std::string ring_reading() {
  std::string numbers;
  for (const std::size_t each :
       {sizeof(shared_memory), offsetof(shared_memory, to_worker),
        offsetof(shared_memory, to_host), offsetof(ring, written),
        offsetof(ring, taken), offsetof(ring, content), ring::words})
    numbers += (numbers.empty() ? "" : ", ") + std::to_string(each);
  return "size, theirs, ours, written, taken_at, content, room = " + numbers
         + "\n"
           "shared, taken = mmap.mmap(5, size), 0\n"
           "def word(at): return struct.unpack_from('<Q', shared, at)[0]\n"
           "def set_word(at, to): struct.pack_into('<Q', shared, at, to)\n"
           "def put(words, says=None):\n"
           "  for at, each in enumerate(words):\n"
           "    set_word(ours + content + 8 * at, each)\n"
           "  set_word(ours + written, len(words) if says is None else says)\n"
           "  os.write(3, struct.pack('<IIQq', 0, 10, 0, 0))\n"
           "def request():\n"
           "  global taken\n"
           "  while word(theirs + written) == taken: os.sched_yield()\n"
           "  at = lambda n: theirs + content + 8 * ((taken + n) % room)\n"
           "  words, call = word(at(0)) & 0xffffffff, word(at(1))\n"
           "  body = b''.join(struct.pack('<Q', word(at(3 + n))) for n in "
           "range(words))\n"
           "  taken += 3 + words\n"
           "  set_word(theirs + taken_at, taken)\n"
           "  return call, body\n";
}

} // namespace snakebridge::testing
