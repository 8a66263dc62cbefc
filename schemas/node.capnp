@0xc3b1f5d2e7a84096;
# What two nodes say to each other.
#
# One connection joins a pair of them, over TCP. It begins with 272 bytes of
# the side that was dialed, in the clear (runtime/node/greeting.hpp): its name, and
# whether it goes on by TLS 1.3 with certificates of both sides. From then on it
# is Cap'n Proto's RPC (rpc-twoparty.capnp), where whatever one side holds of the
# other is released with the connection: that rule ends remote clients too.
#
#   hello    Who dialed gets a `Door`, which has no more than that: it says who it
#            is and gives its `Node`; it is told who the other is and gets that
#            one's `Node`, or why not, by name. What it says must be so by its
#            certificate. It looks at the answer in its turn, and then beats: the
#            link is up on one side with that beat, on the other with its answer.
#            All of it, from the connect on, may take 5 s and so many bytes.
#   one      If both dial at once the connection that the node of the lesser name
#            has dialed stays: it refuses the other. `Hello.ended` tells which link
#            between the two has ended for who dials: one that is still up on the
#            other side is replaced by that alone.
#   life     Any byte that arrives is a sign of life, be it part of a value or
#            not. Who has sent nothing for a while sends `beat`. A side that has
#            heard nothing for its `heartbeatLimitMs` closes the connection.
#   sessions `openSession` makes a client of a session at its owner, as any local
#            one is. Dropping its `RemoteSession` ends that client, and so does the
#            end of the link. When the session itself ends, its
#            `SessionClient` is told. Who opens it first makes it: with its rules.
#   calls    `request` carries a `Request` of message.capnp with its route, and what
#            is left of its caller's time: clocks are not compared. The owner makes
#            the call as its own, and its answer carries the `Reply`. The link reads
#            neither. Who drops the promise cancels the call. A reply that brings
#            objects comes with `Objects`, which who takes it keeps: whatever else
#            becomes of the reply, on its way or there, they are freed.
#   callbacks  What a program gives to Python goes as a `Callback`. To call it is a
#            call in the other direction, and a visit: what the callback calls in
#            its session meanwhile names that, and is done on the thread there
#            which waits for it. It names the request it is called in, and is run
#            on the thread that waits for that.
#   cluster  `tell` carries what a node and the directory of its cluster have to say
#            to each other, each a `Said`. They are heard in the order in which
#            they are told, and answered, if at all, by another.
#   parts    What is larger than 256 KiB goes as a `Source`, from which the side
#            that wants it reads, part by part and in order. So it decides how much
#            is on its way in all (a window for each link and direction), reserves
#            memory as it comes, and one that reads nothing costs the other no more
#            than the value. Calls and replies that are small go in between. Who
#            drops a source has read enough, or does not want it any more.
#
# Either side may be any program that speaks this: what it sends is hostile until
# it has been looked at.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("snakebridge::schema");

const protocolVersion :UInt16 = 3;
# Of this file.

const messagesVersion :UInt16 = 1;
# Of message.capnp and value.capnp, whose messages are carried.

interface Door {
  hello @0 Hello -> Answer;
}

struct Introduction {
  protocol @0 :UInt16;
  messages @1 :UInt16;
  cluster @2 :Data;            # 16 random bytes; empty: it knows of none yet
  name @3 :Text;
  incarnation @4 :UInt64;      # of this start of it: random
  pools @5 :List(Text);        # that it offers
  address @6 :Text;            # where it can be dialed; empty: nowhere
  heartbeatLimitMs @7 :UInt32; # silence after which it ends the link
}

struct Hello {
  me @0 :Introduction;
  node @1 :Node;
  link @2 :UInt64;             # this link: random, not 0
  ended @3 :UInt64;            # the last one with that node; 0: there was none
}

struct Answer {
  union {
    welcome :group {
      me @0 :Introduction;
      node @1 :Node;
    }
    refused :group {
      why @2 :Refusal;
      message @3 :Text;
    }
  }
}

enum Refusal {
  # Why there is no link (runtime/node/refusal.hpp says what to do). Those that
  # only one side can see are not here.
  wrongProtocol @0;
  wrongMessages @1;
  wrongCluster @2;
  nameInvalid @3;
  nameDiffers @4;              # from its certificate
  notAllowed @5;               # by `peers_allowed`
  nameTaken @6;                # by another incarnation, which is linked
  alreadyLinked @7;
  isSelf @8;
  notAdmitted @9;              # the message says why
}

interface Node {
  beat @0 () -> ();
  openSession @1 (id :Text, epoch :UInt64, pool :Text, client :SessionClient,
                  rules :RefRules) -> (opened :Opened);
  tell @2 (said :Payload) -> ();
}

struct RefRules {
  # Of a session that is made by that. 0 where nothing was said: as the
  # configuration of its node has it; else one more than what is meant.
  max @0 :UInt64;
  ttlMs @1 :UInt64;
  onFull @2 :UInt8;            # config.hpp
}

