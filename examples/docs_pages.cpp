// What is known of names, of the manifest alone: in Markdown, and by words.
#include <iostream>

#include "command.hpp"

int main() {
  int failures = 0;
  for (const auto* arguments :
       {"docs shop.add", "docs shop.Point.magnitude", "docs --search origin"}) {
    const auto [printed, code] = command(arguments);
    std::cout << "$ snakebridge " << arguments << '\n' << printed << '\n';
    failures += code != 0;
  }
  const auto [printed, code] = command("docs shop.nothing");
  std::cout << "$ snakebridge docs shop.nothing\n" << printed;
  return failures + (code != 1);
}
