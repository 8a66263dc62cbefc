@0xe0a4d8b7c1f35902;
# What a bridge and its worker say to each other.
#
# Two stream sockets join them, both inherited by the worker as descriptors:
#
#   data     requests to the worker, replies from it. A call's id names the
#            executor that is to run it, one of `Start.threads`; each serves its
#            own in order, one at a time. Before it starts one it writes its id
#            into the status page (runtime/wire/status_page.hpp); the host
#            thereby knows after a death which calls may have run, and runs the
#            others on the replacement. There, too, the host withdraws calls:
#            one that is withdrawn before it was started is answered `dropped`.
#            What is small takes the ring in the memory they share instead of
#            the socket (runtime/wire/socket_channel.hpp).
#   control  `Start` to the worker, once; then `Ready` or `Failed` from it,
#            once. After that come frames without a message: `cancel` to the
#            worker, which interrupts the call of that id if it still runs, and
#            `sample`, which is answered by `sampled` once the stacks of all
#            Python threads have been written to a file they share, that of the
#            call with its id as the current one. `called` from the worker: a
#            thread of Python's own has sent one over the other socket.
#            Its end of file means the other side is gone. It does not come
#            while a fork of the host lives: so a worker also looks whether it
#            is still the host's child. One whose host is gone kills its group.
#
# A stream is an object that `iterate` or `stream` keeps and `next` asks for a
# batch of items. They come in the reply of `next`, whose value says whether
# there may be more; those whose time has come while their producer works on
# come before it, in `items` frames with the id of the call and a Reply that has
# no more than items and refs.
#
# A call whose result is awaited says `awaiting`: its executor is free, and the
# call is the event loop's from then on, as if that were the executor after the
# last. It has no place to be withdrawn in: `cancel` cancels its task.
#
# A callback is C++ that Python calls: `called` goes to the host, with the id of
# the call it happens in (0: a thread of Python's own), and `returned` comes back,
# with the number of the visit in the place of a call's id. Whoever waits for it
# serves the requests that the callback makes in its session: those are numbered
# apart (runtime/wire/status_page.hpp), and an executor takes them before all
# others. A `dropped` tells of callbacks that Python does not have any more.
#
# Every message is a frame: a fixed header (runtime/wire/channel.hpp: size in words,
# kind, call id, deadline) and one Cap'n Proto message as a flat array. A call
# is answered once, by a frame with its id, whatever became of it. A frame whose
# header is out of bounds or whose message does not parse ends the channel.
#
# A `Release` has no answer. Its executor reads it in its place, so calls of that
# session sent before it have run, and what they made is freed too. It also
# frees what a reply brought that came when its call had been given up.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("snakebridge::schema");

using Value = import "value.capnp".Value;
using Items = import "value.capnp".Items;

struct Request {
  # One operation (include/snakebridge/operation.hpp) of one session.
  session @0 :UInt64;          # the session's number, never used twice
  verb @1 :UInt8;
  module @2 :Text;
  name @3 :Text;
  target @4 :UInt64;           # slot; 0 where it is none
  positional @5 :List(Value);
  named @6 :List(Named);
  keepException @7 :Bool;      # what it raises stays in the table as well
  leaves @8 :UInt8;            # how the result comes (config.hpp)
  refsMax @9 :UInt32;          # the session may hold so many, these included:
  refsElsewhere @10 :UInt32;   # it holds in other interpreters
  refsRefused @11 :Bool;       # beyond that; else the oldest are let go
  refTtlMs @12 :UInt64;        # those unused for so long are let go; 0: none
  receiver @13 :Value;         # a target that is no object of the session; null
                               # where there is none
  batch @14 :Batch;            # of `next`; else null
  awaits @15 :Bool;            # a coroutine it returns is awaited
  sessionId @16 :Text;         # its name, for Python code
  path @17 :List(Step);        # from the target to what the verb is about
  helpersGiven @18 :UInt32;    # of helpers: how often those of the program had
                               # changed; newer ones are asked of it, by callback
  slots @19 :List(UInt64);     # of `release`: more objects beside the target
  route @20 :Route;            # only to the node that has the session, which
                               # finds the way itself, by its own numbers and
                               # bounds: those above mean nothing there
  sessionEpoch @21 :UInt64;    # of a session of a cluster, for Python code; else 0

  struct Batch {
    # Its items are sent when one of these is so.
    items @0 :UInt32;          # there are so many, at least 1
    bytes @1 :UInt64;          # they take so many here
    timeMs @2 :UInt32;         # the first of them has waited for so long
  }

  struct Route {
    interpreter @0 :UInt32;    # that its objects live in; 0: it names none
    epoch @1 :UInt32;          # of that one
    pool @2 :Text;             # empty: its session's
    affinity @3 :UInt8;        # 0: as the pool says, else one more than that
    leavesGiven @4 :Bool;      # else as the pool says
    idempotent @5 :Bool;
  }

