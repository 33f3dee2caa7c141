"""Text from tasks reaches a page only through widgets that show it as text."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest

import taskmon_viewer

ROOT = Path(taskmon_viewer.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
SCRIPTS = sorted(ROOT.rglob("*.js"))

BANNED_NAMES = {
    "html",
    "table",
    "write",
    "write_stream",
    "echo",
    "graphviz_chart",
    "mermaid_chart",
    "iframe",
    "toast",
}
MARKDOWN = {
    *(
        "markdown",
        "caption",
        "title",
        "header",
        "subheader",
        "info",
        "warning",
        "error",
        "success",
        "button",
        "link_button",
    ),
    *(
        "page_link",
        "expander",
        "popover",
        "toggle",
        "checkbox",
        "text_input",
        "selectbox",
        "multiselect",
        "pills",
        "tabs",
    ),
    *(
        "segmented_control",
        "datetime_input",
        "badge",
        "metric",
        "spinner",
        "status",
        "radio",
        "download_button",
    ),
}
"""Streamlit commands whose first argument is Markdown."""

MARKDOWN_OPTIONS = {"radio", "segmented_control", "pills"}
"""Those whose options are Markdown too: what ``format_func`` gives."""

SAFE_CALLS = {"safe_label", "count_text", "clock", "utc", "width_text", "per_width", "age_text", "len"}
"""What may stand inside a Markdown text beside literals: numbers, times, and text made harmless."""


class Function:
    """One function of a page (or its module level), to follow a local name to what it was set to."""

    def __init__(self, body: ast.AST) -> None:
        self.assigned: dict[str, list[ast.expr]] = {}
        for node in ast.walk(body):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self.assigned.setdefault(name, []).append(value)
                case ast.For(target=ast.Name(id=name), iter=ast.Tuple(elts=items)):
                    self.assigned.setdefault(name, []).extend(items)
                case ast.For(target=ast.Tuple(elts=targets), iter=ast.Tuple(elts=items)):
                    for place, target in enumerate(targets):
                        for item in items:
                            if isinstance(target, ast.Name) and isinstance(item, ast.Tuple):
                                self.assigned.setdefault(target.id, []).append(item.elts[place])

    def unsafe(self, node: ast.expr) -> list[str]:
        """The parts of a Markdown argument that are neither literal nor made harmless."""
        match node:
            case ast.Constant():
                return []
            case ast.Name(id=name) if name in self.assigned:
                return self._all(self.assigned[name])
            case ast.Name(id=name) if name.isupper():
                return []
            case ast.Attribute(attr=name) if name.isupper():
                return []
            case ast.JoinedStr(values=values):
                return self._all(values)
            case ast.FormattedValue(value=value, format_spec=spec):
                # With a format such as :, or :%H it is a number or a time: a text would be an error at once.
                return [] if spec is not None else self.unsafe(value)
            case ast.IfExp(body=body, orelse=orelse):
                return self._all([body, orelse])
            case ast.BinOp(left=left, right=right):
                return self._all([left, right])
            case ast.Call(
                func=ast.Attribute(value=ast.Constant(), attr="join"), args=[ast.GeneratorExp(elt=part)]
            ):
                return self.unsafe(part)
            case ast.Call(func=ast.Name(id=name)) if name in SAFE_CALLS:
                return []
        return [ast.unparse(node)]

    def _all(self, nodes: Sequence[ast.expr]) -> list[str]:
        return [part for node in nodes for part in self.unsafe(node)]


def streamlit_calls(body: ast.AST) -> list[tuple[str, ast.Call]]:
    return [
        (node.func.attr, node)
        for node in ast.walk(body)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "st"
    ]


def functions(tree: ast.Module) -> list[ast.AST]:
    """Functions of the module and its module level; a function inside another counts with it."""
    inside = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    rest = ast.Module([node for node in tree.body if not isinstance(node, ast.FunctionDef)], [])
    return [*inside, rest]


def unsafe_options(tree: ast.Module, format_func: ast.expr) -> list[str]:
    """What options are made of; a member of our own constant, as ``LABELS.__getitem__``, is ours."""
    match format_func:
        case ast.Lambda(body=shown):
            return Function(format_func).unsafe(shown)
        case ast.Attribute(value=ast.Name(id=name), attr="__getitem__") if name.strip("_").isupper():
            return []
        case ast.Name(id=name) if name in SAFE_CALLS:
            return []
        case ast.Name(id=name):
            for node in tree.body:
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    given = [part.value for part in ast.walk(node) if isinstance(part, ast.Return)]
                    return [part for value in given if value for part in Function(node).unsafe(value)]
    return [ast.unparse(format_func)]


def markdown_of_user_text(source: str) -> list[str]:
    found = []
    tree = ast.parse(source)
    for body in functions(tree):
        function = Function(body)
        for name, call in streamlit_calls(body):
            shown = [*call.args[:1], *(k.value for k in call.keywords if k.arg in ("label", "body", "help"))]
            if name in MARKDOWN:
                found += [
                    f"line {call.lineno}: st.{name} of {part}" for a in shown for part in function.unsafe(a)
                ]
            if name in MARKDOWN_OPTIONS:
                made = [k.value for k in call.keywords if k.arg == "format_func"] or call.args[1:2]
                found += [
                    f"line {call.lineno}: options of st.{name}: {part}"
                    for a in made
                    for part in unsafe_options(tree, a)
                ]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_page_uses_inert_widgets_only(path: Path) -> None:
    source = path.read_text()
    assert "unsafe_allow_html" not in source
    assert "MarkdownColumn" not in source
    assert markdown_of_user_text(source) == []
    for name, call in streamlit_calls(ast.parse(source)):
        assert name not in BANNED_NAMES, f"line {call.lineno}: st.{name}"
        if name == "code":
            assert any(k.arg == "language" for k in call.keywords), (
                f"line {call.lineno}: st.code without language"
            )


@pytest.mark.parametrize(
    "code",
    [
        "st.markdown(task.name)",
        "st.caption(f'by {name}')",
        "st.button('a' + x.y)",
        "def f(name):\n    said = name or 'x'\n    st.info(f'{said}!')",
        "for a, b in (('x', task.name),):\n    st.markdown(b)",
        "st.text_input('a', help=task.name)",
        "st.radio('a', views, format_func=str)",
        "st.pills('a', views)",
        "st.radio('a', views, format_func=lambda view: view.name)",
        "def shown(view):\n    return view.name\nst.segmented_control('a', views, format_func=shown)",
    ],
)
def test_the_check_sees_text_that_is_not_made_harmless(code: str) -> None:
    assert markdown_of_user_text(code)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_components_write_text_only(path: Path) -> None:
    source = path.read_text().replace('"http://www.w3.org/2000/svg"', "")
    for banned in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "http://",
        "https://",
    ):
        assert banned not in source


OUR_ADDRESSES = ("row.href", "row.links[column.label]", "fact.href", "card.href", "entry.href")


def test_components_lead_only_to_addresses_that_we_built() -> None:
    """A link's address is a field named href, which Python fills with task_href(), or there is none."""
    for path in SCRIPTS:
        for line in path.read_text().splitlines():
            if ".href =" in line or "window.open(" in line:
                assert any(ours in line for ours in OUR_ADDRESSES), f"{path.name}: {line.strip()}"
        assert path.read_text().count(".action = ") == (path.name == "account.js")


def test_no_page_reaches_for_another_host() -> None:
    for path in [*ROOT.rglob("*.css"), *ROOT.rglob("*.svg")]:
        source = path.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "http" not in source, path.name
        assert "@import" not in source, path.name
