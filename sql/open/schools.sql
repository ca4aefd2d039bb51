-- 学校在哪里？
select
    e.name,
    coalesce(c.name, '不详') as county,
    e.address,
    round(st_x(e.geom)::numeric, 6)::double precision as longitude,
    round(st_y(e.geom)::numeric, 6)::double precision as latitude,
    e.geom
from legal_entity.entity e
left join geospatial.region c on c.code = left(e.region_code, 6) || '000000' and c.level = 'county'
where e.kind = 'school' and e.status = 'open'
order by e.name, e.entity_id