  struct Named {
    name @0 :Text;
    value @1 :Value;
  }

  struct Step {
    union {
      attribute @0 :Text;
      item @1 :Value;
    }
  }
}

struct Release {
  session @0 :UInt64;
  slots @1 :List(UInt64);      # just these of it; none: all, it has ended
}

struct Awaiting {
  # What a call has returned is awaited, and its executor is free: it goes on as
  # this one, under a number of the event loop, and is answered under that.
  call @0 :UInt64;
}

struct Called {
  session @0 :UInt64;
  callback @1 :UInt64;         # 0: the program itself (bridge/tools.hpp)
  visit @2 :UInt64;            # numbers ascend
  positional @3 :List(Value);
  named @4 :List(Request.Named);
}

struct Returned {
  union {
    value @0 :Value;
    raised @1 :UInt64;         # slot of an exception: it is raised again
    failed @2 :Thrown;
    cancelled @3 :Void;        # nobody waits for the call it happened in
  }
  forget @4 :List(UInt64);     # slots of exceptions that were kept for it

  struct Thrown {
    type @0 :Text;             # "std::runtime_error"; "TypeError" is Python's
    message @1 :Text;
  }
}

struct Dropped {
  session @0 :UInt64;
  callback @1 :UInt64;
}

struct Reply {
  union {
    value @0 :Value;
    raised @1 :PythonError;
    failed @2 :Failure;        # refused or undone by the worker itself
    dropped @3 :Void;          # too late or withdrawn: it never started
  }
  refs @4 :UInt32;             # the session holds here, after the call
  names @5 :Bool;              # and so it does names, in its namespace
  ran @6 :Bool;                # without a value: Python may have begun the call
  items @7 :Items;             # what a stream has produced, in order; or null
  ranNs @8 :UInt64;            # how long the call ran, where that is asked for
  interpreter @9 :UInt32;      # only from a node: where its objects live
  epoch @10 :UInt32;
}

struct Failure {
  code @0 :UInt8;              # errc
  message @1 :Text;
  death @2 :Death;             # only from a node: of its worker; else null
}

struct Death {
  # What is known of a worker that died (error.hpp, post_mortem).
  pid @0 :Int32;
  hasExited @1 :Bool;
  exitStatus @2 :Int32;        # if it has exited
  signal @3 :Text;
  reason @4 :Text;
  call @5 :Text;
  session @6 :Text;
  interpreter @7 :UInt32;
  epoch @8 :UInt32;
  logLines @9 :List(Text);
  stacks @10 :Text;
  userMs @11 :UInt64;
  systemMs @12 :UInt64;
  residentBytesMax @13 :UInt64;
}

struct PythonError {
  type @0 :Text;
  module @1 :Text;
  message @2 :Text;
  traceback @3 :Text;
  frames @4 :List(Frame);
  notes @5 :List(Text);
  mro @6 :List(Text);
  cause @7 :PythonError;       # null when there is none
  context @8 :PythonError;
  contextIsCause @9 :Bool;     # then `context` is null: it is told once
  suppressContext @10 :Bool;
  exceptions @11 :List(PythonError);  # the members of a group
  facts @12 :List(Fact);
  object @13 :UInt64;          # slot, of the outermost if kept; 0: none

  struct Frame {
    file @0 :Text;
    line @1 :UInt32;
    function @2 :Text;
  }
  struct Fact {
    name @0 :Text;             # "dtype"
    text @1 :Text;             # "float64"
  }
}

struct Start {
  python @0 :Text;             # the executable to be; empty: the built-in one
  payloadBytesMax @1 :UInt64;
  atomClass @2 :Bool;          # the settings `conversion` of the bridge
  atoms @3 :List(Text);
  markerDetail @4 :UInt8;
  markerReprBytesMax @5 :UInt64;
  memoryBytesMax @6 :UInt64;   # the pool's limits; 0: none
  cpuSecondsMax @7 :UInt64;
  openFilesMax @8 :UInt32;
  noNewPrivileges @9 :Bool;
  importable @10 :List(Text);  # top-level modules; empty: all
  preload @11 :List(Text);     # modules to import before it is ready
  hostPid @12 :Int32;          # whose child it is, as long as that lives
  path @13 :List(Text);        # folders to import from before all others
  threads @14 :UInt32 = 1;     # executors, that run calls side by side
  timesCalls @15 :Bool;        # replies tell how long their calls ran
  helpers @16 :Helpers;
  onStart @17 :Text;           # "module.function": called before it is ready;
                               # empty: none
  build @18 :Text;             # of the host (runtime/base/build_mark.hpp): that
                               # of its worker, which refuses another

  struct Helpers {
    # The settings `helpers` of the bridge.
    paths @0 :List(Text);
    packEnabled @1 :Bool;
    allowlist @2 :List(Text);
    reload @3 :Bool;
  }
}

struct Ready {
  # Python runs, and calls may come.
}
