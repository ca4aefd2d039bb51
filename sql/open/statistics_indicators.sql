-- 经济社会各项指标是多少？
select
    o.indicator_code, i.name as indicator, o.region_code, r.name as region, nullif(o.object_code, '') as object_code,
    case o.frequency when 'A' then '年' when 'Q' then '季' when 'M' then '月' when 'D' then '日' end as frequency,
    o.period,
    case o.measure when 'period' then '当期' when 'cumulative' then '累计' when 'level' then '期末' when 'growth' then '增长' end as measure,
    o.value, o.unit, o.released_on
from statistics.latest o
join statistics.indicator i using (indicator_code)
left join geospatial.region r on r.code = o.region_code
order by o.indicator_code, o.region_code, o.object_code, o.frequency, o.period, o.measure
