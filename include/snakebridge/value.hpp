#pragma once
// What crosses between C++ and Python. A `value` is one Python value: 16
// bytes, immutable, cheap to copy and to move. Scalars lie inside it; all else
// is one shared, reference-counted box, so a copy never allocates and values
// may be read from many threads. Equality and hashing are Python's: 1 == 1.0
// == true, a list is no tuple. Printed as Python's repr.

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <snakebridge/error.hpp>
#include <snakebridge/ref.hpp>

namespace snakebridge {

class value;

/// Python's None.
struct none_t {
  friend bool operator==(none_t, none_t) { return true; }
};
inline constexpr none_t none{};

/// Python's `bytes`; strings are `str`.
class bytes {
public:
  bytes() = default;
  explicit bytes(std::string_view data) : data_{data} {}
  explicit bytes(std::string data) : data_{std::move(data)} {}
  explicit bytes(const char* data) : data_{data} {}
  bytes(const void* data, std::size_t size)
      : data_(static_cast<const char*>(data), size) {}

  const char* data() const { return data_.data(); }
  std::size_t size() const { return data_.size(); }
  std::string_view view() const { return data_; }

  friend bool operator==(const bytes&, const bytes&) = default;

private:
  std::string data_;
};

/// How a C++ type becomes a value and comes back: specialise it for types of
/// your own with `static value to_value(const T&)` and
/// `static result<T> from_value(const value&)`.
template <class T>
struct converter;

template <class T>
concept convertible_to_python = requires(const std::remove_cvref_t<T>& item) {
  { converter<std::remove_cvref_t<T>>::to_value(item) } -> std::same_as<value>;
};

template <class T>
concept convertible_from_python = requires(const value& item) {
  { converter<T>::from_value(item) } -> std::same_as<result<T>>;
};

namespace detail {

template <class T, class... Ts>
concept one_of = (std::same_as<T, Ts> || ...);

/// What becomes a value by its converter, and not by a constructor of its own.
template <class T>
concept converted = !one_of<std::remove_cvref_t<T>, value, none_t,
                            std::nullptr_t> && convertible_to_python<T>;

} // namespace detail

/// Which Python type a value is of. Appended only.
enum class kind : std::uint8_t {
  none,
  boolean,
  integer,
  floating,
  string,
  bytes,
  list,
  tuple,
  dict,
  ref,
};

std::string_view to_string(kind type);

struct list;
struct tuple;
class dict;

class value {
public:
  class iterator;

  value() noexcept = default;
  value(none_t) noexcept {}
  value(std::nullptr_t) noexcept {}
  template <detail::converted T>
  value(T&& item) : value{converter<std::remove_cvref_t<T>>::to_value(item)} {}
  value(const char* text);
  value(std::string text);
  value(bytes data);
  value(list items);
  value(tuple items);
  value(dict entries);
  value(ref name);

  value(const value& other) noexcept : kind_{other.kind_}, item_{other.item_} {
    if (boxed())
      item_.box->holders.fetch_add(1, std::memory_order_relaxed);
  }
  value(value&& other) noexcept : kind_{other.kind_}, item_{other.item_} {
    other.kind_ = kind::none;
  }
  value& operator=(value other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(item_, other.item_);
    return *this;
  }
  ~value() {
    if (boxed())
      release();
  }

  static value of_boolean(bool item) noexcept;
  static value of_integer(std::int64_t item) noexcept;
  static value of_floating(double item) noexcept;

  snakebridge::kind kind() const { return kind_; }
  bool is_none() const { return kind_ == kind::none; }
  bool is_ref() const { return kind_ == kind::ref; }
  /// True when iterating it takes `bridge::stream`. No value is one yet.
  bool is_stream() const { return false; }

  /// The item itself where it is of just that type, else null. T: bool,
  /// std::int64_t, double, std::string, bytes, list, tuple, dict, ref.
  template <class T>
  const T* get_if() const noexcept;

  /// The value as a T, exactly. Errors: not_convertible, naming the place
  /// inside a container ("at [3]['when']: expected float, got str").
  template <convertible_from_python T>
  result<T> to() const {
    return converter<T>::from_value(*this);
  }
  /// The value as a T, exactly; throws where `to` answers an error.
  template <convertible_from_python T>
  T as() const {
    return or_throw(to<T>());
  }

  /// Items of a list, tuple or dict, bytes of a `bytes`, code units (UTF-8
  /// bytes) of a `str`; throws not_convertible for anything else.
  std::size_t size() const;
  /// The item at an index (from the end when negative) or under a key; throws
  /// not_convertible where there is none.
  const value& operator[](const value& key) const;

