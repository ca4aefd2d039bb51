-- Geospatial library: divisions, the standard address library, what every address text was found to be, places and areas.
create schema geospatial;
comment on schema geospatial is '地理空间库：行政区划、标准地址、地址匹配、地点、用地、楼栋、网格';

create table geospatial.region (
    code text not null,
    name text not null,
    level text not null check (level in ('city', 'county', 'town', 'community')),
    parent_code text,
    geom geometry(Geometry, 4490) check (st_isvalid(geom)),
    row_hash uuid,
    version_from date not null,
    primary key (code)
);
create index on geospatial.region (parent_code);
create index on geospatial.region using gist (geom);
create table geospatial.region_history (like geospatial.region, version_to date not null);
create index on geospatial.region_history (code);
create function geospatial.region_as_of(day date) returns setof geospatial.region language sql stable as $$
    select * from geospatial.region where version_from <= day
    union all
    select code, name, level, parent_code, geom, row_hash, version_from
    from geospatial.region_history where version_from <= day and day < version_to
$$;
comment on function geospatial.region_as_of is '某一业务日期的行政区划';
comment on table geospatial.region is '行政区划：市、区县、乡镇街道、社区村；没有界线的（只见于门楼牌者）几何为空';
comment on column geospatial.region.code is '区划代码，12 位（GB/T 2260、GB/T 10114 与城乡分类前 12 位）';
comment on column geospatial.region.name is '名称';
comment on column geospatial.region.level is '级别：city 市，county 区县，town 乡镇街道，community 社区村';
comment on column geospatial.region.parent_code is '上级区划代码';
comment on column geospatial.region.geom is '范围，多面，CGCS2000（EPSG:4490）';
comment on table geospatial.region_history is '行政区划的历史版本';

create table geospatial.address (
    address_code text not null,
    full_address text not null,
    county text,
    town text,
    community text,
    road text,
    number text,
    estate text,
    building text,
    unit text,
    region_code text,
    geom geometry(Geometry, 4490) check (st_isvalid(geom)),
    row_hash uuid,
    version_from date not null,
    primary key (address_code)
);
create index on geospatial.address (region_code);
create index on geospatial.address (full_address);
create index on geospatial.address (region_code, road, number);
create index on geospatial.address using gist (geom);
create table geospatial.address_history (like geospatial.address, version_to date not null);
create index on geospatial.address_history (address_code);
create function geospatial.address_as_of(day date) returns setof geospatial.address language sql stable as $$
    select * from geospatial.address where version_from <= day
    union all
    select address_code, full_address, county, town, community, road, number, estate, building, unit, region_code,
        geom, row_hash, version_from
    from geospatial.address_history where version_from <= day and day < version_to
$$;
comment on function geospatial.address_as_of is '某一业务日期的标准地址库';
comment on table geospatial.address is '标准地址库：一块门楼牌一行';
comment on column geospatial.address.address_code is '地址编码';
comment on column geospatial.address.full_address is '全称：省、市至单元，逐级相连';
comment on column geospatial.address.county is '区县';
comment on column geospatial.address.town is '街道乡镇';
comment on column geospatial.address.community is '社区村';
comment on column geospatial.address.road is '街路巷；农村为村民小组';
comment on column geospatial.address.number is '门牌号（不带“号”）';
comment on column geospatial.address.estate is '小区名';
comment on column geospatial.address.building is '楼栋号（不带“栋”）';
comment on column geospatial.address.unit is '单元（不带“单元”）';
comment on column geospatial.address.region_code is '社区村的区划代码，12 位';
comment on column geospatial.address.geom is '点位，CGCS2000（EPSG:4490）';
comment on table geospatial.address_history is '标准地址库的历史版本';

