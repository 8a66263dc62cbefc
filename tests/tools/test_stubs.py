"""The stub of `snakebridge` has the names and parameters of the module, and
docs/PYTHON.md tells them all."""
import ast
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "runtime/python"
STUB = FOLDER / "stubs/snakebridge-stubs/__init__.pyi"
# The methods that a user calls without their names.
SPOKEN = {"__init__", "__call__"}
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def text(path):
    return path.read_text(encoding="utf-8")


def assigned(body):
    for each in body:
        targets = each.targets if isinstance(each, ast.Assign) else \
            [each.target] if isinstance(each, ast.AnnAssign) else []
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id


def is_public(name):
    return not name.startswith("_")


def classes(tree):
    return {each.name: each for each in tree.body
            if isinstance(each, ast.ClassDef)}


def names(tree):
    """The public ones that a module's text defines or assigns."""
    found = set(assigned(tree.body)) | {
        each.name for each in tree.body
        if isinstance(each, (*FUNCTION, ast.ClassDef))}
    return set(filter(is_public, found))


def from_elsewhere():
    """What the module has besides: of C++, and made when it is asked for."""
    defined = set()
    for name in "module.cpp", "awaiting.cpp":
        defined |= set(re.findall(r'\bspace\["(\w+)"\] =', text(FOLDER / name)))
    late = re.findall(r'if name != "(\w+)":', text(FOLDER / "snakebridge.py"))
    return set(filter(is_public, defined)) | set(late)


def bases(made):
    """What a class is derived from; that it is of any type only a stub says."""
    return [base for base in map(ast.unparse, made.bases)
            if not base.startswith("Generic[")]


def is_property(function):
    return any(isinstance(each, ast.Name) and each.id == "property"
               for each in function.decorator_list)


def parameters(function):
    """Of each its name, its kind and whether it may be left out."""
    of = function.args
    plain = [(each.arg, "positional") for each in of.posonlyargs] \
        + [(each.arg, "plain") for each in of.args]
    needed = len(plain) - len(of.defaults)
    told = [(*each, place >= needed) for place, each in enumerate(plain)]
    told += [(each.arg, "named", default is not None)
             for each, default in zip(of.kwonlyargs, of.kw_defaults)]
    return told + [(each.arg, kind, True)
                   for each, kind in ((of.vararg, "*"), (of.kwarg, "**"))
                   if each is not None]


def functions(body):
    """The functions a user calls, by their names; overloads one by one."""
    found = {}
    for each in body:
        if isinstance(each, FUNCTION) and not is_property(each) \
                and (is_public(each.name) or each.name in SPOKEN):
            found.setdefault(each.name, []).append(each)
        elif isinstance(each, ast.Assign) and isinstance(each.value, ast.Name):
            for name in assigned([each]): # a second name of a function
                if each.value.id in found and \
                        (is_public(name) or name in SPOKEN):
                    found[name] = found[each.value.id]
    return found


def takes_nothing(function):
    return len(parameters(function)) == 1


def attributes(one):
    """The public ones of its objects, and its properties."""
    found = set()
    for each in ast.walk(one):
        if isinstance(each, FUNCTION) and is_property(each):
            found.add(each.name)
        elif isinstance(each, ast.Attribute) \
                and isinstance(each.ctx, ast.Store) \
                and isinstance(each.value, ast.Name) \
                and each.value.id == "self":
            found.add(each.attr)
        elif isinstance(each, ast.Assign) and "__slots__" in assigned([each]):
            found |= set(ast.literal_eval(each.value))
    found |= {each.target.id for each in one.body
              if isinstance(each, ast.AnnAssign)}
    return set(filter(is_public, found))


class Stub(unittest.TestCase):
    def setUp(self):
        self.module = ast.parse(text(FOLDER / "snakebridge.py"))
        self.stub = ast.parse(text(STUB))

    def expect_same_functions(self, module, stub, but=frozenset()):
        module, stub = functions(module), functions(stub)
        for name in but:
            module.pop(name, None)
            stub.pop(name, None)
        self.assertEqual(set(module), set(stub))
        for name, told in stub.items():
            for each in told:
                # An overload may need what another has a default for.
                loose = len(told) > 1
                with self.subTest(name=name, line=each.lineno):
                    self.assertEqual(
                        [of[:2] if loose else of for of in parameters(each)],
                        [of[:2] if loose else of
                         for of in parameters(module[name][0])])

    def test_it_compiles(self):
        compile(text(STUB), str(STUB), "exec")

    def test_it_has_the_names_of_the_module(self):
        there = names(self.module) | from_elsewhere()
        self.assertGreater(len(there), 9)
        self.assertLessEqual({"cancelled", "log"}, there)
        self.assertEqual(names(self.stub), there)

    def test_its_functions_have_the_parameters_of_the_module(self):
        self.expect_same_functions(self.module.body, self.stub.body,
                                   from_elsewhere())

    def test_what_is_made_in_cpp_takes_nothing(self):
        made = functions(self.stub.body)["cancelled"]
        self.assertEqual([parameters(each) for each in made], [[]])

    def test_its_classes_have_the_methods_of_the_module(self):
        module, stub = classes(self.module), classes(self.stub)
        self.assertLessEqual(set(stub), set(module))
        for name, told in stub.items():
            own = {name for name, found in functions(module[name].body).items()
                   if name == "__init__" and takes_nothing(found[0])}
            with self.subTest(name=name):
                self.assertEqual(*(bases(each) for each in (told, module[name])))
                self.expect_same_functions(module[name].body, told.body, own)

    def test_its_classes_have_the_attributes_of_the_module(self):
        module = classes(self.module)
        for name, told in classes(self.stub).items():
            with self.subTest(name=name):
                self.assertEqual(attributes(told), attributes(module[name]))

    def test_its_docstrings_are_those_of_the_module(self):
        module, stub = ({each.name: ast.get_docstring(each)
                         for each in tree.body
                         if isinstance(each, (*FUNCTION, ast.ClassDef))}
                        for tree in (self.module, self.stub))
        del stub["cancelled"]
        for name, told in stub.items():
            with self.subTest(name=name):
                self.assertEqual(told, module[name])

    def test_the_page_tells_each_name(self):
        told = set(re.findall(r"`(\w+)", text(ROOT / "docs/PYTHON.md")))
        self.assertEqual(names(self.stub) - told, set())


if __name__ == "__main__":
    unittest.main()
