#pragma once
// Everything but the actor API (<snakebridge/actors.hpp>).

#include <future> // std::future_error, of a future that has no answer

#include <snakebridge/async_stream.hpp>
#include <snakebridge/bridge.hpp>
#include <snakebridge/callback.hpp>
#include <snakebridge/caller.hpp>
#include <snakebridge/cancel.hpp>
#include <snakebridge/config.hpp>
#include <snakebridge/convert.hpp>
#include <snakebridge/environment.hpp>
#include <snakebridge/error.hpp>
#include <snakebridge/format.hpp>
#include <snakebridge/future.hpp>
#include <snakebridge/hardware.hpp>
#include <snakebridge/helper.hpp>
#include <snakebridge/object.hpp>
#include <snakebridge/operation.hpp>
#include <snakebridge/ref.hpp>
#include <snakebridge/script.hpp>
#include <snakebridge/stream.hpp>
#include <snakebridge/task.hpp>
#include <snakebridge/value.hpp>
#include <snakebridge/wheel_selector.hpp>
#include <snakebridge/with.hpp>
