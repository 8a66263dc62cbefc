// Pictures: Pillow, and Matplotlib without a screen.
#include "tests/libraries/libraries_fixture.hpp"

#include <filesystem>

#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

class Pictures : public Libraries {
protected:
  /// Four pixels by three, all red but one that is blue.
  sb::value picture() {
    const auto made = *bridge.call("PIL", "Image.new", "RGB", sb::tuple{4, 3},
                                   sb::tuple{255, 0, 0});
    or_throw(
      bridge.method(made, "putpixel", sb::tuple{1, 2}, sb::tuple{0, 0, 255}));
    return made;
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Pictures);

TEST_P(Pictures, WhenAPictureIsTurnedThenItsPixelsMoveWithIt) {
  const auto turned =
    *bridge.method(picture(), "rotate", 90, "expand"_a = true);
  EXPECT_EQ(bridge.attr(turned, "size"), (sb::tuple{3, 4}));
  EXPECT_EQ(bridge.method(turned, "getpixel", sb::tuple{2, 2}),
            (sb::tuple{0, 0, 255}));
  EXPECT_EQ(bridge.method(turned, "getcolors"),
            (sb::list{sb::tuple{11, sb::tuple{255, 0, 0}},
                      sb::tuple{1, sb::tuple{0, 0, 255}}}));
}

TEST_P(Pictures, WhenAPictureIsStoredThenItsPixelsAreReadBack) {
  const scratch_folder folder;
  const auto file = (folder / "red.png").string();
  const auto red = picture();
  ASSERT_TRUE(bridge.method(red, "save", file));
  const auto back = *bridge.call("PIL", "Image.open", file);
  EXPECT_EQ(bridge.attr(back, "format"), "PNG");
  EXPECT_EQ(bridge.method(back, "tobytes"), *bridge.method(red, "tobytes"));
  // Red is 76 of 255 bright.
  const auto grey = *bridge.method(back, "convert", "L");
  EXPECT_EQ(bridge.method(grey, "getpixel", sb::tuple{0, 0}), 76);
  ASSERT_TRUE(bridge.method(back, "close"));
}

TEST_P(Pictures, WhenAFunctionOfTheSessionChangesColoursThenAllAreMapped) {
  run("white = 255\n"
      "def invert(light): return white - light\n");
  const auto cyan = *bridge.method(picture(), "point", *bridge.eval("invert"));
  EXPECT_EQ(
    bridge.call("builtins", "sorted", *bridge.method(cyan, "getcolors")),
    (sb::list{sb::tuple{1, sb::tuple{255, 255, 0}},
              sb::tuple{11, sb::tuple{0, 255, 255}}}));
}

TEST_P(Pictures, WhenBytesAreNoPictureThenItsErrorIsAnOSErrorToo) {
  const auto file =
    *bridge.call("io", "BytesIO", sb::bytes{"this is no picture"});
  const auto why = error_of(bridge.call("PIL", "Image.open", file));
  EXPECT_TRUE(why.is("PIL.UnidentifiedImageError"));
  EXPECT_TRUE(why.is("OSError"));
}

class Plots : public Libraries {
protected:
  void SetUp() override {
    // Where it keeps its list of fonts.
    run("import os\n"
        "os.environ.update(MPLBACKEND='Agg', MPLCONFIGDIR=folder)\n",
        {{"folder", (folder_ / "").string()}});
  }

  void TearDown() override {
    ASSERT_TRUE(bridge.call("matplotlib", "pyplot.close", "all"));
    Libraries::TearDown();
  }

  const scratch_folder folder_;
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Plots);

TEST_P(Plots, WhenPyplotWasNeverImportedThenItIsOnTheWay) {
  const auto figure =
    *bridge.call("matplotlib", "pyplot.figure", "figsize"_a = sb::tuple{2, 1});
  EXPECT_EQ(bridge.attr(figure, "number"), 1);
  EXPECT_EQ(bridge.call("matplotlib", "get_backend"), "Agg");
  EXPECT_EQ(bridge.call("matplotlib.pyplot", "get_fignums"), (sb::list{1}));
}

TEST_P(Plots, WhenAPlotIsStoredThenItHasItsSize) {
  const auto figure = *bridge.call("matplotlib", "pyplot.figure",
                                   "figsize"_a = sb::tuple{2, 1}, "dpi"_a = 50);
  const auto axes = *bridge.method(figure, "add_subplot");
  const auto lines =
    *bridge.method(axes, "plot", sb::list{0, 1, 2}, sb::list{0, 1, 4});
  EXPECT_EQ(
    plain().method(lines[0], "get_xydata"),
    (sb::list{sb::list{0.0, 0.0}, sb::list{1.0, 1.0}, sb::list{2.0, 4.0}}));
  const auto file = (folder_ / "plot.png").string();
  ASSERT_TRUE(bridge.method(figure, "savefig", file));
  const auto stored = *bridge.call("PIL", "Image.open", file);
  EXPECT_EQ(bridge.attr(stored, "size"), (sb::tuple{100, 50}));
  ASSERT_TRUE(bridge.method(stored, "close"));
}

TEST_P(Plots, WhenTicksAreFormattedByTheSessionThenTheyAreItsTexts) {
  run(R"(
from matplotlib import pyplot as plt
from matplotlib.ticker import FixedLocator, FuncFormatter
figure, axes = plt.subplots()
bars = axes.bar(["near", "far"], [3, 5])
axes.yaxis.set_major_locator(FixedLocator([0, 5]))
axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:.0f} {unit}"))
figure.canvas.draw()
)",
      {{"unit", "km"}});
  EXPECT_EQ(bridge.eval("[each.get_text() for each in axes.get_yticklabels()]"),
            (sb::list{"0 km", "5 km"}));
  EXPECT_EQ(bridge.eval("[each.get_text() for each in axes.get_xticklabels()]"),
            (sb::list{"near", "far"}));
  EXPECT_EQ(bridge.eval("[each.get_height() for each in bars]"),
            (sb::list{3, 5}));
}

TEST_P(Plots, WhenAFigureIsDrawnThenItsPixelsHaveItsColour) {
  const auto figure =
    *bridge.call("matplotlib", "pyplot.figure", "figsize"_a = sb::tuple{1, 1},
                 "dpi"_a = 10, "facecolor"_a = "orange");
  const auto canvas = *bridge.attr(figure, "canvas");
  ASSERT_TRUE(bridge.method(canvas, "draw"));
  const auto pixels =
    *bridge.call("numpy", "asarray", *bridge.method(canvas, "buffer_rgba"));
  EXPECT_EQ(bridge.attr(pixels, "shape"), (sb::tuple{10, 10, 4}));
  EXPECT_EQ(plain().item(pixels, sb::tuple{5, 5}),
            (sb::list{255, 165, 0, 255}));
}

} // namespace snakebridge::testing
