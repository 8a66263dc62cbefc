// Python's exceptions on the wire. Both ways they are counted before they are
// gone into, so that what is written is what is read, and hostile bytes cannot
// branch or nest beyond the limit.
#include "runtime/wire/messages.hpp"

#include <algorithm>

#include "config/tunables.hpp"

namespace snakebridge::wire {

namespace {

unsigned at_most(std::size_t items, std::size_t most) {
  return static_cast<unsigned>(std::min(items, most));
}

// How many of `items` may still be told; they count as told.
unsigned claim(std::size_t items, std::size_t& left) {
  const auto claimed = at_most(items, left);
  left -= claimed;
  return claimed;
}

void write_texts(capnp::List<capnp::Text>::Builder to,
                 const std::vector<std::string>& from) {
  for (unsigned i = 0; i < to.size(); ++i)
    to.set(i, text(from[i]));
}

std::vector<std::string> read_texts(capnp::List<capnp::Text>::Reader from,
                                    std::size_t most) {
  std::vector<std::string> texts;
  const auto count = at_most(from.size(), most);
  texts.reserve(count);
  for (unsigned i = 0; i < count; ++i)
    texts.push_back(string(from[i]));
  return texts;
}

// The exception without those linked to it.
void write_itself(schema::PythonError::Builder to, const python_error& from) {
  to.setType(text(from.type));
  to.setModule(text(from.module));
  to.setMessage(text(from.message));
  to.setTraceback(text(from.traceback));
  to.setSuppressContext(from.suppress_context);
  auto frames =
    to.initFrames(at_most(from.frames.size(), limits::exception_frames_max));
  for (unsigned i = 0; i < frames.size(); ++i) {
    frames[i].setFile(text(from.frames[i].file));
    frames[i].setLine(from.frames[i].line);
    frames[i].setFunction(text(from.frames[i].function));
  }
  write_texts(
    to.initNotes(at_most(from.notes.size(), limits::exception_notes_max)),
    from.notes);
  write_texts(to.initMro(at_most(from.mro.size(), limits::exception_bases_max)),
              from.mro);
  auto facts =
    to.initFacts(at_most(from.facts.size(), limits::exception_facts_max));
  for (unsigned i = 0; i < facts.size(); ++i) {
    facts[i].setName(text(from.facts[i].first));
    facts[i].setText(text(from.facts[i].second));
  }
}

python_error read_itself(schema::PythonError::Reader from) {
  python_error raised{
    .type = string(from.getType()),
    .module = string(from.getModule()),
    .message = string(from.getMessage()),
    .traceback = string(from.getTraceback()),
    .frames = {},
    .notes = read_texts(from.getNotes(), limits::exception_notes_max),
    .mro = read_texts(from.getMro(), limits::exception_bases_max),
    .cause = {},
    .context = {},
    .suppress_context = from.getSuppressContext()};
  const auto frames = from.getFrames();
  for (unsigned i = 0; i < at_most(frames.size(), limits::exception_frames_max);
       ++i)
    raised.frames.push_back({string(frames[i].getFile()), frames[i].getLine(),
                             string(frames[i].getFunction())});
  const auto facts = from.getFacts();
  for (unsigned i = 0; i < at_most(facts.size(), limits::exception_facts_max);
       ++i)
    raised.facts.emplace_back(string(facts[i].getName()),
                              string(facts[i].getText()));
  return raised;
}

// `left`: how many more exceptions may be written.
void write_linked(schema::PythonError::Builder to, const python_error& from,
                  std::size_t& left) {
  write_itself(to, from);
  // `raise … from` in a handler makes them one: told twice at each step, a
  // chain would double its size with every exception.
  const bool same = from.context && from.context == from.cause;
  const bool has_cause = claim(from.cause ? 1 : 0, left) > 0;
  const bool has_context = claim(from.context && !same ? 1 : 0, left) > 0;
  const auto members = claim(from.exceptions.size(), left);
  to.setContextIsCause(same && has_cause);
  if (has_cause)
    write_linked(to.initCause(), *from.cause, left);
  if (has_context)
    write_linked(to.initContext(), *from.context, left);
  auto exceptions = to.initExceptions(members);
  for (unsigned i = 0; i < members; ++i)
    write_linked(exceptions[i], from.exceptions[i], left);
}

python_error read_linked(schema::PythonError::Reader from, std::size_t& left) {
  auto raised = read_itself(from);
  const bool has_cause = claim(from.hasCause() ? 1 : 0, left) > 0;
  const bool same = from.getContextIsCause();
  const bool has_context = claim(from.hasContext() && !same ? 1 : 0, left) > 0;
  const auto exceptions = from.getExceptions();
  const auto members = claim(exceptions.size(), left);
  if (has_cause)
    raised.cause =
      std::make_shared<const python_error>(read_linked(from.getCause(), left));
  if (same)
    raised.context = raised.cause;
  else if (has_context)
    raised.context = std::make_shared<const python_error>(
      read_linked(from.getContext(), left));
  raised.exceptions.reserve(members);
  for (unsigned i = 0; i < members; ++i)
    raised.exceptions.push_back(read_linked(exceptions[i], left));
  return raised;
}

} // namespace

void write_raised(schema::PythonError::Builder to, const python_error& from) {
  auto left = limits::exception_chain_max - 1;
  write_linked(to, from, left);
  if (from.object)
    to.setObject(from.object->slot);
}

python_error read_raised(schema::PythonError::Reader from,
                         const ref_origin& made_by) {
  auto left = limits::exception_chain_max - 1;
  auto raised = read_linked(from, left);
  if (from.getObject() != 0)
    raised.object = ref{.node = std::string{made_by.node},
                        .session = std::string{made_by.session},
                        .interpreter = made_by.interpreter,
                        .epoch = made_by.epoch,
                        .slot = from.getObject(),
                        .type_name = raised.module == "builtins"
                                       ? raised.type
                                       : raised.module + "." + raised.type,
                        .session_epoch = made_by.session_epoch};
  return raised;
}

} // namespace snakebridge::wire
