#pragma once
// How Python performs one call of a session, from its arguments to its result:
// the same for both placements, which differ in where arguments come from and
// results go (`python_call`). All of it stands in the session's frame and in
// the part that can be interrupted.

#include <array>
#include <iterator>
#include <span>
#include <vector>

#include <snakebridge/operation.hpp>

#include "runtime/python/item_batch.hpp"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

/// Positional arguments. A few need no memory of their own.
class python_arguments {
public:
  void reserve(std::size_t count) {
    if (count > few_.size())
      many_.reserve(count);
  }
  void push_back(py::object item) {
    if (many_.empty() && few_count_ < few_.size()) {
      few_[few_count_++] = std::move(item);
      return;
    }
    if (many_.empty())
      many_.insert(many_.end(), std::move_iterator{few_.begin()},
                   std::move_iterator{few_.end()});
    many_.push_back(std::move(item));
  }
  const py::object* begin() const { return all().data(); }
  const py::object* end() const { return begin() + size(); }
  std::size_t size() const { return all().size(); }
  const py::object& operator[](std::size_t at) const { return all()[at]; }

private:
  std::span<const py::object> all() const {
    return many_.empty() ? std::span{few_.data(), few_count_}
                         : std::span<const py::object>{many_};
  }

  std::array<py::object, 4> few_;
  std::size_t few_count_ = 0;
  std::vector<py::object> many_;
};

/// An operation whose values are Python objects already.
struct python_operation {
  verb what = verb::call;
  std::string_view module;
  std::string_view name;
  py::object target; ///< null where the verb has none
  struct step {
    std::string_view name; ///< of an attribute
    py::object key;        ///< of an item; else null
  };
  std::vector<step> path = {};
  python_arguments positional;
  std::vector<std::pair<std::string_view, py::object>> named;
  std::uint32_t helpers_given = 0;
};

/// A call, as its placement has it.
class python_call {
public:
  verb what = verb::call;
  std::uint64_t session = 0;
  std::string_view session_id;     ///< its name
  std::uint64_t session_epoch = 0; ///< of one of a cluster
  ref_bounds bounds;
  bool keep_exception = false;
  bool awaits = false; ///< a coroutine that it returns
  leaves as = leaves::refs;
  std::size_t bytes_max = ~std::size_t{0}; ///< of the message it answers
  ref_origin origin = {}; ///< of what it makes; a worker's is empty

  /// Its arguments as new objects. Throws what `guarded` tells.
  virtual python_operation read(const session_objects& session) const = 0;
  /// Of a release: what is to be let go.
  virtual std::vector<std::uint64_t> slots() const = 0;
  /// Writes the result; the same throws.
  virtual void write(result_writer& writer, py::handle outcome) = 0;
  virtual void write(const value& outcome) = 0;
  /// Of `next`: where its items go, and their last batch is whole. The same
  /// throws.
  virtual item_batch& items() = 0;
  virtual void end_items(bool more) = 0;
  /// Begins to await that, in this context: the call goes on as what
  /// `finish_awaited` gets. Throws what Python raises.
  virtual void await(py::handle awaitable) = 0;
  /// Throws when nobody wants the result any more. `ran`: it has been made.
  virtual void refuse_unwanted(bool ran) const = 0;

protected:
  ~python_call() = default;
};

/// What came of a call: where it is well, it has been written.
struct performed {
  result<void> outcome;
  object_table::holding holds; ///< by its session, here
  bool awaits = false;         ///< the call goes on: nothing has come of it yet
};

performed perform(python_call& asked, object_table& objects,
                  batch_ticks& ticks);

/// The rest of a call that has awaited something. Its slots and its arguments
/// are not looked at.
performed finish_awaited(python_call& asked, object_table& objects,
                         py::handle task);

} // namespace gnu::visibility("hidden")]]snakebridge
