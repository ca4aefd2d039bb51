"""The pages of lineage: from a delivered column to the library column to its checks, and back."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from etl.site import words
from etl.site.graph import Node, draw
from etl.site.known import Known, dataset_page, lineage_page, table_page
from etl.site.lineage import Made, Origin
from etl.site.page import Page
from etl.spec import Source

HERE = (("血缘", "lineage/index.html"),)
DRAWN = 12  # delivered columns in the graph of one library column; the table has them all


def pages(k: Known) -> Iterator[Page]:
    """The overview, and a page per library table with a graph and a table for every column."""
    tables = [t for library in k.registry.ordered_libraries() for t in library.tables if t in k.database.tables]
    given = {"graph": _overview(k), "tables": [(t, k.database.tables[t], k.lineage.of_table(t)) for t in tables], "back": _feeding(k)}
    yield Page("lineage/index.html", "lineage.html.j2", "血缘：数据从哪里来，到哪里去", "lineage", given)
    for path in tables:
        table = k.database.tables[path]
        comments = {c.name: c for c in table.columns}
        columns = [
            {"made": m, "column": comments[m.column], "graph": backward(k, m, lineage_page(path)), "checks": k.on_column.get(m.path, [])}
            for m in k.lineage.of_table(path)
        ]
        told: dict[str, Any] = {"table": table, "columns": columns, "library": k.library_of(path)}
        yield Page(lineage_page(path), "lineage_table.html.j2", f"{words.title(table.comment)}（{path}）的血缘", "lineage", told, HERE)


def up(page: str) -> str:
    """The way from a page to the site's root."""
    return "../" * page.count("/")


def _overview(k: Known) -> Markup:
    """Every form of delivery on the left, the library tables that its columns reach on the right."""
    root = "../"
    nodes: list[Node] = []
    links: dict[tuple[str, str], None] = {}
    reached: dict[str, None] = {}
    for stem, alike in k.stems.items():
        to = dict.fromkeys(p.rsplit(".", 1)[0] for (s, _), paths in k.lineage.forward.items() if s == stem for p in paths)
        if "geospatial.address_match" in to and len(to) > 1:
            del to["geospatial.address_match"]  # every address text does; it would hide the rest
        nodes.append(Node(f"s:{stem}", 0, alike[0].title, k.owners(stem), root + dataset_page(alike[0].name), "source"))
        links |= {(f"s:{stem}", f"t:{t}"): None for t in to}
        reached |= to
    for library in k.registry.ordered_libraries():
        for t in library.tables:
            if t in reached and t in k.database.tables:
                said = words.title(k.database.tables[t].comment)
                nodes.append(Node(f"t:{t}", 1, f"{library.title}：{said}", t, root + lineage_page(t), "target"))
    known = {n.id for n in nodes}
    titles = ("部门交付的数据集", "各库的表")
    return draw(titles, nodes, [x for x in links if x[1] in known], "数据集到库表的血缘图；同样内容见下面的表", (260, 300))


def _feeding(k: Known) -> list[dict[str, Any]]:
    """The overview as a table: dataset form → library tables."""
    out = []
    for stem, alike in k.stems.items():
        to: dict[str, int] = defaultdict(int)
        for (s, _), paths in k.lineage.forward.items():
            if s == stem:
                for p in paths:
                    to[p.rsplit(".", 1)[0]] += 1
        out.append({"source": alike[0], "owners": k.owners(stem), "page": dataset_page(alike[0].name), "to": sorted(to)})
    return out


