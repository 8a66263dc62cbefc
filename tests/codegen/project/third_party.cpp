// NumPy, pandas, requests and scikit-learn by their wrappers. Prints what it
// found to be otherwise than it should, and ends with 1 then.
#include <iostream>

#include <snakebridge/py/numpy.hpp>
#include <snakebridge/py/numpy/linalg.hpp>
#include <snakebridge/py/pandas.hpp>
#include <snakebridge/py/requests.hpp>
#include <snakebridge/py/sklearn/linear_model.hpp>
#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
namespace py = snakebridge::py;
namespace np = snakebridge::py::numpy;

namespace {

int wrong = 0;

void expect(bool is_so, const char* what) {
  if (!is_so) {
    std::cout << "not so: " << what << '\n';
    ++wrong;
  }
}

#define EXPECT(...) expect((__VA_ARGS__), #__VA_ARGS__)

void use_numpy(const sb::caller& python) {
  const auto ones = or_throw(np::ones(python, 3));
  EXPECT(ones.size() == 3);
  EXPECT(or_throw(np::mean(python, sb::list{1, 2, 6})).cast<double>() == 3.0);
  const auto grid =
    or_throw(np::array(python, sb::list{sb::list{1, 2}, sb::list{3, 4}}));
  EXPECT((grid + grid).as<sb::object>().attr("sum")().cast<double>() == 20.0);
}

void use_linalg(const sb::caller& python) {
  const auto solved = or_throw(np::linalg::solve(
    python, sb::list{sb::list{2, 0}, sb::list{0, 4}}, sb::list{2, 8}));
  EXPECT(solved.tolist() == sb::value{sb::list{1.0, 2.0}});
  EXPECT(or_throw(np::linalg::norm(python, sb::list{3, 4})).cast<double>()
         == 5.0);
}

void use_pandas(const sb::caller& python) {
  const py::pandas::DataFrame sales{
    python,
    sb::dict{{"region", sb::list{"n", "s", "n"}}, {"qty", sb::list{1, 2, 4}}}};
  EXPECT(sales.size() == 3 || sales.size() == 6);
  const auto by = sales.groupby("region").attr("sum")().attr("to_dict")();
  EXPECT(by["qty"]["n"].cast<int>() == 5);
}

void use_requests(const sb::caller& python) {
  const auto served = python.exec(R"(
import http.server, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"path": "' + self.path.encode() + b'"}')
    def log_message(self, *said):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
)");
  EXPECT(served.has_value());
  const auto where =
    or_throw(python.eval("f'http://127.0.0.1:{server.server_port}/sold'", {}));
  const auto answered =
    or_throw(py::requests::get(python, where.as<std::string>()));
  EXPECT(answered.attr("status_code").as<int>() == 200);
  EXPECT(answered.json()["path"] == sb::value{"/sold"});
  EXPECT(python.exec("server.shutdown()").has_value());
}

void use_sklearn(const sb::caller& python) {
  const py::sklearn::linear_model::LinearRegression line{python};
  const sb::list x{sb::list{0}, sb::list{1}, sb::list{2}};
  const auto fitted = line.fit(x, sb::list{1, 3, 5});
  EXPECT(fitted.score(x, sb::list{1, 3, 5}) > 0.999);
  const auto next = fitted.predict(sb::list{sb::list{3}});
  EXPECT(std::abs(next.attr("item")(0).as<double>() - 7.0) < 1e-9);
}

} // namespace

int main() {
  sb::bridge bridge{sb::config{.pools = {{.size = 1, .python = VENV}}}};
  for (auto* use :
       {use_numpy, use_linalg, use_pandas, use_requests, use_sklearn})
    use(bridge);
  return wrong;
}
