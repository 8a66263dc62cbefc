"""docs/VALUES.md has a row for all that crosses: checked against the code."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def words(cell):
    return set(re.findall(r"[A-Za-z_0-9]+", " ".join(
        re.findall(r"`([^`]*)`", cell))))


class Values(unittest.TestCase):
    def setUp(self):
        self.page = text("docs/VALUES.md")
        self.kinds = self.page.split("## The kinds")[1].split("###")[0]
        self.typed = self.page.split("### Typed")[1].split("\n## ")[0]

    def test_every_kind_has_a_row(self):
        body = re.search(r"enum class kind[^{]*\{(.*?)\};",
                         text("include/snakebridge/kind.hpp"), re.DOTALL)[1]
        kinds = re.findall(r"^  (\w+),", body, re.MULTILINE)
        self.assertGreater(len(kinds), 20)
        rows = re.findall(r"^\| [^|]+ \| `(\w+)` \|", self.kinds, re.MULTILINE)
        self.assertEqual(sorted(rows), sorted(kinds))

    def test_every_standard_type_with_a_converter_is_told(self):
        headers = "".join(text(f"include/snakebridge/{name}.hpp") for name in (
            "convert", "convert_containers", "convert_chrono"))
        types = set(re.findall(r"struct converter<std::(?:\w+::)?(\w+)",
                               headers))
        self.assertGreater(len(types), 20)
        told = words(self.page) | {"nullptr_t"}
        self.assertEqual(types - told, set())

    def test_every_typed_scalar_is_told(self):
        code = text("runtime/python/scalars.cpp")
        body = re.search(r"numpy_types\[\] = \{(.*?)\}", code, re.DOTALL)[1]
        types = set(re.findall(r'"(\w+)"', body)) | {"bytearray", "memoryview"}
        self.assertGreater(len(types), 20)
        self.assertEqual(types - words(self.typed), set())

    def test_the_readme_leads_here(self):
        self.assertIn("(docs/VALUES.md)", text("README.md"))

    def test_what_it_says_of_limits_is_so(self):
        deep = re.search(r"value_depth_max = (\d+)",
                         text("config/tunables.hpp"))[1]
        self.assertIn(f"{deep} containers deep", self.page)


if __name__ == "__main__":
    unittest.main()
