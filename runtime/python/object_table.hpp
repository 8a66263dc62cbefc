#pragma once
// The Python objects that refs name, by session. One table per incarnation of
// an interpreter; used with the GIL held. Slots are never used twice, so a ref
// that outlives its object finds nothing, and never another object.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include <snakebridge/config.hpp>

#include "runtime/python/python.hpp"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

class object_table;

/// One session's objects, and the namespace of its `eval` and `exec`.
class session_objects {
public:
  explicit session_objects(object_table& table) : table_{table} {}
  ~session_objects();
  session_objects(const session_objects&) = delete;
  session_objects& operator=(const session_objects&) = delete;

  /// Keeps the object, under a slot of its own.
  std::uint64_t keep(py::object kept);
  /// Throws ref_released when nothing is there.
  py::handle find(std::uint64_t slot) const;
  /// False when it was gone already.
  bool forget(std::uint64_t slot);
  std::size_t forget_all();

  const conversion_config& rules() const;

  /// Made on first use, freed with the session.
  py::dict name_space();

private:
  object_table& table_;
  std::unordered_map<std::uint64_t, py::object> objects_;
  py::object namespace_;
};

class object_table {
public:
  /// Counts the objects it holds in `live`, which must outlive it. Values of
  /// all its sessions are converted by `rules`.
  explicit object_table(std::atomic<std::uint64_t>& live,
                        conversion_config rules = {})
      : live_{live},
        rules_{std::move(rules)} {}

  session_objects& of(std::uint64_t session);
  /// Frees all of a session: how many objects it had.
  std::size_t release(std::uint64_t session);
  void release_all();

private:
  friend class session_objects;

  std::atomic<std::uint64_t>& live_;
  const conversion_config rules_;
  std::uint64_t last_slot_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<session_objects>> sessions_;
};

} // namespace gnu::visibility("hidden")]]snakebridge
