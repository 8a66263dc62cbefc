#pragma once
// What crosses between C++ and Python. A `value` is one Python value: 16
// bytes, immutable, cheap to copy and to move. None, bool, int of 64 bits and
// float lie inside it; all else is one shared, reference-counted box, so a
// copy never allocates and values may be read from many threads. Equality and
// hashing are Python's: 1 == 1.0 == true, a list is no tuple; but a Decimal
// equals Decimals only. Printed as Python's repr. docs/VALUES.md has the table
// of what becomes what.

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <snakebridge/integer.hpp>
#include <snakebridge/kind.hpp>
#include <snakebridge/result.hpp>
#include <snakebridge/row.hpp>

namespace snakebridge {

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

template <class... Ts>
concept all_convertible_to_python = (convertible_to_python<Ts> && ...);

template <class... Ts>
concept all_convertible_from_python = (convertible_from_python<Ts> && ...);

namespace detail {

/// While one lives, this thread's conversions may lose what `value::cast` says.
class loss_allowed {
public:
  loss_allowed() : before_{std::exchange(here(), true)} {}
  ~loss_allowed() { here() = before_; }
  loss_allowed(const loss_allowed&) = delete;
  loss_allowed& operator=(const loss_allowed&) = delete;

  static bool& here();

private:
  const bool before_;
};

/// What there is in a value, at any depth.
inline constexpr std::uint8_t holds_a_ref = 1, holds_a_callback = 2;

/// Whether to try again with loss is worth it, for what a refusal says.
bool loss_may_help(const error& refused);
/// The refusal of what converts with loss: it names `cast`.
error refused_but_for_cast(const error& refused);

/// Text that somebody else must keep.
template <class T>
concept borrowed_text = one_of<T, std::string_view, const char*>;

/// Does not compile, and says what to do, where no value converts to a T.
template <class T>
constexpr void expect_from_python() {
  constexpr bool converts = convertible_from_python<T>;
  static_assert(converts || !std::is_const_v<T>,
                "ask for the type without const: for std::string, not const "
                "std::string");
  static_assert(converts || !borrowed_text<T>,
                "nobody would keep the text: ask for std::string");
  static_assert(converts || std::is_const_v<T> || borrowed_text<T>,
                "no value converts to this type: specialise "
                "sb::converter<T>, or say SNAKEBRIDGE_FIELDS beside it");
}

/// What becomes a value by its converter, and not by a constructor of its own.
template <class T>
concept converted =
  !one_of<
    std::remove_cvref_t<T>, value, none_t,
    std::
      nullptr_t> && !stored<std::remove_cvref_t<T>> && convertible_to_python<T>;

} // namespace detail

class value {
public:
  class iterator;

  value() noexcept = default;
  value(none_t) noexcept {}
  value(std::nullptr_t) noexcept {}
  template <detail::converted T>
  value(T&& item) : value{converter<std::remove_cvref_t<T>>::to_value(item)} {}
  template <detail::stored T>
  value(T item);
  value(const char* text);

  value(const value& other) noexcept
      : kind_{other.kind_},
        form_{other.form_},
        holds_{other.holds_},
        item_{other.item_} {
    if (form_ != form::inside)
      item_.box->holders.fetch_add(1, std::memory_order_relaxed);
  }
  value(value&& other) noexcept
      : kind_{other.kind_},
        form_{other.form_},
        holds_{other.holds_},
        item_{other.item_} {
    other.kind_ = kind::none;
    other.form_ = form::inside;
    other.holds_ = 0;
  }
  value& operator=(value other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(form_, other.form_);
    std::swap(holds_, other.holds_);
    std::swap(item_, other.item_);
    return *this;
  }
  ~value() {
    if (form_ != form::inside)
      release();
  }

  static value of_boolean(bool item) noexcept;
  static value of_integer(std::int64_t item) noexcept;
  static value of_integer(integer item);
  static value of_floating(double item) noexcept;
  /// A scalar of a type that is more than its kind, "numpy.float32": it
  /// converts and compares as `plain`, and goes back to Python as that type.
  /// Of "module:Class", an Enum, it goes as the member of that number or name.
  /// Throws not_convertible for what is no number, text or bytes.
  static value of_type(std::string type_name, value plain);

