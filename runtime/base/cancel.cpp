#include <snakebridge/cancel.hpp>

namespace snakebridge {

cancel_source::cancel_source() = default;

} // namespace snakebridge
