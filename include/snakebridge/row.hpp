#pragma once
// A vector that is safe to look into while it is about to go: `f().items[0]`
// answers the item itself, not a reference to what dies with the vector.

#include <cstddef>
#include <utility>
#include <vector>

namespace snakebridge {

template <class T>
struct row : std::vector<T> {
  using std::vector<T>::vector;

  T& operator[](std::size_t at) & { return std::vector<T>::operator[](at); }
  const T& operator[](std::size_t at) const& {
    return std::vector<T>::operator[](at);
  }
  T operator[](std::size_t at) && {
    return std::move(std::vector<T>::operator[](at));
  }
  T& at(std::size_t place) & { return std::vector<T>::at(place); }
  const T& at(std::size_t place) const& { return std::vector<T>::at(place); }
  T at(std::size_t place) && { return std::move(std::vector<T>::at(place)); }
  T& front() & { return std::vector<T>::front(); }
  const T& front() const& { return std::vector<T>::front(); }
  T front() && { return std::move(std::vector<T>::front()); }
  T& back() & { return std::vector<T>::back(); }
  const T& back() const& { return std::vector<T>::back(); }
  T back() && { return std::move(std::vector<T>::back()); }
};

} // namespace snakebridge