struct Opened {
  union {
    session @0 :RemoteSession;
    failed @1 :Failed;
  }
}

interface RemoteSession {
  request @0 (payload :Payload, remainingNs :UInt64, callbacks :List(Given),
              inside :UInt64, number :UInt64) -> (replied :Replied);
  # `inside`: the visit of a callback that makes it; 0: none does. `number`: by
  # which callbacks name it that are called in it.
}

struct Given {
  # A callback in the payload, by its id there.
  id @0 :UInt64;
  callback @1 :Callback;
}

interface Callback {
  # Held as long as Python has it.
  call @0 (payload :Payload, interpreter :UInt32, epoch :UInt32, visit :UInt64,
           remainingNs :UInt64, within :UInt64) -> (replied :Replied);
  # With a `Called`, whose objects are of that interpreter; answers a `Returned`.
  # `within`: the request it is called in; 0: in none of this session.
}

interface SessionClient {
  ended @0 (why :Failed) -> ();
}

struct Payload {
  # A message as a flat array: whole words.
  union {
    whole @0 :Data;
    parts :group {
      bytes @1 :UInt64;        # in all
      source @2 :Source;
    }
  }
}

interface Source {
  read @0 (bytes :UInt32) -> (part :Data);
  # The next so many, at most 262144 and no more than there are.
}

struct Replied {
  union {
    payload @0 :Payload;
    failed @1 :Failed;
  }
  objects @2 :Objects;         # null: it brings none
}

interface Objects {
  keep @0 () -> ();
  # They are taken. Dropped before that they are freed.
}

struct Said {
  # Between a node and its directory (runtime/node/cluster_messages.hpp).
  union {
    hello @0 :ClusterHello;
    admission @1 :Admission;
    open @2 :OpenRequest;
    place @3 :OpenAnswer;
    grant @4 :Grant;           # to its owner
    taken @5 :Grant;           # by it
    ended @6 :GrantEnded;
    drainMs @7 :UInt64;        # to a node: be drained, ended after so long; from
                               # one: it drains
    stats @8 :NodeStats;       # of a node, each second if they have changed
    question @9 :Question;
    answer @10 :QuestionAnswer;
  }
}

struct NodeId {
  name @0 :Text;
  incarnation @1 :UInt64;
}

struct Grant {
  id @0 :Text;
  epoch @1 :UInt64;
}

struct ClusterHello {
  number @0 :UInt64;           # rises: an overtaken one is not heard
  address @1 :Text;
  listens @2 :Bool;
  drains @3 :Bool;
  pools @4 :List(Text);
  load @5 :UInt64;
  clusterHigh @6 :UInt64;
  clusterLow @7 :UInt64;
  held @8 :List(Grant);
  epochSeen @9 :UInt64;
  node @10 :NodeId;
}

struct Admission {
  number @0 :UInt64;           # of the hello
  union {
    admitted :group {
      clusterHigh @1 :UInt64;
      clusterLow @2 :UInt64;
      endsFirst @3 :Bool;
      drains @4 :Bool;
    }
    failed @5 :Failed;
  }
}

struct OpenRequest {
  opener @0 :NodeId;
  number @1 :UInt64;
  id @2 :Text;
  at @3 :Text;
  pool @4 :Text;
  endedEpoch @5 :UInt64;
}

struct OpenAnswer {
  opener @0 :NodeId;
  number @1 :UInt64;
  union {
    place :group {
      owner @2 :NodeId;
      address @3 :Text;
      epoch @4 :UInt64;
    }
    failed @5 :Failed;
  }
}

struct GrantEnded {
  grant @0 :Grant;
  why @1 :Failed;
}

struct Question {
  number @0 :UInt64;
  what @1 :UInt8;              # nodes, forget, drain
  name @2 :Text;
  patienceMs @3 :UInt64;
}

struct QuestionAnswer {
  number @0 :UInt64;
  union {
    nodes @1 :List(NodeRow);
    failed @2 :Failed;
  }
}

struct NodeRow {
  node @0 :NodeId;
  address @1 :Text;
  state @2 :UInt8;             # up, draining, silent
  pools @3 :List(Text);
  load @4 :UInt64;
  sessions @5 :UInt64;         # of the cluster
  silentMs @6 :UInt64;
  stats @7 :NodeStats;         # as it last told
  listens @8 :Bool;
}

struct NodeStats {
  sessions @0 :UInt64;         # all that are open there
  pools @1 :List(PoolStats);
}

struct PoolStats {
  # The sums over its interpreters.
  name @0 :Text;
  takesCalls @1 :Bool;
  interpreters @2 :UInt32;
  ready @3 :UInt32;
  waiting @4 :UInt64;
  running @5 :UInt64;
  calls @6 :UInt64;
  liveObjects @7 :UInt64;
  deaths @8 :UInt32;
  restarts @9 :UInt32;
}

struct Failed {
  code @0 :UInt8;              # errc
  message @1 :Text;
  mayHaveRun @2 :Bool;
}
