-- 自贸区：哪些乡镇街道、哪些地块聚着外资、贸易与物流企业？口岸与外贸走势如何？（片区界线没有部门交付，按乡镇街道与规划用地看。）
create view theme.free_trade_town as
with firm as (
    select left(a.region_code, 9) || '000' as town_code,
        count(*) as enterprises,
        count(*) filter (where e.type_code ~ '^[56]' or e.registered_capital_currency <> 'CNY') as foreign_invested,
        count(*) filter (where theme.industry_section(e.industry_code) = 'F') as trade,
        count(*) filter (where theme.industry_section(e.industry_code) = 'G') as logistics,
        count(*) filter (where e.established_on > (select theme.business_day()) - interval '1 year') as opened_last_year,
        sum(e.registered_capital) filter (where coalesce(e.registered_capital_currency, 'CNY') = 'CNY') / 10000 as capital
    from legal_entity.entity e join geospatial.address a using (address_code)
    where e.status = 'open' and e.kind = 'enterprise' group by 1
)
select t.code as town_code, t.name as town, c.name as county, coalesce(f.enterprises, 0) as enterprises, coalesce(f.foreign_invested, 0) as foreign_invested,
    coalesce(f.trade, 0) as trade, coalesce(f.logistics, 0) as logistics, coalesce(f.opened_last_year, 0) as opened_last_year, round(f.capital, 2) as capital, t.geom
from geospatial.region t
left join geospatial.region c on c.code = left(t.code, 6) || '000000'
left join firm f on f.town_code = t.code
where t.level = 'town';
comment on view theme.free_trade_town is '自贸区：各乡镇街道的在营企业、外商投资企业、贸易与物流企业、近一年新设';
comment on column theme.free_trade_town.town_code is '乡镇街道代码（12 位）';
comment on column theme.free_trade_town.town is '乡镇街道';
comment on column theme.free_trade_town.county is '区县';
comment on column theme.free_trade_town.enterprises is '在营企业数（不含个体工商户）';
comment on column theme.free_trade_town.foreign_invested is '外商投资企业数：类型代码 5、6 打头，或注册资本为外币';
comment on column theme.free_trade_town.trade is '批发和零售业企业数（GB/T 4754 门类 F）';
comment on column theme.free_trade_town.logistics is '交通运输、仓储和邮政业企业数（门类 G）';
comment on column theme.free_trade_town.opened_last_year is '近一年新设企业数';
comment on column theme.free_trade_town.capital is '人民币注册资本合计（万元）';
comment on column theme.free_trade_town.geom is '范围，多面，CGCS2000（EPSG:4490）';

create materialized view theme.free_trade_land as
select p.dataset, p.source_key, p.name, p.category as land_use,
    case left(p.category, 1) when 'M' then '工业' when 'W' then '物流仓储' when 'B' then '商业服务业' end as purpose, p.area, p.plot_ratio,
    count(e.entity_id) as entities, count(e.entity_id) filter (where e.kind = 'enterprise') as enterprises, p.geom
from geospatial.parcel p
left join legal_entity.entity e on e.status = 'open' and st_intersects(p.geom, e.geom)
where left(p.category, 1) in ('M', 'W', 'B')
group by p.dataset, p.source_key, p.name, p.category, p.area, p.plot_ratio, p.geom;
create unique index on theme.free_trade_land (dataset, source_key);
create index on theme.free_trade_land using gist (geom);
comment on materialized view theme.free_trade_land is '自贸区：工业、物流仓储、商业服务业规划用地，及其上的在营单位';
comment on column theme.free_trade_land.dataset is '数据集';
comment on column theme.free_trade_land.source_key is '地块编号';
comment on column theme.free_trade_land.name is '名称';
comment on column theme.free_trade_land.land_use is '用地性质代码（GB 50137）';
comment on column theme.free_trade_land.purpose is '用途大类';
comment on column theme.free_trade_land.area is '面积（平方米）';
comment on column theme.free_trade_land.plot_ratio is '容积率';
comment on column theme.free_trade_land.entities is '地块内在营单位数（含个体工商户）';
comment on column theme.free_trade_land.enterprises is '其中企业数';
comment on column theme.free_trade_land.geom is '范围，多面，CGCS2000（EPSG:4490）';

create view theme.free_trade_month as
with newest as (
    select distinct on (o.indicator_code, o.period, o.measure) i.name, i.unit, o.period, o.measure, o.value
    from statistics.indicator i join statistics.observation o using (indicator_code)
    where o.frequency = 'M' and i.name ~ '进出口|出口额|外资|港口|集装箱|水路货'
        and o.region_code = (select code from geospatial.region where level = 'city' limit 1)
    order by o.indicator_code, o.period, o.measure, o.released_on desc
)
select period as month, name as indicator, unit, max(value) filter (where measure in ('period', 'level')) as value,
    max(value) filter (where measure = 'cumulative') as cumulative, max(value) filter (where measure = 'growth') as growth
from newest group by period, name, unit;
comment on view theme.free_trade_month is '自贸区：外贸、外资与口岸的月度指标';
comment on column theme.free_trade_month.month is '月份，如 2018-01';
comment on column theme.free_trade_month.indicator is '指标';
comment on column theme.free_trade_month.unit is '计量单位';
comment on column theme.free_trade_month.value is '当月';
comment on column theme.free_trade_month.cumulative is '累计';
comment on column theme.free_trade_month.growth is '累计同比增长（%）';
