"""A source: one file under schemas/sources says where a delivery comes from, what each column is, whom it feeds."""

from typing import Literal

from pydantic import Field, model_validator

from etl.spec.base import Declared

Format = Literal["csv", "text", "xlsx", "json", "xml", "dbf", "geojson", "shapefile", "geopackage", "kml"]
# columns that every staging table has of its own
RESERVED = {
    "dataset",
    "source_key",
    "row_hash",
    "row_number",
    "delivery_id",
    "first_delivered_on",
    "delivered_on",
    "removed_on",
    "replaced_on",
}
AddressRole = Literal["registered", "residence", "address", "place"]


class Terms(Declared):
    """How a dataset is delivered."""

    channel: Literal["file", "database", "api"]
    kind: Literal["full", "increment"]
    due: Literal["daily", "weekly", "monthly", "quarterly", "yearly", "irregular"] = "monthly"
    format: Format | None = None
    encoding: Literal["utf-8", "utf-8-sig", "gb18030", "gbk"] = "utf-8"
    separator: str = ","
    quoted: bool = Field(default=True, description="false：不加引号的分隔文本，字段数不符即 bad_shape")
    header: bool = Field(default=True, description="false：无表头，按 columns 的次序取列")
    header_rows: int = Field(default=1, ge=1, le=3, description="表头行数；多层表头以“上/下”连接，末层不重名时只用末层")
    records: str | None = Field(default=None, description="json：记录所在的键；xml：记录元素名")
    crs: Literal["EPSG:4490", "EPSG:4326", "EPSG:4544", "EPSG:4523", "GCJ-02", "BD-09"] | None = None
    drop: str | None = Field(
        default=None,
        pattern=r"^[a-z][a-z0-9+]*://.+",
        description="file：不投在 JICHU_DROP，而投在此对象存储（s3://桶/前缀），其下仍为 部门/数据集/日期",
    )
    table: str | None = Field(default=None, description="database：模式.表")
    updated: str | None = Field(default=None, description="database、api：更新时间列")
    vintages: bool = Field(default=False, description="每次交付都是一个版本：重报而未变的行也记下（统计）")
    fewer_rows: float = Field(default=0.2, ge=0, le=1, description="全量交付比上次少于此比例以上即挂起")
    too_many_bad: float = Field(default=0.1, ge=0, le=1, description="隔离行超过此比例即挂起")
    keep_days: int | None = Field(default=None, ge=1, description="落地副本保存多少天；不写则按 JICHU_KEEP_DAYS")

    @model_validator(mode="after")
    def _complete(self) -> "Terms":
        if self.channel == "file" and not self.format:
            raise ValueError("channel: file 必须写 format")
        if self.channel == "database" and not self.table:
            raise ValueError("channel: database 必须写 table（模式.表）")
        if self.channel == "api" and not self.updated:
            raise ValueError("channel: api 必须写 updated（更新时间列）")
        return self


class Column(Declared):
    """One delivered column. `as` names the cleaned column; a rule with several outputs adds its suffixes."""

    as_: str = Field(alias="as", pattern=r"^[a-z][a-z0-9_]*$")
    rule: str = "text"
    title: str | None = Field(default=None, description="中文列名；交付列名本身是中文时不写")
    required: bool = Field(default=False, description="读不出来时整行隔离")
    codes: str | None = Field(default=None, description="rule: code 所用的代码表")
    unit: str | None = Field(default=None, description="rule: amount、number 的交付单位，如 万元")
    role: AddressRole | None = Field(default=None, description="rule: address：此地址的用途")
    optional: bool = Field(default=False, description="true：交付可以没有此列（只见于某一种报送格式）")


class Geometry(Declared):
    """The geometry of a spatial delivery."""

    kinds: list[Literal["point", "line", "polygon"]]
    required: bool = False


class Fill(Declared):
    """What a column is that a form lacks: `then` where the column `given` has a value, else `otherwise`."""

    given: str
    then: str
    otherwise: str


class Form(Declared):
    """Another form in which the department may deliver the same rows, such as an older edition of a standard.

    `columns`: its column → ours, all of which it must hold but those in `optional`; ours that it lacks stay empty, or are
    filled as `fill` says.
    """

    title: str
    columns: dict[str, str]
    optional: list[str] = Field(default_factory=list)
    fill: dict[str, Fill] = Field(default_factory=dict)


class Feed(Declared):
    """A party that a row tells of, or a fact it states, for one table of a library.

    `to`: library.input (population.person …); `fields`: library field → cleaned column (a missing field of the
    same name as a cleaned column is taken when `fields` is left out entirely); `constants`: library field → value;
    `when`: cleaned column → the values for which the row feeds this.
    """

    to: str = Field(pattern=r"^[a-z_]+\.[a-z_]+$")
    role: str = "self"
    fields: dict[str, str] | None = None
    constants: dict[str, str] = Field(default_factory=dict)
    when: dict[str, list[str]] = Field(default_factory=dict)


class Source(Declared):
    """One dataset of one department (`name` = department/dataset), or of each department listed in its file."""

    name: str = Field(pattern=r"^[a-z0-9_]+/[a-z0-9_]+$")
    stem: str = Field(description="文件在 schemas/sources 下的相对路径，不带 .yml；同一文件的各部门共用一张 staging 表")
    title: str
    delivery: Terms
    key: list[str] = Field(min_length=1)
    columns: dict[str, Column]
    running_number: list[str] = Field(default_factory=list, description="序号列：不算内容")
    rest: str | None = Field(default=None, description="宽表：未声明的各列收进这一列（JSON），都算内容")
    geometry: Geometry | None = None
    forms: list[Form] = Field(default_factory=list, description="部门可能沿用的其他格式（旧版标准）：其列名 → 本文件的列名")
    feeds: list[Feed] = Field(default_factory=list)
    notes: str = ""

    @property
    def department(self) -> str:
        return self.name.split("/")[0]

    @property
    def dataset(self) -> str:
        return self.name.split("/")[1]

    @property
    def table(self) -> str:
        """The staging table, shared by all departments of one spec file: staging.<stem with two underscores>."""
        return self.stem.replace("/", "__")

    @model_validator(mode="after")
    def _consistent(self) -> "Source":
        for k in self.key:
            if k not in self.columns:
                raise ValueError(f"key 中的“{k}”不在 columns 里；已声明：{'、'.join(self.columns)}")
        names = [c.as_ for c in self.columns.values()]
        twice = sorted({n for n in names if names.count(n) > 1})
        if reserved := sorted(RESERVED & set(names)):
            raise ValueError(f"as 不能用 staging 表自己的列名：{'、'.join(reserved)}")
        if twice:
            raise ValueError(f"as 重复：{'、'.join(twice)}")
        for form in self.forms:
            self._fits(form)
        return self

    def _fits(self, form: Form) -> None:
        """Raises ValueError for a form that names columns which are none, or lacks what no row can do without."""
        ours = [*form.columns.values(), *form.fill, *(f.given for f in form.fill.values())]
        if unknown := sorted(set(ours) - set(self.columns)):
            raise ValueError(f"forms“{form.title}”中的“{'、'.join(unknown)}”不在 columns 里；已声明：{'、'.join(self.columns)}")
        needed = {*self.key, *(n for n, c in self.columns.items() if c.required)}
        if lacking := sorted(n for n in needed - set(form.columns.values()) if not n.startswith("@")):
            raise ValueError(f"forms“{form.title}”缺少主键或必填列：{'、'.join(lacking)}")