  /// The items of a list or tuple, the keys of a dict; nothing else has any.
  iterator begin() const;
  iterator end() const;

  std::size_t hash() const;
  friend bool operator==(const value& left, const value& right);

private:
  struct box {
    mutable std::atomic<std::uint32_t> holders{1};
  };
  template <class T>
  struct box_of : box {
    // Not braces: a list made of {one list} holds that list.
    explicit box_of(T content) : item(std::move(content)) {}
    T item;
  };
  union content {
    bool boolean;
    std::int64_t integer;
    double floating;
    const struct box* box;
  };

  template <class T>
  static value boxed_as(snakebridge::kind type, T item);
  std::size_t plain_hash() const;
  bool boxed() const { return kind_ >= kind::string; }
  void release() noexcept;

  snakebridge::kind kind_ = kind::none;
  content item_{.integer = 0};
};

bool operator==(const value& left, const value& right);

/// Python's list.
struct list : std::vector<value> {
  using std::vector<value>::vector;
};

/// Python's tuple.
struct tuple : std::vector<value> {
  using std::vector<value>::vector;
};

/// Python's dict: any hashable keys, in the order they were first set.
class dict {
public:
  using entry = std::pair<value, value>;
  using const_iterator = std::vector<entry>::const_iterator;

  dict() = default;
  dict(std::initializer_list<entry> entries);

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }

  /// The value under `key`, null when there is none.
  const value* find(const value& key) const;
  bool contains(const value& key) const { return find(key) != nullptr; }
  /// Sets `key`, keeping its place when it was there.
  void set(value key, value item);
  void reserve(std::size_t entries) { entries_.reserve(entries); }

  /// Same keys and values, in any order, as in Python.
  friend bool operator==(const dict& left, const dict& right);

private:
  std::size_t position(const value& key) const;

  std::vector<entry> entries_;
  // Hash of a key to its place: kept only beyond a few entries.
  std::unordered_multimap<std::size_t, std::size_t> index_;
};

bool operator==(const dict& left, const dict& right);

class value::iterator {
public:
  using value_type = value;
  using difference_type = std::ptrdiff_t;
  using reference = const value&;
  using pointer = const value*;
  using iterator_category = std::forward_iterator_tag;

  iterator() = default;
  reference operator*() const { return item_ ? *item_ : entry_->first; }
  pointer operator->() const { return &**this; }
  iterator& operator++() {
    if (item_)
      ++item_;
    else
      ++entry_;
    return *this;
  }
  iterator operator++(int) {
    auto before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(iterator, iterator) = default;

private:
  friend class value;
  explicit iterator(const value* item) : item_{item} {}
  explicit iterator(const dict::entry* entry) : entry_{entry} {}

  const value* item_ = nullptr;
  const dict::entry* entry_ = nullptr;
};

template <class T>
const T* value::get_if() const noexcept {
  if constexpr (std::same_as<T, bool>) {
    return kind_ == kind::boolean ? &item_.boolean : nullptr;
  } else if constexpr (std::same_as<T, std::int64_t>) {
    return kind_ == kind::integer ? &item_.integer : nullptr;
  } else if constexpr (std::same_as<T, double>) {
    return kind_ == kind::floating ? &item_.floating : nullptr;
  } else {
    constexpr auto wanted = std::same_as<T, std::string> ? kind::string
                            : std::same_as<T, bytes>     ? kind::bytes
                            : std::same_as<T, list>      ? kind::list
                            : std::same_as<T, tuple>     ? kind::tuple
                            : std::same_as<T, dict>      ? kind::dict
                            : std::same_as<T, ref>       ? kind::ref
                                                         : kind::none;
    static_assert(wanted != kind::none, "no value is stored as this type");
    return kind_ == wanted ? &static_cast<const box_of<T>*>(item_.box)->item
                           : nullptr;
  }
}

/// As Python's repr; a ref as "<ref pathlib.PosixPath 7 of session 'a'>".
std::string repr(const value& item);
std::ostream& operator<<(std::ostream& out, const value& item);

/// A value's repr, cut after about `characters_max`: for messages.
std::string repr_short(const value& item, std::size_t characters_max = 80);

} // namespace snakebridge

template <>
struct std::hash<snakebridge::value> {
  std::size_t operator()(const snakebridge::value& item) const {
    return item.hash();
  }
};

// Last, because it needs the types above: the conversions the constructor of
// `value` asks for.
#include <snakebridge/convert.hpp>
