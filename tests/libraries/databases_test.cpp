// Databases: classes that SQLAlchemy maps by their annotations, and coroutines
// of aiosqlite.
#include "tests/libraries/libraries_fixture.hpp"

#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

class Library : public Libraries {
protected:
  void SetUp() override {
    run(R"(
from sqlalchemy import ForeignKey, create_engine, func, select
from sqlalchemy.orm import (DeclarativeBase, Mapped, Session, mapped_column,
                            relationship)

class Base(DeclarativeBase):
    pass

class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    books: Mapped[list["Book"]] = relationship(back_populates="author")

class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped["Author"] = relationship(back_populates="books")

engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
session = Session(engine)
session.add_all([
    Author(name="Ada", books=[Book(title="Notes"), Book(title="Engines")]),
    Author(name="Grace", books=[Book(title="COBOL")])])
session.commit()
)");
  }

  void TearDown() override {
    run("session.close(); engine.dispose()");
    Libraries::TearDown();
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Library);

TEST_P(Library, WhenMappedClassesAreJoinedThenRowsAreTuples) {
  const auto books =
    *bridge.eval("select(Author.name, func.count(Book.id)).join(Author.books)"
                 ".group_by(Author.name).order_by(Author.name)");
  EXPECT_EQ(bridge.str(books),
            "SELECT author.name, count(book.id) AS count_1 \n"
            "FROM author JOIN book ON author.id = book.author_id "
            "GROUP BY author.name ORDER BY author.name");
  const auto found = *bridge.method(*bridge.eval("session"), "execute", books);
  EXPECT_EQ(plain().method(found, "all"),
            (sb::list{sb::tuple{"Ada", 2}, sb::tuple{"Grace", 1}}));
}

TEST_P(Library, WhenRelatedObjectsAreReadThenTheyAreLoadedOnTheWay) {
  const auto book =
    *bridge.method(*bridge.eval("session"), "get", *bridge.eval("Book"), 3);
  EXPECT_EQ(bridge.attr(book, "title"), "COBOL");
  const auto author = *bridge.attr(book, "author");
  EXPECT_EQ(bridge.attr(author, "name"), "Grace");
  ASSERT_TRUE(bridge.set_attr(
    book, "author",
    *bridge.eval(
      "session.scalars(select(Author).where(Author.name == 'Ada')).one()")));
  ASSERT_TRUE(bridge.method(*bridge.eval("session"), "commit"));
  EXPECT_EQ(bridge.eval("session.scalars(select(Book.title)"
                        ".join(Book.author).where(Author.name == 'Ada')"
                        ".order_by(Book.title)).all()"),
            (sb::list{"COBOL", "Engines", "Notes"}));
}

TEST_P(Library, WhenNothingIsFoundThenItsErrorSaysSo) {
  const auto nobody = *bridge.method(
    *bridge.eval("session"), "scalars",
    *bridge.eval("select(Author).where(Author.name == 'nobody')"));
  const auto why = error_of(bridge.method(nobody, "one"));
  EXPECT_TRUE(why.is("sqlalchemy.exc.NoResultFound"));
  EXPECT_TRUE(why.is("sqlalchemy.exc.SQLAlchemyError"));
  EXPECT_EQ(why.python()->message, "No row was found when one was required");
}

class Coroutines : public Libraries {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Coroutines);

TEST_P(Coroutines, WhenExecRunsThemThenTheirRowsAreThere) {
  const scratch_folder folder;
  run(R"py(
import asyncio, aiosqlite

async def by_age():
    async with aiosqlite.connect(file) as base:
        async with base.execute("SELECT name, age FROM person "
                                "ORDER BY age DESC") as rows:
            return [row async for row in rows]

async def fill(*people):
    async with aiosqlite.connect(file) as base:
        await base.execute("CREATE TABLE person (name TEXT, age INT)")
        await base.executemany("INSERT INTO person VALUES (?, ?)", people)
        await base.commit()
    return await asyncio.gather(by_age(), by_age())

both = asyncio.run(fill(("Ada", 36), ("Grace", 85)))
)py",
      {{"file", (folder / "people.sqlite").string()}});
  const sb::list people{sb::tuple{"Grace", 85}, sb::tuple{"Ada", 36}};
  EXPECT_EQ(bridge.eval("both"), (sb::list{people, people}));
  EXPECT_EQ(bridge.eval("asyncio.run(by_age())"), people);
}

} // namespace snakebridge::testing
