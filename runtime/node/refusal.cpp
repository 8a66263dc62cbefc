#include "runtime/node/refusal.hpp"

#include <iterator>

#include <fmt/format.h>

namespace snakebridge {

namespace {

struct row {
  std::string_view name;
  errc code;
  std::string_view remedy;
};

// By the number of the refusal.
constexpr row rows[] = {
  {"wrong_protocol", errc::not_authorized,
   "install the same version of snakebridge on both nodes"},
  {"wrong_messages", errc::not_authorized,
   "install the same version of snakebridge on both nodes"},
  {"wrong_cluster", errc::not_authorized,
   "restart the node that is to join this cluster, or name another address in "
   "cluster.join"},
  {"name_invalid", errc::not_authorized,
   "set node.name to 1 to 255 of a-z, 0-9, _, - and ., no dot first"},
  {"name_differs", errc::not_authorized,
   "set node.name to the name in the certificate (its subjectAltName), or give "
   "the node a certificate of its name"},
  {"not_allowed", errc::not_authorized,
   "add it to node.peers_allowed, or dial another node"},
  {"name_taken", errc::not_authorized,
   "stop the other node of that name, or rename one: it is admitted once the "
   "link with the other has ended"},
  {"already_linked", errc::not_authorized, "use the link that is up"},
  {"is_self", errc::not_authorized,
   "leave its own address out of cluster.join"},
  {"not_admitted", errc::not_authorized, "do what the message says"},
  {"tls_wanted", errc::not_authorized,
   "set node.tls_certificate, node.tls_key and node.tls_ca here, too"},
  {"tls_missing", errc::not_authorized,
   "set node.tls_certificate, node.tls_key and node.tls_ca there, too"},
  {"tls_failed", errc::not_authorized,
   "check that both certificates are valid today, name their nodes and are "
   "signed by a CA in node.tls_ca of the other"},
  {"tls_files", errc::config_invalid,
   "check node.tls_certificate, node.tls_key and node.tls_ca"},
  {"loopback_only", errc::config_invalid,
   "set node.tls_certificate, node.tls_key and node.tls_ca, or use a loopback "
   "address"},
  {"too_many", errc::overloaded,
   "try again: others are in their handshake there"},
  {"too_late", errc::unreachable, "check the network, and what listens there"},
  {"malformed", errc::message_malformed,
   "check that a node listens there, of the same version"},
  {"refused", errc::unreachable, "start the node, or check its address"},
  {"unreachable", errc::unreachable, "check the address, and the network"},
  {"ended", errc::unreachable, "look at the log of the other node"},
  {"address_invalid", errc::config_invalid, "write it as \"host:port\""},
};
static_assert(std::size(rows) == static_cast<std::size_t>(last_refusal) + 1);

const row& row_of(refusal why) {
  return rows[static_cast<std::size_t>(why)];
}

} // namespace

std::string_view to_string(refusal why) {
  return row_of(why).name;
}

error to_error(refusal why, const std::string& of_what) {
  const auto& told = row_of(why);
  return {told.code,
          fmt::format("{}: {}; {}", told.name, of_what, told.remedy)};
}

} // namespace snakebridge