  snakebridge::kind kind() const { return kind_; }
  bool is_none() const { return kind_ == kind::none; }
  bool is_ref() const { return kind_ == kind::ref; }
  /// True for a ref, and for a container with one in it at any depth.
  bool holds_refs() const { return (holds_ & detail::holds_a_ref) != 0; }
  /// The same for callbacks.
  bool holds_callbacks() const {
    return (holds_ & detail::holds_a_callback) != 0;
  }
  /// True for a ref whose object is an iterator: iterating takes it up.
  bool is_stream() const;
  /// True for one made by `of_type`; `plain` is what it was made of.
  bool is_typed() const { return form_ == form::named; }
  const value& plain() const& noexcept;
  value plain() && noexcept { return static_cast<const value&>(*this).plain(); }
  /// Its Python type: "int", "numpy.float32", "pathlib.PosixPath" for a ref.
  std::string type_name() const;

  /// The item itself where it is of just that type, else null. T: bool,
  /// std::int64_t, integer (one that is beyond std::int64_t), double,
  /// std::string, bytes, list, tuple, dict, ref, std::complex<double>, set,
  /// frozenset, date, time, datetime, timedelta, decimal, uuid, atom,
  /// unserializable, callback, slice, ellipsis_t.
  template <class T>
  const T* get_if() const& noexcept;
  /// It would point into a value that is about to go: keep that first.
  template <class T>
  const T* get_if() const&& = delete;

  /// The value as a T, exactly. Errors: not_convertible, naming the place
  /// inside a container ("at [3]['when']: expected float, got str"), and `cast`
  /// where that takes the value.
  template <class T>
  result<T> to() const {
    detail::expect_from_python<T>();
    if constexpr (!convertible_from_python<T>) {
      return error{errc::not_convertible, {}}; // of the two, one complaint
    } else {
      auto converted = converter<T>::from_value(*this);
      if (!converted && detail::loss_may_help(converted.error())) {
        const detail::loss_allowed here;
        if (converter<T>::from_value(*this))
          return detail::refused_but_for_cast(converted.error());
      }
      return converted;
    }
  }
  /// The value as a T, exactly; throws where `to` answers an error.
  template <class T>
  T as() const {
    return or_throw(to<T>());
  }
  /// The value as a T, by choice with loss, at any depth: numbers are rounded
  /// to a float type, 3.0 is the int 3, a Decimal a float, an object of a class
  /// derived from str, bytes, int or float is what that is (`ref::base`), a
  /// member of an Enum what its value is, and
  /// what is not there (NaN, pandas' NaT and NA) is an empty optional. Throws
  /// not_convertible for all else that `as` refuses: 2.5 is no int, and 300 no
  /// int8_t.
  template <class T>
  T cast() const {
    const detail::loss_allowed here;
    return as<T>();
  }

  /// Items of a container, bytes of a `bytes`, code units (UTF-8 bytes) of a
  /// `str`; throws not_convertible for anything else.
  std::size_t size() const;
  /// The item at an index (from the end when negative) or under a key; throws
  /// not_convertible where there is none. Of a value that is about to go, the
  /// item itself: so nothing dangles in `for (auto& each : f()["rows"])`.
  const value& operator[](const value& key) const&;
  value operator[](const value& key) && {
    return static_cast<const value&>(*this)[key];
  }

  /// The items of a list, tuple or set, the keys of a dict; nothing else has
  /// any: throws not_convertible.
  iterator begin() const;
  iterator end() const;

  std::size_t hash() const;
  friend bool operator==(const value& left, const value& right);

private:
  /// Where the item is: in here, in a box, or in a box with its type's name.
  enum class form : std::uint8_t { inside, boxed, named };
  struct box {
    virtual ~box() = default;
    mutable std::atomic<std::uint32_t> holders{1};
  };
  template <class T>
  struct box_of : box {
    // Not braces: a list made of {one list} holds that list.
    explicit box_of(T content) : item(std::move(content)) {}
    T item;
  };
  struct named_box;
  union content {
    bool boolean;
    std::int64_t integer;
    double floating;
    const struct box* box;
  };

  template <class T>
  const T* unbox() const noexcept {
    return &static_cast<const box_of<T>*>(item_.box)->item;
  }
  std::size_t plain_hash() const;
  void release() noexcept;