create table geospatial.address_match (
    dataset text not null,
    source_key text not null,
    role text not null check (role in ('registered', 'residence', 'address', 'place')),
    text text not null,
    address_code text,
    region_code text,
    level text not null check (level in ('unit', 'building', 'number', 'road', 'community', 'town', 'county', 'none')),
    score double precision not null check (score between 0 and 1),
    runner_up double precision check (runner_up between 0 and 1),
    row_hash uuid,
    version_from date not null,
    primary key (dataset, source_key, role)
);
create index on geospatial.address_match (region_code);
create index on geospatial.address_match (address_code);
comment on table geospatial.address_match is '地址匹配：每条不空的地址文本读到哪一级、对上哪块门楼牌；没有把握的不给编码';
comment on column geospatial.address_match.dataset is '数据集：部门/数据集';
comment on column geospatial.address_match.source_key is '来源主键';
comment on column geospatial.address_match.role is '用途：registered 户籍，residence 居住，address 住所，place 事发地';
comment on column geospatial.address_match.text is '地址文本';
comment on column geospatial.address_match.address_code is '标准地址编码；只在 unit、building、number 级给出';
comment on column geospatial.address_match.region_code is '读得出的区划，12 位，以零补足';
comment on column geospatial.address_match.level is '读到的级别：unit 单元，building 楼栋，number 门牌，road 街路巷或组，community 社区村，town 乡镇街道，county 区县，none 读不出';
comment on column geospatial.address_match.score is '把握：结果正确的概率';
comment on column geospatial.address_match.runner_up is '次优门楼牌的把握；没有为 0';

create table geospatial.place (
    dataset text not null,
    source_key text not null,
    name text,
    category text,
    address text,
    phone text,
    region_code text,
    address_code text,
    capacity numeric(18, 2),
    area numeric(18, 2),
    geom geometry(Geometry, 4490) check (st_isvalid(geom)),
    row_hash uuid,
    version_from date not null,
    primary key (dataset, source_key)
);
create index on geospatial.place (region_code);
create index on geospatial.place (address_code);
create index on geospatial.place using gist (geom);
create table geospatial.place_history (like geospatial.place, version_to date not null);
create index on geospatial.place_history (dataset, source_key);
create function geospatial.place_as_of(day date) returns setof geospatial.place language sql stable as $$
    select * from geospatial.place where version_from <= day
    union all
    select dataset, source_key, name, category, address, phone, region_code, address_code, capacity, area, geom,
        row_hash, version_from
    from geospatial.place_history where version_from <= day and day < version_to
$$;
comment on function geospatial.place_as_of is '某一业务日期的地点';
comment on table geospatial.place is '地点：场馆、测站、避难场所等';
comment on column geospatial.place.dataset is '数据集';
comment on column geospatial.place.source_key is '来源主键';
comment on column geospatial.place.name is '名称';
comment on column geospatial.place.category is '类别';
comment on column geospatial.place.address is '地址';
comment on column geospatial.place.phone is '电话';
comment on column geospatial.place.region_code is '区划代码，12 位';
comment on column geospatial.place.address_code is '地址对上的标准地址编码';
comment on column geospatial.place.capacity is '容量（人）';
comment on column geospatial.place.area is '面积（平方米）';
comment on column geospatial.place.geom is '点或多面，CGCS2000（EPSG:4490）';
comment on table geospatial.place_history is '地点的历史版本';

create table geospatial.parcel (
    dataset text not null,
    source_key text not null,
    name text,
    category text,
    area numeric(18, 2),
    plot_ratio numeric(10, 3),
    geom geometry(Geometry, 4490) check (st_isvalid(geom)),
    row_hash uuid,
    version_from date not null,
    primary key (dataset, source_key)
);
create index on geospatial.parcel using gist (geom);
create table geospatial.parcel_history (like geospatial.parcel, version_to date not null);
create index on geospatial.parcel_history (dataset, source_key);
create function geospatial.parcel_as_of(day date) returns setof geospatial.parcel language sql stable as $$
    select * from geospatial.parcel where version_from <= day
    union all
    select dataset, source_key, name, category, area, plot_ratio, geom, row_hash, version_from
    from geospatial.parcel_history where version_from <= day and day < version_to
$$;
comment on function geospatial.parcel_as_of is '某一业务日期的规划用地';
comment on table geospatial.parcel is '规划用地';
comment on column geospatial.parcel.dataset is '数据集';
comment on column geospatial.parcel.source_key is '来源主键';
comment on column geospatial.parcel.name is '地块编号';
comment on column geospatial.parcel.category is '用地性质代码（GB 50137-2011）';
comment on column geospatial.parcel.area is '所报面积（平方米）';
comment on column geospatial.parcel.plot_ratio is '容积率';
comment on column geospatial.parcel.geom is '范围，多面，CGCS2000（EPSG:4490）';
comment on table geospatial.parcel_history is '规划用地的历史版本';

