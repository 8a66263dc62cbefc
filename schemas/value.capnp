@0xb3f1c6a7d5e24c01;
# Values as they cross between processes.
#
# A value is a union: its type code lies outside its content, so no user data
# can be mistaken for a tag. New kinds are appended to the union; nothing here
# ever changes its number. A container holds its items in the order Python
# iterates them.
#
# The reader trusts nothing: sizes and depths are limited before anything is
# built (config/tunables.hpp), and what does not parse is `message_malformed`.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("snakebridge::schema");

struct Value {
  union {
    none @0 :Void;
    boolean @1 :Bool;
    integer @2 :Int64;
    floating @3 :Float64;      # bit for bit, NaN and infinities included
    string @4 :Text;           # UTF-8; may contain NUL
    bytes @5 :Data;
    list @6 :List(Value);
    tuple @7 :List(Value);
    dict @8 :List(Entry);
    ref @9 :Ref;
  }

  struct Entry {
    key @0 :Value;
    value @1 :Value;
  }
}

struct Ref {
  # An object in the table of the interpreter that sends or receives the
  # message. Node, session, interpreter and epoch are the host's to check and
  # to add: a worker knows none of them.
  slot @0 :UInt64;
  typeName @1 :Text;           # only from the worker: "pathlib.PosixPath"
}
