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
    list @6 :Items;
    tuple @7 :Items;
    dict @8 :Dict;
    ref @9 :Ref;
    bigInteger @10 :Data;      # two's complement, least significant byte first
    complex @11 :Complex;
    set @12 :Items;
    frozenset @13 :Items;
    date @14 :Date;
    time @15 :Time;
    datetime @16 :DateTime;
    timedelta @17 :Timedelta;
    decimal @18 :Text;
    uuid @19 :Uuid;
    atom @20 :Text;
    typed @21 :Typed;
    unserializable @22 :Unserializable;
    callback @23 :UInt64;      # only to the worker: an id of its host's
    slice @24 :Slice;          # only to the worker, as the next; a node passes
                               # it on
    ellipsis @25 :Void;
  }
}

struct Items {
  # What a container holds, in the order Python iterates it. Where all items are
  # of one kind they may be packed: it is the same container, and may be told
  # either way. Each item takes four bytes at least, so that no message asks for
  # memory out of proportion to its size.
  union {
    values @0 :List(Value);
    floats @1 :List(Float64);
    integers @2 :List(Int64);
    texts @3 :Texts;
    lists @4 :Lists;
    records @5 :Records;
  }
}

struct Texts {
  lengths @0 :List(UInt32);    # in bytes
  utf8 @1 :Data;               # all of them, without anything between
}

struct Lists {
  # Lists alone: the items of all of them, one list after the other.
  lengths @0 :List(UInt32);
  items @1 :Items;
}

struct Records {
  # Dicts alone, all with the same texts as keys, in the same order: for each
  # key, of which there are at least two, the values under it.
  count @0 :UInt32;
  keys @1 :Texts;
  columns @2 :List(Items);
}

struct Dict {
  keys @0 :Items;
  values @1 :Items;            # as many
}

struct Slice {
  start @0 :Value;
  stop @1 :Value;
  step @2 :Value;
}

struct Ref {
  # An object in the table of the interpreter that sends or receives the
  # message. Node, session, interpreter and epoch are the host's to check and
  # to add: a worker knows none of them.
  slot @0 :UInt64;
  typeName @1 :Text;           # only on the way back: "pathlib.PosixPath"
  isStream @2 :Bool;
  base @3 :Value;
  # Only on the way back: of an object whose class is derived from a scalar type
  # of Python's, what it is as that; of an Enum's member its value or its name.
  # Else none.
}

struct Complex {
  real @0 :Float64;
  imaginary @1 :Float64;
}

# The fields of Python's datetime module, within its bounds.

struct Timedelta {
  days @0 :Int32;
  seconds @1 :Int32;
  microseconds @2 :Int32;
}

struct Zone {
  key @0 :Text;                # of a ZoneInfo; empty: a fixed offset
  offset @1 :Timedelta;        # null: not known
  name @2 :Text;               # of a fixed offset; null: it has none
  otherOffset @3 :Timedelta;   # with the other fold; null: the same
}

struct Date {
  year @0 :Int16;
  month @1 :UInt8;
  day @2 :UInt8;
}

struct Time {
  hour @0 :UInt8;
  minute @1 :UInt8;
  second @2 :UInt8;
  fold @3 :UInt8;
  microsecond @4 :UInt32;
  zone @5 :Zone;               # null: none
}

struct DateTime {
  date @0 :Date;
  time @1 :Time;
}

struct Uuid {
  high @0 :UInt64;             # the first eight bytes, big-endian
  low @1 :UInt64;
  safety @2 :UInt8;
}

struct Typed {
  # A scalar of a type that is more than its kind: "numpy.float32". To Python
  # also "module:Class", an Enum, whose member it numbers or names.
  typeName @0 :Text;
  value @1 :Value;             # boolean, integer, floating, complex, string,
                               # bytes; nothing else
}

struct Unserializable {
  typeName @0 :Text;
  repr @1 :Text;               # null: not told
}
