-- 市、区县、乡镇街道的界线在哪里？
select r.code, r.name, case r.level when 'city' then '市' when 'county' then '区县' else '乡镇街道' end as level, r.parent_code, r.geom
from geospatial.region r
where r.level in ('city', 'county', 'town')
order by r.code
