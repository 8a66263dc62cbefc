#include "names.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace snakebridge::codegen {

namespace {

// Words of C++20, and what generated code calls by name.
constexpr std::string_view words[] = {"alignas",
                                      "alignof",
                                      "and",
                                      "and_eq",
                                      "asm",
                                      "auto",
                                      "bitand",
                                      "bitor",
                                      "bool",
                                      "break",
                                      "case",
                                      "catch",
                                      "char",
                                      "char16_t",
                                      "char32_t",
                                      "char8_t",
                                      "class",
                                      "co_await",
                                      "co_return",
                                      "co_yield",
                                      "compl",
                                      "concept",
                                      "const",
                                      "const_cast",
                                      "consteval",
                                      "constexpr",
                                      "constinit",
                                      "continue",
                                      "decltype",
                                      "default",
                                      "delete",
                                      "do",
                                      "double",
                                      "dynamic_cast",
                                      "else",
                                      "enum",
                                      "explicit",
                                      "export",
                                      "extern",
                                      "false",
                                      "float",
                                      "for",
                                      "friend",
                                      "goto",
                                      "if",
                                      "inline",
                                      "int",
                                      "long",
                                      "mutable",
                                      "namespace",
                                      "new",
                                      "noexcept",
                                      "not",
                                      "not_eq",
                                      "nullptr",
                                      "operator",
                                      "or",
                                      "or_eq",
                                      "private",
                                      "protected",
                                      "public",
                                      "py",
                                      "register",
                                      "reinterpret_cast",
                                      "requires",
                                      "return",
                                      "sb",
                                      "short",
                                      "signed",
                                      "sizeof",
                                      "snakebridge",
                                      "static",
                                      "static_assert",
                                      "static_cast",
                                      "std",
                                      "struct",
                                      "switch",
                                      "template",
                                      "this",
                                      "thread_local",
                                      "throw",
                                      "true",
                                      "try",
                                      "typedef",
                                      "typeid",
                                      "typename",
                                      "union",
                                      "unsigned",
                                      "using",
                                      "virtual",
                                      "void",
                                      "volatile",
                                      "wchar_t",
                                      "while",
                                      "xor",
                                      "xor_eq"};

// Macros of the headers that programs include on Linux.
constexpr std::string_view macros[] = {
  "BUFSIZ",       "CHAR_BIT",   "CLOCKS_PER_SEC",
  "DOMAIN",       "EOF",        "FALSE",
  "FILENAME_MAX", "FOPEN_MAX",  "HUGE",
  "HUGE_VAL",     "INFINITY",   "MAXFLOAT",
  "MAX",          "MIN",        "NAN",
  "NDEBUG",       "NULL",       "IOV_MAX",
  "NAME_MAX",     "NSIG",       "NZERO",
  "PIPE_BUF",     "R_OK",       "SOMAXCONN",
  "TIME_UTC",     "WCONTINUED", "WEOF",
  "WUNTRACED",    "X_OK",       "st_atime",
  "st_ctime",     "st_mtime",   "OVERFLOW",
  "PATH_MAX",     "PI",         "RAND_MAX",
  "TMP_MAX",      "TRUE",       "UNDERFLOW",
  "alloca",       "assert",     "environ",
  "errno",        "htonl",      "htons",
  "linux",        "major",      "makedev",
  "minor",        "ntohl",      "ntohs",
  "offsetof",     "signbit",    "stderr",
  "stdin",        "stdout",     "unix",
  "va_arg",       "va_end",     "va_start"};

// Those of <cerrno>, on Linux.
constexpr std::string_view error_numbers[] = {"E2BIG",
                                              "EACCES",
                                              "EADDRINUSE",
                                              "EADDRNOTAVAIL",
                                              "EADV",
                                              "EAFNOSUPPORT",
                                              "EAGAIN",
                                              "EALREADY",
                                              "EBADE",
                                              "EBADF",
                                              "EBADFD",
                                              "EBADMSG",
                                              "EBADR",
                                              "EBADRQC",
                                              "EBADSLT",
                                              "EBFONT",
                                              "EBUSY",
                                              "ECANCELED",
                                              "ECHILD",
                                              "ECHRNG",
                                              "ECOMM",
                                              "ECONNABORTED",
                                              "ECONNREFUSED",
                                              "ECONNRESET",
                                              "EDEADLOCK",
                                              "EDESTADDRREQ",
                                              "EDOM",
                                              "EDOTDOT",
                                              "EDQUOT",
                                              "EEXIST",
                                              "EFAULT",
                                              "EFBIG",
                                              "EHOSTDOWN",
                                              "EHOSTUNREACH",
                                              "EIDRM",
                                              "EILSEQ",
                                              "EINPROGRESS",
                                              "EINTR",
                                              "EINVAL",
                                              "EIO",
                                              "EISCONN",
                                              "EISDIR",
                                              "EISNAM",
                                              "EKEYEXPIRED",
                                              "EKEYREJECTED",
                                              "EKEYREVOKED",
                                              "EL2HLT",
                                              "EL2NSYNC",
                                              "EL3HLT",
                                              "EL3RST",
                                              "ELIBACC",
                                              "ELIBBAD",
                                              "ELIBEXEC",
                                              "ELIBMAX",
                                              "ELIBSCN",
                                              "ELNRNG",
                                              "ELOOP",
                                              "EMEDIUMTYPE",
                                              "EMFILE",
                                              "EMLINK",
                                              "EMSGSIZE",
                                              "EMULTIHOP",
                                              "ENAMETOOLONG",
                                              "ENAVAIL",
                                              "ENETDOWN",
                                              "ENETRESET",
                                              "ENETUNREACH",
                                              "ENFILE",
                                              "ENOANO",
                                              "ENOBUFS",
                                              "ENOCSI",
                                              "ENODATA",
                                              "ENODEV",
                                              "ENOENT",
                                              "ENOEXEC",
                                              "ENOKEY",
                                              "ENOLCK",
                                              "ENOLINK",
                                              "ENOMEDIUM",
                                              "ENOMEM",
                                              "ENOMSG",
                                              "ENONET",
                                              "ENOPKG",
                                              "ENOPROTOOPT",
                                              "ENOSPC",
                                              "ENOSR",
                                              "ENOSTR",
                                              "ENOSYS",
                                              "ENOTBLK",
                                              "ENOTCONN",
                                              "ENOTDIR",
                                              "ENOTEMPTY",
                                              "ENOTNAM",
                                              "ENOTRECOVERABLE",
                                              "ENOTSOCK",
                                              "ENOTSUP",
                                              "ENOTTY",
                                              "ENOTUNIQ",
                                              "ENXIO",
                                              "EOPNOTSUPP",
                                              "EOVERFLOW",
                                              "EOWNERDEAD",
                                              "EPERM",
                                              "EPFNOSUPPORT",
                                              "EPIPE",
                                              "EPROTO",
                                              "EPROTONOSUPPORT",
                                              "EPROTOTYPE",
                                              "ERANGE",
                                              "EREMCHG",
                                              "EREMOTE",
                                              "EREMOTEIO",
                                              "ERESTART",
                                              "ERFKILL",
                                              "EROFS",
                                              "ESHUTDOWN",
                                              "ESOCKTNOSUPPORT",
                                              "ESPIPE",
                                              "ESRCH",
                                              "ESRMNT",
                                              "ESTALE",
                                              "ESTRPIPE",
                                              "ETIME",
                                              "ETIMEDOUT",
                                              "ETOOMANYREFS",
                                              "ETXTBSY",
                                              "EUCLEAN",
                                              "EUNATCH",
                                              "EUSERS",
                                              "EWOULDBLOCK",
                                              "EXDEV",
                                              "EXFULL"};

// Families of them: SIGINT, M_PI, INT_MAX, O_RDONLY, S_IFDIR.
constexpr std::string_view families[] = {
  "AF_",    "AT_",      "BUS_",     "CHAR_",   "CLD_",     "CLOCK_",
  "CLONE_", "CMSG_",    "CPU_",     "DT_",     "E2",       "EXIT_",
  "FD_",    "FE_",      "FPE_",     "FP_",     "F_",       "HOST_NAME",
  "HUGE_",  "ILL_",     "IN6",      "INADDR_", "INET",     "INT16_",
  "INT32_", "INT64_",   "INT8_",    "INTMAX_", "INTPTR_",  "INT_",
  "IN_",    "IPPROTO_", "IPV6_",    "IP_",     "ITIMER_",  "LC_",
  "LLONG_", "LOCK_",    "LONG_",    "MCAST_",  "MSG_",     "M_",
  "O_",     "PF_",      "POLL_",    "POSIX_",  "PTHREAD_", "PTRDIFF_",
  "REG_",   "SA_",      "SCHAR_",   "SCHED_",  "SCM_",     "SEEK_",
  "SEGV_",  "SHRT_",    "SHUT_",    "SIG",     "SIOC",     "SIZE_",
  "SI_",    "SNAN",     "SOCK_",    "SOL_",    "SO_",      "SSIZE_",
  "SS_",    "STATX_",   "STDERR_",  "STDIN_",  "STDOUT_",  "SYS_",
  "S_I",    "TRAP_",    "UCHAR_",   "UINT16_", "UINT32_",  "UINT64_",
  "UINT8_", "UINTMAX_", "UINTPTR_", "UINT_",   "ULLONG_",  "ULONG_",
  "USHRT_", "WCHAR_",   "WEXIT",    "WIF",     "WINT_",    "WNO",
  "WSTOP",  "WTERM",    "W_"};

constexpr std::string_view of_objects[] = {
  "begin", "end", "held", "attr", "to", "as", "operand", "object", "options"};

template <class Names>
bool has(const Names& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool is_upper(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool is_macro(std::string_view name) {
  if (has(macros, name) || has(error_numbers, name))
    return true;
  if (!is_upper(name))
    return false;
  return std::any_of(
    std::begin(families), std::end(families),
    [&](std::string_view each) { return name.starts_with(each); });
}

} // namespace

std::string cpp_name(std::string_view python) {
  std::string made{python};
  std::replace(made.begin(), made.end(), '.', '_'); // a class inside a class
  if (python.starts_with("__"))
    return "py" + made;
  if (has(words, python) || is_macro(python))
    made += '_';
  return made;
}

std::string namespace_name(std::string_view part) {
  return cpp_name(part);
}

std::string member_name(std::string_view python, std::string_view of_class) {
  auto made = cpp_name(python);
  if (made == of_class || is_taken_by_object(made))
    made += '_';
  return made;
}

bool is_taken_by_object(std::string_view name) {
  return has(of_objects, name);
}

std::string cpp_text(std::string_view text) {
  std::string made = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      made += fmt::format("\\{}", c);
    else if (byte < 0x20 || byte == 0x7F)
      made += fmt::format("\\{:03o}", byte);
    else if (c == '?' && !made.empty() && made.back() == '?')
      made += "\\?"; // no trigraph
    else
      made += c;
  }
  return made + '"';
}

std::string one_line(std::string text) {
  std::replace_if(
    text.begin(), text.end(),
    [](unsigned char each) { return each < 0x20 || each == 0x7F; }, ' ');
  text.erase(text.find_last_not_of(" \\") + 1);
  return text;
}

bool scope::take(const std::string& name, const std::string& python) {
  const auto [at, is_new] = taken_.emplace(name, python);
  return is_new || at->second == python;
}

const std::string* scope::owner(const std::string& name) const {
  const auto found = taken_.find(name);
  return found == taken_.end() ? nullptr : &found->second;
}

} // namespace snakebridge::codegen
