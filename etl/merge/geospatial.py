"""The geospatial library: divisions, standard addresses, address matches, places, parcels, buildings and grid cells."""

from etl.workbench import Workbench

# Cleaned geometry is little-endian EWKB; in hexadecimal its head is `01`, type, flags, SRID 4490. Polygons and lines
# become multi-types (contract: points or multi-types), so that one layer has one kind.
HEAD = "208A110000"
PROVINCES = {
    "11": "北京市", "12": "天津市", "13": "河北省", "14": "山西省", "15": "内蒙古自治区", "21": "辽宁省", "22": "吉林省",
    "23": "黑龙江省", "31": "上海市", "32": "江苏省", "33": "浙江省", "34": "安徽省", "35": "福建省", "36": "江西省",
    "37": "山东省", "41": "河南省", "42": "湖北省", "43": "湖南省", "44": "广东省", "45": "广西壮族自治区", "46": "海南省",
    "50": "重庆市", "51": "四川省", "52": "贵州省", "53": "云南省", "54": "西藏自治区", "61": "陕西省", "62": "甘肃省",
    "63": "青海省", "64": "宁夏回族自治区", "65": "新疆维吾尔自治区",
}  # fmt: skip


def build(bench: Workbench) -> None:
    """`feed.*`, `matched.address`, `matched.division` → the library's tables in `out`.

    A record that left its full register (removed_on) is in none of them.
    """
    con = bench.con
    con.execute("create or replace temp macro body(h) as substr(h, case when substr(h, 9, 2) = '20' then 19 else 11 end)")
    con.execute(f"""create or replace temp macro multi(g) as unhex(case substr(hex(g), 3, 2)
        when '03' then '01060000{HEAD}010000000103000000' || body(hex(g)) when '02' then '01050000{HEAD}010000000102000000' || body(hex(g))
        else '01' || substr(hex(g), 3, 2) || '0000{HEAD}' || body(hex(g)) end)""")
    _regions(bench)
    _addresses(bench)
    con.execute("""create or replace table out.address_match as
        select f.dataset, f.source_key, f.role, f.text, m.address_code, m.region_code, m.level, m.score, m.runner_up
        from feed.address_text f join matched.address m on m.text = f.text and m.hint_region is not distinct from f.hint_region""")
    _places(bench)


def _regions(bench: Workbench) -> None:
    """Divisions as delivered; those that only grids or door plates tell have no geometry. The parent is the next level known."""
    bench.con.execute("""create or replace table out.region as
        with plate as (select county, town, community, region_code from feed.address where removed_on is null
          and regexp_full_match(region_code, '[0-9]{12}')),
        told as (
          select rpad(code, 12, '0') code, name, geom, delivered_on, 1 own from feed.region where removed_on is null
            and regexp_full_match(code, '[0-9]{4,12}')
          union all select code, name, null, null, 0 from matched.division
          union all select left(region_code, 6) || '000000', county, null, null, 0 from plate
          union all select left(region_code, 9) || '000', town, null, null, 0 from plate
          union all select region_code, community, null, null, 0 from plate),
        counted as (select code, name, any_value(geom) geom, max(delivered_on) delivered_on, max(own) own, count(*) n from told
          where name is not null group by code, name),
        best as (select code, arg_max(name, (own, delivered_on, n, name)) as name, arg_max(geom, (own, delivered_on, n, name)) geom
          from counted group by code),
        levelled as (select *, case when right(code, 8) = '00000000' then 'city' when right(code, 6) = '000000' then 'county'
          when right(code, 3) = '000' then 'town' else 'community' end as level from best)
        select r.code, r.name, r.level, coalesce(t.code, c.code, y.code) parent_code, case when r.geom is not null
          then multi(r.geom) end geom
        from levelled r
          left join levelled t on t.code = left(r.code, 9) || '000' and r.level = 'community'
          left join levelled c on c.code = left(r.code, 6) || '000000' and r.level in ('community', 'town')
          left join levelled y on y.code = left(r.code, 4) || '00000000' and r.level in ('community', 'town', 'county')""")


def _addresses(bench: Workbench) -> None:
    """Door plates with plain numbers, a full text from the province down, and a point where the coordinates are usable."""
    provinces = ", ".join(f"('{code}', '{name}')" for code, name in PROVINCES.items())
    bench.con.execute(rf"""create or replace table out.address as
        with plain as (select address_code, county, town, community, road, regexp_replace(trim(number), '号$', '') as number,
          nullif(trim(estate), '') estate,
            regexp_replace(trim(building), '(?:栋|幢|号楼)$', '') building, regexp_replace(trim(unit), '单元$', '') unit, region_code,
              longitude, latitude
          from feed.address where removed_on is null and address_code is not null),
        upper as (select p.title || r.name as name, r.code from out.region r join (values {provinces}) p(prefix,
          title) on p.prefix = left(r.code, 2)
          where r.level = 'city')
        select address_code, concat(coalesce(u.name, ''), county, town, community, road, nullif(number, '') || '号', estate,
          nullif(building, '') || '栋',
            nullif(unit, '') || '单元') full_address,
          county, town, community, road, nullif(number, '') as number, estate, nullif(building, '') building, nullif(unit, '') unit,
            region_code,
          case when longitude is not null and latitude is not null then printf('SRID=4490;POINT(%.7f %.7f)', longitude, latitude) end geom
        from plain left join upper u on left(u.code, 4) = left(region_code, 4)""")


def _places(bench: Workbench) -> None:
    """Places, parcels, buildings and grid cells; the division and plate of a place or building through its address."""
    con = bench.con
    found = "left join out.address_match m on m.dataset = f.dataset and m.source_key = f.source_key and m.role = 'address'"
    region = "coalesce(rpad(f.region_code, 12, '0'), m.region_code)"
    shape = "case when f.geom is not null then multi(f.geom) end geom"
    con.execute(f"""create or replace table out.place as
        select f.dataset, f.source_key, f.name, f.category, f.address, f.phone, {region} region_code, m.address_code, f.capacity, f.area,
          {shape}
        from feed.place f {found} where f.removed_on is null""")
    con.execute(f"""create or replace table out.parcel as
        select f.dataset, f.source_key, f.name, f.category, f.area, f.plot_ratio, {shape} from feed.parcel f where f.removed_on is null""")
    con.execute(f"""create or replace table out.building as
        select f.dataset, f.source_key, f.name, f.category, f.address, m.region_code, m.address_code, f.floors, f.built_year, {shape}
        from feed.building f {found} where f.removed_on is null""")
    con.execute(f"""create or replace table out.grid_cell as
        select f.dataset, f.source_key, f.name, f.category, rpad(f.region_code, 12, '0') region_code, f.manager, {shape}
        from feed.grid_cell f where f.removed_on is null""")