def backward(k: Known, made: Made, page: str) -> Markup:
    """One library column with everything that leads to it, and the checks on it."""
    if not made.origins and not made.via:
        return Markup("")
    root = up(page)
    nodes: dict[str, Node] = {}
    links: dict[tuple[str, str], None] = {}
    target = "t"
    fields: dict[str, None] = {}
    shown = made.origins if len(made.origins) <= DRAWN + 1 else made.origins[:DRAWN]
    for o in shown:
        cleaned, named = _origin_nodes(k, o, root, nodes, links)
        links[cleaned, named] = None
        fields[named] = None
        nodes.setdefault(named, Node(named, 2, f"{o.input}.{o.field}", "", "", "field"))
    if rest := made.origins[len(shown) :]:
        nodes["more"] = Node("more", 0, f"其余 {len(rest)} 个来源列", "都在下面的表里", f"#{made.path}.all", "source")
        links |= {("more", f): None for f in dict.fromkeys(f"f:{o.input}.{o.field}" for o in rest) if f in nodes}
    for via in made.via:
        path, column = via.rsplit(".", 1)
        nodes[f"v:{via}"] = Node(f"v:{via}", 2, f"{words.title(_comment(k, path, column))}", via, root + k.column_link(via), "via")
        fields[f"v:{via}"] = None
    comment = _comment(k, made.table, made.column)
    nodes[target] = Node(target, 3, made.column, words.title(comment), root + table_page(made.table) + f"#{made.path}", "target")
    links |= {(f, target): None for f in fields}
    for s in k.on_column.get(made.path, [])[:12]:
        name = f"k:{s.check.name}"
        said = s.check.says.removeprefix(f"{words.title(comment)}（{made.column}）")  # the box beside it says which column
        nodes[name] = Node(name, 4, said, _outcome(s.state, s.failed, s.checked), root + s.check.page, f"check {s.state}")
        links[target, name] = None
    titles = ["来源列", "规则与清洗后的列", "库的输入字段", "库列", "对它的检查"]
    return draw(titles, list(nodes.values()), list(links), f"{made.path} 的来源图；同样内容见下面的表", (196, 168, 150, 150, 216))


def _origin_nodes(k: Known, o: Origin, root: str, nodes: dict[str, Node], links: dict[tuple[str, str], None]) -> tuple[str, str]:
    """Adds the boxes of one origin; returns the ids of its cleaned column and of the input field."""
    source = k.stems[o.stem][0]
    page = root + dataset_page(source.name)
    place = f"第 {o.place} 可信 · " if o.place else ""
    if not o.cleaned:
        name = f"c:{o.stem}:{o.constant}"
        nodes.setdefault(name, Node(name, 1, f"声明为 {o.constant}", f"{place}{source.title}", page, "constant"))
        return name, f"f:{o.input}.{o.field}"
    delivered, cleaned = f"d:{o.stem}:{o.delivered}", f"c:{o.stem}:{o.cleaned}"
    nodes.setdefault(
        delivered, Node(delivered, 0, k.delivered(source, o.delivered), f"{place}{k.owners(o.stem)} · {source.title}", page, "source")
    )
    rule = k.registry.rules[o.rule].title
    nodes.setdefault(cleaned, Node(cleaned, 1, o.cleaned, f"规则：{words.title(rule)}", f"{root}rules/{o.rule}.html", "rule"))
    links[delivered, cleaned] = None
    return cleaned, f"f:{o.input}.{o.field}"


def forward(k: Known, source: Source) -> Markup:
    """One dataset: its columns, what becomes of them, and the library columns that they reach."""
    page = dataset_page(source.name)
    root = up(page)
    nodes: list[Node] = []
    links: dict[tuple[str, str], None] = {}
    reached: dict[str, str] = {}
    listed = [(n, c.as_, c.rule) for n, c in source.columns.items()]
    listed += [("其余各列", source.rest, "text")] if source.rest else []
    listed += [("@geometry", "geom", "geometry")] if source.geometry else []
    for delivered, name, rule in listed:
        nodes.append(Node(f"d:{delivered}", 0, k.delivered(source, delivered), "", f"#{name}", "source"))
        said = f"规则：{words.title(k.registry.rules[rule].title)}"
        nodes.append(Node(f"c:{name}", 1, name, said, f"{root}rules/{rule}.html", "rule"))
        links[f"d:{delivered}", f"c:{name}"] = None
        for path, written in k.reached(source.stem, [name + suffix for suffix in k.registry.rules[rule].outputs]):
            links[f"c:{name}", f"t:{path}"] = None
            reached[path] = written.rsplit(".", 1)[1]
    for path, written in reached.items():
        table, column = path.rsplit(".", 1)
        said = f"{table} · {words.title(_comment(k, table, column))}"
        nodes.append(Node(f"t:{path}", 2, written, said, root + lineage_page(table) + f"#{path}", "target"))
    titles = ("交付的列", "规则与清洗后的列", "到达的库列")
    return draw(titles, nodes, list(links), f"{source.title}各列的去向图；同样内容见“字段”表", (190, 210, 290))


def _comment(k: Known, table: str, column: str) -> str:
    known = k.database.tables.get(table)
    return next((c.comment for c in known.columns if c.name == column), column) if known else column


def _outcome(state: str, failed: int, checked: int) -> str:
    said = {"failed": "未过", "passed": "通过", "idle": "没有可判的行", "broken": "检查出错", "never": "还没有查过"}[state]
    return f"{said} · {words.count(failed)}/{words.count(checked)}" if checked else said
