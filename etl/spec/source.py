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
    table: str | None = Field(default=None, description="database：模式.表")
    updated: str | None = Field(default=None, description="database、api：更新时间列")
    vintages: bool = Field(default=False, description="每次交付都是一个版本：重报而未变的行也记下（统计）")
    fewer_rows: float = Field(default=0.2, ge=0, le=1, description="全量交付比上次少于此比例以上即挂起")
    too_many_bad: float = Field(default=0.1, ge=0, le=1, description="隔离行超过此比例即挂起")

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
    unit: str | None = Field(default=None, description="rule: amount 的交付单位，如 万元")
    role: AddressRole | None = Field(default=None, description="rule: address：此地址的用途")


class Geometry(Declared):
    """The geometry of a spatial delivery."""

    kinds: list[Literal["point", "line", "polygon"]]
    required: bool = False


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
        return self
