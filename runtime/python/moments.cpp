#include "runtime/python/moments.hpp"

#include <datetime.h>

namespace snakebridge::moments {

namespace {

void need_datetime() {
  if (PyDateTimeAPI == nullptr)
    PyDateTime_IMPORT;
  if (PyDateTimeAPI == nullptr)
    throw_raised();
}

} // namespace

bool is_type(const PyTypeObject* type) {
  need_datetime();
  const auto& all = *PyDateTimeAPI;
  return type == all.DateType || type == all.TimeType
         || type == all.DateTimeType || type == all.DeltaType;
}

namespace {

timedelta fields_of(py::handle from) {
  PyObject* const object = from.ptr();
  return {PyDateTime_DELTA_GET_DAYS(object),
          PyDateTime_DELTA_GET_SECONDS(object),
          PyDateTime_DELTA_GET_MICROSECONDS(object)};
}

date day_of(PyObject* object) {
  return {static_cast<std::int16_t>(PyDateTime_GET_YEAR(object)),
          static_cast<std::uint8_t>(PyDateTime_GET_MONTH(object)),
          static_cast<std::uint8_t>(PyDateTime_GET_DAY(object))};
}

// A fixed offset tells how it was made.
timezone fixed_of(py::handle zone) {
  const py::tuple made_of = zone.attr("__getinitargs__")();
  timezone made{.key = {}, .offset = fields_of(made_of[0]), .name = {}};
  if (made_of.size() > 1)
    made.name = text_with_surrogates(made_of[1]);
  return made;
}

bool is_of(py::handle object, const char* module, const char* type) {
  const auto loaded = py::reinterpret_steal<py::object>(
    PyImport_GetModule(py::str(module).ptr()));
  return loaded
         && py::getattr(loaded, type, py::none()).ptr()
              == reinterpret_cast<PyObject*>(Py_TYPE(object.ptr()));
}

// Its key brings back this zone. One of other data (`ZoneInfo.from_file`) may
// have the name of another, or of none.
bool is_its_key(py::handle zone) {
  const py::object key = zone.attr("key");
  if (!PyUnicode_CheckExact(key.ptr()))
    return false;
  const auto known = py::reinterpret_steal<py::object>(
    PyObject_CallOneArg(py::type::of(zone).ptr(), key.ptr()));
  PyErr_Clear();
  return known.ptr() == zone.ptr();
}

// The zone of a time or datetime: false when it is no value.
bool zone_of(py::handle moment, std::optional<timezone>& into) {
  const py::object zone = moment.attr("tzinfo");
  if (zone.is_none())
    return true;
  if (is_of(zone, "datetime", "timezone")) {
    into = fixed_of(zone);
    return true;
  }
  if (!is_of(zone, "zoneinfo", "ZoneInfo") || !is_its_key(zone))
    return false;
  timezone made{
    .key = text_with_surrogates(zone.attr("key")), .offset = {}, .name = {}};
  const auto offset_of = [](py::handle at) -> std::optional<timedelta> {
    const py::object offset = at.attr("utcoffset")();
    return offset.is_none() ? std::nullopt : std::optional{fields_of(offset)};
  };
  made.offset = offset_of(moment);
  const auto fold = moment.attr("fold").cast<int>();
  const auto other =
    offset_of(moment.attr("replace")(py::arg("fold") = 1 - fold));
  if (other != made.offset)
    made.offset_of_other_fold = other;
  into = std::move(made);
  return !into->key.empty();
}

py::object python_zone(const std::optional<timezone>& from) {
  if (!from)
    return py::none();
  if (!from->key.empty())
    return py::module_::import("zoneinfo")
      .attr("ZoneInfo")(python_string(from->key));
  const auto offset = python_timedelta(from->offset.value_or(timedelta{}));
  if (!from->name)
    return checked(PyTimeZone_FromOffset(offset.ptr()));
  return checked(PyTimeZone_FromOffsetAndName(
    offset.ptr(), python_string(*from->name).ptr()));
}

} // namespace

std::optional<value> date_of(py::handle from) {
  return value{day_of(from.ptr())};
}

std::optional<value> time_of(py::handle from) {
  PyObject* const object = from.ptr();
  time made{static_cast<std::uint8_t>(PyDateTime_TIME_GET_HOUR(object)),
            static_cast<std::uint8_t>(PyDateTime_TIME_GET_MINUTE(object)),
            static_cast<std::uint8_t>(PyDateTime_TIME_GET_SECOND(object)),
            static_cast<std::uint32_t>(PyDateTime_TIME_GET_MICROSECOND(object)),
            static_cast<std::uint8_t>(PyDateTime_TIME_GET_FOLD(object)),
            {}};
  if (!zone_of(from, made.zone))
    return {};
  return value{std::move(made)};
}

std::optional<value> datetime_of(py::handle from) {
  PyObject* const object = from.ptr();
  datetime made{
    day_of(object),
    {static_cast<std::uint8_t>(PyDateTime_DATE_GET_HOUR(object)),
     static_cast<std::uint8_t>(PyDateTime_DATE_GET_MINUTE(object)),
     static_cast<std::uint8_t>(PyDateTime_DATE_GET_SECOND(object)),
     static_cast<std::uint32_t>(PyDateTime_DATE_GET_MICROSECOND(object)),
     static_cast<std::uint8_t>(PyDateTime_DATE_GET_FOLD(object)),
     {}}};
  if (!zone_of(from, made.time.zone))
    return {};
  return value{std::move(made)};
}

std::optional<value> timedelta_of(py::handle from) {
  return value{fields_of(from)};
}

py::object python_date(const date& from) {
  need_datetime();
  return checked(PyDate_FromDate(from.year, from.month, from.day));
}

py::object python_time(const time& from) {
  need_datetime();
  const auto zone = python_zone(from.zone);
  return checked(PyDateTimeAPI->Time_FromTimeAndFold(
    from.hour, from.minute, from.second, static_cast<int>(from.microsecond),
    zone.ptr(), from.fold, PyDateTimeAPI->TimeType));
}

py::object python_datetime(const datetime& from) {
  need_datetime();
  const auto zone = python_zone(from.time.zone);
  return checked(PyDateTimeAPI->DateTime_FromDateAndTimeAndFold(
    from.date.year, from.date.month, from.date.day, from.time.hour,
    from.time.minute, from.time.second, static_cast<int>(from.time.microsecond),
    zone.ptr(), from.time.fold, PyDateTimeAPI->DateTimeType));
}

py::object python_timedelta(const timedelta& from) {
  need_datetime();
  return checked(PyDelta_FromDSU(from.days, from.seconds, from.microseconds));
}

} // namespace snakebridge::moments