  snakebridge::kind kind_ = kind::none;
  form form_ = form::inside;
  std::uint8_t holds_ = 0;
  content item_{.integer = 0};
};
static_assert(sizeof(value) == 16);

namespace detail {

/// The item as a value. Does not compile, and says what to do, where it
/// becomes none.
template <class T>
value value_of(T&& item) {
  static_assert(std::convertible_to<T&&, value>,
                "this type does not convert to a Python value: specialise "
                "sb::converter<T>, or say SNAKEBRIDGE_FIELDS beside it");
  if constexpr (std::convertible_to<T&&, value>)
    return std::forward<T>(item);
  else
    return {}; // of the two, one complaint
}

} // namespace detail

bool operator==(const value& left, const value& right);

/// Python's list.
struct list : row<value> {
  using row<value>::row;
};

/// Python's tuple.
struct tuple : row<value> {
  using row<value>::row;
};

/// Python's slice: `a[sb::slice(1, sb::none)]`. It goes to Python; one that
/// comes from there is an object.
struct slice : row<value> {
  explicit slice(value stop);
  slice(value start, value stop, value step = {});
};

namespace detail {

/// Where keys stand in a vector, by hash: kept only beyond a few of them.
class key_index {
public:
  /// The place of the key for which `is_it` holds; `count` where there is none.
  template <class IsIt>
  std::size_t find(const value& key, std::size_t count,
                   const IsIt& is_it) const;
  /// A key was appended; `key_at` gives the one at a place.
  template <class KeyAt>
  void append(std::size_t count, const KeyAt& key_at);
  void reserve(std::size_t count);

private:
  template <class KeyAt>
  void put(std::size_t place, const KeyAt& key_at);

  // A power of two, or none; the place of a key plus one, 0 where it is free.
  std::vector<std::uint32_t> slots_;
  // Some keys are left out: so many have the same hash.
  bool crowded_ = false;
};

} // namespace detail

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
  /// Appends a key of which Python says that it is not there.
  void append(value key, value item);
  void reserve(std::size_t entries);

  /// Same keys and values, in any order, as in Python.
  friend bool operator==(const dict& left, const dict& right);

private:
  std::size_t position(const value& key) const;

  std::vector<entry> entries_;
  detail::key_index index_;
};

bool operator==(const dict& left, const dict& right);

/// Python's set: hashable items, each once. Their order means nothing; here
/// it is that of insertion.
class set {
public:
  using const_iterator = std::vector<value>::const_iterator;

  set() = default;
  set(std::initializer_list<value> items);

  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  const_iterator begin() const { return items_.begin(); }
  const_iterator end() const { return items_.end(); }
  const std::vector<value>& items() const { return items_; }

  bool contains(const value& item) const;
  /// False when it was there.
  bool insert(value item);
  /// Appends an item of which Python says that it is not there.
  void append(value item);
  void reserve(std::size_t items);

  /// Same items, in any order; a frozenset may equal a set.
  friend bool operator==(const set& left, const set& right);

private:
  std::size_t position(const value& item) const;

  std::vector<value> items_;
  detail::key_index index_;
};

bool operator==(const set& left, const set& right);

/// Python's frozenset.
class frozenset : public set {
public:
  using set::set;
};

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
const T* value::get_if() const& noexcept {
  if (form_ == form::named)
    return plain().get_if<T>();
  const bool inside = form_ == form::inside;
  if constexpr (std::same_as<T, bool>) {
    return kind_ == kind::boolean ? &item_.boolean : nullptr;
  } else if constexpr (std::same_as<T, std::int64_t>) {
    return kind_ == kind::integer && inside ? &item_.integer : nullptr;
  } else if constexpr (std::same_as<T, integer>) {
    return kind_ == kind::integer && !inside ? unbox<integer>() : nullptr;
  } else if constexpr (std::same_as<T, double>) {
    return kind_ == kind::floating ? &item_.floating : nullptr;
  } else {
    static_assert(detail::stored<T>, "no value is stored as this type");
    return kind_ == detail::kind_of<T> ? unbox<T>() : nullptr;
  }
}

/// What a marker tells; nothing for any other value.
std::optional<unserializable> unserializable_info(const value& item);

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
#include <snakebridge/fields.hpp>