create table geospatial.building (
    dataset text not null,
    source_key text not null,
    name text,
    category text,
    address text,
    region_code text,
    address_code text,
    floors numeric(10, 2),
    built_year numeric(10, 2),
    geom geometry(Geometry, 4490) check (st_isvalid(geom)),
    row_hash uuid,
    version_from date not null,
    primary key (dataset, source_key)
);
create index on geospatial.building (region_code);
create index on geospatial.building (address_code);
create index on geospatial.building using gist (geom);
create table geospatial.building_history (like geospatial.building, version_to date not null);
create index on geospatial.building_history (dataset, source_key);
create function geospatial.building_as_of(day date) returns setof geospatial.building language sql stable as $$
    select * from geospatial.building where version_from <= day
    union all
    select dataset, source_key, name, category, address, region_code, address_code, floors, built_year, geom,
        row_hash, version_from
    from geospatial.building_history where version_from <= day and day < version_to
$$;
comment on function geospatial.building_as_of is '某一业务日期的房屋楼栋';
comment on table geospatial.building is '房屋楼栋';
comment on column geospatial.building.dataset is '数据集';
comment on column geospatial.building.source_key is '来源主键';
comment on column geospatial.building.name is '名称';
comment on column geospatial.building.category is '用途';
comment on column geospatial.building.address is '地址';
comment on column geospatial.building.region_code is '地址所在区划代码，12 位';
comment on column geospatial.building.address_code is '地址对上的标准地址编码';
comment on column geospatial.building.floors is '层数';
comment on column geospatial.building.built_year is '建成年份';
comment on column geospatial.building.geom is '轮廓，多面，CGCS2000（EPSG:4490）';
comment on table geospatial.building_history is '房屋楼栋的历史版本';

create table geospatial.grid_cell (
    dataset text not null,
    source_key text not null,
    name text,
    category text,
    region_code text,
    manager text,
    geom geometry(Geometry, 4490) check (st_isvalid(geom)),
    row_hash uuid,
    version_from date not null,
    primary key (dataset, source_key)
);
create index on geospatial.grid_cell (region_code);
create index on geospatial.grid_cell using gist (geom);
create table geospatial.grid_cell_history (like geospatial.grid_cell, version_to date not null);
create index on geospatial.grid_cell_history (dataset, source_key);
create function geospatial.grid_cell_as_of(day date) returns setof geospatial.grid_cell language sql stable as $$
    select * from geospatial.grid_cell where version_from <= day
    union all
    select dataset, source_key, name, category, region_code, manager, geom, row_hash, version_from
    from geospatial.grid_cell_history where version_from <= day and day < version_to
$$;
comment on function geospatial.grid_cell_as_of is '某一业务日期的社会治理网格';
comment on table geospatial.grid_cell is '社会治理网格';
comment on column geospatial.grid_cell.dataset is '数据集';
comment on column geospatial.grid_cell.source_key is '来源主键：网格编码';
comment on column geospatial.grid_cell.name is '网格名称';
comment on column geospatial.grid_cell.category is '类别';
comment on column geospatial.grid_cell.region_code is '所在社区村的区划代码，12 位';
comment on column geospatial.grid_cell.manager is '网格员';
comment on column geospatial.grid_cell.geom is '范围，多面，CGCS2000（EPSG:4490）';
comment on table geospatial.grid_cell_history is '社会治理网格的历史版本';

-- the same words in every table, and the columns of the history tables
do $$
declare t record;
begin
    for t in
        select k.relname, a.attname, replace(k.relname, '_history', '') as base
        from pg_attribute a join pg_class k on k.oid = a.attrelid
        where k.relnamespace = 'geospatial'::regnamespace and k.relkind = 'r' and a.attnum > 0 and not a.attisdropped
            and col_description(k.oid, a.attnum) is null
        order by k.relname
    loop
        execute format('comment on column geospatial.%I.%I is %L', t.relname, t.attname, coalesce(
            case t.attname when 'row_hash' then '行指纹' when 'version_from' then '本版本自何业务日期起'
                when 'version_to' then '本版本至何业务日期止（不含）' end,
            (select col_description(c.attrelid, c.attnum) from pg_attribute c
             where c.attrelid = format('geospatial.%I', t.base)::regclass and c.attname = t.attname)));
    end loop;
end $$;
