// HTTP: requests, and a server of Python's own that a thread of the session
// runs between its calls and during them.
#include "tests/libraries/libraries_fixture.hpp"

namespace snakebridge::testing {

class Network : public Libraries {
protected:
  void SetUp() override {
    run(R"(
import http.server, json, os, threading

class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body, kind="application/json", **more):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, text in more.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/late":
            late.wait()
        elif self.path == "/old":
            self.answer(302, b"", Location="/prices", Set_Cookie="seen=yes")
        elif self.path.startswith("/prices"):
            told = {"path": self.path, "cookie": self.headers.get("Cookie")}
            self.answer(200, json.dumps(told).encode())
        else:
            self.answer(404, b"{}")

    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201, sent, self.headers["Content-Type"])

    def log_message(self, *_):
        pass

late = threading.Event()
os.environ["no_proxy"] = "*"
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
thread = threading.Thread(target=server.serve_forever, args=(0.01,))
thread.start()
)");
  }

  void TearDown() override {
    stop();
    Libraries::TearDown();
  }

  void stop() {
    run("late.set(); server.shutdown(); thread.join()\n"
        "server.server_close()\n");
  }

  std::string url(const std::string& path) {
    return bridge.eval("f'http://127.0.0.1:{server.server_port}'")
             ->as<std::string>()
           + path;
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Network);

TEST_P(Network, WhenAPageIsFetchedThenItsJSONIsAValue) {
  const auto answer = *bridge.call("requests", "get", url("/prices"),
                                   "params"_a = sb::dict{{"q", "a b"}});
  EXPECT_EQ(bridge.attr(answer, "status_code"), 200);
  EXPECT_EQ(bridge.method(answer, "json"),
            (sb::dict{{"path", "/prices?q=a+b"}, {"cookie", nullptr}}));
}

TEST_P(Network, WhenASessionOfRequestsIsUsedThenItKeepsItsCookies) {
  const auto visit = *bridge.call("requests", "Session");
  const auto answer = *bridge.method(visit, "get", url("/old"));
  EXPECT_EQ(bridge.attr(answer, "url"), url("/prices"));
  EXPECT_EQ(bridge.len(*bridge.attr(answer, "history")), 1U);
  EXPECT_EQ(bridge.method(answer, "json"),
            (sb::dict{{"path", "/prices"}, {"cookie", "seen=yes"}}));
  EXPECT_EQ(bridge.call("requests", "utils.dict_from_cookiejar",
                        *bridge.attr(visit, "cookies")),
            (sb::dict{{"seen", "yes"}}));
  ASSERT_TRUE(bridge.method(visit, "close"));
}

TEST_P(Network, WhenJSONIsPostedThenTheServerGetsJustThat) {
  const auto answer =
    *bridge.call("requests", "post", url("/"),
                 "json"_a = sb::dict{{"a", sb::list{1, nullptr}}});
  EXPECT_EQ(bridge.attr(answer, "status_code"), 201);
  EXPECT_EQ(bridge.attr(answer, "content"), sb::bytes{R"({"a": [1, null]})"});
  EXPECT_EQ(bridge.item(*bridge.attr(answer, "headers"), "content-type"),
            "application/json");
}

TEST_P(Network, WhenAPageIsMissingThenItsErrorIsAnHTTPError) {
  const auto missing = url("/missing");
  const auto answer = *bridge.call("requests", "get", missing);
  const auto why = error_of(bridge.method(answer, "raise_for_status"));
  EXPECT_TRUE(why.is("requests.exceptions.HTTPError"));
  EXPECT_TRUE(why.is("OSError"));
  EXPECT_EQ(why.python()->message,
            "404 Client Error: Not Found for url: " + missing);
}

TEST_P(Network, WhenTheServerIsSilentThenTheLibrarysOwnTimeoutIsTold) {
  const auto why =
    error_of(bridge.call("requests", "get", url("/late"), "timeout"_a = 0.05));
  EXPECT_EQ(why.code(), sb::errc::python_raised);
  EXPECT_TRUE(why.is("requests.exceptions.ReadTimeout"));
}

TEST_P(Network, WhenTheServerIsGoneThenItsErrorIsAConnectionError) {
  const auto gone = url("/prices");
  stop();
  const auto why = error_of(bridge.call("requests", "get", gone));
  EXPECT_TRUE(why.is("requests.exceptions.ConnectionError"));
  EXPECT_NE(why.python()->context, nullptr);
}

TEST_P(Network, WhenAHookIsAFunctionOfTheSessionThenItSeesTheAnswer) {
  run("seen = []\n"
      "def note(answer, *_, **more): seen.append(answer.status_code)\n");
  ASSERT_TRUE(
    bridge.call("requests", "get", url("/old"),
                "hooks"_a = sb::dict{{"response", *bridge.eval("note")}}));
  EXPECT_EQ(bridge.eval("seen"), (sb::list{302, 200}));
}

} // namespace snakebridge::testing
